"""AI credits: what of their use is beyond the credits that come with the seats.

Grants are by user and calendar month and do not roll over.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from exporter.config import Week
from exporter.facts import Seat
from exporter.insight.calendar_period import Period, period_at
from exporter.insight.credit_use import CreditUse
from exporter.insight.tariffs import Tariff

Grants = Mapping[str, int]
"""Thousandths of a credit a month by user id."""


def grants_of(tariff: Tariff, plan: str, seats: Iterable[Seat]) -> Grants | None:
    """The monthly grant of each user; None if a role in use has one that the vendor does not publish."""
    grants: dict[str, int] = {}
    for seat in seats:
        grant = tariff.credit_grant_milli(plan, seat.role)
        if grant is None:
            return None
        grants[seat.user_id] = grant
    return grants


def excess_milli(use: CreditUse, grants: Grants, period: Period) -> int:
    """Thousandths of a credit used in the period beyond one grant of each user.

    What a thread without a known user used is all beyond: no seat brings credits for it.
    """
    return sum(excess_by_user(use, grants, period).values())


def excess_by_user(use: CreditUse, grants: Grants, period: Period) -> Mapping[str | None, int]:
    """The same by user, None standing for all that have no name."""
    used = use.by(lambda one: one.user_id, *period)
    return {user: max(0, amount - grants.get(user or "", 0)) for user, amount in used.items()}


def billed_milli(use: CreditUse, grants: Grants, period: Period, pool_milli: int = 0) -> int:
    """Thousandths of a credit used in the period that nothing has paid for.

    That is what is beyond one grant of each user, and beyond the credits of a contract, which all users share.
    """
    excess = excess_milli(use, grants, period)
    return min(excess, max(0, use.between(*period) - pool_milli)) if pool_milli else excess


def credits_cost(
    tariff: Tariff, use: CreditUse, grants: Grants, period: Period, week: Week, pool_milli: int = 0
) -> int:
    """What the credits used in a period cost, in micro-dollars, grants being used up from each month's first day.

    So are the credits of a contract, `pool_milli` a month in thousandths. The costs of periods that make up a month
    add up to the month's, but for the rounding of each.
    """
    starts = [period[0]]
    while (month_end := period_at(starts[-1], "month", week)[1]) < period[1]:
        starts.append(month_end)

    excess = 0
    for start_ms, end_ms in pairwise((*starts, period[1])):
        month_start = period_at(start_ms, "month", week)[0]
        before = billed_milli(use, grants, (month_start, start_ms), pool_milli)
        excess += billed_milli(use, grants, (month_start, end_ms), pool_milli) - before
    return (excess * tariff.ai_credit_micro_usd + 500) // 1000
