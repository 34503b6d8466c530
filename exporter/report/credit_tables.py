"""The AI credits of a week as tables: who used them, with what, and how the month's grants stand."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from exporter.config import Currency
from exporter.insight import MICRO, CreditOutlook, period_before
from exporter.report.table_wording import local
from exporter.report.week_tables import Cell, Table
from exporter.view import Snapshot, credits_by_person

Key = TypeVar("Key", bound=tuple[str, ...])

_CREDIT = 1000


def credit_tables(snapshot: Snapshot, closed_ms: int | None, now_ms: int) -> Iterator[Table]:
    """The tables of visible threads; none where they cannot be read, that of grants where the plan says them.

    Of a period that was closed at `closed_ms` they show what had been seen by then: the rest is its adjustments. That
    of grants is about the month of the snapshot; once that is over by `now_ms`, nothing is expected any more.
    """
    account = None if snapshot.accounts is None else snapshot.accounts.credits
    if account is None:
        return
    before = period_before(account.week, "week", snapshot.config.week(snapshot.name))
    if closed_ms is not None:
        account = account.of(account.use.of(lambda one: one.seen_ms <= closed_ms))
    use = account.use
    people, last_people = (use.by(lambda one: one.user_id, *week) for week in (account.week, before))
    kinds, last_kinds = (
        use.by(lambda one: (one.model, one.source, one.thread_type), *week) for week in (account.week, before)
    )
    columns = ("credits", "previous_credits")
    yield Table(
        "user",
        ("user", "team", *columns),
        _compared(credits_by_person(snapshot, people), credits_by_person(snapshot, last_people)),
    )
    yield Table("model", ("model", "source", "thread_type", *columns), _compared(kinds, last_kinds))
    if account.outlook is not None:
        timezone = snapshot.config.week(snapshot.name).timezone
        yield Table("grant", _GRANT, (_grant(account.outlook, timezone, is_over=account.outlook.month[1] <= now_ms),))


def credit_remarks(snapshot: Snapshot, currency: Currency, now_ms: int) -> Iterator[str]:
    """What has to be known to read the tables."""
    account = None if snapshot.accounts is None else snapshot.accounts.credits
    if account is None:
        return
    yield "AI credits are a lower bound: Hex does not show private threads, so what is left of grants is at most that"
    outlook = account.outlook
    if outlook is not None and outlook.top_ups and outlook.month[1] > now_ms:
        bought = "top-up of AI credits is" if outlook.top_ups == 1 else "top-ups of AI credits are"
        yield (
            f"at the pace of the last seven days {outlook.top_ups} more {bought} bought until the "
            f"month ends: {currency.text(outlook.top_ups_micro)} by the price book, from an empty pool"
        )


_GRANT = (
    "grant",
    "granted",
    "used",
    "left",
    "beyond",
    "expected_beyond",
    "first_gone_timestamp_seconds",
    "all_gone_timestamp_seconds",
    "top_ups",
    "top_ups_usd",
)


def _grant(outlook: CreditOutlook, timezone: str, *, is_over: bool) -> tuple[Cell, ...]:
    expected: tuple[Cell, ...] = (
        outlook.expected_beyond_milli / _CREDIT,
        None if outlook.first_gone_ms is None else outlook.first_gone_ms / 1000,
        None if outlook.all_gone_ms is None else outlook.all_gone_ms / 1000,
        outlook.top_ups,
        outlook.top_ups_micro / MICRO,
    )
    return (
        f"{local(outlook.month[0], timezone):%Y-%m}",
        outlook.granted_milli / _CREDIT,
        outlook.used_milli / _CREDIT,
        outlook.left_milli / _CREDIT,
        outlook.beyond_milli / _CREDIT,
        *((None,) * len(expected) if is_over else expected),
    )


def _compared(now: Mapping[Key, int], before: Mapping[Key, int]) -> tuple[tuple[Cell, ...], ...]:
    """This week's and the last's, the largest first."""
    keys = sorted(dict.fromkeys((*now, *before)), key=lambda key: (-now.get(key, 0), key))
    return tuple((*key, now.get(key, 0) / _CREDIT, before.get(key, 0) / _CREDIT) for key in keys)
