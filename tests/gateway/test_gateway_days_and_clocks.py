"""No result crosses midnight, and no step of the clock hides a change that was seen."""

import asyncio

import pytest
from gateway_world import World, cache, completed, file_source, play

from exporter.config import Policy, RunLimits, Week

pytestmark = pytest.mark.usefixtures("all_runs_complete")

SOURCE = file_source(every_seconds=300)
MIDNIGHT = 24 * 3600


class TestDays:
    @pytest.mark.parametrize(("policy", "expected"), [(Policy(), "miss"), (Policy(day_changes=False), "hit")])
    def test_a_hit_crosses_no_midnight_unless_the_policy_says_so(self, policy: Policy, expected: str) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            assert cache(await world.run(project)) == "hit"
            await asyncio.sleep(120)
            assert cache(await world.run(project)) == expected

        play(story, begins=MIDNIGHT - 100, sources=(SOURCE,), policies=(policy,))

    def test_midnight_is_that_of_the_week(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            await asyncio.sleep(120)
            assert cache(await world.run(project)) == "miss", "in Zurich it is another day"

        play(story, begins=MIDNIGHT - 3600 - 100, sources=(SOURCE,), week=Week(timezone="Europe/Zurich"))

    def test_no_join_crosses_it_either(self) -> None:
        async def story(world: World, project: str) -> None:
            await world.run(project)
            await asyncio.sleep(10)
            assert cache(await world.run(project)) == "miss"

        play(story, begins=MIDNIGHT - 5, run_seconds=100)


class TestClocks:
    @pytest.mark.slow
    def test_a_step_back_and_forward_hides_no_change(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            world.clock.step(-3600)
            world.probe(SOURCE, project, "state-2")
            await asyncio.sleep(5)
            world.probe(SOURCE, project, "state-1")
            world.clock.step(3600)
            await asyncio.sleep(5)
            world.probe(SOURCE, project, "state-1")
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,))

    def test_nor_where_the_source_is_unknown_by_then(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            world.clock.step(-3600)
            world.probe(SOURCE, project, "state-2")
            world.clock.step(3600)
            world.ledger.sources.record_failure(SOURCE.key(project), "no answer", world.now_ms)
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,), policies=(Policy(unchanged_for_seconds=3600),))

    @pytest.mark.slow
    def test_put_back_over_a_restart_it_makes_no_run_of_the_day_one_of_this_hour(self) -> None:
        async def story(world: World, project: str) -> None:
            for _ in range(3):
                answer = await world.run(project, Cache_Control="no-cache")
                await world.ended(project, answer.json()["runId"])
                await asyncio.sleep(3_700)
            await world.kill()
            world.clock.step(-86_400)
            await world.restart()
            assert cache(await world.run(project, Cache_Control="no-cache")) == "bypass"

        play(story, run_seconds=2, run_limits=RunLimits(per_minute=2, per_hour=3))
