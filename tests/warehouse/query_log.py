"""A query log as a SQLite table with our column names, and the warehouse that is configured for it."""

import json
import sqlite3

from exporter.config import Warehouse, WarehousePrices

HOUR_MS = 3_600_000

COLUMNS = "part, query_id, start_ms, end_ms, query_text, cache_hit, credits, bytes_billed, slot_ms, usd"


def commented(project_id="p1", cell="c1", context="SCHEDULED_RUN", sql="select secret_word from t"):
    """A query as Hex sends it."""
    url = f"https://app.hex.tech/w/hex/{project_id}/draft/logic?selectedCellId={cell}"
    fields = {"connection": "Snow", "context": context, "project_id": project_id, "project_url": url}
    return f"{sql}\n-- Hex query metadata: {json.dumps(fields)}"


class QueryLog:
    """The table, filled row by row."""

    def __init__(self, path):
        self.path = path
        self._database = sqlite3.connect(path)
        self._database.execute(f"create table hex_queries ({COLUMNS})")
        self.environ = {"LOG_URL": f"sqlite:///{path}"}
        self.warehouse = Warehouse(
            name="snow",
            kind="table",
            url_env="LOG_URL",
            relation="hex_queries",
            prices=WarehousePrices(credit_micro_usd=3_000_000),
        )

    def add(self, end_ms, *, query_id, text=None, credits="0.1", part="query", seconds=1, cache_hit=0):
        """One row."""
        text = commented() if text is None and part == "query" else text
        start_ms = end_ms - seconds * 1000 if isinstance(end_ms, int) else None
        row = (part, query_id, start_ms, end_ms, text, cache_hit, credits, None, None, None)
        self._database.execute("insert into hex_queries values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._database.commit()

    def drop_before(self, at_ms):
        """As a log that keeps its rows for some time."""
        self._database.execute("delete from hex_queries where end_ms < ?", (at_ms,))
        self._database.commit()

    def clear(self):
        """No rows any more, as for a view that lost its right."""
        self._database.execute("delete from hex_queries")
        self._database.commit()
