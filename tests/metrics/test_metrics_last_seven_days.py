"""The last seven days from the ledger: whole on the first day, and to the millisecond."""

import random
from collections import Counter
from typing import Any

import pytest
from helpers.sizes import size

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS

RUNS = "hex_runs_7d"
BY_PROJECT = "hex_project_runs_7d"


def test_what_ran_before_first_contact_counts(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs("p1", *world.many(3, DAY_MS, "a"), *world.many(2, 6 * DAY_MS, "b"), *world.many(4, 9 * DAY_MS, "c"))

    figures = world.figures()

    assert figures[BY_PROJECT] == {("p1",): 5}
    assert figures[RUNS][("completed",)] == 5


def test_the_window_is_seven_times_24_hours_to_the_millisecond(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs("p1", world.run("in", WEEK_MS), world.run("out", WEEK_MS + 1), world.run("ahead", -HOUR_MS))

    assert world.figures()[BY_PROJECT] == {("p1",): 2}

    world.clock.advance(1)
    world.list_projects(world.published())
    assert world.figures()[BY_PROJECT] == {("p1",): 1}


def test_states_triggers_and_run_time(world: Any) -> None:
    world.list_projects(world.published(), world.published("p2"))
    world.read_runs(
        "p1",
        world.run("a", DAY_MS, status="completed", trigger="scheduled", elapsed_ms=1_500),
        world.run("b", DAY_MS, status="errored", trigger="scheduled", elapsed_ms=700),
        world.run("c", DAY_MS, status="killed", trigger="api", elapsed_ms=100),
        world.run("d", DAY_MS, status="unable_to_allocate_kernel", trigger="scheduled", elapsed_ms=9_000),
        world.run("e", HOUR_MS, status="running", trigger="api", elapsed_ms=None, end_ms=None),
    )
    world.read_runs("p2")

    figures = world.figures()

    assert figures[RUNS] == {
        ("completed",): 1,
        ("errored",): 1,
        ("killed",): 1,
        ("unable_to_allocate_kernel",): 1,
        ("running",): 1,
        ("pending",): 0,
    }
    assert figures["hex_scheduled_runs_7d"][("errored",)] == 1
    assert figures["hex_scheduled_runs_7d"][("killed",)] == 0
    assert figures["hex_run_seconds_7d"] == {(): 2.3}
    assert figures[BY_PROJECT] == {("p1",): 4, ("p2",): 0}
    assert figures["hex_project_ended_runs_7d"] == {("p1",): 4, ("p2",): 0}
    assert figures["hex_project_failed_runs_7d"] == {("p1",): 3, ("p2",): 0}
    assert figures["hex_project_scheduled_failed_runs_7d"] == {("p1",): 2, ("p2",): 0}
    assert figures["hex_project_run_seconds_7d"] == {("p1",): 2.3, ("p2",): 0}


def test_projects_without_series_add_up(world: Any) -> None:
    world.list_projects(*(world.published(f"p{number}") for number in range(3)), members=0)
    for number in range(3):
        world.read_runs(f"p{number}", world.run(f"r{number}", DAY_MS, project_id=f"p{number}"))

    assert world.figures()[BY_PROJECT] == {("other",): 3}


def test_nothing_is_said_before_the_seven_days_are_known(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs("p1", world.run("a", DAY_MS), known_from_ms=world.now_ms - 3 * DAY_MS)

    assert not {RUNS, BY_PROJECT, "hex_run_seconds_7d"} & world.figures().keys()


@pytest.mark.slow
def test_over_weeks_every_page_shows_what_the_runs_come_to(world: Any) -> None:
    """Read again only where something was written: what is remembered of a day must never be older than its runs."""
    dice = random.Random(7)
    world.list_projects(world.published())
    starts: list[int] = []
    for number in range(size(60, 120)):
        world.clock.advance(6 * 3600 + dice.randrange(600))
        late_ms = dice.choice((0, HOUR_MS, 3 * DAY_MS, 6 * DAY_MS + 23 * HOUR_MS))
        starts.append(world.now_ms - late_ms - dice.randrange(HOUR_MS))
        world.read_runs("p1", world.run(f"r{number}", world.now_ms - starts[-1]))
        world.list_projects(world.published())

        expected = Counter(at_ms >= world.now_ms - WEEK_MS for at_ms in starts)[True]
        assert world.figures()[BY_PROJECT] == {("p1",): expected}


def test_what_counters_grew_by_is_whole_from_the_first_event_and_ends_after_seven_days(world: Any) -> None:
    world.list_projects(world.published(), world.published("p2"), members=1)
    world.acme.foresee_gateway(world.now_ms)
    world.read_runs("p1")
    for project_id, lookups, hits in (("p1", 5, 4), ("p2", 2, 0)):
        world.acme.count("hex_cache_lookups_total", (project_id,), lookups, world.now_ms)
        world.acme.count("hex_cache_hits_total", (project_id,), hits, world.now_ms)
    world.acme.count("hex_cache_saved_seconds_total", ("p1",), 1_500, world.now_ms)

    figures = world.figures()
    assert (figures["hex_gateway_lookups_7d"], figures["hex_gateway_hits_7d"]) == ({(): 7}, {(): 4})
    by_project = figures["hex_project_gateway_lookups_7d"]
    assert sorted(by_project.values()) == [2, 5]
    assert ("other",) in by_project
    assert list(figures["hex_project_gateway_hits_7d"].values()) == [4]
    assert list(figures["hex_project_gateway_saved_seconds_7d"].values()) == [1.5]
    assert figures["hex_unviewed_runs_7d"] == figures["hex_missed_schedules_7d"] == {(): 0}

    world.clock.advance(7 * 24 * 3600 + 3600)
    figures = world.figures()
    assert figures["hex_gateway_lookups_7d"] == {(): 0}
    assert not figures.get("hex_project_gateway_lookups_7d")


def test_a_workspace_without_a_gateway_has_no_lookups(world: Any) -> None:
    world.list_projects(world.published())

    assert not {"hex_gateway_lookups_7d", "hex_gateway_hits_7d"} & world.figures().keys()


def test_runs_of_the_workspace_are_those_of_its_projects_and_never_fall(world: Any) -> None:
    world.list_projects(world.published(), world.published("p2"), members=2)
    world.read_runs("p1")
    world.read_runs("p2")
    world.clock.advance(600)
    for project_id in ("p1", "p2"):
        world.read_runs(project_id, world.run(f"r{project_id}", 60_000, 1_000, project_id=project_id, trigger="api"))
    world.release()
    world.release()

    assert world.figures()["hex_workspace_runs_total"]["api", "completed"] == 2
    world.acme.choose_members(0, world.now_ms, left_out=("p1", "p2"))
    assert world.figures()["hex_workspace_runs_total"]["api", "completed"] == 2
