"""Warehouse money in reports, bills and budgets: every part from the facts, to the millionth of a dollar."""

import csv
import io
import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from exporter.config import load_config
from exporter.facts import Project, Run
from exporter.ledger import RunProgress, WarehouseKey, WarehouseSums, open_ledger
from exporter.metrics import Collector, Status
from exporter.report.charges import charges
from exporter.report.week_forms import WEEK_FORMS
from exporter.report.week_report import week_reports

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS

CONFIG = """\
workspaces: [{name: acme, token_env: A}]
storage: {url: "sqlite:///ledger.db"}
teams:
  - {name: ads, match: {owner: "*@ads.example"}}
  - {name: ops, match: {owner: "*@ops.example"}}
chargeback: {shared_by: runs}
warehouses: [{name: snow, kind: snowflake, url_env: SNOW}, {name: lake, kind: databricks, url_env: LAKE}]
budgets:
  - {name: all, unit: warehouse_usd, limit: 20}
  - {name: ads-only, unit: warehouse_usd, limit: 5, match: {team: ads}}
  - {name: schedules, unit: warehouse_usd, limit: 5, match: {trigger: scheduled}}
  - {name: both, unit: usd, limit: 5, match: {team: ads}, warehouse: true}
  - {name: runs-only, unit: usd, limit: 5, match: {team: ads}}
prices: {run_usd: 0.05}
"""

# Warehouse, part, project, context, hours before now, queries, micro-dollars.
FACTS = [
    ("snow", "query", "ads", "scheduled_run", 3, 2, 1_234_567),
    ("snow", "query", "ads", "app_view", 3, 1, 111_111),
    ("snow", "query", "ops", "scheduled_run", 4, 5, 700_003),
    ("lake", "query", "ads", "logic_view", 5, 1, 17),
    ("lake", "query", "gone", "scheduled_run", 5, 1, 1_000_001),
    ("snow", "unattributed", "", "", 3, 1, 333_333),
    ("snow", "idle", "", "", 3, 0, 2_500_001),
    ("snow", "other", "", "", 3, 0, 9_999_999),
    ("snow", "query", "ads", "scheduled_run", 7 * 24 + 3, 9, 4_000_009),
]
IS_HEX = ("query", "unattributed", "idle")


