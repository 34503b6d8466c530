"""What `check` says of budgets and prices."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporter.check.money_check import budget_notes, price_notes
from exporter.check.workspace_probe import Findings
from exporter.config import Budget, BudgetMatch, Config, Prices, Storage, Workspace
from exporter.facts import Project, Run, Schedule, Seat
from exporter.ledger import RunProgress, open_ledger

HOURLY = Schedule(cadence="hourly", enabled=True, cron="0 * * * *")
WEEK_MS = 7 * 86_400_000


@pytest.fixture
def found() -> Findings:
    projects = tuple(
        Project(project_id=f"p{number}", created_ms=1, published_ms=1, schedules=(HOURLY,)) for number in range(3)
    )
    return Findings(workspace="acme", projects=projects, seats=(Seat(user_id="1", role="explorer"),))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(workspaces=(Workspace(name="acme"),), storage=Storage(url=f"sqlite:///{tmp_path / 'ledger.db'}"))


def changed(config: Config, **changes: Any) -> Config:
    return msgspec.structs.replace(config, **changes)


def test_without_a_ledger_the_schedules_are_compared(found: Findings, config: Config, manual_clock: Any) -> None:
    (note,) = budget_notes(found, config, manual_clock)

    assert note == (
        "the default budget is 500 runs a week, and the schedules alone start 504; "
        "this would leave room: budgets: [{name: weekly-runs, unit: runs, limit: 610}]"
    )
    assert not Path(config.storage.url.removeprefix("sqlite:///")).exists()


def test_with_a_ledger_the_last_weeks_are_compared(found: Findings, config: Config, manual_clock: Any) -> None:
    now_ms = round(manual_clock.now() * 1000)
    ledger = open_ledger(config.storage.url, clock=manual_clock)
    acme = ledger.workspace("acme")
    acme.first_contact(now_ms)
    acme.record_projects(found.projects, now_ms)
    acme.record_collector("projects", True, now_ms)
    for project in found.projects:
        runs = [
            Run(run_id=f"{project.project_id}-{n}", project_id=project.project_id, status="completed", start_ms=at_ms)
            for n, at_ms in enumerate([now_ms - WEEK_MS] * 100)
        ]
        acme.record_runs(project.project_id, runs, RunProgress(known_until_ms=now_ms, known_from_ms=0), now_ms)

    (note,) = budget_notes(found, config, manual_clock)
    ledger.close()

    assert note == "the default budget is 500 runs a week, and the last full weeks had 300, 0, 0, 0: it fits"


def test_budgets_of_ones_own_are_checked_for_projects(found: Findings, config: Config, manual_clock: Any) -> None:
    config = changed(config, budgets=(Budget(name="b", unit="runs", limit=5, match=BudgetMatch(title="Sales")),))

    assert list(budget_notes(found, config, manual_clock)) == ["budget 'b' matches no project"]


def test_missing_prices_are_named(found: Findings, config: Config, manual_clock: Any) -> None:
    config = changed(config, price_lists=(Prices(plan="team", run_micro_usd=1),))

    assert list(price_notes(found, config, manual_clock)) == [
        "the cost of seats is not known: set prices.overrides.team.explorer_month"
    ]
