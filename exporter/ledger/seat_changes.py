"""Seats by time: of each user the role at first sight, and every change since, dated by the look that saw it."""

from collections.abc import Iterable

from sqlalchemy import delete, func, select

from exporter.facts import Seat
from exporter.insight import SeatHistory, SeatSpan
from exporter.ledger.codec import storable
from exporter.ledger.cost_schema import SEAT_CHANGES
from exporter.ledger.schema import LISTINGS, upsert
from exporter.ledger.store import Store, Transaction


class SeatChanges:
    """The seats of one workspace. Reads may come from any thread."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace
        self._mine = SEAT_CHANGES.c.workspace == workspace

    def record(self, transaction: Transaction, seats: Iterable[Seat], at_ms: int, looked_ms: int | None) -> None:
        """A whole listing of users; `looked_ms` is when the one before was read, None if there was none."""
        column = SEAT_CHANGES.c
        latest = (
            select(column.user_id, func.max(column.at_ms).label("at_ms")).where(self._mine).group_by(column.user_id)
        ).subquery()
        rows = transaction.connection.execute(
            select(column.user_id, column.email, column.role, column.at_ms)
            .join(latest, (column.user_id == latest.c.user_id) & (column.at_ms == latest.c.at_ms))
            .where(self._mine)
        ).all()
        known = {row.user_id: row for row in rows}
        now: dict[str, tuple[str, str | None]] = {
            storable(seat.user_id): (storable(seat.email), storable(seat.role)) for seat in seats
        }
        for user_id, row in known.items():
            now.setdefault(user_id, (row.email, None))
        changed = {
            user_id: seat
            for user_id, seat in now.items()
            if (known[user_id].role if user_id in known else None) != seat[1]
        }
        upsert(
            transaction.connection,
            SEAT_CHANGES,
            [
                {
                    "workspace": self._workspace,
                    "user_id": user_id,
                    # A clock that was put back does not put the change before what it changes.
                    "at_ms": max(at_ms, known[user_id].at_ms + 1) if user_id in known else at_ms,
                    "email": email,
                    "role": role,
                    "unseen_since_ms": looked_ms if known else None,
                }
                for user_id, (email, role) in changed.items()
            ],
        )

    def disbelieve_after(self, transaction: Transaction, at_ms: int) -> None:
        """Forget the changes that are said to have been seen after this moment: the next look sees them again."""
        transaction.connection.execute(delete(SEAT_CHANGES).where(self._mine, SEAT_CHANGES.c.at_ms > at_ms))

    def history(self) -> SeatHistory | None:
        """What has been seen so far, None before the first look."""
        changes = select(SEAT_CHANGES).where(self._mine).order_by(SEAT_CHANGES.c.user_id, SEAT_CHANGES.c.at_ms)
        looked = select(LISTINGS.c.at_ms).where(
            LISTINGS.c.workspace == self._workspace, LISTINGS.c.collector == "users"
        )
        with self._store.reading() as connection:
            rows = connection.execute(changes).all()
            looked_ms = connection.execute(looked).scalar()
        if not rows or looked_ms is None:
            return None
        since_ms = min(row.at_ms for row in rows)
        spans: list[SeatSpan] = []
        for row, after in zip(rows, [*rows[1:], None], strict=True):
            if row.role is None:
                continue
            is_first = row.unseen_since_ms is None
            until_ms = after.at_ms if after is not None and after.user_id == row.user_id else None
            spans.append(
                SeatSpan(row.user_id, row.email, row.role, 0 if is_first else row.at_ms, until_ms, row.unseen_since_ms)
            )
        return SeatHistory(since_ms, looked_ms, tuple(spans))
