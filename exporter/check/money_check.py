"""What `check` says of budgets and prices, by what a probe found and what a ledger remembers."""

from collections.abc import Iterator
from contextlib import suppress

from exporter.check.workspace_findings import Findings
from exporter.clock import Clock
from exporter.config import DEFAULT_BUDGET, Config
from exporter.errors import LedgerError
from exporter.insight import (
    fitting_schedules,
    is_over,
    local_day,
    roles_of,
    scheduled_week_runs,
    tariff,
    unmatched,
    unpriced,
    week_bounds,
)
from exporter.ledger import open_ledger
from exporter.report import week_reports


def price_notes(found: Findings, config: Config, clock: Clock) -> Iterator[str]:
    """Which prices are missing, with the keys that give them, and whether the contract is still the one in force."""
    name = found.workspace
    compute = config.compute(name)
    today = local_day(round(clock.now() * 1000), config.week(name).timezone)
    prices = tariff(config.prices(name, today), today)
    has_paid_compute = any(
        prices.compute_hour_micro_usd(compute.profile_of(name, project)) for project in found.projects
    )
    roles = roles_of(found.seats)
    contract = config.contract(name)
    if contract is not None and is_over(contract, round(clock.now() * 1000), config.week(name).timezone):
        yield (
            f"contract.renews_on {contract.renews_on} has passed: write the next renewal, "
            "until then nothing is compared with the contract"
        )
    yield from unpriced(prices, config.budgets_of(name), roles, has_paid_compute=has_paid_compute)


def budget_notes(found: Findings, config: Config, clock: Clock) -> Iterator[str]:
    """Which budgets match no project, and how the default one compares, if it is in use.

    It is compared with the last weeks where there is a ledger that knows them, else with the schedules.
    """
    budgets = config.budgets_of(found.workspace)
    yield from unmatched(budgets, found.workspace, found.projects)
    if DEFAULT_BUDGET not in budgets:
        return
    week = config.week(found.workspace)
    start_ms, _ = week_bounds(round(clock.now() * 1000), week.timezone, week.starts)
    sentence = _remembered(found.workspace, config, clock) or fitting_schedules(
        sum(scheduled_week_runs(project, start_ms) for project in found.projects)
    )
    if sentence is not None:
        yield sentence


def _remembered(workspace: str, config: Config, clock: Clock) -> str | None:
    with suppress(LedgerError):
        ledger = open_ledger(config.storage.url, clock=clock, read_only=True)
        try:
            return next((report.fit for report in week_reports(ledger, config, clock, workspace=workspace)), None)
        finally:
            ledger.close()
    return None
