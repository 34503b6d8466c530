"""Projects: listed, gone, back; with series of their own or in `other`."""

from collections.abc import Callable
from typing import Any

import pytest

from exporter.facts import Project, Run, Schedule
from exporter.ledger.series_limit import DAY_MS, Candidate, choose_series

HOURLY = Schedule(cadence="hourly", enabled=True, cron="0 * * * *")
DAILY = Schedule(cadence="daily", enabled=True, cron="0 6 * * *")


def project(project_id: str = "p", **facts: Any) -> Project:
    return Project(project_id=project_id, **{"published_ms": 1, **facts})


def visible(bench: Any) -> set[str]:
    return {one.labels[0] for one in bench.workspace.counters() if one.metric == "hex_runs_total"}


class TestListing:
    def test_a_project_is_known_as_it_was_listed(self, bench: Any, now_ms: int) -> None:
        listed = project(
            title="A \ud83d\ude00 title",
            owner="a@b",
            categories=("x",),
            groups=("y",),
            viewed_ms=5,
            views_7d=0,
            schedules=(HOURLY, DAILY),
        )

        bench.workspace.record_projects([listed], now_ms)
        bench.restart()

        (known,) = bench.workspace.projects()
        assert known.project.schedules == (HOURLY, DAILY)
        assert (known.first_seen_ms, known.gone_since_ms, known.schedules_since_ms) == (now_ms, None, now_ms)

    def test_a_project_that_the_listing_lacks_is_gone_until_it_is_back(self, bench: Any, now_ms: int) -> None:
        workspace = bench.workspace
        workspace.record_projects([project("p"), project("q")], now_ms)

        workspace.record_projects([project("q")], now_ms + 1)
        workspace.record_projects([project("q")], now_ms + 2)
        assert [known.project.project_id for known in workspace.projects()] == ["q"]
        gone = {known.project.project_id: known.gone_since_ms for known in workspace.projects(include_gone=True)}
        assert gone == {"p": now_ms + 1, "q": None}

        workspace.record_projects([project("p"), project("q")], now_ms + 3)
        assert len(workspace.projects()) == 2

    @pytest.mark.parametrize(
        ("schedules", "since_ms"), [((DAILY, HOURLY), 1), ((DAILY,), 2), ((), 2), ((DAILY, HOURLY, HOURLY), 1)]
    )
    def test_schedules_are_the_same_until_their_set_changes(
        self, bench: Any, schedules: tuple[Schedule, ...], since_ms: int
    ) -> None:
        bench.workspace.record_projects([project(schedules=(HOURLY, DAILY))], 1)

        bench.workspace.record_projects([project(schedules=schedules)], 2)

        assert bench.workspace.projects()[0].schedules_since_ms == since_ms

    def test_a_text_that_no_database_keeps_costs_a_character(self, bench: Any) -> None:
        bench.workspace.record_projects([project(title="a\ud800b")], 1)
        bench.restart()

        assert bench.workspace.projects()[0].project.title == "a\ufffdb"

    def test_a_listing_begins_counting_if_nothing_else_did(self, bench: Any, now_ms: int) -> None:
        bench.workspace.record_projects([], now_ms)

        assert bench.workspace.first_contact_ms == now_ms


