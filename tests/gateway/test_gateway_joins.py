"""Bypasses and joins: which requests get a run of their own, and which share one."""

import asyncio
from collections import Counter

import pytest
from gateway_world import (
    ALICE,
    BOB,
    World,
    cache,
    completed,
    file_source,
    play,
    together,
)

from exporter.config import Policy
from exporter.simulator import Fault

SOURCE = file_source(every_seconds=300)


class TestBypass:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            ({"useCachedSqlResults": False}, {}),
            ({"updateCache": True}, {}),
            ({"notifications": [{"type": "ALL"}]}, {}),
            ({"somethingNew": 1}, {}),
            (None, {"Cache_Control": "no-cache"}),
        ],
    )
    def test_a_request_for_a_run_of_its_own_gets_one(self, body: object, headers: dict[str, str]) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project, body, **headers)
            first, second = await together(world.run(project, body, **headers), world.run(project, body, **headers))
            assert (cache(first), cache(second)) == ("bypass", "bypass")
            assert world.started() == 3
            assert await world.counted("hex_gateway_requests_total") == {("bypass",): 3}
            assert await world.counted("hex_cache_lookups_total") == {}

        play(story, sources=(SOURCE,))

    @pytest.mark.slow
    def test_a_run_that_was_requested_with_no_cache_answers_later_requests(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await completed(world, project, Cache_Control="no-cache")
            second = await world.run(project)
            assert (cache(first), cache(second)) == ("bypass", "hit")

        play(story, sources=(SOURCE,))

    def test_a_dry_run_takes_no_place_and_answers_no_request(self) -> None:
        async def story(world: World, project: str) -> None:
            for _ in range(5):
                assert cache(await world.run(project, {"dryRun": True})) == "bypass"
            assert world.gateway.state.active_runs == 0
            await world.kill()
            await world.restart()
            assert world.gateway.state.active_runs == 0
            assert cache(await world.run(project)) == "miss"

        play(story, concurrency=1)


class TestJoins:
    def test_identical_requests_at_once_share_one_run(self) -> None:
        async def story(world: World, project: str) -> None:
            answers = await together(*(world.run(project) for _ in range(5)))
            assert Counter(map(cache, answers)) == {"miss": 1, "joined": 4}
            assert len({answer.json()["runId"] for answer in answers}) == 1
            assert world.started() == 1
            await asyncio.sleep(5)
            assert cache(await world.run(project)) == "joined"
            assert await world.counted("hex_cache_lookups_total") == {(project,): 6}
            assert await world.counted("hex_cache_hits_total") == {(project,): 5}

        play(story)

    def test_a_request_after_the_end_is_not_joined(self) -> None:
        async def story(world: World, project: str) -> None:
            await completed(world, project)
            assert cache(await world.run(project)) == "miss"

        play(story)

    def test_a_request_under_another_state_of_the_source_is_not_joined(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            assert cache(await world.run(project)) == "miss"
            world.probe(SOURCE, project, "state-2")
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,))

    def test_a_running_run_is_joined_after_a_restart(self) -> None:
        async def story(world: World, project: str) -> None:
            first = await world.run(project)
            await world.kill()
            await world.restart()
            second = await world.run(project)
            assert cache(second) == "joined"
            assert second.json() == first.json()

        play(story)

    def test_requests_that_wait_behind_a_run_with_the_same_fingerprint_are_given_it(self) -> None:
        async def story(world: World, project: str) -> None:
            other = world.projects[4]
            before = await world.run(other)
            polling = asyncio.ensure_future(world.ended(other, before.json()["runId"]))
            waiting = [asyncio.ensure_future(world.run(project, token=token)) for token in (ALICE, BOB)]
            answers = await together(*waiting)
            assert Counter(map(cache, answers)) == {"miss": 1, "joined": 1}
            assert world.started(project) == 1
            await polling

        play(story, concurrency=1, run_seconds=10, policies=(Policy(shared=True),))

    def test_a_request_whose_turn_comes_after_the_same_run_has_ended_is_given_its_result(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await world.run(project)
            # Hex takes so long to say that Bob may read the run that it has ended by then.
            world.faults.add(Fault(kind="slow", endpoint="run_status", count=1, seconds=30))
            second = asyncio.ensure_future(world.run(project, token=BOB))
            await asyncio.sleep(0.5)
            assert await world.ended(project, first.json()["runId"]) == "COMPLETED"
            assert cache(await second) == "hit"
            assert world.started() == 1
            assert await world.counted("hex_gateway_requests_total") == {("miss",): 1, ("hit",): 1}

        play(story, sources=(SOURCE,), policies=(Policy(shared=True),))

    def test_a_run_is_recorded_with_the_state_of_the_source_when_it_is_sent(self) -> None:
        async def story(world: World, project: str) -> None:
            other = world.projects[4]
            world.probe(SOURCE, project, "state-1")
            before = await world.run(other)
            waiting = asyncio.ensure_future(world.run(project))
            await asyncio.sleep(5)
            world.probe(SOURCE, project, "state-2")
            await world.ended(other, before.json()["runId"])
            second = await waiting
            assert cache(second) == "miss"
            await world.ended(project, second.json()["runId"])
            assert cache(await world.run(project)) == "hit"

        play(story, sources=(SOURCE,), concurrency=1)

    @pytest.mark.slow
    def test_requests_that_a_change_of_the_source_has_made_the_same_start_one_run(self) -> None:
        async def story(world: World, project: str) -> None:
            others = world.projects[4:6]
            world.probe(SOURCE, project, "state-1")
            before = [(one, (await world.run(one)).json()["runId"]) for one in others]
            first = asyncio.ensure_future(world.run(project))
            await asyncio.sleep(5)
            world.probe(SOURCE, project, "state-2")
            second = asyncio.ensure_future(world.run(project))
            await asyncio.sleep(1)
            world.faults.add(Fault(kind="slow", endpoint="run_project", count=1, seconds=5))
            for one, run_id in before:
                await world.ended(one, run_id)
            answers = [await first, await second]
            assert sorted(cache(one) for one in answers) == ["joined", "miss"]
            assert world.started(project) == 1

        play(story, sources=(SOURCE,), concurrency=2)
