"""What two weeks of runs say about the next ones; the facts that budgets count by are enough for it."""

import pytest

from exporter.facts import Project, Schedule
from exporter.insight.run_usage import UNBILLED, Use
from exporter.polling.due_times import HOUR_MS, MINUTE_MS, Habits
from exporter.polling.run_habits import HABIT_DAYS_MS, habits_of

NOW = 1_795_392_000_000  # Monday, 23 November 2026, 00:00 UTC


def use(started_ms: int, duration_ms: int = 60_000, *, trigger: str = "api", status: str = "completed") -> Use:
    return Use("p", trigger, status, started_ms, duration_ms)


def of(*uses: Use, schedules: tuple[Schedule, ...] = ()) -> Habits:
    project = Project(project_id="p", published_ms=1, schedules=schedules)
    return habits_of([project, Project(project_id="silent", published_ms=1)], uses, NOW)["p"]


@pytest.fixture
def hourly() -> tuple[Schedule, ...]:
    return (Schedule(cadence="hourly", enabled=True, cron="0 * * * *"),)


def test_projects_without_runs_have_no_habits_of_their_own():
    assert habits_of([Project(project_id="silent", published_ms=1)], [use(NOW - HOUR_MS)], NOW) == {}


def test_runs_that_no_schedule_started_are_unforeseen():
    habits = of(use(NOW - HOUR_MS), use(NOW - 2 * HOUR_MS, trigger="app_refresh"), use(NOW - 3, trigger="scheduled"))

    assert habits.unforeseen_per_hour == pytest.approx(2 * HOUR_MS / HABIT_DAYS_MS)


def test_lag_and_duration_are_those_that_four_in_five_do_not_exceed(hourly):
    runs = [use(NOW - hour * HOUR_MS + 30_000, hour * MINUTE_MS, trigger="scheduled") for hour in range(10, 0, -1)]

    habits = of(*reversed(runs), schedules=hourly)

    assert 8 * MINUTE_MS <= habits.duration_ms <= 9 * MINUTE_MS
    assert habits.lag_ms == habits.duration_ms + 30_000
    assert habits.last_scheduled_start_ms == NOW - HOUR_MS + 30_000


def test_only_the_latest_runs_count_in_whatever_order_they_come(hourly):
    slow = [use(NOW - hour * HOUR_MS, 50 * MINUTE_MS, trigger="scheduled") for hour in range(100, 30, -1)]
    fast = [use(NOW - hour * HOUR_MS, MINUTE_MS, trigger="scheduled") for hour in range(30, 0, -1)]

    habits = of(*fast, *slow, schedules=hourly)

    assert (habits.duration_ms, habits.lag_ms) == (MINUTE_MS, MINUTE_MS)


def test_runs_in_progress_and_without_a_known_length_tell_no_duration(hourly):
    habits = of(
        use(NOW - HOUR_MS, 0, trigger="scheduled", status="running"),
        use(NOW - 2 * HOUR_MS, 7, trigger="scheduled", status="pending"),
        use(NOW - 3 * HOUR_MS, 0),
        schedules=hourly,
    )

    assert (habits.duration_ms, habits.lag_ms) == (Habits().duration_ms, Habits().lag_ms)
    assert habits.last_scheduled_start_ms == NOW - HOUR_MS


def test_a_run_that_got_no_kernel_tells_no_start(hourly):
    habits = of(use(NOW - HOUR_MS, 5, trigger="scheduled", status=UNBILLED), schedules=hourly)

    assert habits.last_scheduled_start_ms is None
    assert habits.lag_ms == Habits().lag_ms


def test_runs_that_answer_no_firing_tell_no_lag(hourly):
    assert of(use(NOW - HOUR_MS // 2, trigger="scheduled"), schedules=hourly).lag_ms == Habits().lag_ms
