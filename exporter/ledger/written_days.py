"""On which days runs have been written, by this process or by another replica: what was read of others still holds."""

from collections import Counter
from collections.abc import Collection

from exporter.ledger.changed_rows import ChangedRows
from exporter.ledger.schema import RUN_DAYS, upsert
from exporter.ledger.store import Store, Transaction

DAY_MS = 86_400_000

_ANY = -1


class WrittenDays:
    """The days of one workspace, by the start of runs. Noted within transactions, read from any thread."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._workspace = workspace
        self._reading = ChangedRows(store, RUN_DAYS, workspace)
        self._days: Counter[int] = Counter()
        self._any = 0

    def note(self, transaction: Transaction, days: Collection[int]) -> None:
        """Runs placed on these days are written by this transaction."""
        self._tell_others(transaction, days)
        transaction.after_commit(lambda: self._days.update(days))

    def note_all(self, transaction: Transaction) -> None:
        """Runs of any day are written by this transaction."""
        self._tell_others(transaction, (_ANY,))
        transaction.after_commit(self.forget)

    def forget(self) -> None:
        """Runs of any day may have been written."""
        self._any += 1

    def load(self, *, only_changes: bool = False) -> bool:
        """See what another replica has written since the last time; whether that may be on any day.

        Raises LedgerError.
        """
        days = {int(row.day) for row in self._reading.rows(only_changes=only_changes)}
        if only_changes and _ANY not in days:
            self._days.update(days)
            return False
        self.forget()
        return True

    def revision(self, start_ms: int, end_ms: int) -> int:
        """A number that grows when a run placed in [start, end) is written, and maybe at other times."""
        return self._any + sum(self._days[day] for day in range(start_ms // DAY_MS, (end_ms - 1) // DAY_MS + 1))

    def by_day(self) -> tuple[int, dict[int, int]]:
        """How often any day was written, and how often each."""
        return self._any, dict(self._days)

    def _tell_others(self, transaction: Transaction, days: Collection[int]) -> None:
        if transaction.version:
            rows = [
                {"workspace": self._workspace, "day": day, "lease_version": transaction.version} for day in sorted(days)
            ]
            upsert(transaction.connection, RUN_DAYS, rows)
