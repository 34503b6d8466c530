"""Weeks and months as they were closed, and what was adjusted since: written once, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from exporter.insight import Period
from exporter.ledger.cost_schema import ADJUSTMENTS, CLOSINGS
from exporter.ledger.store import Store


@dataclass(frozen=True, slots=True)
class StoredAdjustment:
    """What was found later to differ, and when. `basis` identifies the prices and settings it was computed with."""

    at_ms: int
    basis: str
    body: str


@dataclass(frozen=True, slots=True)
class StoredClosing:
    """One closed period: its figures as they were at `at_ms`, and the adjustments since, the earliest first."""

    at_ms: int
    basis: str
    body: str
    adjustments: tuple[StoredAdjustment, ...] = ()


class ClosingRepository:
    """The closed periods of one workspace. Bodies are the text of who writes them. Safe from any thread."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace

    def periods(self) -> Mapping[Period, int]:
        """Every closed period, and when it was closed."""
        column = CLOSINGS.c
        wanted = select(column.start_ms, column.end_ms, column.at_ms).where(column.workspace == self._workspace)
        with self._store.reading() as connection:
            return {(row.start_ms, row.end_ms): row.at_ms for row in connection.execute(wanted)}

    def of(self, period: Period) -> StoredClosing | None:
        """The period as it was closed, None if it was not."""
        closing, adjustment = CLOSINGS.c, ADJUSTMENTS.c
        wanted = select(CLOSINGS).where(
            closing.workspace == self._workspace, closing.start_ms == period[0], closing.end_ms == period[1]
        )
        later = (
            select(ADJUSTMENTS)
            .where(
                adjustment.workspace == self._workspace,
                adjustment.start_ms == period[0],
                adjustment.end_ms == period[1],
            )
            .order_by(adjustment.number)
        )
        with self._store.reading() as connection:
            row = connection.execute(wanted).one_or_none()
            rows = connection.execute(later).all()
        if row is None:
            return None
        adjustments = tuple(StoredAdjustment(one.at_ms, one.basis, one.body) for one in rows)
        return StoredClosing(row.at_ms, row.basis, row.body, adjustments)

    def close(self, period: Period, at_ms: int, basis: str, body: str) -> None:
        """Keep the figures of a period that is over. One that is closed stays as it is."""
        row = {**self._key(period), "at_ms": at_ms, "basis": basis, "body": body}
        with self._store.transaction(self._workspace) as transaction:
            known = select(CLOSINGS.c.at_ms).where(
                *(CLOSINGS.c[name] == value for name, value in self._key(period).items())
            )
            if transaction.connection.execute(known).scalar() is None:
                transaction.connection.execute(CLOSINGS.insert(), [row])

    def adjust(self, period: Period, adjustment: StoredAdjustment) -> None:
        """Add an adjustment to a closed period."""
        key = self._key(period)
        with self._store.transaction(self._workspace) as transaction:
            last = select(func.max(ADJUSTMENTS.c.number)).where(
                *(ADJUSTMENTS.c[name] == value for name, value in key.items())
            )
            number = (transaction.connection.execute(last).scalar() or 0) + 1
            row = {
                **key,
                "number": number,
                "at_ms": adjustment.at_ms,
                "basis": adjustment.basis,
                "body": adjustment.body,
            }
            transaction.connection.execute(ADJUSTMENTS.insert(), [row])

    def _key(self, period: Period) -> dict[str, object]:
        return {"workspace": self._workspace, "start_ms": period[0], "end_ms": period[1]}
