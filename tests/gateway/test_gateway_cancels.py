"""CancelRun through the gateway: who releases a run, who stops it, and when that reaches Hex."""

import asyncio

import httpx
import pytest
from gateway_world import ALICE, BOB, World, cache, file_source, play, together

from exporter.config import Policy
from exporter.gateway.runs.active_run import LEASE_SECONDS
from exporter.simulator import Fault

SHARED = (Policy(shared=True),)


def killed(world: World, project: str, run_id: str) -> bool:
    return world.simulation.find_run(project, run_id).status(world.now_ms) == "killed"


def assert_over(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()) == (400, {"reason": "Run is not active"})


def test_a_cancel_by_one_of_two_detaches_it_and_that_of_the_last_reaches_hex() -> None:
    async def story(world: World, project: str) -> None:
        first = await world.run(project)
        second = await world.run(project, token=BOB)
        run_id = first.json()["runId"]
        assert second.json()["runId"] == run_id
        detached = await world.cancel(project, run_id, token=BOB)
        assert (detached.status_code, detached.content) == (204, b"")
        assert world.requested("cancel_run") == 0
        assert not killed(world, project, run_id)
        assert_over(await world.cancel(project, run_id, token=BOB))
        assert (await world.cancel(project, run_id)).status_code == 204
        assert world.requested("cancel_run", "204") == 1
        assert killed(world, project, run_id)
        assert_over(await world.cancel(project, run_id))
        assert world.requested("cancel_run") == 1
        assert world.gateway.state.active_runs == 0

    play(story, policies=SHARED)


def test_each_joined_request_of_one_caller_is_released_on_its_own() -> None:
    async def story(world: World, project: str) -> None:
        answers = await together(*(world.run(project) for _ in range(3)))
        run_id = answers[0].json()["runId"]
        assert [(await world.cancel(project, run_id)).status_code for _ in range(4)] == [204, 204, 204, 400]
        assert world.requested("cancel_run") == 1
        assert killed(world, project, run_id)

    play(story)


def test_a_cancel_of_a_hit_never_reaches_hex() -> None:
    source = file_source()

    async def story(world: World, project: str) -> None:
        world.probe(source, project, "state")
        first = await world.run(project)
        await world.ended(project, first.json()["runId"])
        hit = await world.run(project)
        assert hit.headers["X-Hex-Exporter-Cache"] == "hit"
        for _ in range(2):
            assert_over(await world.cancel(project, hit.json()["runId"]))
        await world.kill()
        await world.restart()
        assert_over(await world.cancel(project, hit.json()["runId"]))
        assert world.requested("cancel_run") == 0

    play(story, sources=(source,))


async def restarted(world: World) -> None:
    await world.gateway._registry.settled()
    await world.kill()
    await world.restart()


@pytest.mark.parametrize(("first", "second"), [(ALICE, BOB), (BOB, ALICE)])
def test_who_is_attached_to_a_run_is_known_after_a_restart(first: str, second: str) -> None:
    async def story(world: World, project: str) -> None:
        run_id = (await world.run(project)).json()["runId"]
        assert (await world.run(project, token=BOB)).json()["runId"] == run_id
        await restarted(world)
        assert (await world.cancel(project, run_id, token=first)).status_code == 204
        assert world.requested("cancel_run") == 0
        assert not killed(world, project, run_id)
        await restarted(world)
        assert_over(await world.cancel(project, run_id, token=first))
        assert world.requested("cancel_run") == 0
        assert (await world.cancel(project, run_id, token=second)).status_code == 204
        assert world.requested("cancel_run", "204") == 1
        assert killed(world, project, run_id)
        await world.gateway._registry.settled()
        assert world.ledger.gateway.attached() == {}

    play(story, policies=SHARED)


def test_each_request_of_one_caller_is_attached_after_a_restart() -> None:
    async def story(world: World, project: str) -> None:
        answers = await together(*(world.run(project) for _ in range(3)))
        run_id = answers[0].json()["runId"]
        await restarted(world)
        assert [(await world.cancel(project, run_id)).status_code for _ in range(4)] == [204, 204, 204, 400]
        assert world.requested("cancel_run") == 1

    play(story)


