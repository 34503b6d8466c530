"""One week, month or other period of each workspace from the ledger: its tables, and remarks on what is missing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from exporter.clock import Clock
from exporter.config import DOLLARS, Config, Currency
from exporter.errors import ConfigError, ConfigProblem
from exporter.insight import Period
from exporter.insight.savings import KnownFinding
from exporter.ledger import Ledger, WorkspaceLedger
from exporter.metrics import Collector, Status
from exporter.report.adjustments import adjustment_tables, closing_remarks, correction_charges
from exporter.report.chargeback import chargeback_remarks, chargeback_tables
from exporter.report.charges import Charge, charges
from exporter.report.commitments import with_commitments
from exporter.report.compute_basis import compute_remarks
from exporter.report.contract_tables import contract_remarks, contract_tables
from exporter.report.credit_tables import credit_remarks, credit_tables
from exporter.report.left_out import left_out_remarks
from exporter.report.report_period import ReportPeriod, WantedPeriod, report_period
from exporter.report.table_wording import local
from exporter.report.team_week import with_savings
from exporter.report.unit_costs import unit_cost_tables
from exporter.report.warehouse_tables import warehouse_remarks, warehouse_tables
from exporter.report.week_tables import Table, tables
from exporter.view import Accounts, ClosedPeriod, Snapshot, as_closed


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekReport:
    """One workspace's week, or what other period `noun` names.

    `remarks` say what is missing, and why; `fit` says how the default budget compares.

    `knows_from_ms` is when what the ledger knows begins, None: it knows nothing.

    `charges` are what the week is made of, by who caused it; `org_id` is Hex's own for the organisation.
    """

    workspace: str
    week: Period
    timezone: str
    known_until_ms: int | None
    tables: tuple[Table, ...]
    remarks: tuple[str, ...]
    fit: str | None
    charges: tuple[Charge, ...] = ()
    org_id: str | None = None
    is_over: bool = True
    noun: str = "week"
    currency: Currency = DOLLARS
    knows_from_ms: int | None = None

    @property
    def has_data(self) -> bool:
        """Whether the ledger reaches back into this time: what is over before its first run has only dashes."""
        return not self.is_over or (self.knows_from_ms is not None and self.knows_from_ms < self.week[1])

    @property
    def all_remarks(self) -> tuple[str, ...]:
        """Everything there is to say beside the figures."""
        return self.remarks if self.fit is None else (*self.remarks, self.fit)

    @property
    def title(self) -> str:
        """The workspace, and the first and the last day."""
        first, last = (local(at_ms, self.timezone).date() for at_ms in (self.week[0], self.week[1] - 1))
        year, number, _ = first.isocalendar()
        name = {"week": f"{year}-W{number:02}, ", "month": f"{first:%Y-%m}, "}.get(self.noun, "")
        return f"{self.workspace}, {first} to {last} ({name}{self.timezone})"


def week_reports(
    ledger: Ledger,
    config: Config,
    clock: Clock,
    *,
    week: str | None = None,
    workspace: str | None = None,
    wants_whole: bool = False,
    month: str | None = None,
    first: str | None = None,
    until: str | None = None,
) -> Iterator[WeekReport]:
    """The report of each workspace, or of the one named, for a week such as `2026-W47` or a day in it.

    In its place may be a month such as `2026-10`, or a first day with a last one, which is today if it is not given.
    Without any it is this week, or with `wants_whole` the last that is over.

    Raises ConfigError if there is no such workspace or period.
    """
    wanted = WantedPeriod(week=week, month=month, first=first, until=until, wants_whole=wants_whole)
    names = [one.name for one in config.workspaces]
    if workspace is not None and workspace not in names:
        raise ConfigError(
            ConfigProblem("--workspace", f"{workspace!r} is not a workspace; write one of {', '.join(names)}")
        )
    collector = Collector(ledger, Status())
    for name in names if workspace is None else [workspace]:
        now_ms = ledger.workspace(name).agreed_ms(round(clock.now() * 1000))
        found = report_period(wanted, config.week(name), now_ms)
        at_ms = min(now_ms, found.period[1] - 1)
        for snapshot in collector.snapshots(config, at_ms, span=(found.period, found.before)):
            if snapshot.name == name:
                findings = ledger.workspace(name).findings
                known = None if findings.written_ms is None else findings.known()
                accounts, closed = snapshot.accounts, None
                if accounts is not None:
                    accounts, closed = as_closed(ledger.workspace(name), config, accounts, now_ms)
                if closed is not None:
                    snapshot = snapshot.at_close(closed.attribution)
                report = _report(snapshot, accounts, closed, found, config, known, now_ms=now_ms)
                yield replace(report, knows_from_ms=_knows_from_ms(ledger.workspace(name), closed))


def _knows_from_ms(ledger: WorkspaceLedger, closed: ClosedPeriod | None) -> int | None:
    """When the first kept run began, or Hex was first queried; 0 for a period that is kept as it was closed."""
    if closed is not None:
        return 0
    return min((at for at in (ledger.oldest_kept_ms(), ledger.first_contact_ms) if at is not None), default=None)


def _report(
    snapshot: Snapshot,
    accounts: Accounts | None,
    closed: ClosedPeriod | None,
    found: ReportPeriod,
    config: Config,
    known: Sequence[KnownFinding] | None,
    *,
    now_ms: int,
) -> WeekReport:
    week, noun, is_over = found.period, found.noun, found.period[1] <= now_ms
    all_charges = () if accounts is None else tuple(with_commitments(snapshot, charges(snapshot, accounts)))
    timezone = config.week(snapshot.name).timezone
    today = local(now_ms, timezone).date()
    currency = config.currency(min(today, local(week[1] - 1, timezone).date()))
    remarks: list[str] = []
    if accounts is None or accounts.week.totals is None:
        remarks.append(f"this {noun} is not completely known: its runs are still being read, or were never seen")
    elif not any(total.runs for total in accounts.week.totals.values()):
        remarks.append(f"no run started in this {noun}")
    if closed is None and week[0] < now_ms - config.storage.keep_runs_seconds * 1000:
        remarks.append(f"runs of this {noun} have been forgotten: it began before storage.keep_runs")
    if is_over and noun != "period":
        remarks += closing_remarks(closed, timezone, currency)
    remarks += left_out_remarks(snapshot, week)
    if accounts is not None:
        remarks += compute_remarks(snapshot, accounts.week)
        remarks += warehouse_remarks(snapshot, accounts)
        remarks += [*accounts.assumed, *accounts.unmatched, *accounts.unpriced]
    remarks += credit_remarks(snapshot, currency, now_ms)
    remarks += contract_remarks(snapshot, known, currency)
    if currency.code != DOLLARS.code:
        remarks.append(currency_remark(currency))
    remarks += chargeback_remarks(snapshot.config.chargeback)
    return WeekReport(
        workspace=snapshot.name,
        week=week,
        timezone=timezone,
        known_until_ms=snapshot.complete_until_ms,
        tables=()
        if accounts is None
        else _ordered(
            with_savings(table, snapshot, all_charges, known, today) if table.name == "team" else table
            for table in (
                *tables(snapshot, accounts, is_over=is_over),
                *warehouse_tables(accounts),
                *credit_tables(snapshot, None if closed is None else closed.at_ms, now_ms),
                *contract_tables(snapshot, known),
                *chargeback_tables(snapshot, all_charges),
                *unit_cost_tables(snapshot, accounts, all_charges),
                *(() if closed is None else adjustment_tables(snapshot, closed, timezone)),
            )
        ),
        remarks=tuple(remarks),
        fit=None if accounts is None else accounts.fit,
        charges=(*all_charges, *(() if closed is None else correction_charges(snapshot, closed))),
        is_over=is_over,
        noun=noun,
        currency=currency,
        org_id=None if snapshot.stored.identity is None else snapshot.stored.identity.org_id,
    )


_ORDER = (
    "budget",
    "total",
    "component",
    "warehouse",
    "team",
    "project",
    "trigger",
    "status",
    "adjustment",
    "grant",
    "user",
    "model",
    "plan",
)


def _ordered(all_tables: Iterable[Table]) -> tuple[Table, ...]:
    """Will it fit, what does it come to, who is it: then how it ran, and what else could be bought."""
    return tuple(
        sorted(all_tables, key=lambda table: _ORDER.index(table.name) if table.name in _ORDER else len(_ORDER))
    )


def currency_remark(currency: Currency) -> str:
    """At which rate money is shown, and what stays in dollars."""
    return (
        f"money is shown in {currency.code}, a dollar being {currency.per_usd_micro / 1e6:g} {currency.code}, also in "
        "the period before; JSON, metrics and what has USD for a unit are in dollars"
    )
