"""A workspace's AI credits, read from the ledger once a look at the threads, and accounted for once a minute."""

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.config import Collect, Contract, Week
from exporter.facts import Seat
from exporter.insight import CreditUse, Tariff
from exporter.ledger import WorkspaceLedger
from exporter.view.ai_credits import CreditAccount, credit_account
from exporter.view.snapshot import Stored

KEPT_MS = 160 * 86_400_000
"""How far back AI credits are looked at: this month, and the four before it that forecasts go by."""

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class CreditsSpent:
    """What threads used of a budget; a listing of them is whole, back to the first."""

    use: CreditUse
    read_since_ms: int

    def between(self, start_ms: int, end_ms: int) -> int:
        """Thousandths of a credit used in [start, end)."""
        return self.use.between(start_ms, end_ms)

    def is_known_from(self, start_ms: int) -> bool:
        """Whether that far back was read."""
        return self.read_since_ms <= start_ms

    def existed_by(self, at_ms: int) -> bool:
        """Whether anything had been used by then."""
        return self.use.since_ms is not None and self.use.since_ms <= at_ms


class CreditBook:
    """Remembers what it read. For one thread at a time."""

    def __init__(self, ledger: WorkspaceLedger, collect: Collect, week: Week, contract: Contract | None) -> None:
        self._ledger = ledger
        self._collect = collect
        self._week = week
        self._contract = contract
        self._use: tuple[tuple[int, int], int, CreditUse] | None = None
        self._account: tuple[tuple[object, ...], CreditAccount] | None = None

    def use(self, stored: Stored, now_ms: int) -> CreditUse | None:
        """What threads used in the last months; None unless they were listed lately. Raises LedgerError."""
        state = stored.collectors.get("threads")
        if state is None or state.last_success_ms is None:
            return None
        if not self._collect.is_fresh(state.last_success_ms, now_ms):
            return None
        look, since_ms = (state.last_success_ms, self._ledger.credits.revision), now_ms - KEPT_MS
        if self._use is None or self._use[0] != look or self._use[1] > since_ms:
            self._use = (look, since_ms, CreditUse(self._ledger.credits.growths(since_ms)))
        return self._use[2]

    def spent(self, use: CreditUse, now_ms: int) -> CreditsSpent:
        """The same as budgets need it."""
        return CreditsSpent(use, now_ms - KEPT_MS)

    def account(self, use: CreditUse, seats: Sequence[Seat] | None, tariff: Tariff, now_ms: int) -> CreditAccount:
        """The account at this instant; for a minute the same, as long as nothing else has changed."""
        key = (use, seats, tariff, now_ms // _MINUTE_MS)
        if self._account is None or self._account[0] != key:
            self._account = (key, credit_account(use, seats, tariff, self._week, now_ms, self._contract))
        return self._account[1]
