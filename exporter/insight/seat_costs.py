"""What seats cost: a price a month and seat, shared out by day."""

from collections import Counter
from collections.abc import Iterable, Mapping

from exporter.config import Book
from exporter.facts import ROLES, Seat
from exporter.insight.calendar_period import Period, days_in_month, days_of
from exporter.insight.tariffs import Tariff


def roles_of(seats: Iterable[Seat]) -> Mapping[str, int]:
    """How many seats there are of each role."""
    return Counter(seat.role for seat in seats)


def seat_months(tariff: Tariff, seats: Iterable[Seat]) -> Mapping[str, int]:
    """What a seat of each role costs a month on the plan, in millionths of a dollar, where that has a price."""
    plan = tariff.prices.plan
    if plan is None:
        return {}
    prices = {role: tariff.seat_month_micro_usd(plan, role) for role in (*ROLES, *roles_of(seats))}
    return {role: price for role, price in prices.items() if price is not None}


def seats_month(tariff: Tariff, plan: str, roles: Mapping[str, int]) -> int | None:
    """All seats for a month on a plan, in micro-dollars; None if a role in use has no price there."""
    total = 0
    for role, count in roles.items():
        price = tariff.seat_month_micro_usd(plan, role)
        if price is None and count:
            return None
        total += count * (price or 0)
    return total


def seats_share(tariff: Tariff, plan: str, roles: Mapping[str, int], period: Period, timezone: str) -> int | None:
    """The part of the monthly prices that falls on a period, in micro-dollars; None if a role in use has no price.

    Each local day of the period costs the month's price divided by the days of its month: Hex bills seats ahead and
    settles changes by the day (billing FAQ, in the price book's sources). So the whole week counts from its first
    hour, twelve months of weeks come to twelve prices, and the seats of today stand for those of the period.
    """
    total = seats_month(tariff, plan, roles)
    if total is None:
        return None
    by_length = Counter(days_in_month(day) for day in days_of(period, timezone))
    # One rounding, over the common denominator of the lengths that months have.
    parts = sum(total * days * (_COMMON_DAYS // length) for length, days in by_length.items())
    return (parts + _COMMON_DAYS // 2) // _COMMON_DAYS


def moved(roles: Mapping[str, int], count: int, role: str, to_role: str) -> Mapping[str, int]:
    """The roles with so many seats moved from one to another, for asking what that would cost.

    Raises ValueError if there are not so many.
    """
    if not 0 <= count <= roles.get(role, 0):
        raise ValueError(f"found {count} seats to move, expected at most the {roles.get(role, 0)} of role {role!r}")
    after = Counter(roles)
    after[role] -= count
    after[to_role] += count
    return after


def unpriced_keys(tariff: Tariff, plan: str, roles: Mapping[str, int]) -> list[str]:
    """The configuration keys that would give the roles in use the prices that the book lacks."""
    kinds = [
        _kind(tariff.book, role)
        for role, count in roles.items()
        if count and tariff.seat_month_micro_usd(plan, role) is None
    ]
    return [f"prices.overrides.{plan}.{kind}_month" for kind in dict.fromkeys(kinds)]


def _kind(book: Book, role: str) -> str:
    return book.seats[role]


_COMMON_DAYS = 28 * 29 * 30 * 31
