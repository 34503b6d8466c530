"""How each budget stood, every five minutes, by the same rules as today."""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import nan

from exporter.history.past import Past
from exporter.history.series import Track, track
from exporter.history.time_slots import TimeSlots
from exporter.insight import WINDOWS_MS, BudgetStatus, CreditUse, budget_status

Figure = tuple[str, tuple[str, ...]]
"""A metric, and its labels after those of the budget."""


def budget_tracks(past: Past) -> Mapping[str, list[Track]]:
    """Every figure of every budget of the workspace, by metric."""
    tracks: dict[str, list[Track]] = defaultdict(list)
    for index, budget in enumerate(past.budgets):
        for (metric, more), values in _columns(past, index).items():
            labels = (past.name, budget.name, budget.unit, *more)
            tracks[metric].append(track(metric, labels, past.span.steps, values))
    return tracks


def _columns(past: Past, index: int) -> Mapping[Figure, "array[float]"]:
    steps = past.span.steps
    columns: dict[Figure, array[float]] = defaultdict(lambda: array("d", [nan]) * len(steps))
    spent = _spent(past, index)
    for place, at_ms in enumerate(steps):
        seen = None if spent is None else _Seen(spent, at_ms)
        for figure, value in _figures(budget_status(past.budgets[index], seen, past.week, at_ms)):
            if value is not None:
                columns[figure][place] = value
    return columns


def _figures(stood: BudgetStatus) -> Iterator[tuple[Figure, float | None]]:
    yield ("hex_budget_limit", ()), stood.budget.limit
    yield ("hex_budget_used", ()), stood.used
    yield ("hex_budget_previous_used", ()), stood.previous_used
    yield ("hex_budget_forecast", ()), stood.forecast
    yield ("hex_budget_period_start_timestamp_seconds", ()), stood.period[0] / 1000
    yield ("hex_budget_period_end_timestamp_seconds", ()), stood.period[1] / 1000
    for window in WINDOWS_MS:
        used, previous_used = stood.windows[window]
        yield ("hex_budget_window_used", (window,)), used
        yield ("hex_budget_window_previous_used", (window,)), previous_used
    for severity in ("info", "warning", "critical"):
        yield ("hex_budget_threshold_ratio", (severity,)), getattr(stood.budget.thresholds, severity)


@dataclass(frozen=True, slots=True)
class _Spent:
    """What a budget used over the span, known since then and born then."""

    used: TimeSlots | CreditUse
    known_since_ms: int
    born_ms: int


def _spent(past: Past, index: int) -> _Spent | None:
    budget, used = past.budgets[index], past.used[index]
    queries_since_ms = 0
    if budget.has_warehouse_money:
        if budget.unit == "bill_usd" or past.queries is None:
            return None  # who had a seat is known of today only
        queries_since_ms = past.queries.known[0]
    if isinstance(used, CreditUse):
        return None if used.since_ms is None else _Spent(used, 0, used.since_ms)
    if budget.unit == "warehouse_usd" or (budget.unit == "usd" and not past.run_money):
        return _Spent(used, queries_since_ms, queries_since_ms) if budget.has_warehouse_money else None
    matched = past.matched(budget)
    mine = [known for known in past.snapshot.stored.projects if known.project.project_id in matched]
    since_ms = past.known_since_ms(mine)
    born_ms = min((known.project.created_ms or 0 for known in mine), default=past.span.end_ms)
    return None if since_ms is None else _Spent(used, max(since_ms, past.load_from_ms, queries_since_ms), born_ms)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The same as it was seen at an instant: nothing had been used after it."""

    spent: _Spent
    at_ms: int

    def between(self, start_ms: int, end_ms: int) -> int:
        return self.spent.used.between(start_ms, min(end_ms, self.at_ms))

    def is_known_from(self, start_ms: int) -> bool:
        return self.spent.known_since_ms <= start_ms

    def existed_by(self, at_ms: int) -> bool:
        return self.spent.born_ms <= at_ms
