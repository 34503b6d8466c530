"""First contact: when the ledger first heard of a workspace, and with it which runs count.

Counters count what happened since then. A run that ended before first contact is history: it is known, shown in gauges
and never counted, so that reading the past makes no counter jump.
"""

from dataclasses import dataclass

from sqlalchemy import select

from exporter.facts import Run
from exporter.ledger.schema import WORKSPACES, upsert
from exporter.ledger.store import Store, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Border:
    """What separates the runs that count from those that do not.

    `is_head_known`: the newest runs of the project were known before this page, and the page does not read further
    into its past. `pruned_before_ms`: ended runs from before then have been forgotten.
    """

    first_contact_ms: int
    pruned_before_ms: int | None = None
    is_head_known: bool = False


def counts(ended: Run, border: Border, *, was_active: bool) -> bool:
    """Whether a run counts that has ended; `was_active`: it has been seen active.

    By its end if Hex says when that was, else by what is known of the project's runs before it.
    """
    has_end = ended.end_ms is not None or (ended.start_ms is not None and ended.elapsed_ms is not None)
    if ended.ended_ms is not None and (has_end or not was_active):
        return ended.ended_ms >= border.first_contact_ms
    return was_active or border.is_head_known


def is_forgotten(seen: Run, border: Border) -> bool:
    """Whether an unknown run may be one that was pruned: its last known moment is before the line."""
    last_ms = seen.start_ms if seen.is_active else seen.ended_ms
    return border.pruned_before_ms is not None and last_ms is not None and last_ms < border.pruned_before_ms


class FirstContact:
    """When first contact with one workspace was: in the table, and in memory once it is committed."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace
        self.load()

    def load(self) -> None:
        """Read it from the table."""
        wanted = select(WORKSPACES.c.first_contact_ms).where(WORKSPACES.c.workspace == self._workspace)
        with self._store.reading() as connection:
            self._at_ms: int | None = connection.execute(wanted).scalar()

    @property
    def at_ms(self) -> int | None:
        """When it was, None while there was none."""
        return self._at_ms

    def make(self, transaction: Transaction, now_ms: int) -> None:
        """Make it now; for a workspace without one."""
        upsert(transaction.connection, WORKSPACES, [{"workspace": self._workspace, "first_contact_ms": now_ms}])
        transaction.after_commit(lambda: setattr(self, "_at_ms", now_ms))
