"""The last seven days from the ledger: whole on the first day, and to the millisecond."""

import random
from collections import Counter
from typing import Any

import pytest

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
def test_over_a_month_every_page_shows_what_the_runs_come_to(world: Any) -> None:
    """Read again only where something was written: what is remembered of a day must never be older than its runs."""
    dice = random.Random(7)
    world.list_projects(world.published())
    starts: list[int] = []
    for number in range(120):
        world.clock.advance(6 * 3600 + dice.randrange(600))
        late_ms = dice.choice((0, HOUR_MS, 3 * DAY_MS, 6 * DAY_MS + 23 * HOUR_MS))
        starts.append(world.now_ms - late_ms - dice.randrange(HOUR_MS))
        world.read_runs("p1", world.run(f"r{number}", world.now_ms - starts[-1]))
        world.list_projects(world.published())

        expected = Counter(at_ms >= world.now_ms - WEEK_MS for at_ms in starts)[True]
        assert world.figures()[BY_PROJECT] == {("p1",): expected}
