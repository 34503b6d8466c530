"""A vendor's log in DuckDB: the tables that the statement reads, and the statement itself, translated by sqlglot."""

import re
from itertools import chain

import duckdb
import sqlglot
from query_log import HOUR_MS

from exporter.config import Warehouse
from exporter.warehouse import log_row, statement, sums_by_hour

_TABLES = {
    "query_history": """snowflake.account_usage.query_history
        (query_id text, query_text text, warehouse_id text, start_time timestamptz, end_time timestamptz,
         execution_time bigint)""",
    "query_attribution_history": """snowflake.account_usage.query_attribution_history
        (query_id text, start_time timestamptz, end_time timestamptz,
         credits_attributed_compute decimal(38, 9), credits_used_query_acceleration decimal(38, 9))""",
    "warehouse_metering_history": """snowflake.account_usage.warehouse_metering_history
        (warehouse_id text, start_time timestamptz,
         credits_used_compute decimal(38, 9), credits_attributed_compute_queries decimal(38, 9))""",
    "JOBS_BY_PROJECT": """"region-us"."INFORMATION_SCHEMA.JOBS_BY_PROJECT"
        (job_id text, parent_job_id text, query text, user_email text,
         creation_time timestamptz, start_time timestamptz, end_time timestamptz,
         total_bytes_billed bigint, total_slot_ms bigint, cache_hit boolean)""",
    "history": """lake.query.history
        (statement_id text, statement_text text, from_result_cache boolean, start_time timestamptz,
         end_time timestamptz, total_task_duration_ms bigint, compute struct(type text, warehouse_id text))""",
    "usage": """lake.billing.usage
        (record_id text, usage_metadata struct(warehouse_id text), usage_unit text, usage_quantity decimal(38, 9),
         usage_start_time timestamptz)""",
    "sys_query_history": """sys_query_history
        (query_id bigint, query_text text, result_cache_hit boolean, start_time timestamp, end_time timestamp)""",
    "sys_query_text": "sys_query_text (query_id bigint, sequence integer, text text)",
}


class VendorDatabase:
    """The log of one vendor, whose session is in a time zone of its own."""

    def __init__(self, kind, prices, timezone="UTC", *, has_attribution=True):
        self.warehouse = Warehouse(name="w", kind=kind, url_env="U", prices=prices)
        self._database = duckdb.connect()
        self._database.execute(f"set timezone = '{timezone}'")
        for catalog in ("snowflake", "lake"):
            self._database.execute(f"attach ':memory:' as {catalog}")
        for schema in ("snowflake.account_usage", '"region-us"', "lake.query", "lake.billing"):
            self._database.execute(f"create schema {schema}")
        for table in _TABLES.values():
            self._database.execute(f"create table {table}")
        self._translated = _translated(statement(self.warehouse, kind, has_attribution=has_attribution), kind)

    def add(self, entries):
        """The rows of these entries."""
        by_form = {}
        for entry in entries:
            by_form.setdefault((entry.table, tuple(entry.row)), []).append(entry.row.values())
        for (table, columns), rows in by_form.items():
            marks = f"({', '.join(_mark(table, column) for column in columns)})"
            for some in (rows[at : at + 500] for at in range(0, len(rows), 500)):
                into = f"insert into {_TABLES[table].split('(')[0]} ({', '.join(columns)}) values "
                self._database.execute(into + ", ".join([marks] * len(some)), list(chain.from_iterable(some)))

    def rows(self, span):
        """What the statement gives for a window."""
        wanted = {name: ms for name, ms in zip(("from_ms", "until_ms"), span, strict=True) if name in self._translated}
        return self._database.execute(self._translated, wanted).fetchall()

    def read(self, start_ms, end_ms, *, hours=24):
        """The sums, read window by window."""
        found = {}
        for at_ms in range(start_ms, end_ms, hours * HOUR_MS):
            span = (at_ms, min(end_ms, at_ms + hours * HOUR_MS))
            found |= sums_by_hour(map(log_row, self.rows(span)), self.warehouse.prices).hours
        return found


def _mark(table, column):
    if column == "execution_time" or not column.endswith("_time"):
        return "?"
    return "make_timestamp(? * 1000)" if table.startswith("sys_") else "to_timestamp(? / 1000)"


def _translated(sql, kind):
    found = sqlglot.transpile(sql, read=kind, write="duckdb")[0]
    # What a vendor calls a time is an instant; sqlglot makes one of no zone of it.
    found = re.sub(r"(?:EPOCH_MS|TIMESTAMP_MILLIS)\((\$[^)]*)\)", r"to_timestamp((\1) / 1000)", found)
    return found.replace("system.", "lake.")