def test_a_cancel_that_hex_could_not_take_leaves_the_caller_attached_after_a_restart() -> None:
    async def story(world: World, project: str) -> None:
        run_id = (await world.run(project)).json()["runId"]
        world.faults.add(Fault(kind="500", endpoint="cancel_run", count=1))
        assert (await world.cancel(project, run_id)).status_code == 500
        await restarted(world)
        assert (await world.cancel(project, run_id)).status_code == 204
        assert killed(world, project, run_id)

    play(story)


@pytest.mark.slow
def test_no_caller_stays_attached_to_a_run_that_is_over() -> None:
    async def story(world: World, project: str) -> None:
        run_id = (await world.run(project)).json()["runId"]
        await world.gateway._registry.settled()
        assert [sum(counts.values()) for counts in world.ledger.gateway.attached().values()] == [1]
        await world.ended(project, run_id)
        await world.gateway._registry.settled()
        assert world.ledger.gateway.attached() == {}

        lost = (await world.run(project)).json()["runId"]
        await world.gateway._registry.settled()
        assert list(world.ledger.gateway.attached()) == [lost]
        await asyncio.sleep(LEASE_SECONDS + 10)
        await world.gateway._registry.settled()
        assert world.ledger.gateway.attached() == {}

    play(story)


def test_a_request_after_the_last_cancel_is_given_a_new_run() -> None:
    async def story(world: World, project: str) -> None:
        first = await world.run(project)
        stopping = asyncio.ensure_future(world.cancel(project, first.json()["runId"]))
        await asyncio.sleep(0)
        assert (await stopping).status_code == 204
        second = await world.run(project)
        assert second.headers["X-Hex-Exporter-Cache"] == "miss"
        assert second.json()["runId"] != first.json()["runId"]

    play(story)


def test_a_cancel_that_hex_could_not_take_can_be_repeated() -> None:
    async def story(world: World, project: str) -> None:
        run_id = (await world.run(project)).json()["runId"]
        world.faults.add(Fault(kind="500", endpoint="cancel_run", count=1))
        assert (await world.cancel(project, run_id)).status_code == 500
        assert (await world.cancel(project, run_id)).status_code == 204
        assert killed(world, project, run_id)

    play(story)


def test_a_cancel_of_a_caller_that_was_not_given_the_run_is_for_hex_to_judge() -> None:
    async def story(world: World, project: str) -> None:
        run_id = (await world.run(project)).json()["runId"]
        assert (await world.cancel(project, run_id, token=BOB)).status_code == 204
        assert world.requested("cancel_run", "204") == 1
        assert killed(world, project, run_id)
        requested = [headers["authorization"] for method, _, headers in world.sent if method == "DELETE"]
        assert requested == [f"Bearer {BOB}"]
        assert await world.ended(project, run_id, token=ALICE) == "KILLED"
        assert_over(await world.cancel(project, run_id, token=ALICE))

    play(story)


def test_a_run_that_the_gateway_does_not_know_is_hexs_affair() -> None:
    async def story(world: World, project: str) -> None:
        run = world.simulation.start_run(world.simulation.by_id[project])
        assert (await world.cancel(project, run.run_id)).status_code == 204
        again = await world.cancel(project, run.run_id)
        assert again.status_code == 400
        assert again.json()["reason"] == "Run is not active"
        assert world.requested("cancel_run") == 2

    play(story)


def test_no_request_joins_a_run_that_another_caller_has_stopped() -> None:
    async def story(world: World, project: str) -> None:
        run_id = (await world.run(project)).json()["runId"]
        assert (await world.cancel(project, run_id, token=BOB)).status_code == 204
        again = await world.run(project)
        assert cache(again) == "miss"
        assert again.json()["runId"] != run_id

    play(story, run_seconds=10_000)


def test_a_last_cancel_whose_caller_hangs_up_stops_the_run_for_all() -> None:
    async def story(world: World, project: str) -> None:
        run_id = (await world.run(project)).json()["runId"]
        world.faults.add(Fault(kind="drip", endpoint="cancel_run", count=1, seconds=1))
        world.faults.add(Fault(kind="slow", endpoint="cancel_run", count=1, seconds=5))
        stopping = asyncio.ensure_future(world.cancel(project, run_id))
        await asyncio.sleep(2)
        stopping.cancel()
        await asyncio.sleep(10)
        assert world.requested("cancel_run", "204") == 1
        again = await world.run(project)
        assert cache(again) == "miss"
        assert again.json()["runId"] != run_id
        assert world.gateway.state.active_runs == 1

    play(story, run_seconds=10_000)
