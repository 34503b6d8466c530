"""Observed runs judged while sources are watched: counted once each, whatever comes between."""

import asyncio

import httpx
import pytest
from watching_sources import AuditContext, http_source

CHECKED = "hex_source_checked_runs_total"
UNCHANGED = "hex_source_unchanged_runs_total"
HOUR = 3600


def hourly(scene, hours, *, changes=(), trigger="scheduled", project_id="a"):
    """An hourly run, learned of at once; the source changes half an hour before the runs of these numbers."""

    async def live():
        for number in range(hours):
            await scene.follow(HOUR / 2, step=60)
            if number in changes:
                scene.answer = f"state before {number}"
            await scene.follow(HOUR / 2 - 60, step=60)
            start_ms = scene.now_ms
            await scene.look(after=60)
            scene.run(f"{trigger}-{project_id}-{start_ms}", start_ms, trigger=trigger, project_id=project_id)
        await scene.follow(600, step=60)
        scene.know_runs(project_id)
        await scene.follow(600, step=60)

    asyncio.run(live())


def test_each_run_but_the_first_is_checked_and_those_after_a_change_are_no_repetition(manual_clock):
    scene = AuditContext(manual_clock, http_source())

    hourly(scene, 10, changes=(3, 4, 7))

    assert scene.counted(CHECKED) == {("a", "scheduled"): 9}
    assert scene.counted(UNCHANGED) == {("a", "scheduled"): 6}


def test_every_series_of_a_watched_project_is_there_at_0_before_its_first_run(manual_clock):
    scene = AuditContext(manual_clock, http_source())

    asyncio.run(scene.follow(60, step=60))

    shown = {counter.labels: counter.value for counter in scene.known.counters() if counter.metric == CHECKED}
    assert shown == {("a", trigger): 0 for trigger in ("scheduled", "api", "app_refresh")}


def test_triggers_and_projects_are_counted_apart(manual_clock):
    scene = AuditContext(manual_clock, http_source(), projects=("a", "b"))

    hourly(scene, 3)
    hourly(scene, 2, trigger="api")
    hourly(scene, 2, project_id="b")

    assert scene.counted(CHECKED) == {("a", "scheduled"): 2, ("a", "api"): 2, ("b", "scheduled"): 1}
    assert scene.counted(UNCHANGED) == scene.counted(CHECKED)


def test_a_project_without_series_of_its_own_counts_to_other(manual_clock):
    scene = AuditContext(manual_clock, http_source())
    scene.known.choose_members(0, scene.now_ms)

    hourly(scene, 3)

    assert scene.counted(CHECKED) == {("other", "scheduled"): 2}


def test_nothing_is_counted_twice_across_restarts_of_the_watch(manual_clock):
    scene = AuditContext(manual_clock, http_source())

    for _ in range(4):
        hourly(scene, 2)
        scene.watch = scene.new_watch()

    assert scene.counted(CHECKED) == {("a", "scheduled"): 7}
    assert scene.counted(UNCHANGED) == {("a", "scheduled"): 7}


def test_nothing_is_lost_or_counted_twice_when_the_process_is_killed(manual_clock, tmp_path):
    scene = AuditContext(manual_clock, http_source(), ledger_url=f"sqlite:///{tmp_path / 'ledger.db'}")

    for _ in range(3):
        hourly(scene, 2)
        scene.reopen()

    assert scene.counted(CHECKED) == {("a", "scheduled"): 5}
    scene.ledger.close()


def test_runs_are_judged_when_they_become_known_however_late(manual_clock):
    scene = AuditContext(manual_clock, http_source())
    starts = []

    async def live():
        for _ in range(5):
            await scene.follow(HOUR, step=60)
            starts.append(scene.now_ms)
        await scene.follow(600, step=60)
        assert scene.counted(CHECKED) == {}
        for number, start_ms in enumerate(starts):
            scene.run(f"r{number}", start_ms, known=number == 4)
        await scene.follow(600, step=60)

    asyncio.run(live())

    assert scene.counted(CHECKED) == {("a", "scheduled"): 4}


def test_a_run_in_progress_is_judged_when_it_has_ended(manual_clock):
    scene = AuditContext(manual_clock, http_source())

    async def live():
        await scene.follow(HOUR, step=60)
        scene.run("first", scene.now_ms - 60_000)
        await scene.follow(HOUR, step=60)
        start_ms = scene.now_ms - 60_000
        scene.run("long", start_ms, status="running")
        await scene.follow(HOUR, step=60)
        assert scene.counted(CHECKED) == {}
        scene.run("long", start_ms, status="errored")
        await scene.follow(HOUR, step=60)

    asyncio.run(live())

    assert scene.counted(CHECKED) == {("a", "scheduled"): 1}


def test_a_run_that_never_ends_holds_the_others_up_for_a_day_at_most(manual_clock):
    scene = AuditContext(manual_clock, http_source())

    async def live():
        await scene.follow(HOUR, step=60)
        scene.run("first", scene.now_ms - 60_000)
        scene.run("stuck", scene.now_ms - 30_000, status="running")
        await scene.follow(HOUR, step=60)
        scene.run("second", scene.now_ms - 60_000)
        await scene.follow(20 * HOUR, step=300)
        assert scene.counted(CHECKED) == {}
        scene.know_runs("a")
        await scene.follow(6 * HOUR, step=300)

    asyncio.run(live())

    assert scene.counted(CHECKED) == {("a", "scheduled"): 1}


def test_runs_from_before_the_first_probe_are_no_ground_to_judge_by(manual_clock):
    scene = AuditContext(manual_clock, http_source())
    for number in range(5):
        scene.run(f"old{number}", scene.now_ms - number * HOUR * 1000 - HOUR * 1000)

    hourly(scene, 2)

    assert scene.counted(CHECKED) == {("a", "scheduled"): 1}


def test_a_run_that_comes_weeks_after_the_one_before_is_compared_with_it(manual_clock):
    scene = AuditContext(manual_clock, http_source(every=HOUR))

    async def live():
        await scene.follow(2 * HOUR, step=600)
        scene.run("first", scene.now_ms - 600_000)
        await scene.follow(30 * 24 * HOUR, step=1800)
        scene.run("second", scene.now_ms - 7_200_000)
        await scene.follow(2 * HOUR, step=600)

    asyncio.run(live())

    assert scene.counted(UNCHANGED) == {("a", "scheduled"): 1}


@pytest.mark.parametrize("back", [True, False])
def test_another_source_for_the_project_judges_no_run_again(manual_clock, back):
    first, second = http_source(title="a"), http_source("https://data.example/items", title="*")
    scene = AuditContext(manual_clock, first, second, projects=("a", "b"))
    hourly(scene, 3)
    before = scene.counted(CHECKED)

    scene.configure(second)
    asyncio.run(scene.follow(HOUR, step=60))
    if back:
        scene.configure(first, second)
        asyncio.run(scene.follow(HOUR, step=60))

    assert before == scene.counted(CHECKED) == {("a", "scheduled"): 2}


def test_while_a_source_fails_for_long_runs_are_not_checked(manual_clock):
    scene = AuditContext(manual_clock, http_source())
    hourly(scene, 2)
    scene.answer = httpx.Response(503)
    hourly(scene, 2)
    scene.answer = "two"
    hourly(scene, 2)

    # Two with the first state, one after the run before it whose state is not known, and one after that.
    assert scene.counted(CHECKED) == {("a", "scheduled"): 2}
    assert scene.counted(UNCHANGED) == {("a", "scheduled"): 2}
