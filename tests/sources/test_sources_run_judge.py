"""Observed runs judged while sources are watched: counted once each, whatever comes between."""

import asyncio

import httpx
import pytest
from helpers.damage import damage
from source_world import World, http_source

from exporter.errors import LedgerError

CHECKED = "hex_source_checked_runs_total"
UNCHANGED = "hex_source_unchanged_runs_total"
HOUR = 3600


def hourly(world, hours, *, changes=(), trigger="scheduled", project_id="a"):
    """An hourly run, learned of at once; the source changes half an hour before the runs of these numbers."""

    async def live():
        for number in range(hours):
            await world.follow(HOUR / 2, step=60)
            if number in changes:
                world.answer = f"state before {number}"
            await world.follow(HOUR / 2 - 60, step=60)
            start_ms = world.now_ms
            await world.look(after=60)
            world.run(f"{trigger}-{project_id}-{start_ms}", start_ms, trigger=trigger, project_id=project_id)
        await world.follow(600, step=60)
        world.know_runs(project_id)
        await world.follow(600, step=60)

    asyncio.run(live())


@pytest.mark.slow
def test_each_run_but_the_first_is_checked_and_those_after_a_change_are_no_repetition(manual_clock):
    world = World(manual_clock, http_source())

    hourly(world, 10, changes=(3, 4, 7))

    assert world.counted(CHECKED) == {("a", "scheduled"): 9}
    assert world.counted(UNCHANGED) == {("a", "scheduled"): 6}


def test_every_series_of_a_watched_project_is_there_at_0_before_its_first_run(manual_clock):
    world = World(manual_clock, http_source())

    asyncio.run(world.follow(60, step=60))

    shown = {counter.labels: counter.value for counter in world.known.counters() if counter.metric == CHECKED}
    assert shown == {("a", trigger): 0 for trigger in ("scheduled", "api", "app_refresh")}


@pytest.mark.slow
def test_every_series_is_there_at_0_again_once_a_damaged_ledger_has_been_replaced(manual_clock, tmp_path):
    world = World(manual_clock, http_source(), ledger_url=f"sqlite:///{tmp_path / 'ledger.db'}")
    hourly(world, 3)
    damage(world.ledger, tmp_path / "ledger.db")
    with pytest.raises(LedgerError):
        world.list("a")
    world.known.first_contact(world.now_ms)
    world.list("a")

    asyncio.run(world.follow(HOUR, step=60))

    shown = {counter.labels: counter.value for counter in world.known.counters() if counter.metric == CHECKED}
    assert shown == {("a", trigger): 0 for trigger in ("scheduled", "api", "app_refresh")}


@pytest.mark.slow
def test_triggers_and_projects_are_counted_apart(manual_clock):
    world = World(manual_clock, http_source(), projects=("a", "b"))

    hourly(world, 3)
    hourly(world, 2, trigger="api")
    hourly(world, 2, project_id="b")

    assert world.counted(CHECKED) == {("a", "scheduled"): 2, ("a", "api"): 2, ("b", "scheduled"): 1}
    assert world.counted(UNCHANGED) == world.counted(CHECKED)


def test_a_project_without_series_of_its_own_counts_to_other(manual_clock):
    world = World(manual_clock, http_source())
    world.known.choose_members(0, world.now_ms)

    hourly(world, 3)

    assert world.counted(CHECKED) == {("other", "scheduled"): 2}


@pytest.mark.slow
def test_nothing_is_counted_twice_across_restarts_of_the_watch(manual_clock):
    world = World(manual_clock, http_source())

    for _ in range(4):
        hourly(world, 2)
        world.monitor = world.new_monitor()

    assert world.counted(CHECKED) == {("a", "scheduled"): 7}
    assert world.counted(UNCHANGED) == {("a", "scheduled"): 7}


@pytest.mark.slow
def test_nothing_is_lost_or_counted_twice_when_the_process_is_killed(manual_clock, tmp_path):
    world = World(manual_clock, http_source(), ledger_url=f"sqlite:///{tmp_path / 'ledger.db'}")

    for _ in range(3):
        hourly(world, 2)
        world.reopen()

    assert world.counted(CHECKED) == {("a", "scheduled"): 5}
    world.ledger.close()


