"""How the use of a budget adds up in the course of its period: so far, in the period before, and as it is expected."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from exporter.config import Budget, Week
from exporter.insight.budgets import Spent, earlier_periods
from exporter.insight.calendar_period import Period, days_of, period_at, same_moment
from exporter.insight.run_usage import UNITS

_HOURS_A_POINT = {"week": 1, "month": 6}
"""So that a month has fewer points than a week."""

_HOURS_A_POINT_OF_BILL = 24
"""What AI credits cost in a span of time takes long to find out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetCurve:
    """What was used since the period's start, by the local hour of the period that ends then, in the budget's unit.

    `this` ends with the hour that is under way, `expected` begins with it and ends with the forecast. `previous` is the
    period before, at the same moments. Each is empty where it is not completely known.
    """

    this: dict[int, float]
    previous: dict[int, float]
    expected: dict[int, float]


def budget_curve(
    budget: Budget, spent: Spent, week: Week, now_ms: int, *, ahead: int = 0, previous_ahead: int = 0
) -> BudgetCurve:
    """The curves of a budget at this instant.

    `ahead` is what was used from the first moment on, as seats are, in the integers of `UNITS`; `previous_ahead` in the
    period before.
    """
    period = period_at(now_ms, budget.period, week)
    size = UNITS[budget.unit]
    points = dict(_points(period, budget, week.timezone))
    now_hour = next(hour for hour, at_ms in points.items() if at_ms > now_ms)
    used = spent.between(*period)
    this: dict[int, float] = {}
    expected: dict[int, float] = {}
    if spent.is_known_from(period[0]):
        this = {
            hour: (ahead + (used if hour == now_hour else spent.between(period[0], at_ms))) / size
            for hour, at_ms in points.items()
            if hour <= now_hour
        }
    earlier = [one for one in earlier_periods(period, budget.period, week) if spent.is_known_from(one[0])]

    def then(at_ms: int, one: Period) -> int:
        return same_moment(at_ms, period, one, week.timezone)

    telling = [(one, then(now_ms, one)) for one in earlier if spent.existed_by(one[0])]
    if this and telling:
        expected = {
            hour: (ahead + used + median(spent.between(now, then(at_ms, one)) for one, now in telling)) / size
            for hour, at_ms in points.items()
            if hour >= now_hour
        }
    before = next((one for one in earlier if one[1] == period[0]), None)
    previous = {}
    if before is not None:
        previous = {
            hour: (previous_ahead + spent.between(before[0], then(at_ms, before))) / size
            for hour, at_ms in points.items()
        }
    return BudgetCurve(this=this, previous=previous, expected=expected)


def _points(period: Period, budget: Budget, timezone: str) -> Iterator[tuple[int, int]]:
    """The hours of the period whose ends are points, with these ends; an hour that comes twice is one."""
    step = _HOURS_A_POINT_OF_BILL if budget.unit == "bill_usd" else _HOURS_A_POINT[budget.period]
    zone = ZoneInfo(timezone)
    for number, day in enumerate(days_of(period, timezone)):
        midnight = datetime.combine(day, time())
        for hour in range(step, 25, step):
            end = (midnight + timedelta(hours=hour)).replace(tzinfo=zone)
            yield number * 24 + hour - 1, round(end.timestamp() * 1000)
