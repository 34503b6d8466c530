"""Which running run a request may join, by the policy of its project."""

import asyncio

import pytest
from gateway_world import ALICE, BOB, World, cache, file_source, play

from exporter.config import Policy, Queue
from exporter.simulator import Fault

pytestmark = pytest.mark.usefixtures("all_runs_complete")

SOURCE = file_source(every_seconds=300)


class TestJoinPolicies:
    def test_without_a_source_only_a_request_soon_after_the_start_joins(self) -> None:
        async def story(world: World, project: str) -> None:
            await world.run(project)
            await asyncio.sleep(29)
            assert cache(await world.run(project)) == "joined"
            await asyncio.sleep(2)
            assert cache(await world.run(project)) == "miss"

        play(story, run_seconds=500)

    def test_nor_is_a_run_joined_while_its_source_cannot_be_seen(self) -> None:
        async def story(world: World, project: str) -> None:
            key = SOURCE.key(project)
            world.data[key] = "state-1"
            await world.look(key)
            await world.run(project)
            world.data[key], world.look_seconds = "state-2", 5.0
            assert cache(await world.run(project)) == "miss"

        play(story, run_seconds=500, sources=(SOURCE,), has_monitor=True)

    @pytest.mark.slow
    def test_with_a_source_that_is_the_same_it_joins_at_any_time(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await world.run(project)
            await asyncio.sleep(200)
            assert cache(await world.run(project)) == "joined"

        play(story, run_seconds=500, sources=(SOURCE,))

    def test_always_and_never(self) -> None:
        async def always(world: World, project: str) -> None:
            await world.run(project)
            await asyncio.sleep(200)
            assert cache(await world.run(project)) == "joined"

        async def never(world: World, project: str) -> None:
            await world.run(project)
            assert cache(await world.run(project)) == "miss"

        play(always, run_seconds=500, policies=(Policy(join="always"),))
        play(never, run_seconds=500, policies=(Policy(join="never"),))

    def test_a_request_that_came_before_the_run_was_sent_joins_it_however_long_that_takes(self) -> None:
        async def story(world: World, project: str) -> None:
            blocking = await world.run(world.projects[4])
            waiting = [asyncio.ensure_future(world.run(project, token=token)) for token in (ALICE, BOB)]
            await asyncio.sleep(1)
            world.faults.add(Fault(kind="slow", endpoint="run_project", count=1, seconds=45))
            await world.cancel(world.projects[4], blocking.json()["runId"])
            assert sorted([cache(await one) for one in waiting]) == ["joined", "miss"]

        play(story, run_seconds=500, concurrency=1, policies=(Policy(shared=True),), queue=Queue(wait_seconds=100.0))
