"""The last seven days, by weekday and hour."""

from typing import Any

from exporter.config import Week
from exporter.facts import Schedule

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


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

        world.read_runs("p1", known_from_ms=world.now_ms - 8 * DAY_MS)
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
