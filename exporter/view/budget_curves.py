"""The curves of a workspace's budgets, found anew once a minute: a thousand sums over runs for each."""

from exporter.config import Week
from exporter.insight import BudgetCurve, BudgetStatus, Spent, budget_curve

_MINUTE_MS = 60_000

_NO_CURVE = BudgetCurve(this={}, previous={}, expected={})


class BudgetCurves:
    """Remembers those of the last minute. For one thread at a time."""

    def __init__(self, week: Week) -> None:
        self._week = week
        self._known: dict[int, tuple[tuple[object, ...], BudgetCurve]] = {}

    def of(
        self, index: int, status: BudgetStatus, spent: Spent | None, now_ms: int, seats: tuple[int | None, int | None]
    ) -> BudgetCurve:
        """The curves of the budget of this index; of one on the bill with what `seats` cost in both periods.

        Each is empty where the figure of its period is not known. Raises LedgerError.
        """
        figures = (status.used, status.previous_used, status.forecast)
        key = (now_ms // _MINUTE_MS, status.period, *(one is None for one in figures))
        if index not in self._known or self._known[index][0] != key:
            self._known[index] = (key, self._of(status, spent, now_ms, seats))
        return self._known[index][1]

    def _of(
        self, status: BudgetStatus, spent: Spent | None, now_ms: int, seats: tuple[int | None, int | None]
    ) -> BudgetCurve:
        if spent is None:
            return _NO_CURVE
        ahead, previous_ahead = (one or 0 for one in seats)
        found = budget_curve(status.budget, spent, self._week, now_ms, ahead=ahead, previous_ahead=previous_ahead)
        return BudgetCurve(
            this={} if status.used is None else found.this,
            previous={} if status.previous_used is None else found.previous,
            expected={} if status.forecast is None else found.expected,
        )
