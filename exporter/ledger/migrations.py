"""How an older ledger becomes one that this program writes, keeping every sum."""

import sqlite3
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Dialect, Engine, select
from sqlalchemy.schema import CreateIndex, CreateTable, DDLElement

from exporter.errors import LedgerError, LedgerTooNewError
from exporter.ledger import (
    version_2,
    version_3,
    version_4,
    version_5,
    version_6,
    version_7,
    version_8,
    version_9,
    version_10,
    version_11,
    version_12,
    version_13,
    version_14,
    version_15,
    version_16,
)
from exporter.ledger.engines import place, table_names
from exporter.ledger.lease_schema import METADATA
from exporter.ledger.schema import META, SCHEMA_VERSION, settle_for, upsert

Step = Callable[[Connection], None]


def _from_1(connection: Connection) -> None:
    for statement in (*version_2.TABLES, *version_2.INDEXES):
        connection.exec_driver_sql(statement)


def _from_2(connection: Connection) -> None:
    for statement in version_3.COLUMNS:
        connection.exec_driver_sql(statement)


def _from_3(connection: Connection) -> None:
    for statement in (*version_4.COLUMNS, *version_4.TABLES):
        connection.exec_driver_sql(statement)


def _from_4(connection: Connection) -> None:
    for statement in (*version_5.COLUMNS, *version_5.TABLES, *version_5.INDEXES, version_5.fill("credit_growth")):
        connection.exec_driver_sql(statement)


def _from_5(connection: Connection) -> None:
    for statement in version_6.TABLES:
        connection.exec_driver_sql(statement)
    version_6.fill(connection)


def _from_6(connection: Connection) -> None:
    for statement in version_7.TABLES:
        connection.exec_driver_sql(statement)


def _from_7(connection: Connection) -> None:
    for statement in (*version_8.COLUMNS, version_8.FILL):
        connection.exec_driver_sql(statement)


def _from_8(connection: Connection) -> None:
    for statement in (*version_9.TABLES, version_9.FILL):
        connection.exec_driver_sql(statement)


def _from_9(connection: Connection) -> None:
    for statement in version_10.TABLES:
        connection.exec_driver_sql(statement)


def _from_10(connection: Connection) -> None:
    for statement in version_11.TABLES:
        connection.exec_driver_sql(statement)


def _from_11(connection: Connection) -> None:
    for statement in version_12.TABLES:
        connection.exec_driver_sql(statement)


def _from_12(connection: Connection) -> None:
    for statement in version_13.TABLES:
        connection.exec_driver_sql(statement)


def _from_13(connection: Connection) -> None:
    for statement in (*version_14.COLUMNS, version_14.FILL):
        connection.exec_driver_sql(statement)


def _from_14(connection: Connection) -> None:
    for statement in (*version_15.COLUMNS, *version_15.INDEXES):
        connection.exec_driver_sql(statement)


def _from_15(connection: Connection) -> None:
    for statement in (*version_16.TABLES, *version_16.INDEXES):
        connection.exec_driver_sql(statement)


STEPS: tuple[Step, ...] = (
    _from_1,
    _from_2,
    _from_3,
    _from_4,
    _from_5,
    _from_6,
    _from_7,
    _from_8,
    _from_9,
    _from_10,
    _from_11,
    _from_12,
    _from_13,
    _from_14,
    _from_15,
)
"""`STEPS[n - 1]` turns version n into n + 1. A step is never edited once released; it may not import `schema`."""

OLDEST_READABLE = 1
"""The oldest version that can be read as it is: those after it have only added tables and columns."""


