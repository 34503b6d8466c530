"""Days of use: each is read once, and again when its runs have changed."""

from typing import Any
from unittest import mock

from exporter.config import Budget, BudgetMatch
from exporter.errors import LedgerError

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEKLY = ("weekly-runs", "runs")


def read(world: Any, **runs: Any) -> None:
    for project_id in ("p1", "p2"):
        world.read_runs(project_id, *runs.get(project_id, ()))


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
            # The day, and the runs of the project whose growth it changes.
            assert [len(call.args) for call in reading.call_args_list] == [2, 3]

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
