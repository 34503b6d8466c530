"""Runs by project in this week and the last one."""

from typing import Any

import pytest

from exporter.config import Week
from exporter.facts import Schedule

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
THIS, LAST, NEXT = (
    "hex_project_week_runs",
    "hex_project_previous_week_runs",
    "hex_project_scheduled_week_runs",
)

# The manual clock starts on Wednesday, 18 November 2026, 11:06:40 UTC: this week is 2 days and 11 hours old.
THIS_WEEK, LAST_WEEK, BEFORE = DAY_MS, 4 * DAY_MS, 10 * DAY_MS


def test_runs_belong_to_the_week_in_which_they_start(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs("p1", *world.many(2, THIS_WEEK, "a"), *world.many(3, LAST_WEEK, "b"), *world.many(4, BEFORE, "c"))

    figures = world.figures()

    assert figures[THIS] == {("p1",): 2}
    assert figures[LAST] == {("p1",): 3}


def test_the_week_is_the_configured_one(world: Any) -> None:
    """Midnight between Sunday and Monday in Auckland is 11:00 UTC on Sunday."""
    world.list_projects(world.published())
    world.read_runs("p1", world.run("r1", 3 * DAY_MS))
    assert world.figures()[THIS] == {("p1",): 0}

    world.configure(weeks=(Week(timezone="Pacific/Auckland"),))
    assert world.figures()[THIS] == {("p1",): 1}

    world.configure(weeks=(Week(starts=3),))
    assert world.figures()[THIS] == {("p1",): 1}


def test_a_project_without_runs_has_zero(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs("p1")

    assert world.figures()[THIS] == {("p1",): 0}


def test_a_project_that_cannot_run_has_a_series_only_if_it_ran(world: Any) -> None:
    world.list_projects(
        world.published("ran", archived_ms=1), world.published("idle", archived_ms=1), world.published("p1")
    )
    world.read_runs("p1")
    world.read_runs("ran", world.run("r1", project_id="ran"))

    assert world.figures()[THIS] == {("p1",): 0, ("ran",): 1}


def test_projects_without_series_add_up(world: Any) -> None:
    world.list_projects(*(world.published(f"p{number}") for number in range(3)), members=0)
    for number in range(3):
        world.read_runs(f"p{number}", world.run(f"r{number}", project_id=f"p{number}"))

    assert world.figures()[THIS] == {("other",): 3}
    assert world.figures()[LAST] == {("other",): 0}


def test_week_gauges_outlive_the_listing(world: Any) -> None:
    """They come from the run records, whose age another metric reports."""
    world.list_projects(world.published())
    world.read_runs("p1", *world.many(2, HOUR_MS))
    world.clock.advance(24 * 3600)

    assert world.figures()[THIS] == {("p1",): 2}


class TestScheduled:
    @pytest.mark.parametrize(("cron", "expected"), [("0 * * * *", 168), ("15 6 * * *", 7), ("0 9 * * 1", 1), (None, 0)])
    def test_a_schedule_starts_so_many_runs_a_week(self, world: Any, cron: str | None, expected: int) -> None:
        schedule = Schedule(cadence="custom", enabled=True, cron=cron)
        world.list_projects(world.published(schedules=(schedule,)))

        assert world.figures()[NEXT] == {("p1",): expected}

    def test_disabled_schedules_and_projects_that_cannot_run_start_none(self, world: Any) -> None:
        hourly = Schedule(cadence="hourly", enabled=True, cron="0 * * * *")
        off = Schedule(cadence="hourly", enabled=False, cron="0 * * * *")
        world.list_projects(
            world.published("p1", schedules=(off,)), world.published("p2", schedules=(hourly,), archived_ms=1)
        )

        assert world.figures()[NEXT] == {("p1",): 0}

    def test_projects_without_series_add_up(self, world: Any) -> None:
        daily = Schedule(cadence="daily", enabled=True, cron="0 8 * * *")
        world.list_projects(*(world.published(each, schedules=(daily,)) for each in ("p1", "p2")), members=0)

        assert world.figures()[NEXT] == {("other",): 14}

    def test_it_disappears_with_an_old_listing(self, world: Any) -> None:
        world.list_projects(world.published())
        world.clock.advance(7 * 3600)

        assert NEXT not in world.figures()


def test_this_week_is_compared_with_the_same_part_of_the_last(world: Any) -> None:
    """A project that ran only later in the last week has a known 0, and not nothing."""
    week_ms = 7 * DAY_MS
    world.list_projects(world.published("p1"), world.published("p2"))
    world.read_runs("p1", world.run("a", week_ms + HOUR_MS), world.run("b", week_ms - HOUR_MS), *world.many(5, HOUR_MS))
    world.read_runs("p2", world.run("c", week_ms - HOUR_MS, project_id="p2"))

    figures = world.figures()

    assert figures["hex_project_previous_week_runs_by_now"] == {("p1",): 1, ("p2",): 0}
    assert figures[LAST] == {("p1",): 2, ("p2",): 1}


def test_the_weeks_hour_by_hour_end_with_the_weeks_own_figures(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs("p1", *world.many(3, 3_600_000, "a"), *world.many(2, 7 * 86_400_000, "b"))

    figures = world.figures()
    hours = figures["hex_week_runs_by_hour"]

    last = max(hour for week, hour in hours if week == "this")
    assert hours["this", last] == sum(figures["hex_project_week_runs"].values())
    assert hours["previous", "167"] == sum(figures["hex_project_previous_week_runs"].values())
    assert len(hours) <= 2 * 168
