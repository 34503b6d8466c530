"""A contract as a table: what was bought and used of it, the true-up, and what idle seats save and when."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from exporter.config import Currency
from exporter.insight import MICRO, ContractItem, ContractStatus
from exporter.insight.savings import KnownFinding
from exporter.report.compute_basis import LOWER_BOUND
from exporter.report.week_tables import Cell, Table
from exporter.view import Snapshot

COLUMNS = (
    "contract",
    "unit",
    "bought",
    "used",
    "expected",
    "unused",
    "over",
    "idle",
    "true_up_usd",
    "saves_before_renewal_month_usd",
    "saves_at_renewal_month_usd",
    "basis",
)

_IDLE = "idle_paid_seat"
_UNITS = {"seats": "seats", "ai_credits": "credits a month", "commit": "USD a year"}


def contract_tables(snapshot: Snapshot, known: Sequence[KnownFinding] | None) -> Iterator[Table]:
    """One row for each thing that was bought; `known` are the findings of the last audit, None before the first."""
    status = None if snapshot.accounts is None else snapshot.accounts.contract
    if status is not None and status.items:
        idle = None if known is None else _idle(snapshot, known)
        rows = tuple(_row(status, one, idle) for one in status.items)
        yield Table("contract", COLUMNS, rows)


def contract_remarks(snapshot: Snapshot, known: Sequence[KnownFinding] | None, currency: Currency) -> Iterator[str]:
    """What idle seats save and when, what the commit is reckoned from, and what the bill leaves out."""
    status = None if snapshot.accounts is None else snapshot.accounts.contract
    if status is None:
        return
    if status.is_over:
        yield (
            f"the contract was to be renewed on {status.contract.renews_on}: write the next day into "
            "contract.renews_on, until then nothing is compared with it"
        )
        return
    seats = [one for one in status.items if one.part == "seats"]
    if seats:
        yield _idle_sentence(status, seats, None if known is None else _idle(snapshot, known), currency)
        unheld = sum(int(one.unused or 0) * (one.price_micro or 0) for one in seats)
        if unheld:
            yield (
                f"seats that are bought and not held are in the bill, as the contract has paid for them: "
                f"{currency.text(unheld)} a month"
            )
    for one in status.items:
        if one.part == "commit" and one.used is not None:
            yield (
                f"the commit of the year is compared with Hex's bill of the {status.known_days} days of it that are "
                f"known (compute a {LOWER_BOUND}), and the whole year is expected at their pace"
            )
        if one.part == "ai_credits":
            yield "the credits of the contract are compared with those of visible threads, of all users together"
    if status.year is None:
        yield "contract.renews_on is not given: the commit and the true-up of seats are not reckoned"


def _idle_sentence(
    status: ContractStatus, seats: Sequence[ContractItem], idle: Counter[str] | None, currency: Currency
) -> str:
    day = status.contract.renews_on
    when = "the renewal" if day is None else f"the renewal on {day}"
    if not status.is_paid_ahead:
        return "seats are billed by the month: one that is given up saves its price from the next month on"
    if idle is None:
        return f"before {when} idle seats save nothing, they are paid; how many are idle an audit has to find first"
    later = sum(_at_renewal(one, idle) or 0 for one in seats)
    count = sum(idle[one.role] for one in seats)
    unheld = sum(int(one.unused or 0) for one in seats)
    now = sum(_before_renewal(status, one, idle) or 0 for one in seats)
    before = "nothing, they are paid" if not now else f"{currency.text(now)} a month, by those beyond the contract"
    return (
        f"before {when} idle seats save {before}; from then on {count} idle and {unheld} unheld seats save "
        f"{currency.text(later)} a month if they are not renewed"
    )


def _row(status: ContractStatus, one: ContractItem, idle: Counter[str] | None) -> tuple[Cell, ...]:
    name = {"seats": f"{one.role} seats", "ai_credits": "AI credits", "commit": "commit"}[one.part]
    is_seats = one.part == "seats"
    found = idle if is_seats else None
    before = None if not is_seats else _before_renewal(status, one, found)
    at_renewal = None if found is None else _at_renewal(one, found)
    return (
        name,
        _UNITS[one.part],
        one.bought,
        one.used,
        one.expected,
        one.unused,
        one.over,
        None if found is None else found[one.role],
        _usd(one.true_up_micro),
        _usd(before),
        _usd(at_renewal),
        "" if is_seats else LOWER_BOUND,
    )


def _before_renewal(status: ContractStatus, one: ContractItem, idle: Counter[str] | None) -> int | None:
    """Of seats that are paid ahead only those beyond the contract save anything at once."""
    if status.is_paid_ahead and not one.over:
        return 0
    if idle is None or one.price_micro is None:
        return None
    count = idle[one.role]
    return (min(count, int(one.over or 0)) if status.is_paid_ahead else count) * one.price_micro


def _at_renewal(one: ContractItem, idle: Counter[str]) -> int | None:
    """Idle seats, and those that no one holds, need not be bought again."""
    return None if one.price_micro is None else (idle[one.role] + int(one.unused or 0)) * one.price_micro


def _idle(snapshot: Snapshot, known: Iterable[KnownFinding]) -> Counter[str]:
    """How many seats of each kind the last audit found idle."""
    listing, accounts = snapshot.stored.users, snapshot.accounts
    kinds = {} if accounts is None else accounts.seat_kinds
    roles = {} if listing is None else {seat.user_id: seat.role for seat in listing.items}
    subjects = [one.subject for one in known if one.kind == _IDLE and one.gone_ms is None]
    return Counter(kinds.get(roles.get(subject, ""), "") for subject in subjects)


def _usd(micro: int | None) -> float | None:
    return None if micro is None else micro / MICRO
