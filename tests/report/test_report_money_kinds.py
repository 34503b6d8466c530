"""Three kinds of money in every form of the report: sums made here from prices and facts, not by the code."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.manual_clock import ManualClock

from exporter.cli.commands import main
from exporter.config import Config, load_config
from exporter.facts import Project, Run, Seat
from exporter.ledger import RunProgress, open_ledger
from exporter.report.audit_report import FindingFilter, audit_reports
from exporter.report.week_digest import digest
from exporter.report.week_forms import WEEK_FORMS
from exporter.report.week_report import week_reports

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

# Team: 75 dollars a month and editor. 4XL: 2.58 dollars an hour. The owners put a run at 0.05 dollars.
CONFIG = """\
workspaces: [{name: acme, token_env: A}]
storage: {url: "sqlite:///ledger.db"}
week: {timezone: Europe/Zurich}
budgets: [{name: bill, unit: bill_usd, limit: 400, period: month}, {name: bill-week, unit: bill_usd, limit: 60}]
prices: {plan: team, run_usd: 0.05}
compute: {profiles: [{match: {title: "ML*"}, profile: 4xl}]}
"""
SEATS = 2
DAILY_MS = 1_234_567  # how long each run takes
RATE = Decimal("2.58")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger on Wednesday, 18 November 2026 at noon UTC: a run of each of two projects on each of 60 days."""
    folder, manual_clock = tmp_path_factory.mktemp("written"), ManualClock()
    file = folder / "hex.yml"
    file.write_text(CONFIG)
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}", clock=manual_clock)
    now_ms = round(manual_clock.now() * 1000)
    acme = ledger.workspace("acme")
    acme.first_contact(now_ms)
    born_ms = now_ms - 55 * DAY_MS  # in September, so that October is the one month to forecast by
    projects = [
        Project(project_id="ml", title="ML churn", owner="a@x.example", created_ms=born_ms, published_ms=1),
        Project(project_id="sql", title="Orders", owner="b@x.example", created_ms=born_ms, published_ms=1),
    ]
    acme.record_projects(projects, now_ms)
    for collector in ("projects", "users", "threads"):
        acme.record_collector(collector, True, now_ms)
    acme.record_seats([Seat(user_id=f"u{n}", email=f"u{n}@x.example", role="editor") for n in range(SEATS)], now_ms)
    acme.record_threads([], now_ms)
    progress = RunProgress(known_until_ms=now_ms, known_from_ms=0)
    for project in projects:
        runs = [
            Run(
                run_id=f"{project.project_id}-{ago}",
                project_id=project.project_id,
                status="completed",
                trigger="scheduled",
                start_ms=now_ms - ago * DAY_MS - 2 * HOUR_MS,
                elapsed_ms=DAILY_MS,
            )
            for ago in range(60)
        ]
        acme.record_runs(project.project_id, runs, progress, now_ms)
    ledger.close()
    return folder


@pytest.fixture
def config(tmp_path: Path, written: Path) -> Config:
    """Of a copy: each test has a ledger of its own."""
    file = copytree(written, tmp_path, dirs_exist_ok=True) / "hex.yml"
    return load_config(file.read_bytes(), source=str(file), environ={}, state_dir=tmp_path)


@pytest.fixture
def opened(config: Config, manual_clock: Any) -> Any:
    ledger = open_ledger(config.storage.url, clock=manual_clock, read_only=True)
    yield ledger
    ledger.close()


@pytest.fixture
def reported(opened: Any, config: Config, manual_clock: Any) -> Any:
    def of_period(form: str = "json", **wanted: str) -> Any:
        text = WEEK_FORMS[form](list(week_reports(opened, config, manual_clock, **wanted)))
        return json.loads(text)[0] if form == "json" else text

    return of_period


def compute(days: int) -> Decimal:
    """What so many days of runs on 4XL cost, each rounded to a millionth."""
    return days * round(RATE * DAILY_MS / HOUR_MS, 6)


@pytest.mark.parametrize("wanted", [{"month": "2026-10"}, {"first": "2026-10-01", "until": "2026-10-31"}])
def test_a_months_total_is_its_bill_by_component(reported: Any, wanted: dict[str, str]) -> None:
    report = reported(**wanted)

    (total,) = report["total"]
    bill = SEATS * 75 + compute(31)
    assert (report["start"], report["end"]) == ("2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00")
    assert total["runs"] == 62
    assert Decimal(str(total["billed_usd"])) == bill
    assert total["estimate_usd"] == pytest.approx(62 * 0.05)
    components = {row["component"]: (row["money"], row["usd"]) for row in report["component"]}
    assert components == {
        "seats": ("billed", 150.0),
        "compute": ("billed", float(compute(31))),
        "ai_credits": ("billed", 0.0),
        "own_estimate": ("estimate", pytest.approx(3.1)),
    }


