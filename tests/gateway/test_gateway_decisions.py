"""Decisions: each leaves one line with its reason, without a token in it; those on run requests are kept."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from gateway_world import ALICE, BOB, World, bearer, file_source, opened, together
from helpers.virtual import LoopClock, in_virtual_time
from structlog.testing import capture_logs

from exporter.config import Policy, Queue
from exporter.simulator import Fault

pytestmark = pytest.mark.usefixtures("all_runs_complete", "debug_logs")

SOURCE = file_source()


def decisions(story: Callable[[World, str], Awaitable[None]], **settings: Any) -> list[tuple[str, str]]:
    """The outcomes and reasons that a story leaves in the log."""
    logs: list[Any] = []

    async def live(clock: LoopClock) -> None:
        async with opened(clock, **settings) as world:
            with capture_logs() as captured:
                await story(world, world.projects[3])
            logs.extend(captured)

    in_virtual_time(live)
    lines = [line for line in logs if line["event"] == "gateway_decision"]
    kept = {line["outcome"] for line in lines if line["log_level"] == "info"}
    assert kept <= {"hit", "joined", "miss", "bypass", "refused", "failed", "gone"}
    assert not any(token[5:] in str(lines) for token in (ALICE, BOB))
    return [(line["outcome"], line["reason"]) for line in lines if line.get("request") != "poll"]


def test_a_run_its_hit_and_the_change_of_its_source() -> None:
    async def story(world: World, project: str) -> None:
        world.probe(SOURCE, project, "state-1")
        await world.ended(project, (await world.run(project)).json()["runId"])
        await world.run(project)
        world.probe(SOURCE, project, "state-2")
        await world.run(project)

    (first, hit, changed) = decisions(story, sources=(SOURCE,))
    assert first == ("miss", "no completed run of this request is known")
    assert hit[0] == "hit"
    assert hit[1].startswith("the source has not changed since the last run, sent 2")
    assert changed == ("miss", "the source changed 0 s ago")


@pytest.mark.slow
def test_a_project_without_a_source_and_one_that_was_not_probed_lately() -> None:
    async def story(world: World, project: str) -> None:
        for _ in range(2):
            await world.ended(project, (await world.run(project)).json()["runId"])

    assert decisions(story)[1] == ("miss", "the project has no source")
    assert decisions(story, sources=(SOURCE,))[1] == ("miss", "the state of the source is not known")


def test_a_join_and_a_bypass() -> None:
    async def story(world: World, project: str) -> None:
        await together(world.run(project), world.run(project))
        await world.run(project, Cache_Control="no-cache")

    found = decisions(story)
    assert [outcome for outcome, _ in found] == ["miss", "joined", "bypass"]
    assert found[2][1] == "the request needs a run of its own: Cache-Control"


def test_a_full_queue_and_a_wait_that_is_too_long() -> None:
    async def story(world: World, project: str) -> None:
        await world.run(project)
        waiting = asyncio.ensure_future(world.run(world.projects[4]))
        await asyncio.sleep(1)
        assert (await world.run(world.projects[5])).status_code == 429
        assert (await waiting).status_code == 429

    found = decisions(story, concurrency=1, run_seconds=1000, queue=Queue(length=1, wait_seconds=5))
    assert found[1:] == [
        ("refused", "the queue is full: all 1 places are taken"),
        ("refused", "other runs come before it for longer than the caller waits"),
    ]


def test_refusals_of_hex_and_of_the_gateway() -> None:
    async def story(world: World, project: str) -> None:
        world.faults.add(Fault(kind="429", endpoint="run_project", count=1, retry_after=5))
        assert (await world.run(project)).status_code == 201
        world.faults.add(Fault(kind="500", endpoint="run_project", count=1))
        assert (await world.run(world.projects[4])).status_code == 500
        assert (await world.client.post(f"/api/v1/projects/{project}/runs")).status_code == 401
        assert (await world.client.get("/other", headers=bearer(ALICE))).status_code == 400

    found = decisions(story)
    assert [outcome for outcome, _ in found] == ["retried", "miss", "in_doubt", "failed", "refused", "refused"]
    assert found[0][1] == "Hex answered 429"
    assert "found the path '/other'" in found[5][1].lower()


def test_cancels_and_polls() -> None:
    async def story(world: World, project: str) -> None:
        run_id = (await world.run(project)).json()["runId"]
        await world.run(project, token=BOB)
        assert (await world.cancel(project, run_id, token=BOB)).status_code == 204
        assert (await world.cancel(project, run_id)).status_code == 204

    found = decisions(story, policies=(Policy(shared=True),), run_seconds=1000)
    assert found[2:] == [
        ("released", "other requests hold the run"),
        ("passed_on", "no other request holds the run"),
    ]


@pytest.mark.slow
def test_each_run_request_leaves_one_row_and_its_answer_says_the_same() -> None:
    answers: list[Any] = []
    rows: list[Any] = []

    async def live(clock: LoopClock) -> None:
        async with opened(clock, sources=(SOURCE,), queue=Queue(length=1, wait_seconds=5), concurrency=1) as world:
            project, other = world.projects[3], world.projects[4]
            world.probe(SOURCE, project, "state-1")
            first = await world.run(project)
            answers.extend([first, await world.run(project)])
            gone = asyncio.ensure_future(world.run(other))
            await asyncio.sleep(1)
            gone.cancel()
            await asyncio.sleep(1)
            await world.ended(project, first.json()["runId"])
            answers.append(await world.run(project))
            await asyncio.sleep(12)
            world.probe(SOURCE, project, "state-2")
            await asyncio.sleep(12)
            answers.append(await world.run(project))
            answers.append(await world.run(other))
            await clock.skip(86_400)
            answers.append(await world.run(world.projects[5], {"inputParams": 3}))
            await world.gateway._context.journal.flush()
            rows.extend(world.ledger.gateway.requests.decisions())

    in_virtual_time(live)
    said = [answer.headers.get("X-Hex-Exporter-Reason") for answer in answers]
    assert said == [
        "miss: no completed run of this request is known",
        "joined: the same run is running, sent 0 s ago",
        "hit: the source has not changed since the last run, sent 23 s ago",
        "miss: the source changed 12 s ago",
        "refused: other runs come before it for longer than the caller waits",
        "failed: found a JSON number as inputParams; send an object",
    ]
    assert [f"{row.outcome}: {row.reason}" for row in rows if row.outcome != "gone"] == said
    assert [row.reason for row in rows if row.outcome == "gone"] == ["the caller hung up before it was answered"]
    assert {len(row.caller) for row in rows} == {12}
    assert rows[0].run_id == answers[0].json()["runId"]
