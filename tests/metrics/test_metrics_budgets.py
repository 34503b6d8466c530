"""The budget gauges: what is there when, for which runs, and that they cost no second reading."""

from typing import Any
from unittest import mock

import pytest
from structlog.testing import capture_logs

from exporter.config import Budget, BudgetMatch, Prices, Storage, Thresholds, Week, Workspace
from exporter.errors import LedgerError
from exporter.facts import Project, Thread

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


def test_nothing_is_used_until_each_project_of_the_budget_is_known(wednesday: Any) -> None:
    wednesday.configure(
        budgets=(
            Budget(name="all", unit="runs", limit=5),
            Budget(name="orders", unit="runs", limit=5, match=BudgetMatch(title="Orders")),
        )
    )
    wednesday.read_runs("p1", wednesday.run("r"))

    assert wednesday.figures()["hex_budget_used"] == {("orders", "runs"): 1}


def test_each_figure_appears_when_its_own_time_is_known(wednesday: Any) -> None:
    week_start = wednesday.now_ms - 3 * DAY_MS
    for project_id in ("p1", "p2"):
        wednesday.read_runs(project_id, known_from_ms=week_start)

    figures = wednesday.figures()

    assert figures["hex_budget_used"] == {WEEKLY: 0}
    assert {"hex_budget_previous_used", "hex_budget_forecast"}.isdisjoint(figures)
    assert figures["hex_budget_window_used"] == {(*WEEKLY, "1h"): 0, (*WEEKLY, "6h"): 0}
    assert "hex_budget_window_previous_used" not in figures


def test_weeks_that_are_no_longer_kept_are_no_longer_known(wednesday: Any) -> None:
    read(wednesday)
    wednesday.configure(storage=Storage(url="sqlite://", keep_runs_seconds=12 * 86_400))

    figures = wednesday.figures()

    assert figures["hex_budget_previous_used"] == {WEEKLY: 0}
    assert figures["hex_budget_forecast"] == {WEEKLY: 0}
    assert (*WEEKLY, "7d") not in figures["hex_budget_window_previous_used"]


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


def test_money_that_no_run_costs_is_not_called_nothing(wednesday: Any) -> None:
    wednesday.configure(budgets=(Budget(name="money", unit="usd", limit=5),))
    read(wednesday, p1=[wednesday.run("a")])

    figures = wednesday.figures()

    assert "hex_budget_used" not in figures
    assert figures["hex_budget_limit"] == {("money", "usd"): 5}


def test_credits_count_from_the_day_their_thread_began(wednesday: Any) -> None:
    wednesday.configure(budgets=(Budget(name="ai", unit="ai_credits", limit=5, period="month"),))
    assert "hex_budget_used" not in wednesday.figures()
    threads = [
        Thread(thread_id="1", created_ms=wednesday.now_ms - DAY_MS, credits_milli=1_500),
        Thread(thread_id="2", created_ms=wednesday.now_ms - 30 * DAY_MS, credits_milli=4_000),
    ]
    wednesday.acme.record_threads(threads, wednesday.now_ms)
    wednesday.acme.record_collector("threads", True, wednesday.now_ms)

    figures = wednesday.figures()

    assert figures["hex_budget_used"] == {("ai", "ai_credits"): 1.5}
    assert figures["hex_budget_previous_used"] == {("ai", "ai_credits"): 4}


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


class TestReading:
    def test_a_day_is_read_again_only_when_its_runs_have_changed(self, wednesday: Any) -> None:
        read(wednesday, p1=[wednesday.run("r", 2 * DAY_MS)])
        wednesday.figures()
        uses = wednesday.acme.uses_between

        with mock.patch.object(wednesday.acme, "uses_between", side_effect=uses) as reading:
            wednesday.clock.advance(60)
            wednesday.figures()
            assert reading.call_count == 0
            wednesday.read_runs("p1", wednesday.run("new", 0))
            wednesday.figures()
            assert reading.call_count == 1

    def test_late_records_and_corrections_are_counted(self, wednesday: Any) -> None:
        read(wednesday, p1=[wednesday.run("r", DAY_MS)])
        assert wednesday.figures()["hex_budget_used"] == {WEEKLY: 1}

        wednesday.read_runs("p1", wednesday.run("late", 2 * DAY_MS))
        assert wednesday.figures()["hex_budget_used"] == {WEEKLY: 2}

    def test_a_project_that_comes_to_fit_counts_with_its_past(self, wednesday: Any) -> None:
        wednesday.configure(budgets=(Budget(name="b", unit="runs", limit=5, match=BudgetMatch(title="Sales")),))
        read(wednesday, p1=[wednesday.run("r")])
        assert wednesday.figures()["hex_budget_used"] == {("b", "runs"): 0}

        wednesday.list_projects(wednesday.published("p1", title="Sales"), wednesday.published("p2"))

        assert wednesday.figures()["hex_budget_used"] == {("b", "runs"): 1}

    def test_while_the_ledger_cannot_be_read_the_last_figures_stay(self, wednesday: Any) -> None:
        read(wednesday, p1=[wednesday.run("r")])
        before = wednesday.figures()["hex_budget_used"]
        wednesday.read_runs("p1", wednesday.run("new", 0))

        with mock.patch.object(wednesday.acme, "uses_between", side_effect=LedgerError("gone")):
            assert wednesday.figures()["hex_budget_used"] == before


class TestLog:
    def test_a_budget_that_matches_nothing_is_named_once(self, wednesday: Any) -> None:
        wednesday.configure(budgets=(Budget(name="b", unit="runs", limit=5, match=BudgetMatch(title="Sales")),))

        with capture_logs() as logs:
            wednesday.figures()
            wednesday.clock.advance(600)
            wednesday.figures()

        assert [(entry["log_level"], entry["reason"]) for entry in logs] == [
            ("warning", "budget 'b' matches no project")
        ]

    def test_the_default_budget_is_compared_once_with_the_last_weeks(self, wednesday: Any) -> None:
        with capture_logs() as logs:
            wednesday.figures()
            assert logs == []
            read(wednesday, p1=wednesday.many(300, 7 * DAY_MS))
            wednesday.figures()
            wednesday.clock.advance(86_400 * 7)
            wednesday.figures()

        assert [entry["comparison"] for entry in logs] == [
            "the default budget is 500 runs a week, and the last full weeks had 300, 0, 0, 0: it fits"
        ]

    def test_a_budget_of_ones_own_is_compared_with_nothing(self, wednesday: Any) -> None:
        wednesday.configure(budgets=(Budget(name="b", unit="runs", limit=5),))
        read(wednesday)

        with capture_logs() as logs:
            wednesday.figures()

        assert logs == []


def test_a_project_that_hex_has_forgotten_still_counts(wednesday: Any) -> None:
    read(wednesday, p1=[wednesday.run("r")])
    wednesday.list_projects(Project(project_id="p2", published_ms=1))

    assert wednesday.figures()["hex_budget_used"] == {WEEKLY: 1}
