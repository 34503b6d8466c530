"""Hits: which earlier result answers a run request, and which never does."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from gateway_world import (
    ALICE,
    World,
    bearer,
    cache,
    completed,
    file_source,
    play,
)

from exporter.config import Policy
from exporter.facts import Project
from exporter.simulator import Fault

SOURCE = file_source(every_seconds=300)


class TestHits:
    def test_an_identical_request_after_the_end_is_given_the_same_run(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await completed(world, project, {"inputParams": {"a": 1, "b": 2}})
            second = await world.run(project, {"inputParams": {"b": 2.0, "a": 1}})
            assert (cache(first), cache(second)) == ("miss", "hit")
            assert second.json() == first.json()
            assert first.json()["runStatusUrl"].startswith("https://gateway.test/api/v1/projects/")
            assert world.started() == 1
            assert await world.counted("hex_cache_lookups_total") == {(project,): 2}
            assert await world.counted("hex_cache_hits_total") == {(project,): 1}
            assert await world.counted("hex_gateway_requests_total") == {("miss",): 1, ("hit",): 1}
            assert await world.counted("hex_cache_saved_seconds_total") == {(project,): 20_000}

        play(story, sources=(SOURCE,))

    def test_the_singular_path_of_older_clients_is_the_same_request(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await completed(world, project)
            second = await world.client.post(f"/api/v1/project/{project}/run", headers=bearer(ALICE))
            assert cache(second) == "hit"
            assert second.json()["runId"] == first.json()["runId"]

        play(story, sources=(SOURCE,))

    def test_a_project_without_a_source_runs_each_time(self) -> None:
        async def story(world: World, project: str) -> None:
            assert cache(await completed(world, project)) == "miss"
            assert cache(await completed(world, project)) == "miss"
            assert world.started() == 2

        play(story)

    @pytest.mark.slow
    def test_a_changed_source_runs_again(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            world.probe(SOURCE, project, "state-2")
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,))

    def test_a_source_that_changed_and_changed_back_runs_again(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            world.probe(SOURCE, project, "state-2")
            await asyncio.sleep(1)
            world.probe(SOURCE, project, "state-1")
            assert cache(await world.run(project)) == "miss"
            assert await world.counted("hex_gateway_stale_hits_total") == {}

        play(story, sources=(SOURCE,))

    def test_a_probe_that_ended_after_the_run_was_sent_vouches_for_nothing(self) -> None:
        async def story(world: World, project: str) -> None:
            await completed(world, project)
            world.probe(SOURCE, project, "state-1", seconds=1000)
            await asyncio.sleep(5)
            world.probe(SOURCE, project, "state-1")
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,))

    def test_a_source_that_was_not_probed_for_longer_than_its_interval_is_not_relied_on(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            await asyncio.sleep(301)
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,))

    def test_a_source_whose_probe_fails_is_not_relied_on(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            world.ledger.sources.record_failure(SOURCE.key(project), "no such file", world.now_ms)
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,))

    @pytest.mark.slow
    def test_a_result_older_than_max_age_is_not_given(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            await asyncio.sleep(3_590 - 40)
            world.probe(SOURCE, project, "state-1")
            assert cache(await world.run(project)) == "hit"
            await asyncio.sleep(60)
            world.probe(SOURCE, project, "state-1")
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,), policies=(Policy(max_age_seconds=3_600),))

    def test_another_published_version_runs_again(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            simulated, published_ms = world.simulation.by_id[project], world.now_ms
            world.simulation.published_ms = lambda item, now_ms: published_ms  # type: ignore[method-assign]
            world.ledger.record_projects(
                [one.project for one in world.ledger.projects() if one.project.project_id != project]
                + [_published(simulated, published_ms)],
                world.now_ms,
            )
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,))

    @pytest.mark.slow
    def test_other_parameters_or_another_view_run_again(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project, {"inputParams": {"day": "2026-11-23"}})
            assert cache(await completed(world, project, {"inputParams": {"day": "2026-11-24"}})) == "miss"
            assert cache(await completed(world, project, {"viewId": "one"})) == "miss"
            assert cache(await completed(world, project, {"updatePublishedResults": True})) == "miss"
            assert cache(await world.run(project, {"inputParams": {"day": "2026-11-23"}, "dryRun": False})) == "hit"

        play(story, sources=(SOURCE,))

    @pytest.mark.slow
    def test_a_run_that_failed_answers_no_request(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await world.run(project)
            assert (await world.cancel(project, first.json()["runId"])).status_code == 204
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,))

    def test_results_survive_a_restart(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await completed(world, project)
            await world.kill()
            await world.restart()
            second = await world.run(project)
            assert cache(second) == "hit"
            assert second.json() == first.json()

        play(story, sources=(SOURCE,))

    def test_an_independent_look_refuses_and_counts_a_hit_older_than_a_change(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            book = world.ledger.sources
            (key, state) = next(iter(book.states().items()))
            # Facts that contradict each other: the same digest since before, and yet a change since.
            book._replace({key: replace(state, changed_ms=world.now_ms)})
            assert cache(await world.run(project)) == "miss"
            assert (await world.counted("hex_gateway_stale_hits_total"))[()] >= 1

        play(story, sources=(SOURCE,))


class TestVersions:
    @pytest.mark.slow
    def test_a_version_published_after_the_first_look_runs_again(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await world.run(project)
            await world.ended(project, first.json()["runId"])
            assert cache(await world.run(project)) == "hit"
            await asyncio.sleep(12)
            published_ms = world.now_ms - 1_000
            world.simulation.published_ms = lambda item, now_ms: published_ms  # type: ignore[method-assign]
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,))

    def test_what_is_known_of_a_project_serves_while_hex_has_no_answer(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await world.run(project)
            await world.ended(project, first.json()["runId"])
            world.faults.add(Fault(kind="500", endpoint="project", count=1))
            assert cache(await world.run(project)) == "hit"

        play(story, sources=(SOURCE,))


class TestClocks:
    @pytest.mark.parametrize("seconds", [-7_200, -60, 90_000])
    def test_a_clock_that_was_put_gives_no_request_an_older_result(self, seconds: float) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await world.run(project)
            await world.ended(project, first.json()["runId"])
            world.clock.step(seconds)
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,), policies=(Policy(min_interval_seconds=3_600),))


def _published(simulated: Any, at_ms: int) -> Any:
    return Project(project_id=simulated.project_id, title=simulated.title, published_ms=at_ms)
