"""Whole listings as they were read last, what each project queries, and how the collectors fare."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from sqlalchemy import select, update

from exporter.facts import Cell, QueriedTable
from exporter.ledger.codec import decode, encode, storable
from exporter.ledger.schema import COLLECTORS, LISTINGS, PROJECT_TABLES, upsert
from exporter.ledger.store import Store, Transaction

Item = TypeVar("Item")

_TABLES, _CELLS = "tables", "cells"

_REFUSALS = (401, 402, 403)
"""The statuses that stay as they are until a person changes the token, the plan or a permission."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """A listing that was read whole, and when."""

    items: tuple[Item, ...]
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorState:
    """Whether a collector's last attempt worked, and when one last did.

    `last_status` is the HTTP status of the last attempt's answer, None if there was no answer or it is not known.
    """

    success: bool
    last_success_ms: int | None
    last_status: int | None = None

    @property
    def refusal_status(self) -> int | None:
        """The status with which Hex refused the last attempt to this token or plan; None if it did not refuse it."""
        return self.last_status if not self.success and self.last_status in _REFUSALS else None


class Listings:
    """What one workspace's listings said. Reads may come from any thread."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace
        self.load()

    def load(self) -> None:
        """Read again what is mirrored in memory: the collectors, which each request of the gateway may look at."""
        with self._store.reading() as connection:
            rows = connection.execute(select(COLLECTORS).where(COLLECTORS.c.workspace == self._workspace)).all()
        self._collectors: Mapping[str, CollectorState] = {
            row.collector: CollectorState(
                success=row.is_success, last_success_ms=row.last_success_ms, last_status=row.last_status
            )
            for row in rows
        }

    def record(self, transaction: Transaction, collector: str, items: Iterable[object], at_ms: int) -> None:
        """Put a listing in the place of the one before."""
        row = {
            "workspace": self._workspace,
            "collector": collector,
            "body": encode(tuple(items)),
            "at_ms": at_ms,
        }
        upsert(transaction.connection, LISTINGS, [row])

    def read(self, collector: str, kind: type[Item]) -> Listing[Item] | None:
        """The listing that was recorded last, None if none was."""
        wanted = select(LISTINGS.c.body, LISTINGS.c.at_ms).where(
            LISTINGS.c.workspace == self._workspace, LISTINGS.c.collector == collector
        )
        with self._store.reading() as connection:
            row = connection.execute(wanted).one_or_none()
        items = None if row is None else decode(row.body, tuple[kind, ...])  # type: ignore[valid-type]  # a type at run time
        return None if row is None or items is None else Listing(items, row.at_ms)

    def looked_ms(self, transaction: Transaction, collector: str) -> int | None:
        """When the listing that was recorded last was read, None if none was."""
        wanted = select(LISTINGS.c.at_ms).where(
            LISTINGS.c.workspace == self._workspace, LISTINGS.c.collector == collector
        )
        at_ms: int | None = transaction.connection.execute(wanted).scalar()
        return at_ms

    def record_tables(
        self, transaction: Transaction, project_id: str, tables: Iterable[QueriedTable], at_ms: int
    ) -> None:
        """What a project queries, by its queried tables."""
        self._record_source(transaction, _TABLES, project_id, tuple(tables), None, at_ms)

    def record_cells(
        self,
        transaction: Transaction,
        project_id: str,
        cells: Iterable[Cell],
        edited_ms: int | None,
        at_ms: int,
    ) -> None:
        """What a project queries, by the cells of its draft as edited then: connections, without tables."""
        cells = tuple(cells)
        connection_ids = sorted({cell.connection_id for cell in cells if cell.connection_id is not None})
        queries = _queries_digest(cells)
        tables = tuple(
            QueriedTable(connection_id=connection_id, table="", queries=queries) for connection_id in connection_ids
        )
        self._record_source(transaction, _CELLS, project_id, tables, edited_ms, at_ms)

    def tables(self) -> dict[str, tuple[QueriedTable, ...]]:
        """What each project queries: its queried tables, else a table without a name for each connection."""
        columns = PROJECT_TABLES.c
        wanted = (
            select(columns.project_id, columns.body)
            .where(columns.workspace == self._workspace)
            .order_by(columns.source)  # cells, then tables, which take their place
        )
        with self._store.reading() as connection:
            rows = connection.execute(wanted).all()
        return {project_id: decode(body, tuple[QueriedTable, ...]) or () for project_id, body in rows}

    def record_collector(
        self, transaction: Transaction, collector: str, is_success: bool, at_ms: int, status: int | None
    ) -> None:
        """How an attempt went; a failure leaves the time of the last success."""
        row = {
            "workspace": self._workspace,
            "collector": collector,
            "is_success": is_success,
            "last_success_ms": at_ms if is_success else None,
            "last_status": status,
        }
        upsert(transaction.connection, COLLECTORS, [row], keep=() if is_success else ["last_success_ms"])

        def show() -> None:
            before = self._collectors.get(collector)
            last_ms = at_ms if is_success else None if before is None else before.last_success_ms
            state = CollectorState(success=is_success, last_success_ms=last_ms, last_status=status)
            self._collectors = {**self._collectors, collector: state}

        transaction.after_commit(show)

    def is_any_after(self, at_ms: int) -> bool:
        """Whether a collector is said to have succeeded after this moment."""
        return any((state.last_success_ms or 0) > at_ms for state in self.collectors().values())

    def disbelieve_after(self, transaction: Transaction, at_ms: int) -> None:
        """Forget the successes that are said to have been after this moment."""
        column = COLLECTORS.c
        later = update(COLLECTORS).where(column.workspace == self._workspace, column.last_success_ms > at_ms)
        transaction.connection.execute(later.values(last_success_ms=None))

        def show() -> None:
            self._collectors = {
                name: replace(state, last_success_ms=None) if (state.last_success_ms or 0) > at_ms else state
                for name, state in self._collectors.items()
            }

        transaction.after_commit(show)

    def collectors(self) -> Mapping[str, CollectorState]:
        """Every collector that was ever tried, never changed in place; never waits."""
        return self._collectors

    def _record_source(
        self,
        transaction: Transaction,
        source: str,
        project_id: str,
        tables: tuple[QueriedTable, ...],
        edited_ms: int | None,
        at_ms: int,
    ) -> None:
        row: dict[str, object] = {
            "workspace": self._workspace,
            "project_id": storable(project_id),
            "source": source,
            "body": encode(tables),
            "edited_ms": edited_ms,
            "at_ms": at_ms,
        }
        upsert(transaction.connection, PROJECT_TABLES, [row])


def _queries_digest(cells: Sequence[Cell]) -> str:
    """A digest of all queries and code, in any order; empty where those of one cell cannot be compared, or none is."""
    sources = [cell.source for cell in cells]
    known = [source for source in sources if source]
    if None in sources or not known:
        return ""
    return hashlib.sha256("\n".join(sorted(known)).encode()).hexdigest()[:32]
