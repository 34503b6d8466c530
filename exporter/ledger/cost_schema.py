"""The tables of what was used when, and what it cost: seats, AI credits, counters by the hour, closed periods."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from exporter.ledger.gateway_schema import METADATA
from exporter.ledger.schema import index_changes, lease_version

__all__ = [
    "ADJUSTMENTS",
    "CLOSINGS",
    "COUNTER_HOURS",
    "CREDIT_GROWTH",
    "METADATA",
    "PROJECT_VERSIONS",
    "SEAT_CHANGES",
    "WAREHOUSE_HOURS",
]

SEAT_CHANGES = Table(
    "seat_changes",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("email", Text, nullable=False),
    Column("role", Text),
    Column("unseen_since_ms", BigInteger),
)
"""The role of each user from a look on, NULL once gone; `unseen_since_ms` is the look before, NULL for the first."""

PROJECT_VERSIONS = Table(
    "project_versions",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("project_id", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("published_ms", BigInteger),
    Column("at_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    lease_version(),
)
"""Versions of projects: settings and cells, read once; `published_ms` is the publication that was the last one then."""

index_changes(PROJECT_VERSIONS)

COUNTER_HOURS = Table(
    "counter_hours",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("hour_ms", BigInteger, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("labels", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
)
"""What some counters grew by in the last days, by the hour in which it was counted; `labels` as in `counters`."""

CLOSINGS = Table(
    "closings",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("start_ms", BigInteger, primary_key=True),
    Column("end_ms", BigInteger, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("basis", Text, nullable=False),
    Column("body", Text, nullable=False),
)
"""Weeks and months as they were closed: a row is never changed."""

ADJUSTMENTS = Table(
    "adjustments",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("start_ms", BigInteger, primary_key=True),
    Column("end_ms", BigInteger, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("basis", Text, nullable=False),
    Column("body", Text, nullable=False),
)
"""What was found later to differ from a closed period, numbered in order: a row is never changed."""

CREDIT_GROWTH = Table(
    "credit_growth",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("thread_id", Text, primary_key=True),
    Column("seen_ms", BigInteger, primary_key=True),
    Column("user_id", Text),
    Column("source", Text, nullable=False),
    Column("thread_type", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("credits_milli", BigInteger, nullable=False),
)
"""What each AI thread has grown by between two looks: credits as they were used, and which look saw it."""
Index("credit_growth_by_end", CREDIT_GROWTH.c.workspace, CREDIT_GROWTH.c.until_ms)

WAREHOUSE_HOURS = Table(
    "warehouse_hours",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("warehouse", Text, primary_key=True),
    Column("hour_ms", BigInteger, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("project_id", Text, primary_key=True),
    Column("context", Text, primary_key=True),
    Column("cell_id", Text, primary_key=True),
    Column("connection", Text, primary_key=True),
    Column("queries", BigInteger, nullable=False),
    Column("elapsed_ms", BigInteger, nullable=False),
    Column("cache_hits", BigInteger, nullable=False),
    Column("cache_judged", BigInteger, nullable=False),
    Column("credits_micro", BigInteger, nullable=False),
    Column("bytes_billed", BigInteger, nullable=False),
    Column("slot_ms", BigInteger, nullable=False),
    Column("usd_micro", BigInteger, nullable=False),
    Column("unpriced", BigInteger, nullable=False),
    Column("counted_queries", BigInteger, nullable=False),
    Column("counted_ms", BigInteger, nullable=False),
    Column("counted_hits", BigInteger, nullable=False),
    Column("counted_judged", BigInteger, nullable=False),
    Column("repeated", BigInteger, nullable=False),
    Column("repeated_bytes", BigInteger, nullable=False),
    Column("repeated_usd_micro", BigInteger, nullable=False),
)
"""Closed hours of a warehouse's log, replaced whole. `part`: query (of a project), unattributed, idle or other.

The `counted_` columns are what the counters have got of the row: they never fall.
"""

WAREHOUSE_RUN_QUERIES = Table(
    "warehouse_run_queries",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("warehouse", Text, primary_key=True),
    Column("hour_ms", BigInteger, primary_key=True),
    Column("project_id", Text, primary_key=True),
    Column("cell_id", Text, primary_key=True),
    Column("start_ms", BigInteger, primary_key=True),
    Column("end_ms", BigInteger, primary_key=True),
    Column("queries", BigInteger, nullable=False),
)
"""Queries whose context is a run's, of the hours in which they ended, replaced with them; kept until they are joined.

Those without a project have a comment that cannot be read.
"""
