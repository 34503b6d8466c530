"""The tables of the gateway: its runs, who may have them, and what it decided."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from exporter.ledger.schema import METADATA

__all__ = [
    "GATEWAY_ATTACHED",
    "GATEWAY_DECISIONS",
    "GATEWAY_KEYS",
    "GATEWAY_RUNS",
    "GATEWAY_STARTERS",
    "METADATA",
]

GATEWAY_RUNS = Table(
    "gateway_runs",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("intent_id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("source_key", Text),
    Column("source_digest", Text),
    Column("probe_finished_ms", BigInteger),
    Column("version", Text, nullable=False),
    Column("is_sampled", Boolean, nullable=False),
    Column("sent_ms", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("run_id", Text),
    Column("answer", Text),
    Column("status", Text),
    Column("ended_ms", BigInteger),
    Column("duration_ms", BigInteger),
    Column("source_span", Integer),
    Column("source_stamp", Text),
    Column("is_steady", Boolean),
)
"""The runs that the gateway sent, or was about to send. `caller` is a keyed hash."""
Index("gateway_runs_by_sent", GATEWAY_RUNS.c.workspace, GATEWAY_RUNS.c.sent_ms)
Index("gateway_runs_by_run", GATEWAY_RUNS.c.workspace, GATEWAY_RUNS.c.run_id)

GATEWAY_STARTERS = Table(
    "gateway_starters",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("project_id", Text, primary_key=True),
    Column("caller", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
)
"""Whom Hex has let start a project, by a keyed hash, and when last."""

GATEWAY_ATTACHED = Table(
    "gateway_attached",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("caller", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)
"""How many requests of each caller hold a running run; 0 for one that was given it and has released it."""

GATEWAY_KEYS = Table(
    "gateway_keys",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("intent_id", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)
"""Which run the requests with an idempotency key were given, by a keyed hash of caller and key."""

GATEWAY_DECISIONS = Table(
    "gateway_decisions",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("project_id", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("run_id", Text),
)
"""What was answered to the latest run requests, numbered in order. `caller` is a keyed hash."""
