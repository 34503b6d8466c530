"""An invoice beside the ledger's month: each line's difference, what explains it, and the factors that put it right."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from math import ceil
from zoneinfo import ZoneInfo

from exporter.clock import Clock
from exporter.config import Config, Week
from exporter.errors import ConfigError, ConfigProblem
from exporter.facts import Project
from exporter.insight import MICRO, Period, SeatHistory, Tariff, Tariffs, local_day, midnight_ms, period_at
from exporter.ledger import Ledger, WorkspaceLedger
from exporter.metrics import Collector, Status
from exporter.reconcile import ComparedPart, Invoice, LedgerPart, Part, Reconciliation, Supposition, compare
from exporter.reconcile import percent as percent_of
from exporter.report.charges import Charge, charges
from exporter.report.compute_basis import ASSUMED_PROFILE, LOWER_BOUND
from exporter.report.table_report import TableReport
from exporter.report.table_wording import local
from exporter.report.week_tables import Cell, Table
from exporter.view import Accounts, Bookkeeper, Snapshot, complete_since_ms

_TOP_UP_MILLI = 50_000
"""Credits that one automatic top-up buys, in thousandths (Hex, credits)."""

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_FIRST_YEAR = 1971  # timestamps begin in 1970, in some zones within its first day
_CHEAPEST_PAID = "large"
_HOUR_MS = 3_600_000


def reconcile_report(
    ledger: Ledger, config: Config, clock: Clock, invoice: Invoice, *, month: str, workspace: str | None = None
) -> TableReport:
    """The invoice against a month such as `2026-10` of one workspace.

    Raises ConfigError for a workspace or a month that does not exist or is not known, LedgerError.
    """
    name = _workspace(config, workspace)
    known = ledger.workspace(name)
    now_ms = known.agreed_ms(round(clock.now() * 1000))
    period = _period(month, config.week(name), now_ms)
    snapshots = Collector(ledger, Status()).snapshots(config, period[1] - 1)
    snapshot = next((one for one in snapshots if one.name == name), None)
    accounts = None if snapshot is None else Bookkeeper(known, config).at_end_of(snapshot.stored, period)
    if snapshot is None or accounts is None or accounts.week.totals is None:
        raise ConfigError(ConfigProblem("--month", _unknown(month, period, known, snapshot, config, now_ms)))
    compared = compare(invoice, dict(_parts(snapshot, accounts, known, invoice, period)))
    return TableReport(
        workspace=name,
        title=f"{name}, invoice of {month} beside the ledger",
        timezone=config.week(name).timezone,
        facts={"month": month, "timezone": config.week(name).timezone},
        main="line",
        tables=(_line_table(compared), _part_table(compared)),
        remarks=(
            *invoice.remarks,
            *_factors(compared, month),
            *accounts.assumed,
            *accounts.unpriced,
        ),
    )


def _workspace(config: Config, wanted: str | None) -> str:
    names = [one.name for one in config.workspaces]
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted not in names:
        problem = "an invoice is for one workspace" if wanted is None else f"{wanted!r} is not a workspace"
        raise ConfigError(ConfigProblem("--workspace", f"{problem}; write one of {', '.join(names)}"))
    return wanted


def _period(month: str, week: Week, now_ms: int) -> Period:
    """The month in the zone of the configured week. Raises ConfigError for what is none, or is not over."""
    written = _MONTH.fullmatch(month)
    try:
        first = None if written is None else date(int(written[1]), int(written[2]), 1)
    except ValueError:
        first = None
    if first is None or first.year < _FIRST_YEAR:
        raise ConfigError(ConfigProblem("--month", f"{month!r} is not valid; write a month such as 2026-10"))
    # Noon: a month begins at midnight, and clocks change before it.
    period = period_at(midnight_ms(first, ZoneInfo(week.timezone)) + _HOUR_MS * 12, "month", week)
    if period[1] > now_ms:
        over = "has not begun" if period[0] > now_ms else "is not over"
        raise ConfigError(ConfigProblem("--month", f"{month!r} {over}; write an earlier month"))
    return period


def _unknown(
    month: str, period: Period, ledger: WorkspaceLedger, snapshot: Snapshot | None, config: Config, now_ms: int
) -> str:
    """Why a month is not known, and which would be."""
    since_ms = None if snapshot is None else complete_since_ms(snapshot.awaited, ledger.first_contact_ms)
    if since_ms is None:
        return f"{month} is not in the ledger: its runs are still being read, or were never seen; serve it first"
    since_ms = max(since_ms, now_ms - round(config.storage.keep_runs_seconds * 1000))
    if since_ms <= period[0]:
        return f"{month} is not known: Hex does not show the runs of most projects to this token; hex-exporter check"
    day = local(since_ms, config.week(ledger.name).timezone).date()
    return f"{month} is not in the ledger: runs are known whole since {day}; write a month that begins later"


def _parts(
    snapshot: Snapshot, accounts: Accounts, ledger: WorkspaceLedger, invoice: Invoice, period: Period
) -> Iterator[tuple[Part, LedgerPart]]:
    """Each component of the month, with what may make a bill differ from it."""
    of_component: dict[str, list[Charge]] = defaultdict(list)
    for charge in charges(snapshot, accounts):
        of_component[charge.component].append(charge)
    zone = snapshot.config.week(snapshot.name).timezone
    tariff = Tariffs(snapshot.config.price_history(snapshot.name)).on(local_day(period[1] - 1, zone))
    costs = accounts.week.costs
    history = ledger.seat_history()
    why = "; ".join(accounts.unpriced) or "it cannot be read with this token"

    def part(component: Part, more: LedgerPart) -> tuple[Part, LedgerPart]:
        scale = Decimal(tariff.prices.scale_micro.get(component, MICRO)) / MICRO
        return component, LedgerPart(
            micro_usd=costs.get(component),
            why_unknown=f"the ledger does not know it: {why}",
            items=more.items,
            suppositions=more.suppositions,
            if_more=more.if_more,
            if_less=more.if_less,
            basis=more.basis,
            scale=scale,
        )

    yield part("seats", _seats(of_component["seats"], tariff, history, accounts, period))
    yield part("compute", _compute(snapshot, of_component["compute"], tariff, costs.get("compute", 0), invoice))
    yield part("ai_credits", _credits(tariff, costs.get("ai_credits", 0), invoice))


def _seats(
    own: Sequence[Charge], tariff: Tariff, history: SeatHistory | None, accounts: Accounts, period: Period
) -> LedgerPart:
    items: dict[str, int] = defaultdict(int)
    for charge in own:
        items[tariff.book.seats.get(charge.sku.removeprefix("seat-"), charge.sku)] += charge.micro_usd
    plan = tariff.prices.plan

    def month(roles: Sequence[str]) -> int:
        return 0 if plan is None else sum(tariff.seat_month_micro_usd(plan, role) or 0 for role in roles)

    uses = accounts.week.seats
    whole = max((use.months for use in uses), default=0)
    partly = sum(use.months < whole for use in uses)
    suppositions = [
        Supposition(what="each seat of the month at its whole price", micro_usd=month([u.role for u in uses]))
    ]
    for what, at_ms in (("end", period[1] - 1), ("beginning", period[0])):
        if history is not None:
            roles = [seat.role for seat in history.at(at_ms)]
            words = f"the {len(roles)} seats of the month's {what} for a whole month, as when it is billed ahead,"
            suppositions.append(Supposition(what=words, micro_usd=month(roles)))
    changed = f"{partly} seats came, went or changed during the month, and are counted by the day" if partly else ""
    return LedgerPart(
        micro_usd=None,
        items=items,
        suppositions=tuple(suppositions),
        if_more=tuple(
            one for one in (changed, "seats are billed ahead, at the price of the order form: prices.overrides") if one
        ),
        if_less=tuple(one for one in (changed, "a discount or a contract price: prices.overrides") if one),
        basis="assumed past" if accounts.assumed else "",
    )


def _compute(snapshot: Snapshot, own: Sequence[Charge], tariff: Tariff, micro_usd: int, invoice: Invoice) -> LedgerPart:
    items: dict[str, int] = defaultdict(int)
    compute = snapshot.config.compute(snapshot.name)
    projects = {known.project.project_id: known.project for known in snapshot.stored.projects}
    assumed_ms, assumed = 0, set[str]()
    for charge in own:
        if charge.micro_usd:
            items[charge.sku.removeprefix("compute-")] += charge.micro_usd
        project = projects.get(charge.resource_id or "") or Project(project_id=charge.resource_id or "")
        if charge.quantity and (charge.basis or snapshot.profiles_of(project).current.basis) == "assumed":
            assumed_ms += round(charge.quantity * 1000)
            assumed.add(project.project_id)
    paid = [profile for profile in tariff.book.compute_hour if tariff.compute_hour_micro_usd(profile)]
    current = tariff.compute_hour_micro_usd(compute.default)
    suppositions = tuple(
        Supposition(
            what=f"{_projects(len(assumed))} with the assumed profile {compute.default} on {profile}",
            micro_usd=micro_usd + (tariff.compute_hour_micro_usd(profile) - current) * assumed_ms // _HOUR_MS,
        )
        for profile in paid
        if assumed_ms and profile != compute.default
    )
    missing = invoice.charged("compute") - micro_usd
    profile = max(items, key=lambda one: items[one], default=_CHEAPEST_PAID)
    hour = tariff.compute_hour_micro_usd(profile) or tariff.compute_hour_micro_usd(_CHEAPEST_PAID)
    sessions = "notebook and app sessions, which the API does not show (lower bound)"
    if missing > 0 and hour:
        sessions += f": {missing / hour:,.1f} hours on {profile} would make it"
    guessed = (
        f"{assumed_ms / 60_000:,.0f} minutes of {_projects(len(assumed))} ran on an assumed profile "
        f"({compute.default}): set compute.profiles"
    )
    return LedgerPart(
        micro_usd=None,
        items=items,
        suppositions=suppositions,
        if_more=(sessions, *([guessed] if assumed_ms else [])),
        if_less=(
            "a profile in compute.profiles is larger than the real one",
            "a contract price: prices.compute_hour_usd",
        ),
        basis=f"{LOWER_BOUND}, {ASSUMED_PROFILE}" if assumed_ms else LOWER_BOUND,
    )


def _projects(count: int) -> str:
    return f"{count} project{'' if count == 1 else 's'}"


def _credits(tariff: Tariff, micro_usd: int, invoice: Invoice) -> LedgerPart:
    price = tariff.ai_credit_micro_usd
    pack = price * _TOP_UP_MILLI // 1000
    packs = ceil(micro_usd / pack) if pack else 0
    billed = invoice.charged("ai_credits")
    missing = f": {(billed - micro_usd) / price:,.0f} credits would make it" if price and billed > micro_usd else ""
    return LedgerPart(
        micro_usd=None,
        suppositions=tuple(
            Supposition(what=f"{count} top-ups of 50 credits, the last not used up,", micro_usd=count * pack)
            for count in (packs, packs + 1)
            if count and micro_usd
        ),
        if_more=(
            f"private threads, which the API does not list (lower bound){missing}",
            "top-ups that are not used up",
        ),
        if_less=("grants above those of the plan, as a contract may have", "a contract price: prices.ai_credit_usd"),
        basis=LOWER_BOUND,
    )


def _line_table(compared: Reconciliation) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            "-" if line.number is None else str(line.number),
            line.description,
            line.part,
            *_figures(line.billed_micro, line.ledger_micro),
            line.explained_by,
        )
        for line in compared.lines
    ]
    return Table("line", ("line", "description", "component", *_FIGURES, "explained_by"), tuple(rows))


def _part_table(compared: Reconciliation) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            one.part,
            *_figures(one.billed_micro, one.ledger_micro),
            None if one.factor is None else f"{one.factor.normalize():f}",
            one.basis,
        )
        for one in compared.parts
    ]
    return Table("component", ("component", *_FIGURES, "factor", "basis"), tuple(rows))


_FIGURES = ("billed_usd", "ledger_usd", "difference_usd", "difference_percent")


def _figures(billed: int, ledger: int | None) -> tuple[Cell, ...]:
    difference = None if ledger is None else (billed - ledger) / MICRO
    part = percent_of(billed, ledger)
    return (
        billed / MICRO,
        None if ledger is None else ledger / MICRO,
        difference,
        None if part is None else round(part, 2),
    )


def _factors(compared: Reconciliation, month: str) -> Iterator[str]:
    """The block for the configuration with which the boards show what was billed."""
    off = [one for one in compared.parts if not one.agrees and one.billed_micro]
    factors = {one.part: one.factor for one in off if one.factor is not None}
    if factors:
        written = ", ".join(f"{part}: {factor.normalize():f}" for part, factor in factors.items())
        yield f"with `prices: {{scale: {{{written}}}}}` the boards show what was billed in {month}"
    for one in off:
        if one.factor is None and one.ledger_micro is not None:
            yield _no_factor(one)


def _no_factor(one: ComparedPart) -> str:
    return f"no factor makes {one.part} what was billed: the ledger has nothing of it"
