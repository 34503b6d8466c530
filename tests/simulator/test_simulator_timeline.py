"""Runs by absolute time: the same past for the same seed, and lives that go one way."""

import random
from collections import Counter
from itertools import islice

import pytest

from exporter.facts import ACTIVE_STATUSES
from exporter.simulator import Burst, Simulation
from exporter.simulator.event_times import DAY_MS, HOUR_MS, WEEK_MS
from exporter.simulator.timeline import HISTORY_MS, LONGEST_WAIT_MS


def all_runs(simulation, at_ms):
    return [run.seen(at_ms) for project in simulation.projects for run in simulation.newest(project.project_id, at_ms)]


class TestDeterminism:
    @pytest.mark.slow
    def test_two_workspaces_of_one_seed_tell_the_same_runs(self, make_simulation):
        first, second = make_simulation(seed=7, projects=25), make_simulation(seed=7, projects=25)

        assert all_runs(first, first.now_ms) == all_runs(second, second.now_ms)

    def test_another_seed_tells_another_past(self, make_simulation):
        first, second = make_simulation(seed=7, projects=5), make_simulation(seed=8, projects=5)

        assert {run.run_id for run in all_runs(first, first.now_ms)}.isdisjoint(
            run.run_id for run in all_runs(second, second.now_ms)
        )

    @pytest.mark.slow
    def test_a_workspace_started_anew_later_tells_the_same_past(self, make_simulation, manual_clock):
        """The past is a function of time, not of when the simulator was started or what was requested before."""
        plant_since_ms = int(manual_clock.now() * 1000) - DAY_MS // 8
        before = make_simulation(projects=20, plant_since_ms=plant_since_ms, plant_every_seconds=60)
        then_ms = before.now_ms
        past = {run.run_id: run for run in all_runs(before, then_ms) if not run.is_active}

        manual_clock.advance(3 * 86_400)
        after = make_simulation(projects=20, plant_since_ms=plant_since_ms, plant_every_seconds=60)

        known = {run.run_id: run for run in all_runs(after, after.now_ms)}
        oldest_ms = after.now_ms - HISTORY_MS
        kept = {run_id: run for run_id, run in past.items() if (run.start_ms or 0) >= oldest_ms}
        assert len(kept) > 500
        assert all(known[run_id] == run for run_id, run in kept.items())

    def test_a_project_keeps_its_runs_when_the_workspace_has_more_projects(self, make_simulation):
        small, large = make_simulation(projects=10), make_simulation(projects=60)

        project_id = small.projects[3].project_id
        assert list(small.newest(project_id)) == list(large.newest(project_id))

    def test_a_burst_that_is_told_to_begin_later_has_the_same_runs_from_then_on(self, make_simulation, manual_clock):
        now_ms = int(manual_clock.now() * 1000)
        early = make_simulation(projects=1, plant_since_ms=now_ms - 3_600_123)
        late = make_simulation(projects=1, plant_since_ms=now_ms - 600_007)

        recent = list(late.newest(late.planted.project_id))
        assert recent == list(early.newest(early.planted.project_id))[: len(recent)]
        assert len(recent) == 121


class TestOrder:
    @pytest.mark.slow
    def test_runs_are_listed_by_falling_start(self, make_simulation):
        simulation = make_simulation(plant_since_ms=make_simulation().now_ms - HOUR_MS)

        for project in simulation.projects:
            starts = [run.start_ms for run in simulation.newest(project.project_id)]
            assert starts == sorted(starts, reverse=True)

    @pytest.mark.slow
    def test_no_run_is_listed_twice_and_none_is_lost_where_weeks_meet(self, make_simulation):
        simulation = make_simulation()
        week = simulation.calendar.week_of(simulation.now_ms)
        monday_ms = simulation.calendar.start_of(week)

        for project in simulation.projects:
            listed = [run.run_id for run in simulation.newest(project.project_id)]
            assert len(listed) == len(set(listed))
            around = list(
                simulation.runs_between(monday_ms - HOUR_MS, monday_ms + HOUR_MS, project_id=project.project_id)
            )
            parts = [
                run
                for start_ms in range(monday_ms - HOUR_MS, monday_ms + HOUR_MS, 600_000)
                for run in simulation.runs_between(start_ms, start_ms + 600_000, project_id=project.project_id)
            ]
            assert sorted(run.run_id for run in around) == sorted(run.run_id for run in parts)

    def test_history_ends_after_ninety_days(self, make_simulation):
        simulation = make_simulation()
        hourly = next(project for project in simulation.projects if project.sort == "abandoned")

        oldest = list(simulation.newest(hourly.project_id))[-1]

        assert 0 <= oldest.start_ms - (simulation.now_ms - HISTORY_MS) < 2 * HOUR_MS


