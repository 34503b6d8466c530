"""What things cost in one workspace: the price book with what the configuration puts in its place.

Money is whole millionths of a dollar (`micro_usd`), rounded once for each run and for each role, so that parts add up.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from exporter.config import BOOKS, Book, Plan, Prices, SeatPrices, read_book

MICRO = 1_000_000
"""How many millionths make a dollar."""

_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000


class RunCost(NamedTuple):
    """What a run cost: what Hex bills for its compute, and the owners' own estimate."""

    compute_micro_usd: int
    own_micro_usd: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """The prices in force in a workspace."""

    prices: Prices
    book: Book

    @property
    def has_own_estimate(self) -> bool:
        """Whether the owners have said what a run, or a minute of one, is worth."""
        return (self.prices.run_micro_usd, self.prices.warehouse_minute_micro_usd) != (None, None)

    @property
    def ai_credit_micro_usd(self) -> int:
        """One AI credit beyond those that come with the seats."""
        own = self.prices.ai_credit_micro_usd
        return self._scaled("ai_credits", micro_usd(self.book.ai_credit) if own is None else own)

    @property
    def plan(self) -> Plan | None:
        """The workspace's plan, None if it was not said."""
        return None if self.prices.plan is None else self.book.plans[self.prices.plan]

    def compute_hour_micro_usd(self, profile: str) -> int:
        """An hour on a compute profile, 0 for those that every plan includes and for those without a price."""
        own = self.prices.compute_hour_micro_usd.get(profile)
        listed = self.book.compute_hour.get(profile, Decimal(0))
        return self._scaled("compute", micro_usd(listed) if own is None else own)

    def has_compute_price(self, profile: str) -> bool:
        """Whether the price book, or the configuration, has a price for the compute profile."""
        return profile in self.prices.compute_hour_micro_usd or profile in self.book.compute_hour

    def seat_month_micro_usd(self, plan: str, role: str) -> int | None:
        """A month of a seat, None if the plan has no price for the role; a role that is in no book is free."""
        kind = self.book.seats.get(role)
        if kind is None:
            return 0
        own = getattr(self.prices.overrides.get(plan, SeatPrices()), f"{kind}_month_micro_usd")
        listed = getattr(self.book.plans[plan], f"{kind}_month")
        if own is None and listed is None:
            return None
        price = micro_usd(listed) if own is None else int(own)
        # What an invoice shows of one plan says nothing about the prices of another.
        return self._scaled("seats", price) if plan == self.prices.plan else price

    def credit_grant_milli(self, plan: str, role: str) -> int | None:
        """The AI credits, in thousandths, that come with a seat each month; None if the vendor does not say."""
        kind = self.book.seats.get(role)
        if kind not in ("editor", "explorer"):
            return 0
        grant = getattr(self.book.plans[plan], f"{kind}_credits")
        return None if grant is None else int(grant) * 1000

    def _scaled(self, component: str, micro: int) -> int:
        """A price as it is billed: with the factor that an invoice has shown."""
        return _rounded(micro * self.prices.scale_micro.get(component, MICRO), MICRO)

    def run_cost(self, hour_micro_usd: int, duration_ms: int) -> RunCost:
        """What one run of this length costs on compute of this price; half a millionth rounds up."""
        minute = self.prices.warehouse_minute_micro_usd or 0
        own = self.prices.run_micro_usd or 0
        return RunCost(
            _rounded(hour_micro_usd * duration_ms, _HOUR_MS) if hour_micro_usd else 0,
            own + _rounded(minute * duration_ms, _MINUTE_MS) if minute else own,
        )


class Tariffs:
    """The prices of every day. `days` are those on which they change, in order."""

    def __init__(self, history: Sequence[Prices]) -> None:
        """Takes what applied from which day on, the earliest first, as `Config.price_history` gives it."""
        books = [read_book(name) for name in BOOKS]
        starts = [*(one.valid_from for one in history), *(book.valid_from for book in books)]
        self.days: tuple[date, ...] = tuple(sorted({day for day in starts if day is not None}))
        self._list_since = books[0].valid_from if any(one.book is None for one in history) else date.min
        self._own_since = history[0].valid_from or date.min
        days = (date.min, *self.days)
        self._tariffs = tuple(tariff(_valid(history, day), day) for day in days)

    def on(self, day: date) -> Tariff:
        """What applies on this day; before the first prices that are known, those."""
        return self._tariffs[bisect_right(self.days, day)]

    def between(self, first: date, last: date) -> tuple[Tariff, ...]:
        """What applies on the days from one to another, both included, in order."""
        return self._tariffs[bisect_right(self.days, first) : bisect_right(self.days, last) + 1]

    @property
    def known_since(self) -> date:
        """The first day whose prices are known: before it, later ones stand for them."""
        return max(self._list_since, self._own_since)


def tariff(prices: Prices, day: date = date.max) -> Tariff:
    """The prices in force on a day, by the book that they name or that is valid then; by default the newest."""
    return Tariff(prices, prices.price_book(day))


def _valid(history: Sequence[Prices], day: date) -> Prices:
    return next((one for one in reversed(history) if (one.valid_from or date.min) <= day), history[0])


def micro_usd(dollars: Decimal) -> int:
    """An amount of a price book; books go no finer than a millionth."""
    return int(dollars * MICRO)


def _rounded(amount: int, divisor: int) -> int:
    return (amount + divisor // 2) // divisor
