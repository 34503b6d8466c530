"""The bill in FOCUS's columns: adds up to the week's cost, and is harmless in a spreadsheet."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from exporter.cli.commands import main
from exporter.config import Config, load_config
from exporter.facts import Identity, Project, Run, Seat, Thread
from exporter.ledger import RunProgress, open_ledger
from exporter.report.week_forms import WEEK_FORMS
from exporter.report.week_report import week_reports

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

CONFIG = """\
workspaces: [{name: acme, token_env: A}, {name: "=beta", token_env: B}]
storage: {url: "sqlite:///ledger.db"}
week: {timezone: Europe/Zurich}
teams: [{name: sales, match: {owner: "*@sales.example"}}, {name: odd, match: {title: "*"}}]
prices:
  plan: team
  run_usd: 0.05
  warehouse_usd_per_minute: 0.01
  overrides: {team: {editor_month: 37.01, explorer_month: 10.03}}
compute: {profiles: [{match: {title: "*"}, profile: 4xl}]}
"""

MANDATORY = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
]
"""What version 1.2 of the specification marks so."""

TITLES = ("=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "Plain, with a comma", '"=1"', "")


@pytest.fixture
def config(tmp_path: Path, manual_clock: Any) -> Config:
    """Everything that costs, in weeks that lie in one month and in two."""
    file = tmp_path / "hex.yml"
    file.write_text(CONFIG)
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", clock=manual_clock)
    now_ms = round(manual_clock.now() * 1000)
    acme = ledger.workspace("acme")
    acme.first_contact(now_ms)
    acme.record_identity(Identity(org_id="org-1"), now_ms)
    owners = ("a@sales.example", "b@ops.example", None)
    acme.record_projects(
        [
            Project(project_id=f"p{index}", title=title, owner=owners[index % 3], created_ms=1, published_ms=1)
            for index, title in enumerate(TITLES)
        ],
        now_ms,
    )
    for collector in ("projects", "users", "threads"):
        acme.record_collector(collector, True, now_ms)
    roles = ("editor", "editor", "explorer", "member", "new_role")
    acme.record_seats(
        [Seat(user_id=f"u{index}", email=f"x{index}@sales.example", role=role) for index, role in enumerate(roles)],
        now_ms,
    )
    acme.record_threads(
        [
            Thread(thread_id=f"t{day}", user_id="u9", created_ms=now_ms - day * DAY_MS, credits_milli=1_234_567)
            for day in range(40)
        ],
        now_ms,
    )
    progress = RunProgress(known_until_ms=now_ms, known_from_ms=0)
    for index in range(len(TITLES)):
        runs = [
            Run(
                run_id=f"p{index}-{ago}",
                project_id=f"p{index}",
                status="unable_to_allocate_kernel" if ago == 3 else "completed",
                trigger="scheduled",
                start_ms=now_ms - (ago * 11 + index) * HOUR_MS,
                elapsed_ms=7_777 * (ago + 1) + index,
            )
            for ago in range(60)
        ]
        acme.record_runs(f"p{index}", runs, progress, now_ms)
    ledger.close()
    return load_config(file.read_bytes(), source=str(file), environ={}, state_dir=tmp_path)


@pytest.fixture
def both(config: Config, manual_clock: Any) -> Any:
    """The rows of the bill and the JSON report of one week of acme."""

    def of_week(week: str) -> tuple[list[dict[str, str]], dict[str, Any]]:
        ledger = open_ledger(config.storage.url, clock=manual_clock, read_only=True)
        try:
            found = list(week_reports(ledger, config, manual_clock, week=week, workspace="acme"))
        finally:
            ledger.close()
        rows = list(csv.DictReader(io.StringIO(WEEK_FORMS["csv"](found))))
        return rows, json.loads(WEEK_FORMS["json"](found))[0]

    return of_week


WEEKS = pytest.mark.parametrize(("week", "months"), [("2026-W47", 1), ("2026-W44", 2)])


@WEEKS
def test_what_it_bills_is_the_cost_of_the_week_by_component(both: Any, week: str, months: int) -> None:
    rows, report = both(week)

    costs = {row["component"]: row["usd"] for row in report["component"]}
    service = {
        "seats": "Hex seats",
        "compute": "Hex compute",
        "ai_credits": "Hex AI credits",
        "own_estimate": "Own estimate",
    }
    for component, usd in costs.items():
        column = "x_OwnEstimate" if component == "own_estimate" else "EffectiveCost"
        total = sum(Decimal(row[column]) for row in rows if row["ServiceName"] == service[component])
        assert usd > 0
        assert total == Decimal(str(round(usd, 6))), component
    of_hex = sum(Decimal(row["BilledCost"]) for row in rows)
    assert of_hex == sum(Decimal(row["EffectiveCost"]) for row in rows)
    assert of_hex == Decimal(str(round(report["total"][0]["billed_usd"], 6)))
    assert of_hex == Decimal(str(round(sum(costs.values()) - costs["own_estimate"], 6)))
    assert len({row["BillingPeriodStart"] for row in rows}) == months


@pytest.mark.slow
@WEEKS
def test_its_projects_and_teams_add_up_to_those_of_the_report(both: Any, week: str, months: int) -> None:
    rows, report = both(week)

    for key, column in (("project", "ResourceId"), ("team", "x_Team")):
        for row in report[key]:
            mine = [
                charge
                for charge in rows
                if charge[column] == row[key] and charge["ServiceName"] in {"Hex compute", "Own estimate"}
            ]
            for column_of, kind in (("EffectiveCost", "billed_usd"), ("x_OwnEstimate", "estimate_usd")):
                costs = [Decimal(charge[column_of] or 0) for charge in mine]
                assert sum(costs) == Decimal(str(round(row[kind], 6)))
            assert sum(int(charge["x_Runs"] or 0) for charge in mine) == row["runs"]


@WEEKS
def test_each_charge_lies_in_one_billing_period(both: Any, week: str, months: int) -> None:
    rows, _ = both(week)

    for row in rows:
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
    assert {row["ChargePeriodStart"][-1] for row in rows} == {"Z"}


def test_has_what_the_specification_demands(both: Any) -> None:
    rows, _ = both("2026-W47")

    nullable = {"BillingAccountName", "ChargeClass"}
    for row in rows:
        assert [name for name in MANDATORY if not row[name] and name not in nullable] == []
        assert row["ChargeCategory"] in {"Usage", "Purchase"}
        assert bool(row["ConsumedQuantity"]) == bool(row["ConsumedUnit"]) == (row["ChargeCategory"] == "Usage")
        assert not (row["ChargeCategory"] == "Purchase" and row["ChargeFrequency"] == "Usage-Based")
    names = list(rows[0])
    ours = [name.startswith("x_") for name in names]
    assert ours == sorted(ours)
    assert len({(row["ServiceName"], row["ServiceCategory"]) for row in rows}) == 4
    assert {row["BillingAccountId"] for row in rows} == {"org-1"}


def test_tells_team_and_owner_of_projects_and_people(both: Any) -> None:
    rows, _ = both("2026-W47")

    tags = {row["ResourceId"]: json.loads(row["Tags"]) for row in rows}
    assert tags["p0"] == {"team": "sales", "owner": "a@sales.example"}
    assert tags["p2"] == {"team": "odd"}
    # A team defined by titles has no people.
    assert tags["u0"] == {"team": "sales", "owner": "x0@sales.example"}


def test_free_seats_are_no_charge(both: Any) -> None:
    rows, _ = both("2026-W47")

    assert {row["ResourceId"] for row in rows if row["ServiceName"] == "Hex seats"} == {"u0", "u1", "u2"}


def test_no_cell_is_a_formula(both: Any) -> None:
    rows, _ = both("2026-W47")

    names = {row["ResourceId"]: row["ResourceName"] for row in rows}
    assert names["p0"] == "'=cmd|' /C calc'!A0"
    assert (names["p4"], names["p5"]) == ("' =1", "' =1")
    assert names["p7"] == "Plain, with a comma"
    for row in rows:
        for cell in row.values():
            assert cell.lstrip()[:1] not in set("=+-@\uff1d")


def test_a_week_that_is_not_known_has_a_head_alone_and_says_so(config: Config, tmp_path: Path) -> None:
    command = ["report", "--config.file", str(tmp_path / "hex.yml"), "--format", "csv", "--workspace", "=beta"]

    result = CliRunner().invoke(main, command)

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("BilledCost,BillingAccountId,")
    assert len(result.stdout.splitlines()) == 1
    assert "hex-exporter: this week is not completely known" in result.stderr