@pytest.mark.slow
def test_runs_are_judged_when_they_become_known_however_late(manual_clock):
    world = World(manual_clock, http_source())
    starts = []

    async def live():
        for _ in range(5):
            await world.follow(HOUR, step=60)
            starts.append(world.now_ms)
        await world.follow(600, step=60)
        assert world.counted(CHECKED) == {}
        for number, start_ms in enumerate(starts):
            world.run(f"r{number}", start_ms, known=number == 4)
        await world.follow(600, step=60)

    asyncio.run(live())

    assert world.counted(CHECKED) == {("a", "scheduled"): 4}


@pytest.mark.slow
def test_a_run_in_progress_is_judged_when_it_has_ended(manual_clock):
    world = World(manual_clock, http_source())

    async def live():
        await world.follow(HOUR, step=60)
        world.run("first", world.now_ms - 60_000)
        await world.follow(HOUR, step=60)
        start_ms = world.now_ms - 60_000
        world.run("long", start_ms, status="running")
        await world.follow(HOUR, step=60)
        assert world.counted(CHECKED) == {}
        world.run("long", start_ms, status="errored")
        await world.follow(HOUR, step=60)

    asyncio.run(live())

    assert world.counted(CHECKED) == {("a", "scheduled"): 1}


@pytest.mark.slow
def test_a_run_that_never_ends_holds_the_others_up_for_a_day_at_most(manual_clock):
    world = World(manual_clock, http_source())

    async def live():
        await world.follow(HOUR, step=60)
        world.run("first", world.now_ms - 60_000)
        world.run("stuck", world.now_ms - 30_000, status="running")
        await world.follow(HOUR, step=60)
        world.run("second", world.now_ms - 60_000)
        await world.follow(20 * HOUR, step=300)
        assert world.counted(CHECKED) == {}
        world.know_runs("a")
        await world.follow(6 * HOUR, step=300)

    asyncio.run(live())

    assert world.counted(CHECKED) == {("a", "scheduled"): 1}


def test_runs_from_before_the_first_probe_are_no_ground_to_judge_by(manual_clock):
    world = World(manual_clock, http_source())
    for number in range(5):
        world.run(f"old{number}", world.now_ms - number * HOUR * 1000 - HOUR * 1000)

    hourly(world, 2)

    assert world.counted(CHECKED) == {("a", "scheduled"): 1}


@pytest.mark.slow
def test_a_run_that_comes_weeks_after_the_one_before_is_compared_with_it(manual_clock):
    world = World(manual_clock, http_source(every=HOUR))

    async def live():
        await world.follow(2 * HOUR, step=600)
        world.run("first", world.now_ms - 600_000)
        await world.follow(30 * 24 * HOUR, step=7200)
        world.run("second", world.now_ms - 7_200_000)
        await world.follow(2 * HOUR, step=600)

    asyncio.run(live())

    assert world.counted(UNCHANGED) == {("a", "scheduled"): 1}


@pytest.mark.slow
@pytest.mark.parametrize("back", [True, False])
def test_another_source_for_the_project_judges_no_run_again(manual_clock, back):
    first, second = http_source(title="a"), http_source("https://data.example/items", title="*")
    world = World(manual_clock, first, second, projects=("a", "b"))
    hourly(world, 3)
    before = world.counted(CHECKED)

    world.configure(second)
    asyncio.run(world.follow(HOUR, step=60))
    if back:
        world.configure(first, second)
        asyncio.run(world.follow(HOUR, step=60))

    assert before == world.counted(CHECKED) == {("a", "scheduled"): 2}


@pytest.mark.slow
def test_while_a_source_fails_for_long_runs_are_not_checked(manual_clock):
    world = World(manual_clock, http_source())
    hourly(world, 2)
    world.answer = httpx.Response(503)
    hourly(world, 2)
    world.answer = "two"
    hourly(world, 2)

    # Two with the first state, one after the run before it whose state is not known, and one after that.
    assert world.counted(CHECKED) == {("a", "scheduled"): 2}
    assert world.counted(UNCHANGED) == {("a", "scheduled"): 2}