class TestLife:
    @pytest.mark.slow
    def test_a_run_is_pending_then_running_then_ended_under_one_id(self, make_simulation):
        simulation = make_simulation()
        plans = [
            run
            for project in simulation.projects
            for run in simulation.newest(project.project_id)
            if run.outcome == "completed" and run.has_end
        ]
        run = random.Random(1).choice(plans)

        pending, running, ended = (run.seen(at_ms) for at_ms in (run.queued_ms, run.start_ms, run.end_ms))

        assert (pending.status, pending.start_ms, pending.end_ms, pending.elapsed_ms) == ("pending", None, None, None)
        assert (running.status, running.start_ms, running.end_ms) == ("running", run.start_ms, None)
        assert (ended.status, ended.end_ms, ended.elapsed_ms) == ("completed", run.end_ms, run.end_ms - run.start_ms)
        assert pending.run_id == running.run_id == ended.run_id

    @pytest.mark.slow
    def test_a_run_that_gets_no_kernel_has_no_start(self, make_simulation):
        simulation = make_simulation()
        now_ms = simulation.now_ms
        runs = [run for run in all_runs(simulation, now_ms) if run.status == "unable_to_allocate_kernel"]

        assert runs
        assert all(run.start_ms is None and run.end_ms is not None for run in runs)

    def test_a_run_only_moves_forward(self, make_simulation):
        """Watched every five seconds for some hours, each run is first seen active, and never goes back."""
        simulation = make_simulation(projects=2)
        hourly = next(project for project in simulation.projects if project.sort == "abandoned")
        begin_ms = simulation.now_ms
        rank = {"pending": 0, "running": 1}
        watched: dict[str, list[int]] = {}

        for at_ms in range(begin_ms, begin_ms + 4 * HOUR_MS, 5_000):
            for run in islice(simulation.newest(hourly.project_id, at_ms), 3):
                if run.queued_ms > begin_ms:
                    watched.setdefault(run.run_id, []).append(rank.get(run.status(at_ms), 2))

        assert len(watched) == 4
        assert all(seen == sorted(seen) for seen in watched.values())
        assert all(seen[0] < 2 for seen in watched.values())
        assert {0, 1, 2} == {reached for seen in watched.values() for reached in seen}

    @pytest.mark.slow
    def test_some_completed_runs_have_no_end_as_clients_have_seen(self, make_simulation):
        simulation = make_simulation()

        odd = [
            run for run in all_runs(simulation, simulation.now_ms) if run.status == "completed" and run.end_ms is None
        ]

        assert 0 < len(odd) < 0.02 * len(all_runs(simulation, simulation.now_ms))
        assert all(run.elapsed_ms is not None for run in odd)


