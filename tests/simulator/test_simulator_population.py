"""A workspace that teaches something: its mixture, its waste, and statistics over a fixed seed."""

import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from exporter.facts import ROLES
from exporter.simulator.event_times import DAY_MS, HOUR_MS, WEEK_MS
from exporter.simulator.people import PAID_ROLES
from exporter.simulator.population import GONE_OWNER
from exporter.simulator.project_mix import MIXTURE, SORTS


@pytest.fixture(scope="module")
def simulation():
    from exporter.simulator import Simulation

    class Still:
        def now(self):
            return 1_795_000_000.0

        def monotonic(self):
            return 0.0

        async def sleep(self, seconds):
            raise AssertionError("nothing sleeps here")

    return Simulation(1, 40, clock=Still())


def weeks(simulation, number=8):
    week = simulation.calendar.week_of(simulation.now_ms)
    return [
        (simulation.calendar.start_of(week - back), simulation.calendar.start_of(week - back + 1))
        for back in range(1, number + 1)
    ]


class TestLoad:
    @pytest.mark.slow
    def test_a_week_has_the_runs_of_a_busy_team_without_the_abandoned_projects(self, simulation):
        for start_ms, end_ms in weeks(simulation):
            runs = Counter(simulation.by_id[run.project_id].sort for run in simulation.runs_between(start_ms, end_ms))
            abandoned = runs.pop("abandoned")

            assert 300 <= runs.total() <= 450
            assert 330 <= abandoned <= 338

    def test_every_trigger_and_end_state_occurs(self, simulation):
        now_ms = simulation.now_ms
        runs = list(simulation.runs_between(now_ms - 8 * WEEK_MS, now_ms))
        statuses, triggers = Counter(run.status for run in runs), Counter(run.trigger for run in runs)

        assert set(triggers) == {"scheduled", "api", "app_refresh"}
        assert {"completed", "errored", "killed", "unable_to_allocate_kernel"} <= set(statuses)
        assert statuses["completed"] > 0.9 * len(runs)

    def test_people_cause_runs_in_office_hours(self, simulation):
        now_ms, zone = simulation.now_ms, ZoneInfo("Europe/Zurich")
        local = [
            datetime.fromtimestamp(run.start_ms / 1000, UTC).astimezone(zone)
            for run in simulation.runs_between(now_ms - 12 * WEEK_MS, now_ms)
            if run.trigger != "scheduled" and run.start_ms is not None
        ]
        by_day = Counter(at.weekday() for at in local)

        assert sum(8 <= at.hour < 18 for at in local) > 0.85 * len(local)
        assert by_day[0] > 1.15 * by_day[3]
        assert by_day[5] + by_day[6] < 0.06 * len(local)

    def test_durations_are_log_normal_around_their_project(self, simulation):
        now_ms = simulation.now_ms
        of_project = defaultdict(list)
        for run in simulation.runs_between(now_ms - 12 * WEEK_MS, now_ms):
            if run.status == "completed" and run.elapsed_ms is not None:
                of_project[run.project_id].append(run.elapsed_ms / 1000)

        for project_id, seconds in of_project.items():
            if len(seconds) > 150:
                assert median(seconds) == pytest.approx(simulation.by_id[project_id].median_seconds, rel=0.12)
                assert max(seconds) > 1.6 * median(seconds)

    def test_some_schedules_always_fail(self, simulation):
        now_ms = simulation.now_ms
        failing = next(project for project in simulation.projects if project.sort == "failing")
        runs = list(simulation.runs_between(now_ms - 6 * WEEK_MS, now_ms, project_id=failing.project_id))

        assert len(runs) > 35
        assert not any(run.status == "completed" for run in runs)


