"""A ledger moved to another place, another engine included: every row, compared at the end, and resumed if it stops."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, Table, delete, func, insert, select, tuple_

from exporter.clock import Clock
from exporter.errors import LedgerError
from exporter.ledger.engines import Database
from exporter.ledger.lease_plan import GONE_MS
from exporter.ledger.lease_schema import LEASES, METADATA, REPLICAS
from exporter.ledger.opening import COPYING, open_store, open_unwritten
from exporter.ledger.schema import COUNTERS, META, RUNS, upsert
from exporter.ledger.store import Store

_ROWS_AT_ONCE = 2_000

TABLES = tuple(table for table in METADATA.sorted_tables if table not in (META, LEASES, REPLICAS))
"""What is copied: who owns which workspace is of the place that it is copied from."""

Progress = Callable[[str, int], None]
"""Is given the table at work, and how many rows of it are there by now."""


class Copied(NamedTuple):
    """What the target holds in the end: rows in all, runs among them, and the sum of all counters."""

    rows: int
    runs: int
    counted: int


def copy_ledger(source_url: str, target_url: str, *, clock: Clock, on_progress: Progress) -> Copied:
    """Copy the ledger at one URL into an empty place at another; what an earlier attempt has copied stays.

    Nothing may write either meanwhile. The target cannot be used until every row has been compared. Raises LedgerError,
    for a target that has another ledger too.
    """
    if source_url == target_url:
        raise LedgerError("the ledger would be copied onto itself: name another place to copy it to")
    source = open_unwritten(source_url, clock=clock)
    try:
        target = open_store(target_url, clock=clock, is_copying=True)
        try:
            if target.problem is not None or not target.is_durable:
                raise LedgerError(target.problem or "a ledger in memory would be lost: name a file or a database")
            _refuse_running(source)
            _refuse_running(target)
            _begin(source, target)
            counts = {table.name: _copy(source, target, table, on_progress) for table in TABLES}
            return _end(source, target, counts)
        finally:
            target.close()
    finally:
        source.close()


def _refuse_running(store: Store) -> None:
    database: Database = store.database
    if database.clock is None:
        return
    with store.reading() as connection:
        alive = select(REPLICAS.c.replica).where(
            REPLICAS.c.renewed_ms > select(database.clock()).scalar_subquery() - GONE_MS
        )
        names = connection.execute(alive.order_by(REPLICAS.c.replica)).scalars().all()
    if names:
        raise LedgerError(f"{database.name}: in use by {', '.join(names)}: stop every `serve` on it first")


def _begin(source: Store, target: Store) -> None:
    """Mark the target as one that is being copied to. Raises LedgerError unless it is empty, or marked by the same."""
    with target.transaction("") as transaction:
        connection = transaction.connection
        mark = connection.execute(select(META.c.value).where(META.c.key == COPYING)).scalar()
        if mark is None and any(_has_rows(connection, table) for table in TABLES):
            raise LedgerError(
                f"{target.database.name}: has a ledger in it already: name a new file, or an empty database or schema"
            )
        if mark is not None and mark != source.created_ms:
            raise LedgerError(f"{target.database.name}: has a part of another ledger: remove it, or name another place")
        upsert(connection, META, [{"key": COPYING, "value": source.created_ms}])


def _has_rows(connection: Connection, table: Table) -> bool:
    return connection.execute(select(1).select_from(table).limit(1)).scalar() is not None


def _copy(source: Store, target: Store, table: Table, on_progress: Progress) -> int:
    """Copy what is missing of a table, and all of it again if that is not the same then; how many rows it has."""
    for is_last_attempt in (False, True):
        _copy_after(source, target, table, on_progress)
        wanted, found = _digest(source, table), _digest(target, table)
        if wanted == found:
            return wanted[0]
        if is_last_attempt:
            break
        with target.transaction("") as transaction:  # an earlier attempt was before the source's last change
            transaction.connection.execute(delete(table))
    raise LedgerError(
        f"table {table.name}: {found[0]} rows that differ from the {wanted[0]} of {source.database.name}: "
        "stop what writes one of them, and run it again"
    )


def _copy_after(source: Store, target: Store, table: Table, on_progress: Progress) -> None:
    """Copy the rows whose keys come after the last one that the target has."""
    keys = list(table.primary_key.columns)
    with target.reading() as connection:
        last = connection.execute(select(*keys).order_by(*(key.desc() for key in keys)).limit(1)).one_or_none()
        count = connection.execute(select(func.count()).select_from(table)).scalar_one()
    rows = select(table).order_by(*keys)
    if last is not None:
        rows = rows.where(tuple_(*keys) > tuple_(*last))
    on_progress(table.name, count)
    for batch in _batches(source, rows):
        with target.transaction("") as transaction:
            transaction.connection.execute(insert(table), [dict(row._mapping) for row in batch])
        count += len(batch)
        on_progress(table.name, count)


def _batches(store: Store, rows: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    batch: list[Row[Any]] = []
    for row in store.stream(rows):
        batch.append(row)
        if len(batch) == _ROWS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _digest(store: Store, table: Table) -> tuple[int, str]:
    """How many rows a table has, and a digest of them in the order of their keys, the same with each engine."""
    count, digest = 0, hashlib.sha256()
    for row in store.stream(select(table).order_by(*table.primary_key.columns)):
        digest.update(repr(tuple(row)).encode("utf-8", "surrogatepass"))
        count += 1
    return count, digest.hexdigest()


def _end(source: Store, target: Store, counts: dict[str, int]) -> Copied:
    """Let the target be used, with the age and the marks of the source."""
    with source.reading() as connection:
        facts = connection.execute(select(META).where(META.c.key.not_in(("schema_version", COPYING)))).all()
    with target.transaction("") as transaction:
        connection = transaction.connection
        upsert(connection, META, [dict(row._mapping) for row in facts])
        counted = connection.execute(select(func.sum(COUNTERS.c.value))).scalar()
        connection.execute(delete(META).where(META.c.key == COPYING))
    return Copied(sum(counts.values()), counts[RUNS.name], int(counted or 0))
