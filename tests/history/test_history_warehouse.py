"""What the warehouses cost before first contact: the money of their logs, and what a scrape then would have shown."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from history_world import learn

from exporter.config import Budget, BudgetMatch, Collect, Match, Prices, Warehouse, Week
from exporter.ledger import WarehouseKey, WarehouseSums, open_ledger
from exporter.metrics import Collector, Status

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

GAUGES = (
    "hex_cost_week_usd",
    "hex_cost_previous_week_usd",
    "hex_project_warehouse_week_usd",
    "hex_project_warehouse_previous_week_usd",
    "hex_warehouse_week_usd",
    "hex_warehouse_previous_week_usd",
    "hex_budget_used",
    "hex_budget_previous_used",
)

# Part, project, context, micro-dollars of every fifth hour; of what was deleted, and of no project, too.
OF_AN_HOUR = (
    ("query", "p1", "scheduled_run", 1_234_567),
    ("query", "p1", "app_view", 11),
    ("query", "p2", "api_run", 700_003),
    ("query", "gone", "scheduled_run", 5),
    ("unattributed", "", "", 333),
    ("idle", "", "", 2_500_001),
    ("other", "", "", 9_999_999),
)


@pytest.fixture
def historian(historian: Any) -> Any:
    """Runs of five weeks and the log of a warehouse, which goes back 16 days before first contact."""
    historian.projects = [
        historian.project("p1", owner="ann@ads.example"),
        historian.project("p2", owner="bob@ops.example"),
    ]
    historian.configure(
        warehouses=(Warehouse(name="snow", kind="snowflake", url_env="S"),),
        budgets=(
            Budget(name="all", unit="warehouse_usd", limit=50),
            Budget(name="ann", unit="warehouse_usd", limit=50, match=BudgetMatch(owner="ann*")),
            Budget(name="schedules", unit="warehouse_usd", limit=50, match=BudgetMatch(trigger="scheduled")),
            Budget(name="both", unit="usd", limit=50, match=BudgetMatch(owner="ann*"), warehouse=True),
            Budget(name="runs", unit="usd", limit=50),
        ),
        price_lists=(Prices(run_micro_usd=50_000),),
    )
    first_ms = historian.contact_ms - 35 * DAY_MS
    historian.runs = [
        historian.run(f"{project}{number}", first_ms + number * 7 * HOUR_MS, project_id=project)
        for project in ("p1", "p2")
        for number in range(119)
    ]
    historian.learn(historian.runs, *historian.projects)
    historian.log_since_ms = historian.contact_ms // HOUR_MS * HOUR_MS - 16 * DAY_MS
    read_log(historian, historian.acme, historian.contact_ms // HOUR_MS * HOUR_MS)
    return historian


def hours_until(historian: Any, until_ms: int) -> range:
    return range(historian.log_since_ms, until_ms, 5 * HOUR_MS)


def read_log(historian: Any, workspace: Any, until_ms: int) -> None:
    hours = {
        WarehouseKey(hour_ms, part, project, context, "", ""): WarehouseSums(queries=part == "query", usd_micro=usd)
        for hour_ms in hours_until(historian, until_ms)
        for part, project, context, usd in OF_AN_HOUR
    }
    workspace.warehouses.replace("snow", (historian.log_since_ms, until_ms), hours, until_ms, None)


def scraped(historian: Any, clock: Any, at_ms: int) -> dict[str, dict[tuple[str, ...], float]]:
    """The gauges of an exporter that knew of that time what had happened by then."""
    ledger = open_ledger("sqlite://", clock=clock)
    try:
        known = [run for run in historian.runs if run.end_ms < at_ms]
        learn(ledger.workspace("acme"), historian.projects, known, at_ms)
        read_log(historian, ledger.workspace("acme"), at_ms)
        families = Collector(ledger, Status()).collect(historian.config, at_ms)
        return {one.metric.name: {labels[1:]: value for labels, value in one.samples} for one in families}
    finally:
        ledger.close()


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_it_is_what_a_scrape_at_that_time_would_have_shown(historian: Any, manual_clock: Any, zone: str) -> None:
    """Asia/Kolkata: its midnights are in the middle of an hour of the log."""
    historian.configure(weeks=(Week(timezone=zone),))
    samples = historian.samples(days=8)

    compared = 0
    for days in (0.5, 1.25, 3, 5, 6.75):
        at_ms = historian.contact_ms // HOUR_MS * HOUR_MS - round(days * DAY_MS)
        then = scraped(historian, manual_clock, at_ms)
        for metric in GAUGES:
            found = {labels: values[at_ms] for labels, values in samples.get(metric, {}).items() if at_ms in values}
            wanted = {labels: value for labels, value in then.get(metric, {}).items() if value or labels in found}
            assert found == pytest.approx(wanted), (metric, days)
            compared += len(wanted)
    assert compared > 60


def test_the_last_sample_has_the_weeks_money_of_the_log_to_the_millionth(historian: Any) -> None:
    samples = historian.samples(days=1)
    (at_ms,) = {max(values) for values in samples["hex_warehouse_week_usd"].values()}
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    monday = (at - timedelta(days=at.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    hours = sum(one >= monday.timestamp() * 1000 for one in hours_until(historian, at_ms))

    def usd(wanted: Any) -> float:
        return hours * sum(one[3] for one in OF_AN_HOUR if wanted(one)) / 1e6

    parts = {labels: values[at_ms] for labels, values in samples["hex_warehouse_week_usd"].items()}
    projects = {labels: values[at_ms] for labels, values in samples["hex_project_warehouse_week_usd"].items()}
    used = {labels[0]: max(values.items())[1] for labels, values in samples["hex_budget_used"].items()}
    assert hours > 3
    assert parts == {
        ("snow", part): usd(lambda one, part=part: one[0] == part)
        for part in ("query", "unattributed", "idle", "other")
    }
    assert projects == {
        ("p1",): usd(lambda one: one[1] == "p1"),
        ("p2",): usd(lambda one: one[1] == "p2"),
        ("other",): usd(lambda one: one[1] == "gone"),
    }
    assert used["all"] == usd(lambda one: one[0] != "other")
    assert used["ann"] == usd(lambda one: one[1] == "p1")
    assert used["schedules"] == usd(lambda one: one[2] == "scheduled_run")


@pytest.mark.slow
def test_a_week_that_begins_before_the_log_is_absent(historian: Any) -> None:
    historian.configure(budgets=(Budget(name="both", unit="usd", limit=50, warehouse=True),))
    samples = historian.samples(days=17)
    since = datetime.fromtimestamp(historian.log_since_ms / 1000, ZoneInfo("UTC"))
    first = (since + timedelta(days=7 - since.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    money = samples["hex_cost_week_usd"]["warehouse",]

    assert min(money) >= first.timestamp() * 1000
    assert min(samples["hex_cost_week_usd"]["own_estimate",]) < min(money)
    assert min(samples["hex_budget_used"]["both", "usd"]) >= first.timestamp() * 1000


def test_projects_that_are_left_out_have_no_money_of_the_warehouse_either(historian: Any) -> None:
    historian.configure(collect=Collect(left_out=(Match(owner="bob*"),)), budgets=())

    assert set(historian.samples(days=1)["hex_project_warehouse_week_usd"]) == {("p1",), ("other",)}


@pytest.mark.parametrize("state", ["without warehouses", "a log that was never read"])
def test_what_is_not_known_has_no_series(historian: Any, state: str) -> None:
    never_read = Warehouse(name="lake", kind="snowflake", url_env="L")
    historian.configure(warehouses=() if state == "without warehouses" else (*historian.config.warehouses, never_read))
    samples = historian.samples(days=1)

    assert not {"hex_warehouse_week_usd", "hex_project_warehouse_week_usd"} & set(samples)
    assert ("warehouse",) not in samples["hex_cost_week_usd"]
    assert ("all", "warehouse_usd") not in samples["hex_budget_used"]
