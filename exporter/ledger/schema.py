"""The ledger's tables, and the one statement whose form depends on the database: the upsert."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
    true,
)
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

SCHEMA_VERSION = 16
"""The version that this program writes; an older ledger is migrated to it, a newer one is refused."""

METADATA = MetaData()

_CHANGED: list[Index] = []


def lease_version() -> "Column[int]":
    """With which version of its workspace's lease a row was written last, 0 where there are no replicas."""
    return Column("lease_version", BigInteger, nullable=False, server_default=text("0"))


def index_changes(table: Table) -> None:
    """Have the rows found that were written after a version; nothing is in the index where there are no replicas."""
    column = table.c.lease_version
    _CHANGED.append(Index(f"{table.name}_changed", table.c.workspace, column, sqlite_where=column > text("0")))


META = Table(
    "meta",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Facts about the ledger itself: `schema_version`, `created_ms`, `opened_ms`."""

WORKSPACES = Table(
    "workspaces",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("first_contact_ms", BigInteger),
    Column("cool_down_until_ms", BigInteger),
    Column("pruned_before_ms", BigInteger),
    Column("members_chosen_ms", BigInteger),
    Column("members_limit", Integer),
)

COUNTERS = Table(
    "counters",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("labels", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("held_until_ms", BigInteger),
    lease_version(),
)
"""Stored sums. `labels` is a JSON array of the label values; a series is served as 0 while it is held."""

index_changes(COUNTERS)

RUNS = Table(
    "runs",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("start_ms", BigInteger),
    Column("end_ms", BigInteger),
    Column("elapsed_ms", BigInteger),
    Column("version", Text),
    Column("first_seen_ms", BigInteger, nullable=False),
    Column("started_ms", BigInteger, nullable=False),  # its start or end, else first_seen_ms: what weeks go by
    Column("ended_ms", BigInteger),
    Column("is_active", Boolean, nullable=False),
    Column("was_active", Boolean, nullable=False),
    Column("is_counted", Boolean, nullable=False),
    Column("is_gone", Boolean, nullable=False),
)
# Both cover the queries of every page build, so that a million runs are counted without reading their rows.
Index("runs_by_start", RUNS.c.workspace, RUNS.c.started_ms, RUNS.c.project_id, RUNS.c.status)
Index("runs_by_project", RUNS.c.workspace, RUNS.c.project_id, RUNS.c.status, RUNS.c.started_ms)
RUNS_ACTIVE = Index("runs_active", RUNS.c.workspace, RUNS.c.project_id, sqlite_where=RUNS.c.is_active == true())

RUN_DAYS = Table(
    "run_days",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True),
    lease_version(),
)
"""The days since the epoch on which runs are placed that have been written; -1: on any day. Only replicas have rows."""

index_changes(RUN_DAYS)

PROJECTS = Table(
    "projects",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("project_id", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("first_seen_ms", BigInteger, nullable=False),
    Column("gone_since_ms", BigInteger),
    Column("has_series", Boolean, nullable=False),
    Column("schedules_since_ms", BigInteger, nullable=False),
    Column("progress", Text, nullable=False),
    lease_version(),
)

index_changes(PROJECTS)

PROJECT_TABLES = Table(
    "project_tables",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("project_id", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("edited_ms", BigInteger),
    Column("at_ms", BigInteger, nullable=False),
)
"""What a project queries, by `source`: its queried tables, or the cells of its draft."""

LISTINGS = Table(
    "listings",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("collector", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

COLLECTORS = Table(
    "collectors",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("collector", Text, primary_key=True),
    Column("is_success", Boolean, nullable=False),
    Column("last_success_ms", BigInteger),
    Column("last_status", Integer),
)
"""How each collector's last attempt went: `last_status` is the HTTP status of its answer."""

THREADS = Table(
    "threads",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("thread_id", Text, primary_key=True),
    Column("credits_milli", BigInteger, nullable=False),
    Column("looked_ms", BigInteger),
)
"""The highest total seen of each AI thread, and when it was listed last: growth is counted from here."""

REQUESTS = Table(
    "requests",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("minute_ms", BigInteger, primary_key=True),
    Column("count", Integer, nullable=False),
)
"""The requests to Hex of each minute, whoever they were for."""

CALLER_REQUESTS = Table(
    "caller_requests",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("minute_ms", BigInteger, primary_key=True),
    Column("count", Integer, nullable=False),
)
"""Those of them that were sent on for callers of the gateway."""

NOTES = Table(
    "notes",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


SOURCES = Table(
    "sources",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", Text),
    Column("since_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger),
    Column("began_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger, nullable=False),
    Column("failure", Text),
    Column("failed_ms", BigInteger),
    Column("span", Integer),
    Column("stamp", Text),
)
"""How each source stood when it was probed last."""

SOURCE_SPANS = Table(
    "source_spans",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("first_began_ms", BigInteger, nullable=False),
    Column("first_finished_ms", BigInteger, nullable=False),
    Column("last_began_ms", BigInteger, nullable=False),
    Column("last_finished_ms", BigInteger, nullable=False),
)
"""The times over which all probes of a source saw the same, numbered in order."""

SOURCE_JUDGED = Table(
    "source_judged",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("project_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("until_ms", BigInteger, nullable=False),
)
"""Up to when a project's runs have been compared with the state of a source."""

FINDINGS = Table(
    "findings",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("first_seen_ms", BigInteger, nullable=False),
    Column("last_seen_ms", BigInteger, nullable=False),
    Column("gone_ms", BigInteger),
    Column("saving_micro", BigInteger),
    Column("saving_runs", Float, nullable=False),
    Column("saving_ms", BigInteger, nullable=False),
    Column("cost_micro", BigInteger),
    Column("realised_micro", BigInteger, nullable=False),
    Column("saving_estimate_micro", BigInteger),
    Column("realised_estimate_micro", BigInteger),
)


def settle_for(dialect: str) -> None:
    """Say what only this database wants to know of the tables: to name another loads all of that dialect, 2 MB."""
    if dialect == "postgresql":
        RUNS_ACTIVE.dialect_kwargs["postgresql_where"] = RUNS.c.is_active == true()
        for index in _CHANGED:
            index.dialect_kwargs["postgresql_where"] = index.dialect_kwargs["sqlite_where"]


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, object]],
    *,
    keep: Iterable[str] = (),
    add: Iterable[str] = (),
) -> None:
    """Insert the rows; where the primary key exists, overwrite what the rows carry.

    Columns in `keep` stay as they are in an existing row, columns in `add` grow by the given amount. All rows carry
    the same columns.
    """
    if rows:
        statement = _upsert(connection.dialect.name, table, tuple(rows[0]), frozenset(keep), frozenset(add))
        connection.execute(statement, rows)


@cache
def _upsert(
    dialect: str, table: Table, names: tuple[str, ...], keep: frozenset[str], add: frozenset[str]
) -> "postgresql.Insert | sqlite.Insert":
    into = _insert(dialect, table)
    untouched = keep | set(table.primary_key.columns.keys())
    return into.on_conflict_do_update(
        index_elements=table.primary_key,
        set_={
            name: table.c[name] + into.excluded[name] if name in add else into.excluded[name]
            for name in names
            if name not in untouched
        },
    )


def _insert(dialect: str, table: Table) -> "postgresql.Insert | sqlite.Insert":
    if dialect != "postgresql":
        return sqlite.insert(table)
    # Loading it takes a tenth of the time that a start may take, and most starts have no use for it.
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)
