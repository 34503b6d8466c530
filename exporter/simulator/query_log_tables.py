"""The query logs of the simulated warehouses as tables of a SQLite file, which fill as time goes on."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from exporter.simulator.event_times import DAY_MS, HOUR_MS
from exporter.simulator.query_logs import VendorLog

_FIRST_DAYS = 16
_COLUMNS = (
    *("part text", "query_id text", "start_ms integer", "end_ms integer", "query_text text", "cache_hit integer"),
    *("credits real", "bytes_billed integer", "slot_ms integer", "usd real", "primary key (end_ms, part, query_id)"),
)


class QueryLogTables:
    """A file with one table for each log, in hex-exporter's own columns. To be used from one thread."""

    def __init__(self, file: Path, logs: Mapping[str, VendorLog]) -> None:
        self._file = file
        self._logs = logs
        self._filled_ms: int | None = None

    def fill(self, now_ms: int) -> None:
        """Write what is to be seen by now and is not there yet: at first 16 days, which is two weeks and a bit."""
        with closing(sqlite3.connect(self._file)) as database, database:
            for table, log in self._logs.items():
                database.execute(f"create table if not exists {table} ({', '.join(_COLUMNS)})")
                if self._filled_ms is None:
                    since_ms = database.execute(f"select max(end_ms) from {table}").fetchone()[0] or 0
                else:
                    since_ms = self._filled_ms
                # The hour before may have got its bill, and a query may have ended as this was last written.
                start_ms = max(
                    since_ms - since_ms % HOUR_MS - HOUR_MS, now_ms - now_ms % HOUR_MS - _FIRST_DAYS * DAY_MS
                )
                rows = [entry.row for entry in log.relation(start_ms, now_ms) if entry.visible_ms <= now_ms]
                marks = ", ".join(f":{column.split()[0]}" for column in _COLUMNS[:-1])
                database.executemany(f"insert or ignore into {table} values ({marks})", rows)
            self._filled_ms = now_ms
