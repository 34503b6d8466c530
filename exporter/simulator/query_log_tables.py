"""The query logs of the simulated warehouses as tables of a SQLite file, which fill as time goes on."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import BigInteger, Boolean, Column, Float, MetaData, Table, Text, create_engine, func, insert, select
from sqlalchemy.pool import NullPool

from exporter.simulator.event_times import DAY_MS, HOUR_MS
from exporter.simulator.query_logs import VendorLog

_FIRST_DAYS = 16
_KEY = {"end_ms": BigInteger, "part": Text, "query_id": Text}
_REST = {"start_ms": BigInteger, "query_text": Text, "cache_hit": Boolean, "credits": Float, "bytes_billed": BigInteger}
_REST |= {"slot_ms": BigInteger, "usd": Float}


class QueryLogTables:
    """A file with one table for each log, in hex-exporter's own columns. To be used from one thread."""

    def __init__(self, file: Path, logs: Mapping[str, VendorLog]) -> None:
        self._engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
        self._logs = {_table(name): log for name, log in logs.items()}
        self._filled_ms: int | None = None

    def fill(self, now_ms: int) -> None:
        """Write what is to be seen by now and is not there yet: at first 16 days, which is two weeks and a bit."""
        this_hour_ms = now_ms - now_ms % HOUR_MS
        with self._engine.begin() as connection:
            for table, log in self._logs.items():
                table.create(connection, checkfirst=True)
                since_ms = self._filled_ms or connection.scalar(select(func.max(table.c.end_ms))) or 0
                # The hour before may have got its bill, and a query may have ended as this was last written.
                start_ms = max(since_ms - since_ms % HOUR_MS - HOUR_MS, this_hour_ms - _FIRST_DAYS * DAY_MS)
                rows = [dict(one.row) for one in log.relation(start_ms, now_ms) if one.visible_ms <= now_ms]
                if rows:
                    connection.execute(insert(table).prefix_with("or ignore"), rows)
        self._filled_ms = now_ms


def _table(name: str) -> Table:
    columns: list[Column[object]] = [Column(one, kind, primary_key=True) for one, kind in _KEY.items()]
    columns += [Column(one, kind) for one, kind in _REST.items()]
    return Table(name, MetaData(), *columns)
