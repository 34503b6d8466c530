"""Never a result that a fresh run would not have given: each answer rests on what was looked at for it."""

import asyncio
from typing import Any

import pytest
from gateway_world import ALICE, BOB, World, bearer, cache, completed, file_source, play

from exporter.config import Policy
from exporter.simulator import Fault

pytestmark = pytest.mark.usefixtures("all_runs_complete")

SOURCE = file_source(every_seconds=300)
MIDNIGHT = 24 * 3600


async def post(world: World, project: str, query: str, token: str = ALICE) -> Any:
    return await world.client.post(f"/api/v1/projects/{project}/runs?{query}", headers=bearer(token))


class TestJoinsARunKnownToBeRunning:
    def test_a_run_that_has_ended_unseen_is_not_joined(self) -> None:
        async def story(world: World, project: str) -> None:
            assert cache(await world.run(project)) == "miss"
            await asyncio.sleep(10)
            assert cache(await world.run(project)) == "miss"
            assert world.started(project) == 2

        play(story, run_seconds=3)

    def test_its_state_is_read_with_the_token_of_the_request_and_not_twice_in_two_seconds(self) -> None:
        async def story(world: World, project: str) -> None:
            await world.run(project)
            await asyncio.sleep(5)
            assert cache(await world.run(project)) == "joined"
            assert world.requested("run_status") == 1
            assert world.sent[-1][2]["authorization"] == f"Bearer {ALICE}"
            assert cache(await world.run(project)) == "joined"
            assert world.requested("run_status") == 1
            await asyncio.sleep(3)
            assert cache(await world.run(project)) == "joined"
            assert world.requested("run_status") == 2

        play(story, run_seconds=100)

    def test_where_hex_does_not_say_that_it_is_running_another_run_starts(self) -> None:
        async def story(world: World, project: str) -> None:
            await world.run(project)
            await asyncio.sleep(5)
            world.faults.add(Fault(kind="500", endpoint="run_status", count=9))
            assert cache(await world.run(project)) == "miss"

        play(story, run_seconds=100)

    def test_a_source_that_changed_while_the_rights_were_read_is_seen(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await world.run(project)
            world.faults.add(Fault(kind="slow", endpoint="run_status", count=1, seconds=5))
            joining = asyncio.ensure_future(world.run(project, token=BOB))
            await asyncio.sleep(2)
            world.probe(SOURCE, project, "state-2")
            assert cache(await joining) == "miss"

        play(story, run_seconds=100, sources=(SOURCE,), policies=(Policy(shared=True),))


class TestQueries:
    def test_the_run_of_a_request_with_a_query_answers_no_plain_one(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            north = await post(world, project, "region=north")
            assert cache(north) == "bypass"
            assert cache(await world.run(project)) == "miss", "it is not joined"
            await asyncio.sleep(1)
            await world.ended(project, north.json()["runId"])
            await world.ended(project, (await world.run(project)).json()["runId"])
            plain = await world.run(project)
            assert cache(plain) == "hit"
            assert plain.json()["runId"] != north.json()["runId"]

        play(story, sources=(SOURCE,))

    def test_it_is_no_result_of_a_plain_request(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            north = await post(world, project, "region=north")
            await world.ended(project, north.json()["runId"])
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,))


class TestVersions:
    @pytest.mark.parametrize("published_ms", [None, 1_000])
    def test_what_was_seen_last_applies_also_if_the_version_is_taken_back(
        self, monkeypatch: pytest.MonkeyPatch, published_ms: int | None
    ) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            assert cache(await world.run(project)) == "hit"
            await asyncio.sleep(11)
            monkeypatch.setattr(world.simulation, "published_ms", lambda item, now_ms: published_ms)
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,))