def cover(raw: sqlite3.Connection) -> None:
    """Show an older ledger to this one connection as a current one: what it lacks is empty. Nothing is written."""
    if raw.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'").fetchone() is None:
        return
    found = raw.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    if found is None or found[0] >= SCHEMA_VERSION:
        return
    raw.execute("PRAGMA temp_store = MEMORY")
    added = (
        (2, version_2.TABLES),
        (4, version_4.TABLES),
        (5, version_5.TABLES),
        (6, version_6.TABLES),
        (7, version_7.TABLES),
        (9, version_9.TABLES),
        (10, version_10.TABLES),
        (11, version_11.TABLES),
        (12, version_12.TABLES),
        (13, version_13.TABLES),
        (16, version_16.TABLES),
    )
    for table in (table for number, tables in added if found[0] < number for table in tables):
        raw.execute(table.replace("CREATE TABLE", "CREATE TEMPORARY TABLE", 1))
    if found[0] < 4:
        for statement in version_4.COLUMNS if found[0] < 2 else version_4.VIEWS:
            raw.execute(statement)
    if found[0] < 3:
        for view in version_3.VIEWS:
            raw.execute(view)
    if found[0] < 5:
        for view in version_5.VIEWS:
            raw.execute(view)
        raw.execute(version_5.fill("temp.credit_growth"))
    for statement in version_8.COLUMNS if found[0] < 2 else version_8.VIEWS:
        raw.execute(statement)
    if found[0] < 14:
        for statement in version_14.COLUMNS if found[0] < 12 else version_14.VIEWS:
            raw.execute(statement)
    if found[0] < 15:
        for statement in (*version_15.VIEWS, version_15.NEWER_COLUMN if found[0] < 10 else version_15.NEWER_VIEW):
            raw.execute(statement)


def schema_version(connection: Connection, name: str) -> int:
    """The version of the ledger, 0 if the database is empty. `name` is what errors call it.

    Raises LedgerError for a database that is somebody else's.
    """
    tables = table_names(connection)
    if not tables:
        return 0
    elsewhere = f"set storage.url to another {place(connection)}"
    if META.name not in tables:
        raise LedgerError(f"{name}: a database with the table {tables[0]!r}, not a ledger: {elsewhere}")
    found = connection.execute(select(META.c.value).where(META.c.key == "schema_version")).scalar()
    if found is None:
        raise LedgerError(f"{name}: a database without a schema version, not a ledger: {elsewhere}")
    return int(found)


def too_new(name: str, version: int, known: int = SCHEMA_VERSION) -> LedgerTooNewError:
    """The error for a ledger of a newer version than is known."""
    written = f"written by a newer hex-exporter (schema version {version}; this one knows {known})"
    return LedgerTooNewError(f"{name}: {written}: install that or a newer one")


def migrate(
    engine: Engine, now_ms: int, name: str, steps: Sequence[Step] = STEPS, target: int = SCHEMA_VERSION
) -> None:
    """As `migrate_within`, in a transaction of its own."""
    with engine.begin() as connection:
        migrate_within(connection, now_ms, name, steps, target)


# A dialect is an engine's own, and SQLAlchemy would write the same text for each ledger that is opened.
_SCHEMAS: dict[str, tuple[str, ...]] = {}


def _schema(dialect: Dialect) -> tuple[str, ...]:
    """What makes every table and its indexes, in the words of this kind of database."""
    if dialect.name not in _SCHEMAS:
        settle_for(dialect.name)
        tables = METADATA.sorted_tables
        indexes = [index for table in tables for index in sorted(table.indexes, key=lambda index: str(index.name))]
        made: list[DDLElement] = [*map(CreateTable, tables), *map(CreateIndex, indexes)]
        _SCHEMAS[dialect.name] = tuple(str(one.compile(dialect=dialect)) for one in made)
    return _SCHEMAS[dialect.name]


def migrate_within(
    connection: Connection, now_ms: int, name: str, steps: Sequence[Step] = STEPS, target: int = SCHEMA_VERSION
) -> None:
    """Bring the ledger to `target` within one transaction; make the tables if there are none.

    Raises LedgerTooNewError for a ledger that is newer than `target`.
    """
    version = schema_version(connection, name)
    if version > target:
        raise too_new(name, version, target)
    if version == 0:
        for statement in _schema(connection.dialect):
            connection.exec_driver_sql(statement)
        new = [{"key": "schema_version", "value": target}, {"key": "created_ms", "value": now_ms}]
        upsert(connection, META, new)
        return
    for step in steps[version - 1 : target - 1]:
        step(connection)
    upsert(connection, META, [{"key": "schema_version", "value": target}])
