"""A week or month as it was closed, and what was found later to differ from it: pure.

The figures at closing and all adjustments add up to what is computed from every fact that is known.
"""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from exporter.facts import ACTIVE_STATUSES
from exporter.insight import Basis, ComputeProfile, SeatUse
from exporter.ledger import StoredAdjustment, StoredClosing
from exporter.view.accounts import Accounts, WeekAccount
from exporter.view.attribution import NOW, Attribution, ProjectThen
from exporter.view.daily_usage import Total
from exporter.view.warehouse_book import WarehouseTotal, WarehouseTotals, WarehouseUse

Key = TypeVar("Key", bound=Hashable)
Amount = TypeVar("Amount")


@dataclass(frozen=True, slots=True)
class Books:
    """A period, and its parts by calendar month, each rounded by itself; one part where it touches only one."""

    whole: WeekAccount
    months: tuple[WeekAccount, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is in them: of a difference, that there is none."""
        return not any(one.totals or any(one.costs.values()) or one.credits_milli or one.seats for one in self.all)

    @property
    def all(self) -> tuple[WeekAccount, ...]:
        """The whole and its parts."""
        return self.whole, *self.months


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """What was found at an instant to differ from the books of a closed period. `is_booked`: the ledger has it.

    `delta` has the differences, which may be below 0; `reason` says in one sentence where they come from.
    """

    at_ms: int
    delta: Books
    reason: str
    is_booked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedPeriod:
    """The books of a period as they were closed at `at_ms`, and the adjustments since, the earliest first."""

    at_ms: int
    books: Books
    adjustments: tuple[Adjustment, ...] = ()
    attribution: Attribution = NOW

    @property
    def adjusted(self) -> Books:
        """The books with every adjustment."""
        books = self.books
        for one in self.adjustments:
            books = _combined(books, one.delta, 1)
        return books


def books_of(accounts: Accounts) -> Books | None:
    """The books of the period that the accounts are about; None until its runs are completely known.

    A run costs something once it has ended: what Hex shows of one in progress is provisional.
    """
    if accounts.week.totals is None:
        return None
    used = {
        one.budget.name: one.used
        for one in accounts.budgets
        if one.used is not None and one.period == accounts.week.period
    }
    return Books(replace(_settled(accounts.week), budgets=used), tuple(map(_settled, accounts.months)))


def difference(now: Books, closed: Books) -> Books:
    """What has come to differ since; a component or a listing that cannot be computed now is taken for unchanged."""
    return _combined(_with_what_is_unknown(now, closed), closed, -1)


def reason(delta: Books, *, is_basis_changed: bool) -> str:
    """Where a difference comes from, as far as it shows."""
    totals = (delta.whole.totals or {}).values()
    runs, duration_ms = sum(one.runs for one in totals), sum(one.duration_ms for one in totals)
    found: list[str] = []
    if runs:
        found.append(f"{abs(runs)} {'run was' if abs(runs) == 1 else 'runs were'} {'found' if runs > 0 else 'dropped'}")
    elif duration_ms or (delta.whole.totals and is_basis_changed):
        found.append("runs ended or were corrected")
    elif delta.whole.totals:
        found.append("compute profiles became known")
    if delta.whole.credits_milli:
        found.append("AI credits were found")
    if delta.whole.warehouse:
        found.append("a warehouse's log was completed")
    if is_basis_changed:
        found.append("prices, settings or the program were changed")
    return f"{' and '.join(found) or 'costs that could not be computed became known'} after the close"


def encoded(books: Books, attribution: Attribution = NOW) -> str:
    """The books as text for the ledger, with whom they belong to."""
    is_in_one_month = len(books.months) == 1 and books.months[0].period == books.whole.period
    accounts = (books.whole,) if is_in_one_month else books.all
    body = _Body([_plain(one) for one in accounts], dict(attribution.projects), dict(attribution.people))
    return b64encode(zlib.compress(msgspec.json.encode(body))).decode("ascii")


def closed_period(stored: StoredClosing) -> ClosedPeriod:
    """The books as the ledger has them."""
    adjustments: list[Adjustment] = []
    basis = stored.basis
    for one in stored.adjustments:
        delta, _ = _decoded(one.body)
        words = reason(delta, is_basis_changed=one.basis != basis)
        adjustments.append(Adjustment(at_ms=one.at_ms, delta=delta, reason=words))
        basis = one.basis
    books, attribution = _decoded(stored.body)
    return ClosedPeriod(at_ms=stored.at_ms, books=books, adjustments=tuple(adjustments), attribution=attribution)


def pending(
    closed: ClosedPeriod, stored: StoredClosing, now: Books | None, basis: str, at_ms: int
) -> Adjustment | None:
    """The adjustment that is due, None if the books still agree or nothing can be computed."""
    if now is None:
        return None
    delta = difference(now, closed.adjusted)
    if delta.is_nothing:
        return None
    known = stored.adjustments[-1].basis if stored.adjustments else stored.basis
    words = reason(delta, is_basis_changed=basis != known)
    return Adjustment(at_ms=at_ms, delta=delta, reason=words, is_booked=False)


def stored_adjustment(adjustment: Adjustment, basis: str) -> StoredAdjustment:
    """The adjustment as the ledger keeps it."""
    return StoredAdjustment(adjustment.at_ms, basis, encoded(adjustment.delta))


def _settled(account: WeekAccount) -> WeekAccount:
    totals = {
        kind: Total(total.runs) if kind[2] in ACTIVE_STATUSES else total
        for kind, total in (account.totals or {}).items()
    }
    sums = {
        "compute": sum(total.compute_micro_usd for total in totals.values()),
        "own_estimate": sum(total.own_micro_usd for total in totals.values()),
    }
    costs = {name: sums.get(name, micro_usd) for name, micro_usd in account.costs.items()}
    return replace(account, totals=totals, costs=costs)


def _with_what_is_unknown(now: Books, closed: Books) -> Books:
    def filled(one: WeekAccount, known: WeekAccount) -> WeekAccount:
        return replace(
            one,
            costs={**known.costs, **one.costs},
            credits_milli=known.credits_milli if one.credits_milli is None else one.credits_milli,
            seats=one.seats if "seats" in one.costs else known.seats,
            warehouse=one.warehouse if "warehouse" in one.costs else known.warehouse,
        )

    months = {one.period: one for one in closed.months}
    nothing = WeekAccount(period=closed.whole.period, totals={}, costs={})
    return Books(
        filled(now.whole, closed.whole), tuple(filled(one, months.get(one.period, nothing)) for one in now.months)
    )


def _combined(first: Books, second: Books, sign: int) -> Books:
    """First plus or minus second, part by part; what comes to nothing is left out."""
    others = {one.period: one for one in second.months}
    return Books(
        _account(first.whole, second.whole, sign),
        tuple(_account(one, others.get(one.period), sign) for one in first.months),
    )


def _account(first: WeekAccount, second: WeekAccount | None, sign: int) -> WeekAccount:
    if second is None:
        return first
    seats = _merged(
        {(one.user_id, one.role): one for one in first.seats},
        {(one.user_id, one.role): one for one in second.seats},
        lambda a, b: _seat(a, b, sign),
    )
    used = [one.credits_milli for one in (first, second)]
    return WeekAccount(
        period=first.period,
        totals=_sums(first.totals or {}, second.totals or {}, sign),
        costs=_merged(first.costs, second.costs, lambda a, b: (a or 0) + sign * (b or 0)),
        credits_milli=None if used == [None, None] else (used[0] or 0) + sign * (used[1] or 0),
        seats=tuple(one for one in seats.values() if one.days or one.months or one.weight),
        profiles=_sums(first.profiles, second.profiles, sign),
        warehouse=_queries(first.warehouse, second.warehouse, sign),
    )


def _queries(first: WarehouseTotals, second: WarehouseTotals, sign: int) -> WarehouseTotals:
    def join(a: WarehouseTotal | None, b: WarehouseTotal | None) -> WarehouseTotal:
        return (a or WarehouseTotal()).plus(b or WarehouseTotal(), sign)

    return {use: total for use, total in _merged(first, second, join).items() if any(total)}


def _sums(first: Mapping[Key, Total], second: Mapping[Key, Total], sign: int) -> dict[Key, Total]:
    def join(a: Total | None, b: Total | None) -> Total:
        return Total(*(one + sign * other for one, other in zip(a or Total(), b or Total(), strict=True)))

    return {key: total for key, total in _merged(first, second, join).items() if any(total)}


def _seat(first: SeatUse | None, second: SeatUse | None, sign: int) -> SeatUse:
    one = first or second
    assert one is not None
    mine, other = (use or one._replace(days=0, months=0, weight=0) for use in (first, second))
    return one._replace(
        days=mine.days + sign * other.days,
        months=mine.months + sign * other.months,
        weight=mine.weight + sign * other.weight,
    )


def _merged(
    first: Mapping[Key, Amount], second: Mapping[Key, Amount], join: Callable[[Amount | None, Amount | None], Amount]
) -> dict[Key, Amount]:
    return {key: join(first.get(key), second.get(key)) for key in dict.fromkeys((*first, *second))}


class _Plain(msgspec.Struct):
    """An account as it is kept: `totals` are rows of project, trigger, status and sums.

    `profiles` are rows of project, compute profile, what that rests on, and sums, `warehouse` of warehouse, part,
    project, context and sums; closes of earlier versions have none.
    """

    period: tuple[int, int]
    totals: list[tuple[str, str, str, list[int]]]
    costs: dict[str, int]
    credits_milli: int | None
    seats: list[tuple[str, str, str, int, int, int]]
    budgets: dict[str, float] = {}
    profiles: list[tuple[str, str, Basis, list[int]]] = []
    warehouse: list[tuple[str, str, str, str, list[int]]] = []


class _Body(msgspec.Struct):
    """What is kept of a close or an adjustment: the whole and its parts, and whom they belong to."""

    accounts: list[_Plain]
    projects: dict[str, ProjectThen]
    people: dict[str, str]


def _plain(account: WeekAccount) -> _Plain:
    totals = [(*kind, list(total)) for kind, total in (account.totals or {}).items()]
    seats = [(*one,) for one in account.seats]
    profiles = [(project_id, *profile, list(total)) for (project_id, profile), total in account.profiles.items()]
    return _Plain(
        account.period,
        totals,
        dict(account.costs),
        account.credits_milli,
        seats,
        dict(account.budgets),
        profiles,
        [(*use, list(total)) for use, total in account.warehouse.items()],
    )


def _decoded(text: str) -> tuple[Books, Attribution]:
    body = msgspec.json.decode(zlib.decompress(b64decode(text)), type=_Body)
    whole, *months = map(_account_of, body.accounts)
    return Books(whole, tuple(months) or (whole,)), Attribution(body.projects, body.people)


def _account_of(plain: _Plain) -> WeekAccount:
    return WeekAccount(
        period=plain.period,
        totals={(project, trigger, status): Total(*sums) for project, trigger, status, sums in plain.totals},
        costs=plain.costs,
        credits_milli=plain.credits_milli,
        seats=tuple(SeatUse(*one) for one in plain.seats),
        budgets=plain.budgets,
        profiles={
            (project_id, ComputeProfile(name, basis)): Total(*sums) for project_id, name, basis, sums in plain.profiles
        },
        warehouse={WarehouseUse(*use): WarehouseTotal(*sums) for *use, sums in plain.warehouse},
    )
