"""Runs in progress, by hour, and the last of each kind."""

from typing import Any

from exporter.config import Week
from exporter.facts import Schedule

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

# The manual clock starts on Wednesday, 18 November 2026, 11:06:40 UTC.


class TestActive:
    def test_both_states_are_there_before_any_run(self, world: Any) -> None:
        assert world.figures()["hex_runs_active"] == {("pending",): 0, ("running",): 0}

    def test_runs_that_have_not_ended_are_counted_by_state(self, world: Any) -> None:
        world.list_projects(world.published())
        world.read_runs("p1", world.active("r1"), world.active("r2", status="pending"), world.run("r3"))

        assert world.figures()["hex_runs_active"] == {("pending",): 1, ("running",): 1}

    def test_a_state_that_hex_invents_is_kept(self, world: Any) -> None:
        world.list_projects(world.published())
        world.read_runs("p1", world.active("r1", status="warming_up"))

        assert world.figures()["hex_runs_active"][("warming_up",)] == 1

    def test_the_oldest_start_is_told_by_project(self, world: Any) -> None:
        world.list_projects(world.published("p1"), world.published("p2"))
        world.read_runs("p1", world.active("r1", 3 * HOUR_MS), world.active("r2", HOUR_MS))
        world.read_runs("p2", world.run("r3", project_id="p2"))

        assert world.figures()["hex_runs_active_oldest_start_timestamp_seconds"] == {
            ("p1",): world.clock.now() - 3 * 3600
        }

    def test_projects_without_series_share_the_oldest_start(self, world: Any) -> None:
        world.list_projects(world.published("p1"), world.published("p2"), members=0)
        world.read_runs("p1", world.active("r1", HOUR_MS))
        world.read_runs("p2", world.active("r2", 2 * HOUR_MS, project_id="p2"))

        assert world.figures()["hex_runs_active_oldest_start_timestamp_seconds"] == {
            ("other",): world.clock.now() - 2 * 3600
        }


def test_the_last_run_of_each_status_is_told(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs(
        "p1", world.run("r1", 5 * HOUR_MS), world.run("r2", 2 * HOUR_MS), world.run("r3", HOUR_MS, status="errored")
    )

    assert world.figures()["hex_project_last_run_timestamp_seconds"] == {
        ("p1", "completed"): world.clock.now() - 2 * 3600,
        ("p1", "errored"): world.clock.now() - 3600,
    }


def test_the_last_run_of_a_project_without_series_is_not_told(world: Any) -> None:
    world.list_projects(world.published(), members=0)
    world.read_runs("p1", world.run("r1"))

    assert "hex_project_last_run_timestamp_seconds" not in world.figures()


class TestWeekHours:
    def test_every_hour_of_the_week_is_there(self, world: Any) -> None:
        world.list_projects()

        assert len(world.figures()["hex_week_hour_runs"]) == 7 * 24
        assert set(world.figures()["hex_week_hour_runs"].values()) == {0}

    def test_runs_fall_on_their_hour_of_the_configured_zone(self, world: Any) -> None:
        world.configure(weeks=(Week(timezone="Asia/Kathmandu"),))  # UTC+5:45
        world.list_projects(world.published())
        world.read_runs("p1", world.run("r1", 0), world.run("r2", HOUR_MS), world.run("r3", 18 * HOUR_MS))

        found = {when: count for when, count in world.figures()["hex_week_hour_runs"].items() if count}

        assert found == {("wednesday", "16"): 1, ("wednesday", "15"): 1, ("tuesday", "22"): 1}

    def test_only_the_last_seven_days_count(self, world: Any) -> None:
        world.list_projects(world.published())
        world.read_runs("p1", world.run("r1", 7 * DAY_MS + 1), world.run("r2", 7 * DAY_MS))

        assert sum(world.figures()["hex_week_hour_runs"].values()) == 1

    def test_they_wait_until_seven_days_are_known(self, world: Any) -> None:
        world.list_projects(world.published())
        world.read_runs("p1", world.run("r1"), known_from_ms=world.now_ms - 6 * DAY_MS)
        assert "hex_week_hour_runs" not in world.figures()

        world.read_runs("p1", known_from_ms=world.now_ms - 7 * DAY_MS)
        assert sum(world.figures()["hex_week_hour_runs"].values()) == 1

    def test_schedules_say_what_a_week_will_bring(self, world: Any) -> None:
        """Only enabled schedules of published projects, in the configured zone."""
        daily = Schedule(cadence="daily", enabled=True, cron="30 7 * * *", timezone="UTC")
        off = Schedule(cadence="hourly", enabled=False, cron="0 * * * *")
        world.configure(weeks=(Week(timezone="Europe/Zurich"),))
        world.list_projects(
            world.published("p1", schedules=(daily, off)),
            world.published("p2", schedules=(daily,), archived_ms=1),
            world.published("p3", schedules=(daily,), published_ms=None),
        )

        found = {when: count for when, count in world.figures()["hex_week_hour_scheduled_runs"].items() if count}

        assert len(found) == 7
        assert {hour for _, hour in found} == {"08"}
        assert len(world.figures()["hex_week_hour_scheduled_runs"]) == 168