class TestSchedules:
    @pytest.mark.slow
    def test_runs_start_within_the_documented_delay_of_their_schedule(self, make_simulation):
        simulation = make_simulation()
        now_ms = simulation.now_ms

        for project in simulation.projects:
            due = sorted(
                at_ms
                for cadence in project.schedules
                for at_ms in cadence.due(now_ms - 14 * DAY_MS, now_ms)
                if cadence.is_enabled
            )
            for run in simulation.newest(project.project_id, now_ms):
                if run.trigger == "scheduled" and run.queued_ms > now_ms - 13 * DAY_MS:
                    assert any(0 <= run.queued_ms - at_ms <= 600_000 for at_ms in due)
                    assert run.start_ms - run.queued_ms < LONGEST_WAIT_MS

    def test_disabled_archived_and_unpublished_projects_do_not_run(self, make_simulation):
        simulation = make_simulation()

        for project in simulation.projects:
            if project.sort in ("disabled", "archived", "trashed", "draft", "component"):
                assert not list(simulation.newest(project.project_id))

    def test_an_hourly_schedule_runs_about_168_times_a_week(self, make_simulation):
        simulation = make_simulation()
        hourly = next(project for project in simulation.projects if project.sort == "abandoned")
        now_ms = simulation.now_ms

        number = len(list(simulation.runs_between(now_ms - WEEK_MS, now_ms, project_id=hourly.project_id)))

        assert 165 <= number <= 169


class TestBursts:
    def test_the_planted_project_runs_every_few_seconds(self, make_simulation, manual_clock):
        simulation = make_simulation(projects=3, plant_since_ms=int(manual_clock.now() * 1000), plant_every_seconds=5)

        manual_clock.advance(60)

        assert len(list(simulation.newest(simulation.planted.project_id))) == 13

    def test_a_project_runs_away_and_is_caught(self, make_simulation, manual_clock):
        now_ms = int(manual_clock.now() * 1000)
        simulation = make_simulation(projects=10)
        weekly = next(project for project in simulation.projects if project.sort == "weekly")
        before = len(list(simulation.newest(weekly.project_id)))

        simulation.run_away(
            Burst(project_id=weekly.project_id, since_ms=now_ms, every_ms=10_000, until_ms=now_ms + HOUR_MS)
        )
        manual_clock.advance(7_200)

        more = len(list(simulation.newest(weekly.project_id))) - before
        assert 360 <= more <= 362

    def test_bursts_may_be_given_from_the_start(self, manual_clock):
        now_ms = int(manual_clock.now() * 1000)
        first = Simulation(1, 3, clock=manual_clock).projects[0].project_id

        wild = Simulation(
            1, 3, clock=manual_clock, bursts=[Burst(project_id=first, since_ms=now_ms - HOUR_MS, every_ms=60_000)]
        )

        triggers = Counter(run.trigger for run in wild.runs_between(now_ms - HOUR_MS, now_ms, project_id=first))
        assert triggers["api"] in (60, 59, 61)


class TestTruth:
    def test_runs_between_counts_each_run_by_its_start(self, make_simulation):
        simulation = make_simulation(projects=20)
        now_ms = simulation.now_ms
        whole = Counter(run.run_id for run in simulation.runs_between(now_ms - 2 * WEEK_MS, now_ms))
        halves = Counter(
            run.run_id
            for start_ms in (now_ms - 2 * WEEK_MS, now_ms - WEEK_MS)
            for run in simulation.runs_between(start_ms, start_ms + WEEK_MS, at_ms=now_ms)
        )

        assert whole == halves
        assert max(whole.values()) == 1

    def test_the_truth_reaches_further_back_than_the_api(self, make_simulation):
        simulation = make_simulation(projects=5)
        end_ms = simulation.now_ms - 200 * DAY_MS

        assert list(simulation.runs_between(end_ms - WEEK_MS, end_ms))

    def test_it_is_told_as_it_stands_at_an_instant(self, make_simulation):
        simulation = make_simulation(projects=40)
        now_ms = simulation.now_ms

        early = list(simulation.runs_between(now_ms - DAY_MS, now_ms, at_ms=now_ms))
        late = list(simulation.runs_between(now_ms - DAY_MS, now_ms, at_ms=now_ms + DAY_MS))

        assert {run.run_id for run in early} <= {run.run_id for run in late}
        assert not any(run.status in ACTIVE_STATUSES for run in late)
