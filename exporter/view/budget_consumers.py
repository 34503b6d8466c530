"""Who used the budgets of a workspace: the projects of a budget, and for AI credits the users."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.config import Week
from exporter.insight import (
    UNITS,
    BudgetStatus,
    Consumer,
    CreditGrowth,
    CreditUse,
    Growth,
    Period,
    Way,
    growth_between,
    largest_consumers,
    period_before,
    same_moment,
)
from exporter.view.budget_spent import BudgetUses

_MINUTE_MS = 60_000

Events = list[tuple[int, int]]
"""Pairs of an instant in epoch milliseconds and what was used at it."""


class BudgetConsumers:
    """Finds them anew each time, and reads the runs of a project only where they changed. For one thread at a time."""

    def __init__(self, uses: BudgetUses, week: Week) -> None:
        self._uses = uses
        self._week = week
        self._spans: dict[tuple[int, str], _Spans] = {}
        self._credits: dict[str, tuple[CreditUse, tuple[object, ...], tuple[Consumer, ...]]] = {}

    def of_runs(self, index: int, status: BudgetStatus, now_ms: int) -> tuple[Consumer, ...]:
        """The projects of the budget of this index, none while its period is not known. Raises LedgerError."""
        if status.used is None:
            return ()
        budget, period = status.budget, status.period
        earlier = period_before(period, budget.period, self._week)
        used = self._uses.amounts(index, period)
        before: Counter[str] | None = None
        if status.previous_used is not None:
            before = Counter()
            for (project_id, _), amount in self._uses.amounts(index, earlier).items():
                before[project_id] += amount
        totals: Counter[str] = Counter()
        for (project_id, _), amount in used.items():
            totals[project_id] += amount

        def growth_of(project_id: str) -> Growth:
            stamp = (period, totals[project_id], None if before is None else before[project_id])
            known = self._spans.get((index, project_id))
            if known is None or known.stamp != stamp:
                events = self._uses.events(index, project_id, earlier[0], period[1])
                known = self._spans[index, project_id] = _Spans(stamp, *self._split(events, period, earlier))
            return known.growth(now_ms)

        return largest_consumers(used, before, growth_of, UNITS[budget.unit])

    def of_credits(self, status: BudgetStatus, use: CreditUse, now_ms: int) -> tuple[Consumer, ...]:
        """The users of AI credits, by source and type of thread; found anew once a minute while no look was new."""
        if status.used is None:
            return ()
        stamp = (status.period, status.previous_used is None, now_ms // _MINUTE_MS)
        known = self._credits.get(status.budget.name)
        if known is None or known[0] is not use or known[1] != stamp:
            known = self._credits[status.budget.name] = (use, stamp, self._of_credits(status, use, now_ms))
        return known[2]

    def _of_credits(self, status: BudgetStatus, use: CreditUse, now_ms: int) -> tuple[Consumer, ...]:
        period = status.period
        earlier = period_before(period, status.budget.period, self._week)
        events: dict[str, Events] = defaultdict(list)
        for one in use.growths:
            for start_ms, end_ms in (earlier, period):
                if amount := one.between(start_ms, end_ms):
                    events[one.user_id or ""].append((max(one.from_ms, start_ms), amount))

        def who(one: CreditGrowth) -> tuple[str, Way]:
            return one.user_id or "", (one.source, one.thread_type)

        def growth_of(user_id: str) -> Growth:
            return _Spans((), *self._split(events[user_id], period, earlier)).growth(now_ms)

        before = None if status.previous_used is None else use.by(lambda one: one.user_id or "", *earlier)
        return largest_consumers(use.by(who, *period), before, growth_of, UNITS[status.budget.unit])

    def forget_others(self, shown: Mapping[int, Iterable[Consumer]]) -> None:
        """Keep the runs of those who are shown only, so that what is kept stays as small as that."""
        keys = {(index, one.key) for index, found in shown.items() for one in found}
        self._spans = {key: known for key, known in self._spans.items() if key in keys}

    def _split(self, events: Iterable[tuple[int, int]], period: Period, earlier: Period) -> tuple[Events, Events]:
        """What was used in the period, and what in the one before, moved into this one."""
        used, before = [], []
        for at_ms, amount in events:
            if period[0] <= at_ms < period[1]:
                used.append((at_ms, amount))
            elif earlier[0] <= at_ms < earlier[1]:
                before.append((same_moment(at_ms, earlier, period, self._week.timezone), amount))
        return used, before


_NO_GROWTH = Growth()


@dataclass(slots=True)
class _Spans:
    """What a project used in a period and, moved into it, in the one before; `stamp` is what these depend on."""

    stamp: tuple[object, ...]
    used: Events
    before: Events
    minute: int | None = None
    known: Growth = _NO_GROWTH

    def growth(self, now_ms: int) -> Growth:
        """The growth up to now, found out anew once a minute."""
        if self.minute != now_ms // _MINUTE_MS:
            self.minute = now_ms // _MINUTE_MS
            self.known = growth_between(self.used, [one for one in self.before if one[0] <= now_ms])
        return self.known
