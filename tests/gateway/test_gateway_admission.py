"""Run requests that cannot start at once: the queue, and callers that hang up."""

import asyncio

import pytest
from gateway_world import (
    ALICE,
    BOB,
    HangUp,
    World,
    cache,
    play_all,
)

from exporter.config import Queue


class TestQueue:
    @pytest.mark.slow
    def test_a_waiting_caller_hears_nothing_for_50_seconds_then_when_to_come_back_to_its_place(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            first = await world.run(projects[3])
            began = world.clock.monotonic()
            second = await world.run(projects[4])
            assert second.status_code == 429
            assert world.clock.monotonic() - began == pytest.approx(50, abs=0.1)
            assert second.json()["code"] == "TOO_MANY_REQUESTS"
            assert 1 <= int(second.headers["Retry-After"]) <= 30
            assert world.gateway.state.queue_length == 1
            assert await world.ended(projects[3], first.json()["runId"]) == "COMPLETED"
            await asyncio.sleep(1)
            assert world.started() == 1, "nothing is started for a caller that is not there"
            assert cache(await world.run(projects[4])) == "miss"
            assert await world.counted("hex_gateway_requests_total") == {("miss",): 2, ("refused",): 1}

        play_all(story, concurrency=1, run_seconds=100)

    def test_a_place_is_given_up_after_a_minute(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[3])
            assert (await world.run(projects[4])).status_code == 429
            await asyncio.sleep(59)
            assert world.gateway.state.queue_length == 1
            await asyncio.sleep(2)
            assert world.gateway.state.queue_length == 0
            assert world.gateway._registry.pending() == []

        play_all(story, concurrency=1, run_seconds=10_000)

    def test_beyond_its_length_the_queue_refuses_at_once(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[0])
            waiting = [asyncio.ensure_future(world.run(one)) for one in projects[1:3]]
            await asyncio.sleep(1)
            began = world.clock.monotonic()
            refused = await world.run(projects[3], token=BOB)
            assert world.clock.monotonic() - began < 1
            assert refused.status_code == 429
            assert int(refused.headers["Retry-After"]) >= 1
            await asyncio.gather(*waiting)

        play_all(story, concurrency=1, run_seconds=10_000, queue=Queue(length=2))

    def test_callers_take_turns(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            first = await world.run(projects[0])
            order: list[str] = []

            async def ask(project: str, token: str) -> None:
                answer = await world.run(project, token=token)
                order.append(token)
                await world.ended(project, answer.json()["runId"], token=token)

            crowd = [asyncio.ensure_future(ask(one, ALICE)) for one in projects[1:5]]
            await asyncio.sleep(1)
            crowd.append(asyncio.ensure_future(ask(projects[5], BOB)))
            await world.ended(projects[0], first.json()["runId"])
            await asyncio.gather(*crowd)
            assert order.index(BOB) <= 1

        play_all(story, concurrency=1, run_seconds=1, queue=Queue(wait_seconds=300))

    def test_what_waited_is_measured(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[0])
            assert await world.counted("hex_gateway_queue_seconds_count") == {(): 1}

        play_all(story)

    @pytest.mark.slow
    def test_a_run_whose_end_is_not_seen_gives_up_its_place_after_an_hour(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[0])
            await asyncio.sleep(3_590)
            assert world.gateway.state.active_runs == 1
            await asyncio.sleep(20)
            assert world.gateway.state.active_runs == 0

        play_all(story)


class TestHangUps:
    def test_a_caller_that_hangs_up_keeps_its_place_and_is_served_when_it_comes_back(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            first = await world.run(projects[3])
            gone = HangUp(world, projects[4])
            await asyncio.sleep(5)
            other = asyncio.ensure_future(world.run(projects[5]))
            await asyncio.sleep(1)
            gone.hang_up()
            await gone.task
            assert gone.sent == []
            assert world.gateway.state.queue_length == 2
            back = asyncio.ensure_future(world.run(projects[4]))
            await asyncio.sleep(1)
            assert await world.ended(projects[3], first.json()["runId"]) == "COMPLETED"
            assert cache(await back) == "miss"
            assert not other.done()
            other.cancel()

        play_all(story, concurrency=1)

    def test_nothing_is_started_for_callers_that_have_all_gone(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            first = await world.run(projects[3])
            gone = HangUp(world, projects[4])
            await asyncio.sleep(5)
            gone.hang_up()
            await gone.task
            await world.ended(projects[3], first.json()["runId"])
            await asyncio.sleep(120)
            assert world.started() == 1
            assert world.gateway.state == type(world.gateway.state)(0, 0)

        play_all(story, concurrency=1)

    def test_one_of_two_that_hangs_up_does_not_cost_the_other_its_run(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            first = await world.run(projects[3])
            gone = HangUp(world, projects[4])
            other = asyncio.ensure_future(world.run(projects[4]))
            await asyncio.sleep(5)
            gone.hang_up()
            await gone.task
            await world.ended(projects[3], first.json()["runId"])
            assert cache(await other) == "miss"
            assert world.started(projects[4]) == 1

        play_all(story, concurrency=1)
