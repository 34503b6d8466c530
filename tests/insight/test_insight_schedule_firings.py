"""When schedules fire, and which firings went unanswered."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.facts import Project, Schedule
from exporter.insight.schedule_firings import (
    ALLOWED_DELAY_MS,
    firings,
    missed_firings,
    next_firing,
    project_firings,
    scheduled_week_runs,
)

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS


def ms(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def schedule(cron: str | None, timezone: str = "UTC", *, enabled: bool = True) -> Schedule:
    return Schedule(cadence="custom", enabled=enabled, cron=cron, timezone=timezone)


@pytest.mark.parametrize(
    ("cron", "zone", "expected"),
    [
        ("15 * * * *", "UTC", 168),
        ("0 9 * * *", "+08:00", 7),
        ("0 9 * * 1", "America/New_York", 1),
        ("*/30 9-17 * * 1-5", "UTC", 90),
        ("0 0 31 2 *", "UTC", 0),
        ("not a cron", "UTC", 0),
        ("0 0 * * * *", "UTC", 0),
        ("0 9 * * *", "Mars/Olympus", 0),
        (None, "UTC", 0),
    ],
)
def test_week_runs_of_a_schedule(cron, zone, expected):
    project = Project(project_id="p", published_ms=1, schedules=(schedule(cron, zone),))

    assert scheduled_week_runs(project, ms("2026-11-16")) == expected


def test_offset_is_local_time_of_the_schedule():
    assert firings(schedule("0 9 * * *", "+08:00"), ms("2026-11-16"), ms("2026-11-17")) == (ms("2026-11-16T01:00"),)


def test_daily_schedule_fires_once_on_the_day_the_clock_goes_back():
    fired = firings(
        schedule("30 2 * * *", "Europe/Zurich"),
        ms("2026-10-25", "Europe/Zurich"),
        ms("2026-10-26", "Europe/Zurich"),
    )

    assert len(fired) == 1


def test_start_is_inside_and_end_is_outside():
    hourly = schedule("0 * * * *")

    assert firings(hourly, ms("2026-11-16T01:00"), ms("2026-11-16T03:00")) == (
        ms("2026-11-16T01:00"),
        ms("2026-11-16T02:00"),
    )


def test_disabled_schedule_is_never_next():
    assert next_firing(schedule("0 * * * *", enabled=False), 0) is None
    assert next_firing(schedule("0 * * * *"), ms("2026-11-16T01:00")) == ms("2026-11-16T02:00")


@pytest.mark.parametrize(
    "project",
    [
        Project(project_id="p", schedules=(schedule("0 * * * *"),)),
        Project(project_id="p", published_ms=1, archived_ms=2, schedules=(schedule("0 * * * *"),)),
        Project(project_id="p", published_ms=1, schedules=(schedule("0 * * * *", enabled=False),)),
    ],
    ids=["unpublished", "archived", "disabled"],
)
def test_projects_that_cannot_run_have_no_firings(project):
    assert project_firings(project, 0, DAY_MS) == []


def test_late_start_within_the_allowed_delay_is_not_missed():
    assert missed_firings([0, DAY_MS], [10 * MINUTE_MS, DAY_MS + ALLOWED_DELAY_MS + 1]) == 1


def test_one_run_answers_one_firing():
    assert missed_firings([0, 5 * MINUTE_MS], [6 * MINUTE_MS]) == 1


def test_firings_of_two_schedules_at_one_instant_need_one_run():
    assert missed_firings([0, 0], [1000]) == 0


@pytest.mark.slow
@settings(max_examples=100)
@given(
    due=st.lists(st.integers(0, 10 * DAY_MS), max_size=30),
    delays=st.lists(st.integers(0, ALLOWED_DELAY_MS), min_size=30, max_size=30),
    noise=st.lists(st.integers(0, 10 * DAY_MS), max_size=5),
)
def test_nothing_is_missed_when_every_firing_has_its_run(due, delays, noise):
    starts = [at + delay for at, delay in zip(due, delays, strict=False)]

    assert missed_firings(due, starts + noise) == 0
