"""What the file may say of money: budgets, prices, compute, the contract, chargeback and the currency."""

from collections.abc import Mapping, Sequence
from datetime import date

from exporter.config.budget_readers import threshold
from exporter.config.budget_settings import Budget, PeriodKind, Thresholds, Unit
from exporter.config.contract_settings import Billing, Chargeback, Contract, Currency, SharedBy
from exporter.config.error_wording import printable
from exporter.config.match_schema import budget_match, match
from exporter.config.price_book import BOOKS, read_book
from exporter.config.price_settings import SCALED, Compute, Prices, Profile, SeatPrices
from exporter.config.readers import Items, Keys, OneOrTable, Spot, Table
from exporter.config.scalars import (
    amount,
    choice,
    currency_code,
    day,
    dollars,
    exchange_rate,
    factor,
    integer,
    text,
    truth,
)
from exporter.config.settings import Team

_UNITS: Mapping[str, Unit] = {
    "runs": "runs",
    "usd": "usd",
    "bill_usd": "bill_usd",
    "warehouse_usd": "warehouse_usd",
    "compute_minutes": "compute_minutes",
    "ai_credits": "ai_credits",
}
_PERIODS: Mapping[str, PeriodKind] = {"week": "week", "month": "month"}
_BILLINGS: Mapping[str, Billing] = {"annual": "annual", "monthly": "monthly"}
_KEYS: Mapping[str, SharedBy] = {"runs": "runs", "minutes": "minutes", "seats": "seats"}


def budget(teams: Sequence[Team]) -> Keys[Budget]:
    """Reads one budget."""
    part = threshold()
    return Keys(
        Budget,
        {
            "name": text(),
            "unit": choice(_UNITS),
            "limit": amount(1e12),
            "match": budget_match(teams),
            "thresholds": Keys(Thresholds, {"info": part, "warning": part, "critical": part}),
            "period": choice(_PERIODS),
            "warehouse": truth(),
        },
    )


def prices() -> Keys[Prices]:
    """Reads one entry of `prices`."""
    # The books share their plans and profiles; the first that differs makes these depend on the book.
    book = read_book(BOOKS[-1])
    seats = Keys(SeatPrices, dict.fromkeys(("editor_month", "explorer_month", "viewer_month"), dollars()))
    return Keys(
        Prices,
        {
            "book": choice({name: name for name in BOOKS}),
            "plan": choice({name: name for name in book.plans}),
            "overrides": Table(tuple(book.plans), seats, "PLAN"),
            "compute_hour_usd": Table(tuple(book.compute_hour), dollars(), "PROFILE"),
            "ai_credit_usd": dollars(),
            "run_usd": dollars(),
            "warehouse_usd_per_minute": dollars(),
            "scale": OneOrTable(SCALED, factor(), "COMPONENT"),
            "valid_from": day(),
            "workspace": text(),
        },
    )


def compute(teams: Sequence[Team]) -> Keys[Compute]:
    """Reads one entry of `compute`."""
    profile = choice({name: name for name in read_book(BOOKS[-1]).compute_hour})
    entry = Keys(Profile, {"match": match(teams), "profile": profile})
    return Keys(Compute, {"default": profile, "profiles": Items(entry), "workspace": text()})


def contract() -> Keys[Contract]:
    """Reads one entry of `contract`."""
    kinds = tuple(dict.fromkeys(read_book(BOOKS[-1]).seats.values()))
    return Keys(
        Contract,
        {
            "seats": Table(kinds, integer(0, 1_000_000), "SEAT"),
            "credits_month": amount(1e12),
            "commit_usd_year": dollars(),
            "renews_on": day(),
            "billing": choice(_BILLINGS),
            "workspace": text(),
        },
    )


def chargeback() -> Keys[Chargeback]:
    """Reads `chargeback`."""
    return Keys(Chargeback, {"shared_by": choice(_KEYS)})


def currency() -> Items[Currency]:
    """Reads `currency`: one, or what it was worth from which day on."""
    entry = Keys(Currency, {"code": currency_code(), "per_usd": exchange_rate(), "valid_from": day()})
    return Items(entry, check=_check_currency_days, takes_one=True, takes_none=False)


def check_price_days(entries: Sequence[tuple[Spot, Prices]]) -> None:
    """Of the entries for the same workspaces, each applies from another day on."""
    first_lines: dict[tuple[str, date | None], int] = {}
    for spot, prices in entries:
        line = first_lines.get((prices.workspace, prices.valid_from))
        first_lines.setdefault((prices.workspace, prices.valid_from), spot.line)
        if line is not None:
            since = "since ever" if prices.valid_from is None else f"from {prices.valid_from} on"
            whose = f'for workspace "{printable(prices.workspace)}"'
            spot.refuse(f"line {line} has prices {whose} {since} already; add the day of the change as valid_from")


def _check_currency_days(entries: Sequence[tuple[Spot, Currency]]) -> None:
    """Each entry applies from another day on."""
    first_lines: dict[date | None, int] = {}
    for spot, one in entries:
        if one.valid_from in first_lines:
            since = "since ever" if one.valid_from is None else f"from {one.valid_from} on"
            line = first_lines[one.valid_from]
            spot.refuse(f"line {line} has a currency {since} already; add the day of the change as valid_from")
        first_lines.setdefault(one.valid_from, spot.line)
