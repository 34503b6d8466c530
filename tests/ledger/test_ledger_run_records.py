"""Runs: known once, counted once, whatever order, overlap or repetition they arrive in."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exporter.errors import LedgerError
from exporter.facts import Project, Run
from exporter.ledger import RunProgress

Make = Callable[..., Run]
COUNTED = {("p", "scheduled", "completed"): 1}


def test_a_run_is_counted_once_however_often_it_is_listed(bench: Any, make_run: Make) -> None:
    bench.begin("p")

    bench.see(make_run(), make_run())
    bench.see(make_run())
    bench.restart()
    bench.see(make_run())

    assert bench.runs_total() == COUNTED
    assert bench.sums()["hex_run_seconds_total", ("p", "scheduled")] == 5_000


def test_the_last_sight_of_an_ended_run_is_kept_also_where_it_is_as_one_before(bench: Any, make_run: Make) -> None:
    bench.begin("p")
    short, long = make_run(elapsed_ms=5_000), make_run(elapsed_ms=6_000)

    for page in ((short,), (long,), (short,), (short,)):
        bench.see(*page)
        assert list(bench.workspace.runs_between(0, None)) == [page[-1]]
    for page in ((short, long), (short, long), (long, short)):
        bench.see(*page)
        assert list(bench.workspace.runs_between(0, None)) == [page[-1]]
    assert bench.runs_total() == COUNTED


def test_a_run_is_followed_from_pending_to_its_end(bench: Any, make_run: Make) -> None:
    bench.begin("p")

    bench.see(make_run(status="pending", start_ms=None, end_ms=None, elapsed_ms=None))
    assert [run.status for run in bench.workspace.active_runs()] == ["pending"]
    bench.see(make_run(status="running", end_ms=None, elapsed_ms=None))
    assert bench.runs_total() == {}
    bench.see(make_run())

    assert bench.workspace.active_runs() == ()
    assert bench.runs_total() == COUNTED


def test_the_runs_of_a_project_since_a_moment_are_counted_that_moment_included(
    bench: Any, make_run: Make, now_ms: int
) -> None:
    bench.begin("p", "q")
    bench.see(*(make_run(f"r{minute}", start_ms=now_ms + minute * 60_000, end_ms=None) for minute in range(4)))
    bench.see(make_run("other"), project_id="q")

    assert bench.workspace.count_runs_since(now_ms + 60_000, "p") == 3


def test_history_is_kept_and_not_counted(bench: Any, make_run: Make, now_ms: int) -> None:
    bench.begin("p")
    old = make_run(start_ms=now_ms - 10_000, end_ms=now_ms - 1)

    bench.see(old)

    assert bench.runs_total() == {}
    assert tuple(bench.workspace.runs_between(0, now_ms)) == (old,)


def test_a_later_correction_changes_the_record_and_no_counter(bench: Any, make_run: Make) -> None:
    bench.begin("p")
    bench.see(make_run())
    before = bench.sums()

    bench.see(make_run(status="errored", elapsed_ms=9_000))

    assert bench.sums() == before
    assert [run.status for run in bench.workspace.runs_between(0, None)] == ["errored"]


def test_a_stale_page_does_not_bring_an_ended_run_back(bench: Any, make_run: Make) -> None:
    bench.begin("p")
    bench.see(make_run())

    bench.see(make_run(status="running", end_ms=None))

    assert bench.workspace.active_runs() == ()
    assert bench.runs_total() == COUNTED


def test_a_dateless_run_counts_only_where_the_newest_runs_were_known(bench: Any, make_run: Make, now_ms: int) -> None:
    bench.begin("p")
    dateless = make_run(start_ms=None, end_ms=None, elapsed_ms=None)

    bench.see(replace(dateless, run_id="at first"), progress=RunProgress(known_until_ms=now_ms, known_from_ms=now_ms))
    bench.see(replace(dateless, run_id="history"), progress=RunProgress(known_until_ms=now_ms, known_from_ms=5))
    assert bench.runs_total() == {}
    bench.see(replace(dateless, run_id="news"), progress=RunProgress(known_until_ms=now_ms + 1, known_from_ms=5))

    assert bench.runs_total() == COUNTED


def test_runs_and_progress_are_stored_together_or_not_at_all(file_bench: Any, make_run: Make, now_ms: int) -> None:
    file_bench.begin("p")
    file_bench.see(progress=RunProgress(known_until_ms=1))
    with file_bench.workspace._store.transaction("acme") as transaction:
        transaction.connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE UPDATE ON projects BEGIN SELECT RAISE(ABORT, 'no'); END"
        )

    with pytest.raises(LedgerError):
        file_bench.see(make_run(), progress=RunProgress(known_until_ms=now_ms))

    assert tuple(file_bench.workspace.runs_between(0, None)) == ()
    assert file_bench.runs_total() == {}
    assert file_bench.workspace.projects()[0].progress == RunProgress(known_until_ms=1)


def test_progress_survives_a_restart(bench: Any) -> None:
    bench.begin("p")
    progress = RunProgress(
        known_until_ms=1,
        known_from_ms=2,
        is_unordered=True,
        last_read_ms=3,
        disorder_ms=4,
        refusals=5,
        refused_status=404,
        schedule_checked_ms=6,
    )

    bench.see(progress=progress)
    bench.restart()

    assert bench.workspace.projects()[0].progress == progress


def test_an_active_run_that_is_gone_is_not_counted(bench: Any, make_run: Make, now_ms: int) -> None:
    bench.begin("p")
    bench.see(make_run(status="running", end_ms=None), make_run("other", status="running", end_ms=None))

    bench.workspace.record_gone_runs("p", ["r"])

    assert [run.run_id for run in bench.workspace.active_runs()] == ["other"]
    assert bench.runs_total() == {}
    assert bench.workspace.week_counts(now_ms, now_ms + 100_000) == {"p": 2}


def test_missed_schedules_are_counted_with_the_progress_that_found_them(bench: Any) -> None:
    bench.begin("p")

    bench.workspace.record_runs("p", (), RunProgress(schedule_checked_ms=9), 1, missed_schedules=2)

    assert bench.sums() == {("hex_missed_schedules_total", ("p",)): 2}


def test_runs_of_a_project_that_no_listing_named_are_counted_as_other(bench: Any, make_run: Make) -> None:
    bench.begin()

    bench.see(make_run())

    assert bench.runs_total() == {("other", "scheduled", "completed"): 1}


def test_two_workspaces_never_mix(bench: Any, make_run: Make, now_ms: int) -> None:
    bench.begin("p")
    other = bench.ledger.workspace("other")
    bench.see(make_run())

    other.record_runs("p", [make_run()], RunProgress(), now_ms + 70_000)

    assert other.first_contact_ms == now_ms + 70_000
    assert [one.value for one in other.counters() if one.metric == "hex_runs_total" and one.value] == []
    assert len(tuple(other.runs_between(0, None))) == 1
    assert bench.runs_total() == COUNTED


class TestUnviewed:
    def see_two(self, bench: Any, make_run: Make, viewed_ms: int | None, **second: object) -> int:
        bench.begin()
        project = Project(project_id="p", published_ms=1, viewed_ms=viewed_ms)
        bench.workspace.record_projects([project], bench.clock.now() * 1000)
        bench.workspace.choose_members(10, 0)
        first = make_run("first")
        later = {"start_ms": first.start_ms + 3_600_000, "end_ms": first.end_ms + 3_600_000}
        bench.see(make_run("second", **{**later, **second}), first)
        return int(bench.sums().get(("hex_unviewed_runs_total", ("p",)), 0))

    def test_a_refresh_after_one_that_nobody_viewed_is_counted(self, bench: Any, make_run: Make) -> None:
        assert self.see_two(bench, make_run, None) == 1

    def test_a_view_in_between_makes_it_wanted(self, bench: Any, make_run: Make, now_ms: int) -> None:
        assert self.see_two(bench, make_run, now_ms + 65_000) == 0

    def test_runs_by_the_api_are_no_refreshes(self, bench: Any, make_run: Make) -> None:
        assert self.see_two(bench, make_run, None, trigger="api") == 0


class TestReads:
    def test_runs_are_placed_by_start_else_by_first_sight(self, bench: Any, make_run: Make, now_ms: int) -> None:
        bench.begin("p", "q")
        bench.see(make_run("b", start_ms=now_ms + 5), make_run("c", start_ms=None), at_ms=now_ms + 7)
        bench.see(make_run("a", start_ms=now_ms + 9), project_id="q")
        workspace = bench.workspace

        assert [run.run_id for run in workspace.runs_between(now_ms + 5, now_ms + 9)] == ["b", "c"]
        assert [run.run_id for run in workspace.runs_between(now_ms + 6, None)] == ["c", "a"]
        assert [run.run_id for run in workspace.runs_between(0, None, "q")] == ["a"]

    def test_a_run_without_a_kernel_counts_towards_no_week(self, bench: Any, make_run: Make, now_ms: int) -> None:
        bench.begin("p")
        bench.see(make_run("a"), make_run("b", status="unable_to_allocate_kernel"), make_run("c", status="running"))

        assert bench.workspace.week_counts(now_ms, now_ms + 60_001) == {"p": 2}
        assert bench.workspace.week_counts(now_ms, now_ms + 60_000) == {}

    def test_the_last_run_of_each_project_and_status(self, bench: Any, make_run: Make) -> None:
        bench.begin("p")
        bench.see(make_run("a", start_ms=5), make_run("b", start_ms=9), make_run("c", start_ms=7, status="errored"))

        assert bench.workspace.last_runs() == {("p", "completed"): 9, ("p", "errored"): 7}

    @pytest.mark.slow
    def test_a_stream_shows_one_moment_while_writing_goes_on(self, bench: Any, make_run: Make) -> None:
        bench.begin("p")
        bench.see(*(make_run(f"{number:05}") for number in range(2_500)))

        stream = bench.workspace.runs_between(0, None)
        first = next(stream)
        bench.see(make_run("late"))

        assert first.run_id == "00000"
        assert sum(1 for _ in stream) == 2_499

    def test_a_hostile_run_costs_nothing_but_itself(self, bench: Any, make_run: Make) -> None:
        bench.begin("p")

        bench.see(make_run("\ud800", status="\x00", elapsed_ms=10**30), make_run(trigger="\udcff"))

        assert sorted(bench.runs_total()) == [("p", "scheduled", "\ufffd"), ("p", "\ufffd", "completed")]


class TestPruning:
    def test_pruning_forgets_old_ended_runs_and_lowers_no_sum(self, bench: Any, make_run: Make, now_ms: int) -> None:
        bench.begin("p")
        bench.see(make_run(), make_run("active", status="running", end_ms=None), make_run("later", end_ms=now_ms * 2))
        before = bench.sums()

        assert bench.workspace.prune(now_ms + 65_001) == 1

        assert bench.sums() == before
        assert [run.run_id for run in bench.workspace.runs_between(0, None)] == ["active", "later"]

    def test_a_pruned_run_that_is_still_listed_stays_forgotten(self, bench: Any, make_run: Make, now_ms: int) -> None:
        bench.begin("p")
        bench.see(make_run())
        bench.workspace.prune(now_ms + 65_001)
        bench.restart()

        bench.see(make_run(), make_run(status="running", end_ms=None))

        assert tuple(bench.workspace.runs_between(0, None)) == ()
        assert bench.runs_total() == COUNTED

    def test_the_line_never_moves_back(self, bench: Any, make_run: Make, now_ms: int) -> None:
        bench.begin("p")
        bench.see(make_run())
        bench.workspace.prune(now_ms + 65_001)
        bench.workspace.prune(1)

        bench.see(make_run())

        assert bench.runs_total() == COUNTED

    def test_a_dateless_run_stays(self, bench: Any, make_run: Make, now_ms: int) -> None:
        bench.begin("p")
        bench.see(make_run(start_ms=None, end_ms=None, elapsed_ms=None))

        assert bench.workspace.prune(now_ms * 2) == 0