def test_a_projects_compute_is_billed_and_its_estimate_is_not(reported: Any) -> None:
    rows = {row["project"]: row for row in reported(month="2026-10")["project"]}
    assert rows["ml"]["basis"] == "lower bound"
    assert rows["sql"]["basis"] == "lower bound, assumed profile"

    assert rows["ml"]["billed_usd"] == float(compute(31))
    assert rows["sql"]["billed_usd"] == 0
    assert rows["sql"]["estimate_usd"] == rows["ml"]["estimate_usd"] == pytest.approx(31 * 0.05)


def test_a_months_bill_in_focus_is_the_bill(reported: Any) -> None:
    rows = list(csv.DictReader(io.StringIO(reported("csv", month="2026-10"))))

    for column in ("BilledCost", "EffectiveCost", "ContractedCost"):
        assert sum(Decimal(row[column]) for row in rows) == SEATS * 75 + compute(31), column
    assert sum(Decimal(row["x_OwnEstimate"] or 0) for row in rows) == Decimal("3.1")
    assert {(row["BillingPeriodStart"], row["BillingPeriodEnd"]) for row in rows} == {
        ("2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z")
    }


def test_some_days_are_compared_with_as_many_before_them(reported: Any) -> None:
    report = reported(first="2026-11-10", until="2026-11-12")

    (total,) = report["total"]
    assert (report["period"], total["runs"], total["previous_runs"]) == ("period", 6, 6)
    assert Decimal(str(total["billed_usd"])) == SEATS * 75 * 3 / Decimal(30) + compute(3)


def test_the_digest_begins_with_the_bill(opened: Any, config: Config, manual_clock: Any) -> None:
    pairs = zip(
        week_reports(opened, config, manual_clock, month="2026-10"),
        audit_reports(opened, config, manual_clock, FindingFilter()),
        strict=True,
    )

    lines = digest(pairs).splitlines()

    assert lines[0] == "# acme, 2026-10-01 to 2026-10-31 (2026-10, Europe/Zurich)"
    bill = SEATS * 75 + compute(31)
    assert lines[2].startswith(f"Hex bills {bill:.2f} USD")
    assert lines[2].endswith("Not on Hex's bill: 3.10 USD of own estimate.")


@pytest.mark.slow
def test_compute_is_a_lower_bound_and_profiles_that_no_entry_gives_are_assumed(reported: Any) -> None:
    basis = {row["component"]: row["basis"] for row in reported()["component"]}

    assert basis["compute"] == "lower bound, assumed profile"
    assert "lower bound, assumed profile" in reported("table")
    assert "lower bound, assumed profile" in reported("markdown")


def test_a_budget_on_the_bill_has_seats_from_the_first_moment_and_a_forecast(reported: Any) -> None:
    budgets = {row["budget"]: row for row in reported()["budget"]}

    # 18 days of November: on each of them the run an hour before this one of the day.
    used = SEATS * 75 + compute(18)
    assert Decimal(str(budgets["bill"]["used"])) == used
    # 12 more days, as October had.
    assert Decimal(str(budgets["bill"]["forecast"])) == used + compute(12)
    # Monday to Wednesday: seven days of thirty.
    week = SEATS * 75 * 7 / Decimal(30) + compute(3)
    assert Decimal(str(budgets["bill-week"]["used"])) == week
    assert Decimal(str(budgets["bill-week"]["previous_used"])) == SEATS * 75 * 7 / Decimal(30) + compute(7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--month", "2026-13"], "--month: '2026-13' is not valid; write a month such as 2026-10"),
        (["--month", "2026-12"], "--month: '2026-12' has not begun; write this month or an earlier one"),
        (["--month", "1969-01"], "--month: '1969-01' is before 1970"),
        (["--month", "9999-12"], "--month: '9999-12' is not valid"),
        (["--from", "soon"], "--from: 'soon' is not valid; write a day such as 2026-11-18"),
        (["--to", "2026-11-18"], "--to: there is no first day; add --from"),
        (["--from", "2026-11-18", "--to", "2026-11-17"], "--to: '2026-11-17' is before --from 2026-11-18"),
        (["--from", "2100-11-18"], "--from: '2100-11-18' has not begun"),
    ],
)
def test_a_period_that_is_not_is_refused(
    opened: Any, config: Config, manual_clock: Any, options: list[str], said: str
) -> None:
    from exporter.errors import ConfigError

    names = {"--month": "month", "--from": "first", "--to": "until"}
    wanted = {names[option]: text for option, text in zip(options[::2], options[1::2], strict=True)}
    with pytest.raises(ConfigError) as caught:
        list(week_reports(opened, config, manual_clock, **wanted))

    assert str(caught.value).startswith(said)


def test_two_periods_at_once_are_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["report", "--week", "2026-W47", "--month", "2026-11"])

    assert result.exit_code == 2
    assert "--week and --month are different periods; write one of them" in result.output


def test_a_bill_of_some_projects_is_refused(tmp_path: Path) -> None:
    from exporter.errors import ConfigError

    text = "budgets: [{name: b, unit: bill_usd, limit: 1, match: {owner: a}}]"
    with pytest.raises(ConfigError, match="bill_usd cannot be matched to runs"):
        load_config(text.encode(), source="hex.yml", environ={"HEX_API_TOKEN": "t"}, state_dir=tmp_path)
