"""The budget gauges: what is there when, and for which runs."""

from typing import Any

import pytest

from exporter.config import Budget, BudgetMatch, Prices, Thresholds, Week, Workspace

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEKLY = ("weekly-runs", "runs")


@pytest.fixture
def wednesday(world: Any) -> Any:
    """Wednesday, 18 November 2026, 11:06:40 UTC, with a project that has existed for a hundred days."""
    world.list_projects(world.published("p1", title="Orders", owner="a@m.example"), world.published("p2"))
    return world


def read(world: Any, **runs: Any) -> None:
    for project_id in ("p1", "p2"):
        world.read_runs(project_id, *runs.get(project_id, ()))


def test_a_limit_and_its_thresholds_are_there_before_anything_is_known(world: Any) -> None:
    budget = Budget(name="b", unit="runs", limit=7, thresholds=Thresholds(info=0.4, warning=0.9, critical=1.2))
    world.configure(budgets=(budget,))

    figures = world.figures()

    assert figures["hex_budget_limit"] == {("b", "runs"): 7}
    assert figures["hex_budget_threshold_ratio"] == {
        ("b", "runs", "info"): 0.4,
        ("b", "runs", "warning"): 0.9,
        ("b", "runs", "critical"): 1.2,
    }
    assert "hex_budget_used" not in figures


def test_the_period_is_the_week_of_the_configured_zone(world: Any) -> None:
    world.configure(weeks=(Week(timezone="Europe/Zurich"),))

    figures = world.figures()

    assert figures["hex_budget_period_start_timestamp_seconds"] == {WEEKLY: 1_794_783_600}
    assert figures["hex_budget_period_end_timestamp_seconds"] == {WEEKLY: 1_794_783_600 + 7 * 86_400}


def test_used_is_the_sum_of_the_weekly_runs(wednesday: Any) -> None:
    """Two gauges, one truth: restarts of a reader and late records cannot part them."""
    runs = [wednesday.run(f"r{number}", number * HOUR_MS) for number in range(90)]
    failed = wednesday.run("k", project_id="p2", status="unable_to_allocate_kernel")
    read(wednesday, p1=runs, p2=[failed, wednesday.active("a", project_id="p2")])

    figures = wednesday.figures()

    assert figures["hex_budget_used"] == {WEEKLY: sum(figures["hex_project_week_runs"].values())}
    assert figures["hex_budget_previous_used"] == {WEEKLY: sum(figures["hex_project_previous_week_runs"].values())}


def test_the_forecast_adds_what_the_last_weeks_still_added(wednesday: Any) -> None:
    later = [
        wednesday.run(f"l{week}-{number}", week * 7 * DAY_MS - DAY_MS) for week in (1, 2, 3) for number in range(week)
    ]
    read(wednesday, p1=[*later, wednesday.run("r")])

    assert wednesday.figures()["hex_budget_forecast"] == {WEEKLY: 1 + 1.5}


def test_budgets_count_the_runs_that_fit_in_their_unit(wednesday: Any) -> None:
    wednesday.configure(
        budgets=(
            Budget(name="minutes", unit="compute_minutes", limit=5, match=BudgetMatch(owner="*@m.example")),
            Budget(name="by-hand", unit="runs", limit=5, match=BudgetMatch(trigger="api")),
            Budget(name="money", unit="usd", limit=5),
        ),
        price_lists=(Prices(run_micro_usd=50_000),),
    )
    read(
        wednesday,
        p1=[wednesday.run("a", lasts_ms=90_000), wednesday.run("b", trigger="api")],
        p2=[wednesday.run("c", trigger="api", project_id="p2")],
    )

    assert wednesday.figures()["hex_budget_used"] == {
        ("minutes", "compute_minutes"): 2.5,
        ("by-hand", "runs"): 2,
        ("money", "usd"): 0.15,
    }


def test_each_workspace_has_its_own_budgets(wednesday: Any) -> None:
    wednesday.configure(
        workspaces=(Workspace(name="acme"), Workspace(name="beta")),
        budgets=(
            Budget(name="each", unit="runs", limit=5),
            Budget(name="one", unit="runs", limit=5, match=BudgetMatch(workspace="b*")),
        ),
    )

    families = {
        family.metric.name: family for family in wednesday.collector.collect(wednesday.config, wednesday.now_ms)
    }

    assert [labels for labels, _ in families["hex_budget_limit"].samples] == [
        ("acme", "each", "runs"),
        ("beta", "each", "runs"),
        ("beta", "one", "runs"),
    ]
