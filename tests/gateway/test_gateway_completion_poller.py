"""Callers that start runs and never ask how they are: the gateway asks for them while others of theirs wait."""

import asyncio
from collections import Counter

import pytest
from gateway_world import ALICE, BOB, World, opened, together
from helpers.virtual import LoopClock, in_virtual_time

from exporter.simulator import Fault

pytestmark = pytest.mark.usefixtures("all_runs_complete")


def polls(world: World) -> Counter[str]:
    """How often the status of a run was read from Hex, by token."""
    requested = (
        headers["authorization"].removeprefix("Bearer ")
        for method, path, headers in world.sent
        if method == "GET" and "/runs" in path
    )
    return Counter(requested)


@pytest.mark.slow
def test_a_crowd_that_only_starts_runs_is_served_three_at_a_time_without_a_429() -> None:
    async def live(clock: LoopClock) -> None:
        async with opened(clock, run_seconds=10) as world:
            requested = asyncio.gather(*(world.run(one) for one in world.projects[:10]))
            most = 0
            while not requested.done():
                most = max(most, world.simulation.kernels_of(ALICE))
                await asyncio.sleep(0.5)
            assert [answer.status_code for answer in await requested] == [201] * 10
            assert most == 3
            assert polls(world).keys() == {ALICE}
            assert not any(code == "429" for _, code in world.service.tally)

    in_virtual_time(live)


def test_a_run_is_looked_after_only_with_the_token_of_its_starter() -> None:
    async def live(clock: LoopClock) -> None:
        async with opened(clock, run_seconds=10) as world:
            first = await together(*(world.run(one, token=BOB) for one in world.projects[:3]))
            waiting = asyncio.ensure_future(world.run(world.projects[3], token=ALICE))
            assert (await waiting).status_code == 201
            assert polls(world).keys() == {BOB}
            assert all(answer.status_code == 201 for answer in first)

    in_virtual_time(live)


def test_nothing_is_polled_while_no_request_waits() -> None:
    async def live(clock: LoopClock) -> None:
        async with opened(clock, run_seconds=30) as world:
            await together(*(world.run(one) for one in world.projects[:3]))
            await asyncio.sleep(120)
            assert polls(world) == {}

    in_virtual_time(live)


def test_a_run_that_its_caller_polls_is_not_polled_twice() -> None:
    async def live(clock: LoopClock) -> None:
        async with opened(clock, run_seconds=40, concurrency=1) as world:
            first = (await world.run(world.projects[0])).json()["runId"]
            waiting = asyncio.ensure_future(world.run(world.projects[1]))
            assert await world.ended(world.projects[0], first) == "COMPLETED"
            by_polls_alone = polls(world)[ALICE]
            assert (await waiting).status_code == 201
            # One question every 3.3 s is what the rate allows for one run.
            assert by_polls_alone <= 40 / 3 + 2

    in_virtual_time(live)


@pytest.mark.parametrize("kind", ["500", "403", "html", "reset"])
def test_hex_is_not_pressed_for_an_answer_that_it_does_not_give(kind: str) -> None:
    async def live(clock: LoopClock) -> None:
        async with opened(clock, run_seconds=10, concurrency=1) as world:
            world.faults.add(Fault(kind=kind, endpoint="run_status"))
            project = world.projects[0]
            await world.run(project)
            waiting = asyncio.ensure_future(world.run(world.projects[1]))
            await asyncio.sleep(45)
            assert 1 <= polls(world)[ALICE] <= 4
            world.read_runs(project)
            assert (await waiting).status_code == 201

    in_virtual_time(live)
