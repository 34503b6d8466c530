"""A contract beside what is used of it: seats, the month's AI credits, and the year's commit at the pace so far.

What is used beyond what was bought is trued up: seats until the renewal, credits of the month, and what the year will
come to beyond the commit. Money is millionths of a dollar.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

from exporter.config import Contract
from exporter.facts import Seat
from exporter.insight.calendar_period import Period, days_in_month, days_of, local_day
from exporter.insight.calendar_week import midnight_ms
from exporter.insight.seat_history import SeatHistory, SeatSpan
from exporter.insight.tariffs import MICRO, Tariff

ContractPart = Literal["seats", "ai_credits", "commit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractItem:
    """One thing that was bought, in its unit: seats of the kind `role`, credits of a month, dollars of a year.

    `used` and `expected` (by the end of the month or year, as things go) are None where they are not known;
    `price_micro` is of a month of one seat, or of one credit.
    """

    part: ContractPart
    role: str = ""
    bought: float
    used: float | None
    expected: float | None = None
    price_micro: int | None = None
    true_up_micro: int | None = None

    @property
    def unused(self) -> float | None:
        """What was bought and will not be used as things go."""
        found = self.used if self.expected is None else self.expected
        return None if found is None else max(0.0, self.bought - found)

    @property
    def over(self) -> float | None:
        """What is used, or will be, beyond what was bought."""
        found = self.used if self.expected is None else self.expected
        return None if found is None else max(0.0, found - self.bought)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractStatus:
    """A contract at an instant. `year` ends with the renewal, None where no day is given for that.

    `is_over`: the renewal has passed, and nothing is compared. `known_days` of the year so far are in what is used of
    the commit. `renewal_ms` is the first moment of the next contract.
    """

    contract: Contract
    year: Period | None
    is_over: bool
    items: tuple[ContractItem, ...] = ()
    known_days: int | None = None

    @property
    def renewal_ms(self) -> int | None:
        """When it is renewed."""
        return None if self.year is None else self.year[1]

    @property
    def is_paid_ahead(self) -> bool:
        """Whether a seat that is given up is paid until the renewal all the same."""
        return self.contract.billing == "annual" and not self.is_over


def contract_year(contract: Contract, timezone: str) -> Period | None:
    """The twelve months that end with the renewal."""
    end = contract.renews_on
    if end is None:
        return None
    zone = ZoneInfo(timezone)
    start = (
        end.replace(year=end.year - 1, day=28) if (end.month, end.day) == (2, 29) else end.replace(year=end.year - 1)
    )
    return midnight_ms(start, zone), midnight_ms(end, zone)


def held_seats(tariff: Tariff, seats: Iterable[Seat]) -> Counter[str]:
    """How many seats of each kind are held; a role that is in no book takes none."""
    kinds = (tariff.book.seats.get(seat.role) for seat in seats)
    return Counter(kind for kind in kinds if kind is not None)


UNHELD = "unheld-"
"""What the user id of a seat begins with that is bought and that no one holds, with its kind behind it."""


def with_unheld_seats(history: SeatHistory, contract: Contract, tariff: Tariff, timezone: str) -> SeatHistory:
    """The seats as they are paid: those that were bought and not held beside those that were, while it goes on.

    A kind without a price is left out, and is in no bill.
    """
    year = contract_year(contract, timezone)
    spans = list(history.spans)
    for kind, bought in contract.seats.items():
        if bought and seat_kind_month(tariff, kind) is not None:
            role = kind if tariff.book.seats.get(kind) == kind else _role_of(tariff, kind)
            held = [one for one in history.spans if tariff.book.seats.get(one.role) == kind]
            for start_ms, end_ms, missing in _missing(held, bought, year or (0, None)):
                spans += [SeatSpan(f"{UNHELD}{kind}", "", role, start_ms, end_ms)] * missing
    return replace(history, spans=tuple(spans))


def _missing(
    held: Iterable[SeatSpan], bought: int, within: tuple[int, int | None]
) -> Iterator[tuple[int, int | None, int]]:
    """From when to when (None: still) how many fewer than were bought are held."""
    changes: Counter[int] = Counter({within[0]: 0})
    for one in held:
        changes[max(one.from_ms, within[0])] += 1
        if one.until_ms is not None:
            changes[max(one.until_ms, within[0])] -= 1
    moments = sorted(changes)
    count = 0
    for at_ms, next_ms in zip(moments, (*moments[1:], None), strict=True):
        count += changes[at_ms]
        end_ms = within[1] if next_ms is None else next_ms if within[1] is None else min(next_ms, within[1])
        if count < bought and (end_ms is None or at_ms < end_ms):
            yield at_ms, end_ms, bought - count


def _role_of(tariff: Tariff, kind: str) -> str:
    return next(role for role, its_kind in tariff.book.seats.items() if its_kind == kind)


def pool_milli(contract: Contract | None, at_ms: int, timezone: str) -> int:
    """The AI credits of a month that the contract has paid for then, in thousandths; 0 without any."""
    if contract is None or contract.credits_month is None:
        return 0
    start_ms, end_ms = contract_year(contract, timezone) or (0, at_ms + 1)
    return round(contract.credits_month * 1000) if start_ms <= at_ms < end_ms else 0


def seat_items(
    contract: Contract, tariff: Tariff, seats: Iterable[Seat] | None, today: date, timezone: str
) -> Iterator[ContractItem]:
    """The seats that were bought, and those of other kinds not at all: what no contract has is billed as ever."""
    held = None if seats is None else held_seats(tariff, seats)
    year = contract_year(contract, timezone)
    months_left = Fraction(0)
    if year is not None:
        left = days_of((midnight_ms(today, ZoneInfo(timezone)), year[1]), timezone)
        months_left = sum((Fraction(1, days_in_month(day)) for day in left), Fraction(0))
    for kind, bought in contract.seats.items():
        price = seat_kind_month(tariff, kind)
        used = None if held is None else held[kind]
        is_known = used is not None and price is not None and year is not None
        yield ContractItem(
            part="seats",
            role=kind,
            bought=bought,
            used=used,
            price_micro=price,
            true_up_micro=_half_up(max(0, (used or 0) - bought) * (price or 0) * months_left) if is_known else None,
        )


def seat_kind_month(tariff: Tariff, kind: str) -> int | None:
    """A month of a seat of this kind on the workspace's plan, None if that is not priced."""
    plan = tariff.prices.plan
    roles = [role for role, its_kind in tariff.book.seats.items() if its_kind == kind]
    return None if plan is None or not roles else tariff.seat_month_micro_usd(plan, roles[0])