class TestFiles:
    """The same content written again is no change, but not to a run that read meanwhile."""

    def test_a_file_that_was_written_while_the_run_read_it_gives_no_hit(self) -> None:
        async def story(world: World, project: str) -> None:
            key = SOURCE.key(project)
            world.ledger.sources.record(key, "state-1", world.now_ms, world.now_ms, "written at 1")
            first = await world.run(project)
            await asyncio.sleep(5)
            world.ledger.sources.record(key, "state-1", world.now_ms, world.now_ms, "written at 2")
            assert cache(await world.run(project)) == "miss", "no join either"
            await world.ended(project, first.json()["runId"])

        play(story, sources=(SOURCE,))

    @pytest.mark.slow
    def test_nor_one_that_was_written_at_some_time_since(self) -> None:
        async def story(world: World, project: str) -> None:
            key = SOURCE.key(project)
            world.ledger.sources.record(key, "state-1", world.now_ms, world.now_ms, "written at 1")
            await completed(world, project)
            world.ledger.sources.record(key, "state-1", world.now_ms, world.now_ms, "written at 2")
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,))

    def test_after_a_run_that_was_seen_undisturbed_the_same_content_is_no_change(self) -> None:
        async def story(world: World, project: str) -> None:
            key = SOURCE.key(project)
            world.data[key], world.stamps[key] = "state-1", "written at 1"
            await world.look(key)
            await completed(world, project)
            await asyncio.sleep(1)
            world.stamps[key] = "written at 2"
            assert cache(await world.run(project)) == "hit"
            await world.kill()
            await world.restart()
            assert cache(await world.run(project)) == "hit"

        play(story, sources=(SOURCE,), has_monitor=True)


class TestProbesOnRequest:
    def test_a_trigger_right_after_a_load_runs(self) -> None:
        async def story(world: World, project: str) -> None:
            key = SOURCE.key(project)
            world.data[key] = "before the load"
            await world.look(key)
            await completed(world, project)
            assert cache(await world.run(project)) == "hit"
            world.data[key] = "after the load"
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,), has_monitor=True)

    def test_nor_is_a_run_joined_that_was_sent_before_the_load(self) -> None:
        async def story(world: World, project: str) -> None:
            key = SOURCE.key(project)
            world.data[key] = "before the load"
            await world.look(key)
            await world.run(project)
            assert cache(await world.run(project)) == "joined"
            world.data[key] = "after the load"
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,), has_monitor=True)

    def test_requests_at_the_same_time_share_probes(self) -> None:
        async def story(world: World, project: str) -> None:
            key = SOURCE.key(project)
            world.data[key] = "state-1"
            await world.look(key)
            await completed(world, project)
            world.looks = 0
            answers = await asyncio.gather(*(world.run(project) for _ in range(20)))
            assert {cache(one) for one in answers} == {"hit"}
            assert world.looks <= 2

        play(story, sources=(SOURCE,), has_monitor=True)

    def test_a_probe_that_takes_too_long_or_fails_vouches_for_nothing(self) -> None:
        async def story(world: World, project: str) -> None:
            key = SOURCE.key(project)
            world.data[key] = "state-1"
            await world.look(key)
            await completed(world, project)
            world.look_seconds = 5.0
            before = world.clock.monotonic()
            assert cache(await completed(world, project)) == "miss"
            assert world.clock.monotonic() - before < 35, "two seconds at each look, not five"
            world.look_seconds, world.data[key] = 0.1, None
            assert cache(await world.run(project)) == "miss"

        play(story, sources=(SOURCE,), has_monitor=True, run_seconds=20)

    def test_switched_off_the_last_probe_is_enough(self) -> None:
        source = file_source(every_seconds=300, on_request_seconds=None)

        async def story(world: World, project: str) -> None:
            key = source.key(project)
            world.data[key] = "state-1"
            await world.look(key)
            await completed(world, project)
            world.data[key], world.looks = "state-2", 0
            assert (cache(await world.run(project)), world.looks) == ("hit", 0)

        play(story, sources=(source,), has_monitor=True)
