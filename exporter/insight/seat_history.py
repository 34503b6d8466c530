"""Who had which seat from when to when, and what that cost in any period: by day, at the prices of each day.

Hex lists only the seats of the moment, so a change is dated by the first look that sees it. A seat is charged for each
local day at whose end it is held: from the day it was first seen on, and not for the day on which it was gone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import NamedTuple

from exporter.facts import Seat
from exporter.insight.calendar_period import Period, days_in_month, days_of, local_day
from exporter.insight.tariffs import Tariffs

_COMMON_DAYS = 28 * 29 * 30 * 31
"""A multiple of every length that a month has: days of different months add up in whole numbers."""


class SeatSpan(NamedTuple):
    """One user in one role from an instant on, until another (None: still). `from_ms` 0: since before the first look.

    `unseen_since_ms` is the look before the one that saw it, None where there was none: the change came in between.
    """

    user_id: str
    email: str
    role: str
    from_ms: int
    until_ms: int | None = None
    unseen_since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SeatHistory:
    """The seats of a workspace by time, as far as they have been looked at: from `since_ms` up to `looked_ms`.

    The seats of the first look stand for the time before it, those of the last for the time after it.
    """

    since_ms: int
    looked_ms: int
    spans: tuple[SeatSpan, ...]

    def at(self, at_ms: int) -> tuple[Seat, ...]:
        """The seats at an instant."""
        return tuple(
            Seat(user_id=one.user_id, email=one.email, role=one.role)
            for one in self.spans
            if one.from_ms <= at_ms and (one.until_ms is None or at_ms < one.until_ms)
        )

    def gaps(self, period: Period, longest_ms: int) -> Iterator[Period]:
        """The stretches in a period without a look, longer than that, at whose end seats had changed."""
        changes = {(one.unseen_since_ms, one.from_ms) for one in self.spans if one.unseen_since_ms is not None}
        for start_ms, end_ms in sorted(changes):
            if end_ms - start_ms > longest_ms and start_ms < period[1] and end_ms > period[0]:
                yield start_ms, end_ms


def seats_as_listed(seats: Iterable[Seat], at_ms: int) -> SeatHistory:
    """The history of which only one look is known."""
    return SeatHistory(at_ms, at_ms, tuple(SeatSpan(one.user_id, one.email, one.role, 0) for one in seats))


class SeatUse(NamedTuple):
    """What one user's seat in one role cost in a period. `weight` is exact, in shares of which `whole` make one.

    `months` is the part of a month, in the same shares: days of different months differ.
    """

    user_id: str
    email: str
    role: str
    days: int
    months: int
    weight: int

    @property
    def seat_months(self) -> float:
        """The part of a month."""
        return self.months / _COMMON_DAYS


def seat_uses(tariffs: Tariffs, history: SeatHistory, period: Period, timezone: str) -> tuple[SeatUse, ...] | None:
    """Each seat of a period that was held on any of its days; None if the plan, or a role in use, has no price then."""
    days = tuple(days_of(period, timezone))
    months = [0, *accumulate(_COMMON_DAYS // days_in_month(day) for day in days)]
    by_role: dict[str, tuple[list[int], list[int]]] = {}
    uses: dict[tuple[str, str], SeatUse] = {}
    for span in history.spans:
        start, end = _first(days, span.from_ms, timezone), _first(days, span.until_ms, timezone)
        if start >= end:
            continue
        if span.role not in by_role:
            by_role[span.role] = _costs(tariffs, span.role, days)
        costs, unpriced = by_role[span.role]
        if unpriced[end] > unpriced[start]:
            return None
        key = span.user_id, span.role
        known = uses.get(key) or SeatUse(span.user_id, span.email, span.role, 0, 0, 0)
        uses[key] = known._replace(
            email=span.email or known.email,
            days=known.days + end - start,
            months=known.months + months[end] - months[start],
            weight=known.weight + costs[end] - costs[start],
        )
    return tuple(uses.values())


def seats_cost(uses: Iterable[SeatUse]) -> int:
    """What these seats cost together, in micro-dollars, rounded once."""
    return (sum(one.weight for one in uses) + _COMMON_DAYS // 2) // _COMMON_DAYS


def _first(days: tuple[date, ...], at_ms: int | None, timezone: str) -> int:
    """The place among the days of the one that holds the instant, within their bounds; None: after them."""
    if at_ms is None:
        return len(days)
    return min(max(0, (local_day(at_ms, timezone) - days[0]).days), len(days))


def _costs(tariffs: Tariffs, role: str, days: Iterable[date]) -> tuple[list[int], list[int]]:
    """The running sums over the days of what a seat costs, and of the days on which it has no price."""
    costs, unpriced = [0], [0]
    for day in days:
        tariff = tariffs.on(day)
        price = None if tariff.prices.plan is None else tariff.seat_month_micro_usd(tariff.prices.plan, role)
        costs.append(costs[-1] + (price or 0) * (_COMMON_DAYS // days_in_month(day)))
        unpriced.append(unpriced[-1] + (price is None))
    return costs, unpriced