def credits_item(bought: float, tariff: Tariff, used_milli: int | None, expected_milli: int | None) -> ContractItem:
    """The month's credits; used is a lower bound, since Hex does not show private threads."""
    price = tariff.ai_credit_micro_usd
    over = None if expected_milli is None else max(Fraction(0), Fraction(expected_milli, 1000) - Fraction(str(bought)))
    return ContractItem(
        part="ai_credits",
        bought=bought,
        used=None if used_milli is None else used_milli / 1000,
        expected=None if expected_milli is None else expected_milli / 1000,
        price_micro=price,
        true_up_micro=None if over is None else _half_up(over * price),
    )


def commit_item(bought_micro: int, used_micro: int | None, known_days: int, year_days: int) -> ContractItem:
    """The year's commit, by what the known days of it cost and what the year comes to at their pace."""
    expected = None if used_micro is None or not known_days else _half_up(Fraction(used_micro * year_days, known_days))
    return ContractItem(
        part="commit",
        bought=bought_micro / MICRO,
        used=None if used_micro is None else used_micro / MICRO,
        expected=None if expected is None else expected / MICRO,
        true_up_micro=None if expected is None else max(0, expected - bought_micro),
    )


def is_over(contract: Contract, now_ms: int, timezone: str) -> bool:
    """Whether the renewal has passed."""
    return contract.renews_on is not None and local_day(now_ms, timezone) >= contract.renews_on


def _half_up(amount: Fraction) -> int:
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)