class TestSeries:
    def test_projects_and_other_have_their_series_at_0_before_any_run(self, bench: Any) -> None:
        bench.begin("p")

        values = {(one.metric, one.labels): one.value for one in bench.workspace.counters()}
        for project_id in ("p", "other"):
            for trigger in ("scheduled", "api", "app_refresh"):
                assert values["hex_run_seconds_total", (project_id, trigger)] == 0
                for status in ("completed", "errored", "killed", "unable_to_allocate_kernel"):
                    assert values["hex_runs_total", (project_id, trigger, status)] == 0
                    assert values["hex_run_duration_seconds_count", (trigger, status)] == 0
            assert values["hex_unviewed_runs_total", (project_id,)] == 0
            assert values["hex_missed_schedules_total", (project_id,)] == 0

    def test_a_project_gets_its_series_when_it_is_published(self, bench: Any, now_ms: int) -> None:
        bench.workspace.record_projects([project(published_ms=None)], now_ms)
        bench.workspace.choose_members(10, now_ms)
        assert visible(bench) == {"other"}

        bench.workspace.record_projects([project()], now_ms)

        assert visible(bench) == {"p", "other"}

    def test_new_projects_have_series_at_once_while_there_is_room(self, bench: Any, now_ms: int) -> None:
        bench.begin("p", limit=2)

        bench.workspace.record_projects([project("p"), project("q"), project("r")], now_ms + 1)
        bench.workspace.choose_members(2, now_ms + 1)

        assert visible(bench) == {"p", "q", "other"}

    def test_the_clearly_more_active_takes_a_place_after_a_day(
        self, bench: Any, now_ms: int, make_run: Callable[..., Run]
    ) -> None:
        bench.begin("p", "q", limit=1)
        bench.see(*(make_run(str(number)) for number in range(5)), project_id="q")

        bench.workspace.choose_members(1, now_ms + DAY_MS - 1)
        assert visible(bench) == {"p", "other"}
        bench.workspace.choose_members(1, now_ms + DAY_MS)
        assert visible(bench) == {"q", "other"}

    def test_other_only_grows_and_a_project_resumes_its_sums(
        self, bench: Any, now_ms: int, make_run: Callable[..., Run]
    ) -> None:
        bench.begin("p", "q", limit=2)
        bench.see(make_run("1"))
        bench.workspace.choose_members(0, now_ms)
        bench.see(make_run("2"))
        assert bench.runs_total() == {("other", "scheduled", "completed"): 1}

        bench.workspace.choose_members(2, now_ms)
        bench.see(make_run("3"))

        assert bench.runs_total() == {("other", "scheduled", "completed"): 1, ("p", "scheduled", "completed"): 2}

    def test_a_counter_of_a_project_without_series_goes_to_other(self, bench: Any, now_ms: int) -> None:
        bench.begin("p", limit=0)

        bench.workspace.count("hex_missed_schedules_total", ("p",), 3, now_ms)

        assert bench.sums() == {("hex_missed_schedules_total", ("other",)): 3}

    def test_a_project_that_has_been_gone_for_30_days_has_no_series(self, bench: Any, now_ms: int) -> None:
        bench.begin("p", "q")
        bench.workspace.record_projects([project("q")], now_ms)

        bench.workspace.choose_members(10, now_ms + 30 * DAY_MS - 1)
        assert visible(bench) == {"p", "q", "other"}
        bench.workspace.choose_members(10, now_ms + 30 * DAY_MS)
        assert visible(bench) == {"q", "other"}

    def test_membership_survives_a_restart(self, bench: Any) -> None:
        bench.begin("p", "q", limit=1)
        before = visible(bench)

        bench.restart()

        assert visible(bench) == before == {"p", "other"}


def candidate(project_id: str, runs: int, is_member: bool = False, is_published: bool = True) -> Candidate:
    return Candidate(project_id=project_id, is_member=is_member, runs=runs, is_published=is_published, viewed_ms=0)


class TestChoice:
    def test_the_most_active_fill_the_room_published_ones_first(self) -> None:
        candidates = [candidate("a", 1), candidate("b", 9), candidate("c", 0, is_published=False), candidate("d", 0)]

        assert choose_series(candidates, 3, may_displace=False) == {"a", "b", "d"}

    @pytest.mark.parametrize(("runs", "takes_it"), [(24, False), (25, True)])
    def test_few_runs_need_five_more(self, runs: int, takes_it: bool) -> None:
        candidates = [candidate("in", 20, is_member=True), candidate("out", runs)]

        assert (choose_series(candidates, 1, may_displace=True) == {"out"}) is takes_it

    @pytest.mark.parametrize(("runs", "takes_it"), [(119, False), (120, True)])
    def test_many_runs_need_a_fifth_more(self, runs: int, takes_it: bool) -> None:
        candidates = [candidate("in", 100, is_member=True), candidate("out", runs)]

        assert (choose_series(candidates, 1, may_displace=True) == {"out"}) is takes_it

    def test_nobody_is_displaced_between_the_days(self) -> None:
        candidates = [candidate("in", 0, is_member=True), candidate("out", 100)]

        assert choose_series(candidates, 1, may_displace=False) == {"in"}

    def test_each_place_is_taken_from_the_least_active(self) -> None:
        members = [candidate(f"in{runs}", runs, is_member=True) for runs in (0, 10, 50)]

        kept = choose_series([*members, candidate("out100", 100), candidate("out20", 20)], 3, may_displace=True)

        assert kept == {"in50", "out100", "out20"}

    def test_a_lower_limit_drops_the_least_active(self) -> None:
        members = [candidate(f"in{runs}", runs, is_member=True) for runs in (0, 10, 50)]

        assert choose_series(members, 2, may_displace=True) == {"in10", "in50"}
