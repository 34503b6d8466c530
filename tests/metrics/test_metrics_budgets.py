"""The budget gauges: what is there when, and for which runs."""

from datetime import UTC, datetime
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


class TestWhoUsedIt:
    """The projects of a budget by what they used of that budget, whatever else runs in the workspace."""

    BUDGETS = (
        Budget(name="ads", unit="runs", limit=100, match=BudgetMatch(owner="*@m.example")),
        Budget(name="money", unit="usd", limit=5, period="month"),
        Budget(name="minutes", unit="compute_minutes", limit=100, match=BudgetMatch(trigger="api")),
        Budget(name="all", unit="runs", limit=500),
    )

    @pytest.fixture
    def figures(self, wednesday: Any) -> Any:
        wednesday.configure(budgets=self.BUDGETS, price_lists=(Prices(run_micro_usd=50_000),))
        loop = [wednesday.run(f"l{n}", n * 60_000, trigger="api", lasts_ms=60_000) for n in range(1, 61)]
        weekly = [wednesday.run(f"w{n}", n * 7 * DAY_MS + HOUR_MS) for n in range(4)]
        other = [wednesday.run(f"o{n}", n * HOUR_MS, project_id="p2") for n in range(500)]
        read(wednesday, p1=[*loop, *weekly], p2=other)
        return wednesday.figures()

    def test_is_each_project_of_the_budget_by_trigger_in_its_unit(self, figures: Any) -> None:
        used = figures["hex_budget_project_used"]

        assert {key: value for key, value in used.items() if key[0] == "ads"} == {
            ("ads", "runs", "p1", "api"): 60,
            ("ads", "runs", "p1", "scheduled"): 1,
        }
        assert used["minutes", "compute_minutes", "p1", "api"] == 60
        assert ("minutes", "compute_minutes", "p2", "scheduled") not in used

    def test_adds_up_to_what_is_used(self, figures: Any) -> None:
        for (budget, unit), total in figures["hex_budget_used"].items():
            parts = [value for key, value in figures["hex_budget_project_used"].items() if key[:2] == (budget, unit)]
            assert sum(parts) == pytest.approx(total), budget

    def test_says_what_is_different_and_since_when(self, wednesday: Any, figures: Any) -> None:
        p1 = ("ads", "runs", "p1")

        assert figures["hex_budget_project_previous_used"][p1] == 1
        assert figures["hex_budget_project_growth"][p1] == 60
        assert figures["hex_budget_project_since_timestamp_seconds"][p1] == (wednesday.now_ms - HOUR_MS) / 1000

    def test_what_runs_as_it_did_last_week_has_no_beginning(self, figures: Any) -> None:
        assert ("all", "runs", "p1") in figures["hex_budget_project_since_timestamp_seconds"]
        assert ("all", "runs", "p2") not in figures["hex_budget_project_since_timestamp_seconds"]

    def test_names_the_project_though_it_has_no_series_of_its_own(self, wednesday: Any) -> None:
        wednesday.list_projects(wednesday.published("p9", title="Ad spend"), members=0)
        wednesday.read_runs("p9", *[wednesday.run(f"x{n}", project_id="p9") for n in range(3)])
        read(wednesday)

        figures = wednesday.figures()

        assert figures["hex_budget_project_used"] == {(*WEEKLY, "p9", "scheduled"): 3}
        assert figures["hex_budget_project_info"] == {("p9", "Ad spend", ""): 1}

    def test_is_bounded(self, wednesday: Any) -> None:
        projects = [wednesday.published(f"q{n}") for n in range(40)]
        wednesday.list_projects(*projects)
        for n, project in enumerate(projects):
            wednesday.read_runs(project.project_id, *[wednesday.run(f"{n}-{k}", project_id=f"q{n}") for k in range(n)])

        used = wednesday.figures()["hex_budget_project_used"]

        assert len({key[2] for key in used}) <= 6
        assert used[*WEEKLY, "q39", "scheduled"] == 39


def test_the_reset_has_the_offset_of_the_zone_at_the_reset(world: Any) -> None:
    """The clocks go forward on Sunday, 28 March 2027: on Monday Zurich is two hours ahead."""
    world.configure(weeks=(Week(timezone="Europe/Zurich"),))
    world.clock.advance(datetime(2027, 3, 24, 12, tzinfo=UTC).timestamp() - world.clock.now())

    assert world.figures()["hex_budget_period_end_utc_offset_seconds"] == {(*WEEKLY, "Europe/Zurich"): 7200}


def test_no_budgets_on_purpose_is_no_limit_and_a_doubtful_time_is_no_such_purpose(world: Any) -> None:
    """What is configured is there whatever is known, so that its absence beside hex_up says that there is none."""
    world.list_projects(world.published("p1"))
    families = world.collector.collect(world.config, world.now_ms, {"acme": None})

    assert "hex_budget_limit" in {family.metric.name for family in families}
    assert "hex_budget_used" not in {family.metric.name for family in families}

    world.configure(budgets=())
    assert not [name for name in world.figures() if name.startswith("hex_budget_")]