class TestProjects:
    def test_every_sort_of_the_mixture_is_there(self, simulation):
        assert Counter(project.sort for project in simulation.projects) == Counter(MIXTURE)
        assert set(SORTS) - set(MIXTURE) == {"plant"}

    def test_every_cadence_is_there_and_some_are_off(self, simulation):
        cadences = [cadence for project in simulation.projects for cadence in project.schedules]

        assert {cadence.kind for cadence in cadences} == {"HOURLY", "DAILY", "WEEKLY", "MONTHLY", "CUSTOM"}
        assert any(not cadence.is_enabled for cadence in cadences)
        assert len({cadence.offset_minutes for cadence in cadences}) >= 3
        assert any(len(project.schedules) > 1 for project in simulation.projects)

    def test_titles_and_tables_are_their_own_except_for_the_copies(self, make_simulation):
        projects = make_simulation(projects=1000).projects
        titles = Counter(project.title for project in projects)
        tables = Counter(project.tables for project in projects)

        assert max(titles.values()) == 1
        assert sum(count == 2 for count in tables.values()) == (MIXTURE.count("copy") + MIXTURE.count("sibling")) * 25
        assert max(tables.values()) == 2

    @pytest.mark.slow
    def test_two_thousand_projects_keep_the_shares(self, make_simulation):
        sorts = Counter(project.sort for project in make_simulation(projects=2000).projects)

        assert sorts["abandoned"] == 100

    def test_the_owner_of_abandoned_and_inherited_projects_has_left(self, simulation):
        owners = {project.owner_email for project in simulation.projects if project.sort in ("abandoned", "inherited")}

        assert owners == {GONE_OWNER}
        assert GONE_OWNER not in {seat.email for seat in simulation.seats}

    def test_all_other_owners_have_a_seat(self, simulation):
        seats = {seat.email for seat in simulation.seats}

        left = {project.sort for project in simulation.projects if project.owner_email not in seats}

        assert left == {"abandoned", "inherited"}

    def test_ordinary_schedules_are_viewed_more_often_than_they_run(self, simulation):
        """What was not planted as waste must not look like it."""
        now_ms = simulation.now_ms
        for project in simulation.projects:
            sort = SORTS[project.sort]
            if sort.waste in ("", "colliding_schedules", "duplicate_projects", "failing_schedule") and sort.schedules:
                if sort.state not in ("published", "unlisted"):
                    continue
                runs = len(list(simulation.runs_between(now_ms - 4 * WEEK_MS, now_ms, project_id=project.project_id)))
                assert project.views.count_between(now_ms - 4 * WEEK_MS, now_ms) > runs

    @pytest.mark.slow
    def test_the_order_is_the_same_in_every_process(self):
        """Nothing depends on the order of a set, which differs from process to process."""
        code = (
            "from exporter.simulator import Simulation; from exporter.clock import SystemClock; import hashlib;"
            "s = Simulation(1, 60, clock=SystemClock());"
            "print(hashlib.sha256(repr([(p.title, p.group_names, p.tables, p.schedules) for p in s.projects]"
            ").encode()).hexdigest())"
        )
        seen = {
            subprocess.run(
                [sys.executable, "-c", code],
                env={"PYTHONHASHSEED": seed, "PATH": ""},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }

        assert len(seen) == 1


class TestPeople:
    def test_there_are_seats_in_every_role(self, simulation):
        assert {seat.role for seat in simulation.seats} == set(ROLES)

    def test_idle_paid_seats_have_not_been_used_for_a_long_time(self, simulation):
        now_ms = simulation.now_ms
        idle = {
            seat.user_id
            for seat in simulation.seats
            if seat.role in PAID_ROLES and (seat.last_login_ms or 0) < now_ms - 90 * DAY_MS
        }
        planted = {one.subjects[0] for one in simulation.waste if one.kind == "idle_paid_seat"}

        assert idle == planted
        assert len(idle) >= 4

    def test_the_others_came_in_the_last_weeks(self, simulation):
        active = [person for person in simulation.staff.people if person.habit == "active"]

        assert all(person.last_login_ms(simulation.now_ms) > simulation.now_ms - 21 * DAY_MS for person in active)

    def test_two_users_share_an_address(self, simulation):
        addresses = Counter(seat.email for seat in simulation.seats)

        assert [count for count in addresses.values() if count > 1] == [2]

    def test_a_login_moves_with_time(self, simulation):
        admin = simulation.staff.admin
        now_ms = simulation.now_ms

        assert admin.last_login_ms(now_ms + 14 * DAY_MS) > admin.last_login_ms(now_ms)


class TestWaste:
    def test_every_kind_is_planted(self, simulation):
        assert {one.kind for one in simulation.waste if one.is_waste} == {
            *("abandoned_project", "failing_schedule", "unviewed_schedule", "over_refreshed", "duplicate_projects"),
            *("colliding_schedules", "idle_paid_seat", "costly_role", "unused_connection", "overlapping_connections"),
            *("over_scheduled", "costly_plan", "recurring_threads", "sql_on_paid_compute", "oversized_compute"),
            *("uncached_app", "query_cache_off", "repeated_queries", "replaceable_schedule"),
        }

    @pytest.mark.slow
    def test_every_kind_has_a_near_miss(self, simulation):
        planted, near = (
            {one.kind for one in simulation.waste if one.is_waste is is_waste} for is_waste in (True, False)
        )

        assert near == planted

    def test_its_price_in_runs_is_what_happens(self, simulation):
        now_ms = simulation.now_ms
        for one in simulation.waste:
            if one.kind in ("abandoned_project", "failing_schedule", "over_refreshed", "unviewed_schedule"):
                runs = len(list(simulation.runs_between(now_ms - 8 * WEEK_MS, now_ms, project_id=one.subjects[0])))
                assert runs / 8 == pytest.approx(one.runs_per_week, rel=0.03, abs=2)

    def test_duplicates_have_the_same_tables_and_nearly_the_same_title(self, simulation):
        (pair,) = [one for one in simulation.waste if one.kind == "duplicate_projects" and one.is_waste]
        original, copy = (simulation.by_id[subject] for subject in pair.subjects)

        assert original.tables == copy.tables
        assert copy.title == f"{original.title} (copy)"

    def test_colliding_schedules_fall_due_in_the_same_minute_on_one_connection(self, simulation):
        (collision,) = [one for one in simulation.waste if one.kind == "colliding_schedules" and one.is_waste]
        projects = [simulation.by_id[subject] for subject in collision.subjects]
        due = {tuple(project.schedules[0].due(0, WEEK_MS)) for project in projects}

        assert len(projects) >= 4
        assert len(due) == 1
        assert len({project.connection.connection_id for project in projects}) == 1

    def test_the_unused_connection_is_the_only_one(self, simulation):
        used = {project.connection.connection_id for project in simulation.projects}
        (unused,) = [one for one in simulation.waste if one.kind == "unused_connection" and one.is_waste]

        assert {link.connection_id for link in simulation.links} - used == set(unused.subjects)

    def test_the_source_of_an_over_refreshed_project_changes_far_less_often(self, simulation):
        project = next(project for project in simulation.projects if project.sort == "over_refreshed")
        now_ms = simulation.now_ms
        changes = (
            simulation.source_state(project, now_ms)[0] - simulation.source_state(project, now_ms - 4 * WEEK_MS)[0]
        )
        runs = len(list(simulation.runs_between(now_ms - 4 * WEEK_MS, now_ms, project_id=project.project_id)))

        assert changes < runs / 20


class TestMoments:
    def test_results_are_renewed_by_the_latest_completed_schedule(self, simulation):
        project = next(project for project in simulation.projects if project.sort == "abandoned")
        now_ms = simulation.now_ms
        ended = [
            run.end_ms
            for run in simulation.newest(project.project_id, now_ms)
            if run.outcome == "completed" and run.end_ms <= now_ms
        ]

        assert simulation.results_ms(project, now_ms) == ended[0]
        assert simulation.results_ms(project, now_ms + 3 * HOUR_MS) > ended[0]

    def test_edits_views_and_publications_never_lie_in_the_future_or_fall(self, simulation):
        for project in simulation.projects:
            last = (0, 0, 0)
            for at_ms in range(simulation.now_ms, simulation.now_ms + 6 * WEEK_MS, WEEK_MS):
                seen = (
                    simulation.edited_ms(project, at_ms),
                    simulation.viewed_ms(project, at_ms) or 0,
                    simulation.published_ms(project, at_ms) or 0,
                )
                assert all(before <= after <= at_ms for before, after in zip(last, seen, strict=True))
                last = seen
