"""Keeping accounts: what a budget has used and a week has cost, as far as that is known."""

from typing import Any

from structlog.testing import capture_logs

from exporter.config import Budget, BudgetMatch, Storage
from exporter.facts import Project, Thread

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEKLY = ("weekly-runs", "runs")


def read(world: Any, **runs: Any) -> None:
    for project_id in ("p1", "p2"):
        world.read_runs(project_id, *runs.get(project_id, ()))


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


def test_the_course_of_a_week_is_there_with_its_figures_and_ends_with_them(wednesday: Any) -> None:
    wednesday.read_runs("p1", *wednesday.many(3, HOUR_MS), *wednesday.many(2, 6 * DAY_MS, "before"))
    assert "hex_budget_used_by_hour" not in wednesday.figures()
    wednesday.read_runs("p2")

    figures = wednesday.figures()
    hours = figures["hex_budget_used_by_hour"]
    ends = {
        period: max((hour, value) for (*_, one, hour), value in hours.items() if one == period)[1]
        for period in ("this", "previous", "expected")
    }

    assert ends["this"] == figures["hex_budget_used"][WEEKLY] == 3
    assert ends["previous"] == figures["hex_budget_previous_used"][WEEKLY] == 2
    assert ends["expected"] == figures["hex_budget_forecast"][WEEKLY]
    assert {hour for (*_, one, hour) in hours if one != "previous"} == {f"{hour:03}" for hour in range(168)}


def test_weeks_that_are_no_longer_kept_are_no_longer_known(wednesday: Any) -> None:
    read(wednesday)
    wednesday.configure(storage=Storage(url="sqlite://", keep_runs_seconds=12 * 86_400))

    figures = wednesday.figures()

    assert figures["hex_budget_previous_used"] == {WEEKLY: 0}
    assert figures["hex_budget_forecast"] == {WEEKLY: 0}
    assert (*WEEKLY, "7d") not in figures["hex_budget_window_previous_used"]


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


def test_a_budget_sees_a_thread_of_last_week_that_goes_on(wednesday: Any) -> None:
    wednesday.configure(budgets=(Budget(name="ai", unit="ai_credits", limit=500),))
    old = {"thread_id": "t", "created_ms": wednesday.now_ms - 8 * DAY_MS, "updated_ms": wednesday.now_ms - 8 * DAY_MS}

    for milli in (3_000, 403_000):
        wednesday.acme.record_threads([Thread(**old, credits_milli=milli)], wednesday.now_ms)
        wednesday.acme.record_collector("threads", True, wednesday.now_ms)
        wednesday.clock.advance(900)

    figures = wednesday.figures()
    assert figures["hex_budget_used"] == {("ai", "ai_credits"): 400}
    assert figures["hex_budget_previous_used"] == {("ai", "ai_credits"): 3}
    assert figures["hex_budget_window_used"]["ai", "ai_credits", "1h"] == 400


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
