"""How a budget stands: used, used before, expected, and the rolling windows beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

from exporter.config import Budget, PeriodKind, Week
from exporter.insight.calendar_period import Period, period_at, period_before, same_moment, week_earlier
from exporter.insight.forecast import MOST_PERIODS, forecast
from exporter.insight.run_usage import UNITS

HOUR_MS = 3_600_000

WINDOWS_MS: Mapping[str, int] = {"1h": HOUR_MS, "6h": 6 * HOUR_MS, "7d": 168 * HOUR_MS}
"""The rolling windows by their label."""


class Spent(Protocol):
    """What has been used of a budget, and how far that is known."""

    def between(self, start_ms: int, end_ms: int) -> int:
        """What was used in [start, end), in the integers of `UNITS`."""

    def is_known_from(self, start_ms: int) -> bool:
        """Whether everything that was used since then is known, so that sums from there on are whole."""

    def existed_by(self, at_ms: int) -> bool:
        """Whether there was anything then that could use the budget: a period before that shows nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """How a budget stands, in its unit; None where that is not completely known.

    `windows` has for each rolling window what was used in it, and in the one that ended a week earlier at the same
    local time. `recent` are the earlier periods that are known whole, the latest first.
    """

    budget: Budget
    period: Period
    used: float | None = None
    previous_used: float | None = None
    forecast: float | None = None
    windows: Mapping[str, tuple[float | None, float | None]]
    recent: tuple[float, ...] = ()


def budget_status(budget: Budget, spent: Spent | None, week: Week, now_ms: int) -> BudgetStatus:
    """How the budget stands at this instant. `spent` None: it cannot be known, as when nothing has a price.

    Used is everything from the period's start to its end: a run that Hex's clock puts a little ahead is included.
    """
    period = period_at(now_ms, budget.period, week)
    if spent is None:
        return BudgetStatus(budget=budget, period=period, windows=dict.fromkeys(WINDOWS_MS, (None, None)))

    earlier = earlier_periods(period, budget.period, week)
    known = [one for one in earlier if spent.is_known_from(one[0])]
    telling = [one for one in known if spent.existed_by(one[0])]

    used = _sum(spent, *period)
    later = [spent.between(same_moment(now_ms, period, one, week.timezone), one[1]) for one in telling]
    size = UNITS[budget.unit]
    then_ms = week_earlier(now_ms, week.timezone)
    return BudgetStatus(
        budget=budget,
        period=period,
        used=_scaled(used, size),
        previous_used=_scaled(_sum(spent, *earlier[0]), size),
        forecast=None if used is None else _scaled(forecast(used, later), size),
        windows={
            name: (
                _scaled(_sum(spent, now_ms - length, now_ms), size),
                _scaled(_sum(spent, then_ms - length, then_ms), size),
            )
            for name, length in WINDOWS_MS.items()
        },
        recent=tuple(spent.between(*one) / size for one in telling),
    )


def with_seats(status: BudgetStatus, seats: int | None, previous_seats: int | None) -> BudgetStatus:
    """A budget on the bill with what seats cost in its period and in the one before, in millionths of a dollar.

    Seats are billed ahead: they are used from the period's first moment on, and are in no rolling window. None: their
    price is not known, and so no bill is.
    """
    size = UNITS[status.budget.unit]

    def plus(amount: float | None, micro_usd: int | None) -> float | None:
        return None if amount is None or micro_usd is None else amount + micro_usd / size

    return replace(
        status,
        used=plus(status.used, seats),
        previous_used=plus(status.previous_used, previous_seats),
        forecast=plus(status.forecast, seats),
        windows=status.windows if seats is not None else dict.fromkeys(WINDOWS_MS, (None, None)),
    )


@lru_cache(maxsize=100)  # the past of a budget is made of thousands of steps in each period
def earlier_periods(period: Period, kind: PeriodKind, week: Week) -> tuple[Period, ...]:
    """The periods before this one that a forecast goes by, the latest first."""
    earlier = [period_before(period, kind, week)]
    while len(earlier) < MOST_PERIODS:
        earlier.append(period_before(earlier[-1], kind, week))
    return tuple(earlier)


def _sum(spent: Spent, start_ms: int, end_ms: int) -> int | None:
    return spent.between(start_ms, end_ms) if spent.is_known_from(start_ms) else None


def _scaled(amount: float | None, size: int) -> float | None:
    return None if amount is None else amount / size
