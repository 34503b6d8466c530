"""Runs in progress, and the last of each kind."""

from typing import Any

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