def of_week(ago: int) -> list[Any]:
    return [one for one in FACTS if one[1] in IS_HEX and (one[4] // (7 * 24)) == ago]


class Story:
    """A ledger with a log of two warehouses, and what is reported of it."""

    def __init__(self, tmp_path: Any, clock: Any, log_days: int = 15) -> None:
        file = tmp_path / "hex.yml"
        file.write_text(CONFIG)
        self.config = load_config(file.read_bytes(), source=str(file), environ={}, state_dir=tmp_path)
        self.clock = clock
        self.log_days = log_days
        self.ledger = open_ledger(self.config.storage.url, clock=clock)
        self.acme = self.ledger.workspace("acme")
        now_ms = self.now_ms = round(clock.now() * 1000)
        self.hour_ms = now_ms - now_ms % HOUR_MS
        self.acme.first_contact(now_ms - 30 * DAY_MS)
        owners = {"ads": "a@ads.example", "ops": "o@ops.example"}
        projects = [
            Project(project_id=one, title=one, owner=owner, created_ms=1, published_ms=1)
            for one, owner in owners.items()
        ]
        self.acme.record_projects(projects, now_ms)
        self.acme.choose_members(10, now_ms)
        self.acme.record_collector("projects", True, now_ms)
        for one in owners:
            run = Run(run_id=one, project_id=one, status="completed", start_ms=now_ms - HOUR_MS, elapsed_ms=60_000)
            self.acme.record_runs(one, [run], RunProgress(known_until_ms=now_ms, known_from_ms=0), now_ms)
        self.read_logs()

    def read_logs(self, more: Any = ()) -> None:
        for warehouse in ("snow", "lake"):
            hours = {}
            for name, part, project, context, ago, queries, usd in (*FACTS, *more):
                if name == warehouse:
                    key = WarehouseKey(
                        self.hour_ms - ago * HOUR_MS, part, project, context, "c1" if project else "", ""
                    )
                    hours[key] = WarehouseSums(queries=queries, usd_micro=usd)
            span = (self.hour_ms - self.log_days * DAY_MS, self.hour_ms)
            self.acme.warehouses.replace(warehouse, span, hours, self.now_ms, None)

    def report(self, **wanted: Any) -> Any:
        return list(week_reports(self.ledger, self.config, self.clock, **wanted))

    def tables(self, **wanted: Any) -> Any:
        return json.loads(WEEK_FORMS["json"](self.report(**wanted)), parse_float=Decimal)[0]

    def figures(self) -> Any:
        found = Collector(self.ledger, Status()).collect(self.config, round(self.clock.now() * 1000))
        return {one.metric.name: {labels[1:]: value for labels, value in one.samples} for one in found}


@pytest.fixture
def story(tmp_path: Any, manual_clock: Any) -> Any:
    made = Story(tmp_path, manual_clock)
    yield made
    made.ledger.close()


def micro(dollars: Any) -> int:
    return int((Decimal(str(dollars)) * 1_000_000).to_integral_value())


def test_the_component_is_what_is_hexs_of_both_weeks_and_another_bill(story: Any) -> None:
    figures = story.figures()

    for metric, ago in (("hex_cost_week_usd", 0), ("hex_cost_previous_week_usd", 1)):
        assert micro(figures[metric]["warehouse",]) == sum(one[6] for one in of_week(ago))
    assert micro(figures["hex_cost_week_money_usd"]["other",]) == sum(one[6] for one in of_week(0))
    of_project = Counter[str]()
    for _, part, project, _, _, _, usd in of_week(0):
        if part == "query":
            of_project[project if project != "gone" else "other"] += usd
    shown = figures["hex_project_cost_week_money_usd"]
    assert {series: micro(usd) for (series, kind), usd in shown.items() if kind == "other"} == of_project


def test_a_week_of_which_a_log_knows_only_a_part_has_no_figures(tmp_path: Any, manual_clock: Any) -> None:
    """The log goes back to the middle of last week: what was before it would be missing."""
    story = Story(tmp_path, manual_clock, log_days=8)

    figures = story.figures()
    story.ledger.close()

    assert figures["hex_project_warehouse_week_usd"]
    assert "hex_project_warehouse_previous_week_usd" not in figures
    assert "hex_warehouse_previous_week_usd" not in figures
    assert ("warehouse",) not in figures["hex_cost_previous_week_usd"]


def test_the_report_has_it_by_warehouse_project_and_team(story: Any) -> None:
    found = story.tables()

    expected = Counter[tuple[str, str]]()
    for warehouse, part, *_, usd in of_week(0):
        expected[warehouse, part] += usd
    assert {(row["warehouse"], row["part"]): micro(row["usd"]) for row in found["warehouse"]} == expected
    projects, teams = Counter[str](), Counter[str]()
    for _, part, project, *_, usd in of_week(0):
        if part == "query":
            projects[project] += usd
            teams[project if project in ("ads", "ops") else "(no team)"] += usd
    assert {row["project"]: micro(row["warehouse_usd"]) for row in found["project"]} == projects
    assert {row["team"]: micro(row["warehouse_usd"]) for row in found["team"]} == teams
    before = sum(one[6] for one in of_week(1))
    assert next(micro(row["previous_warehouse_usd"]) for row in found["project"] if row["project"] == "ads") == before
    assert next(micro(row["usd"]) for row in found["component"] if row["component"] == "warehouse") == sum(
        one[6] for one in of_week(0)
    )
    assert "known until 2026-11-18 11:00" in " ".join(found["remarks"])


def test_the_rows_of_focus_add_up_to_it_with_idle_and_unattributed_by_themselves(story: Any) -> None:
    rows = [
        row
        for row in csv.DictReader(io.StringIO(WEEK_FORMS["csv"](story.report())))
        if row["SkuId"].startswith("warehouse-")
    ]

    assert sum(micro(row["BilledCost"]) for row in rows) == sum(one[6] for one in of_week(0))
    by_sku = Counter[str]()
    for row in rows:
        by_sku[row["SkuId"]] += micro(row["EffectiveCost"])
    assert by_sku == Counter(
        {f"warehouse-{part}": sum(one[6] for one in of_week(0) if one[1] == part) for part in IS_HEX}
    )
    assert {row["ProviderName"] for row in rows} == {"Snowflake", "Databricks"}
    for row in rows:
        product = Decimal(row["ContractedUnitPrice"]) * Decimal(row["PricingQuantity"])
        assert abs(product - Decimal(row["ContractedCost"])) < Decimal("0.0000001"), row


def test_chargeback_gives_the_teams_all_of_it_beside_hexs_bill(story: Any) -> None:
    rows = story.tables()["chargeback"]

    own = {team: sum(one[6] for one in of_week(0) if one[2] == team) for team in ("ads", "ops")}
    rest = sum(one[6] for one in of_week(0)) - sum(own.values())
    shown = {row["chargeback"]: micro(row["warehouse_usd"]) for row in rows}
    assert sum(shown.values()) == sum(own.values()) + rest
    assert all(abs(shown[team] - own[team] - rest / 2) <= 1 for team in own)  # one run each
    assert all(micro(row["billed_usd"]) == 0 for row in rows)


def test_budgets_have_what_matches_and_say_who(story: Any) -> None:
    figures = story.figures()
    run = 50_000

    used = {labels[0]: micro(value) for labels, value in figures["hex_budget_used"].items()}
    queries = [one for one in of_week(0) if one[1] == "query"]
    ads = sum(one[6] for one in queries if one[2] == "ads")
    assert used == {
        "all": sum(one[6] for one in of_week(0)),
        "ads-only": ads,
        "schedules": sum(one[6] for one in queries if one[3] == "scheduled_run"),
        "both": ads + run,
        "runs-only": run,
    }
    previous = {labels[0]: micro(value) for labels, value in figures["hex_budget_previous_used"].items()}
    assert previous["ads-only"] == sum(one[6] for one in of_week(1) if one[2] == "ads")
    by = {
        labels[2:]: micro(value) for labels, value in figures["hex_budget_project_used"].items() if labels[0] == "all"
    }
    expected = Counter[tuple[str, str]]()
    for _, _, project, context, _, _, usd in queries:
        expected[project, {"scheduled_run": "scheduled"}.get(context, context)] += usd
    assert by == expected
    windows = {
        labels[2]: micro(value) for labels, value in figures["hex_budget_window_used"].items() if labels[0] == "all"
    }
    assert windows["6h"] == sum(one[6] for one in of_week(0) if one[4] <= 6)
    assert figures["hex_budget_forecast"]["all", "warehouse_usd"] >= used["all"] / 1e6


def test_a_log_that_does_not_reach_the_week_leaves_the_figures_out(story: Any) -> None:
    story.clock.advance(WEEK_MS / 1000)
    story.acme.record_collector("projects", True, round(story.clock.now() * 1000))

    figures = story.figures()

    assert ("warehouse",) not in figures.get("hex_cost_week_usd", {})
    assert ("warehouse",) not in figures.get("hex_cost_previous_week_usd", {})  # its last days are missing
    assert all(labels[0] == "runs-only" for labels in figures.get("hex_budget_used", {}))
    assert "is not known" in " ".join(story.tables()["remarks"])


def test_hours_that_are_replaced_change_all_figures_at_the_next_look(story: Any) -> None:
    collector = Collector(story.ledger, Status())

    def whole() -> int:
        found = collector.collect(story.config, story.now_ms)
        samples = next(one.samples for one in found if one.metric.name == "hex_cost_week_usd")
        return micro(dict(samples)["acme", "warehouse"])

    before = whole()
    story.now_ms += 60_000
    story.read_logs([("snow", "query", "ops", "api_run", 6, 1, 5)])
    assert whole() == before + 5


def test_the_charges_of_a_week_over_two_months_are_those_of_each(story: Any) -> None:
    story.clock.advance(13 * DAY_MS / 1000)  # Tuesday, 1 December
    now_ms = round(story.clock.now() * 1000)
    hour_ms = now_ms - now_ms % HOUR_MS
    hours = {
        WarehouseKey(hour_ms - 30 * HOUR_MS, "query", "ads", "app_view"): WarehouseSums(queries=1, usd_micro=7),
        WarehouseKey(hour_ms - 2 * HOUR_MS, "query", "ads", "app_view"): WarehouseSums(queries=1, usd_micro=11),
    }
    for name in ("snow", "lake"):
        span = (story.hour_ms, hour_ms)
        story.acme.warehouses.replace(name, span, hours if name == "snow" else {}, now_ms, None)
    story.acme.record_collector("projects", True, now_ms)

    snapshot = next(iter(Collector(story.ledger, Status()).snapshots(story.config, now_ms)))
    found = [one for one in charges(snapshot, snapshot.accounts) if one.component == "warehouse"]

    assert sorted((one.micro_usd, one.month[1] - one.month[0]) for one in found) == [
        (7, 30 * DAY_MS),
        (11, 31 * DAY_MS),
    ]


def test_the_report_says_what_the_comment_costs(story: Any) -> None:
    key = WarehouseKey(story.hour_ms - HOUR_MS, "query", "ads", "scheduled_run", "c", "")
    sums = WarehouseSums(3, usd_micro=3_000_000, repeated=2, repeated_bytes=3 << 29, repeated_usd_micro=2_000_000)
    story.acme.warehouses.replace("lake", (key.hour_ms, story.hour_ms), {key: sums}, story.now_ms, None)

    [found] = [one for one in story.report()[0].remarks if "comment" in one]

    assert found.startswith("lake billed 2 queries again (1.5 GiB, 2.00 USD)")
