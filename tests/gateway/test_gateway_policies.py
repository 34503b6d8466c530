"""Policies: what they let answer a run request, and what they add to it."""

import asyncio

import pytest
from gateway_world import (
    World,
    cache,
    completed,
    file_source,
    play,
)

from exporter.config import Match, Policy, Sample

SOURCE = file_source(every_seconds=300)


class TestPolicies:
    @pytest.mark.slow
    def test_min_interval_answers_whatever_the_source_says(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await completed(world, project)
            world.probe(SOURCE, project, "state-2")
            second = await world.run(project)
            assert cache(second) == "hit"
            assert second.json() == first.json()
            await asyncio.sleep(3_600)
            assert cache(await world.run(project)) == "miss"
            assert await world.counted("hex_gateway_stale_hits_total") == {}

        play(story, sources=(SOURCE,), policies=(Policy(min_interval_seconds=3_600),))

    @pytest.mark.slow
    def test_unchanged_for_stands_in_for_a_source(self) -> None:
        async def story(world: World, project: str) -> None:
            await completed(world, project)
            assert cache(await world.run(project)) == "hit"
            await asyncio.sleep(600)
            assert cache(await world.run(project)) == "miss"

        play(story, policies=(Policy(unchanged_for_seconds=600),))

    def test_unchanged_for_does_not_apply_to_a_source_that_is_known(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            world.probe(SOURCE, project, "state-2")
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,), policies=(Policy(unchanged_for_seconds=600),))

    @pytest.mark.slow
    def test_a_sampled_result_never_answers_a_full_request(self) -> None:
        sample = Sample(header="X-Hex-Trial", parameter="sample_rows", value=1000)

        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project, X_Hex_Trial="1")
            assert cache(await completed(world, project, {"inputParams": {"sample_rows": 1000}})) == "miss"
            assert cache(await completed(world, project)) == "miss"
            assert cache(await world.run(project, X_Hex_Trial="1")) == "hit"

        policy = Policy(match=Match(title="[!_]*"), sample=sample)
        play(story, sources=(SOURCE,), policies=(policy,))

    def test_defaults_of_the_policy_are_sent_and_are_part_of_the_fingerprint(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            assert cache(await world.run(project, {"updatePublishedResults": True})) == "hit"

        play(story, sources=(SOURCE,), policies=(Policy(update_published_results=True),))


class TestUnchangedFor:
    def test_a_run_that_was_sent_while_a_probe_saw_a_change_is_older_than_it(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await asyncio.sleep(400)  # not fresh: nothing is known
            first = await world.run(project)
            await world.ended(project, first.json()["runId"])
            # This probe began before that run was sent and ended after it.
            world.probe(SOURCE, project, "state-2", seconds=40)
            world.ledger.sources.record_failure(SOURCE.key(project), "no answer", world.now_ms)
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,), policies=(Policy(unchanged_for_seconds=3_600),), run_seconds=20)
