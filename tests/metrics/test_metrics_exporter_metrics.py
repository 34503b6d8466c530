"""What the exporter says of itself and of its use of Hex."""

import platform
from typing import Any

HOUR_MS = 3_600_000


def test_it_says_which_program_it_is(world: Any) -> None:
    assert world.figures()["hex_exporter_build_info"] == {("1.2.3", platform.python_version()): 1}


def test_a_refused_configuration_leaves_the_time_of_the_one_in_use(world: Any) -> None:
    successful, when = (
        "hex_exporter_config_last_reload_successful",
        "hex_exporter_config_last_reload_success_timestamp_seconds",
    )
    world.status.reloaded(True, 1_000_000)
    assert (world.figures()[successful], world.figures()[when]) == ({(): 1}, {(): 1000.0})

    world.status.reloaded(False, 2_000_000)
    assert (world.figures()[successful], world.figures()[when]) == ({(): 0}, {(): 1000.0})


def test_the_loop_and_the_page_before_are_told(world: Any) -> None:
    assert "hex_exporter_loop_heartbeat_timestamp_seconds" not in world.figures()

    world.status.beat(3_000_000)
    world.status.page_built(0.05, series=120, duplicates=2)

    figures = world.figures()
    assert figures["hex_exporter_loop_heartbeat_timestamp_seconds"] == {(): 3000.0}
    assert figures["hex_exporter_page_build_seconds"] == {(): 0.05}
    assert figures["hex_exporter_page_series"] == {(): 120}
    assert figures["hex_exporter_page_duplicate_series"] == {(): 2}


def test_the_ledger_is_dated_and_one_in_memory_is_not_durable(world: Any) -> None:
    figures = world.figures()

    assert figures["hex_exporter_ledger_created_timestamp_seconds"] == {(): world.clock.now()}
    assert figures["hex_exporter_ledger_durable"] == {(): 0}


def test_what_is_not_known_of_a_workspace_is_not_said(world: Any) -> None:
    unknown = {
        "hex_api_planned_requests_per_hour",
        "hex_api_allowed_requests_per_hour",
        "hex_exporter_overdue_projects",
        "hex_exporter_clock_skew_seconds",
        "hex_exporter_oldest_poll_timestamp_seconds",
    }

    assert not unknown & world.figures().keys()


def test_the_planners_figures_are_told(world: Any) -> None:
    world.status.update("acme", planned_requests_per_hour=120.5, allowed_requests_per_hour=900)
    world.status.update("acme", overdue_projects=0, clock_skew_seconds=-2.5)
    world.status.update("another", overdue_projects=7)

    figures = world.figures()

    assert figures["hex_api_planned_requests_per_hour"] == {(): 120.5}
    assert figures["hex_api_allowed_requests_per_hour"] == {(): 900}
    assert figures["hex_exporter_overdue_projects"] == {(): 0}
    assert figures["hex_exporter_clock_skew_seconds"] == {(): -2.5}


def test_without_a_cool_down_its_end_is_zero(world: Any) -> None:
    assert world.figures()["hex_api_cooldown_until_timestamp_seconds"] == {(): 0.0}

    world.acme.set_cool_down(1_800_000_000_000)
    assert world.figures()["hex_api_cooldown_until_timestamp_seconds"] == {(): 1_800_000_000.0}


def test_progress_is_that_of_projects_with_a_run_history(world: Any) -> None:
    world.list_projects(
        world.published("a"), world.published("b"), world.published("draft", published_ms=None), members=2
    )
    world.read_runs("a", known_from_ms=0)
    world.clock.advance(60)
    world.read_runs("b", known_from_ms=5)

    figures = world.figures()

    assert figures["hex_exporter_history_projects"] == {(): 2}
    assert figures["hex_exporter_history_projects_complete"] == {(): 1}
    assert figures["hex_exporter_oldest_poll_timestamp_seconds"] == {(): world.clock.now() - 60}
    assert figures["hex_exporter_projects_without_own_series"] == {(): 1}


def test_the_process_and_its_python_are_measured(world: Any) -> None:
    figures = world.figures()

    assert figures["process_resident_memory_bytes"][()] > 1_000_000
    assert figures["process_cpu_seconds_total"][()] > 0
    assert set(figures["python_gc_collections_total"]) == {("0",), ("1",), ("2",)}
    ((labels, value),) = figures["python_info"].items()
    assert (labels[0], labels[-1], value) == (platform.python_implementation(), platform.python_version(), 1)
