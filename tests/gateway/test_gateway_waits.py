"""No request waits longer than its client does, and nothing is done for one that hangs up."""

import asyncio

import pytest
from gateway_world import ALICE, BOB, HangUp, World, bearer, cache, file_source, play, play_all, together

from exporter.config import Queue
from exporter.simulator import Fault

SOURCE = file_source(every_seconds=300)


class TestCallsAndWaits:
    @pytest.mark.slow
    def test_ten_projects_missed_in_one_second_take_one_listing_and_ten_starts(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            answers = await together(*(world.run(project) for project in projects[:10]))
            assert [cache(answer) for answer in answers] == ["miss"] * 10
            rights = world.requested("project") + world.requested("projects")
            assert world.requested("run_project") == 10
            assert rights <= 3

        play_all(story, run_seconds=5)

    def test_hex_toolkit_is_answered_before_it_gives_up(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await together(*(world.run(project) for project in projects[:3]))
            for headers, seconds in (({"User_Agent": "hex-python-sdk/0.1.0"}, 25), ({"Prefer": "wait=7"}, 7)):
                began = world.clock.monotonic()
                answer = await world.run(projects[4], token=BOB, **headers)
                assert answer.status_code == 429
                assert world.clock.monotonic() - began == pytest.approx(seconds, abs=1)

        play_all(story, run_seconds=10_000)

    def test_a_client_that_says_that_it_waits_for_nothing_is_given_a_run_and_a_result_too(self) -> None:
        async def story(world: World, project: str) -> None:
            source = SOURCE.key(project)
            world.data[source] = "state-1"
            await world.look(source)
            answer = await world.run(project, Prefer="wait=0")
            assert cache(answer) == "miss"
            await world.ended(project, answer.json()["runId"])
            assert cache(await world.run(project, Prefer="wait=0")) == "hit"

        play(story, sources=(SOURCE,), has_monitor=True, run_seconds=2)

    def test_a_gateway_that_closes_leaves_no_question_to_hex_open(self) -> None:
        async def story(world: World, project: str) -> None:
            run_id = (await world.run(project)).json()["runId"]
            world.faults.add(Fault(kind="slow", endpoint="run_status", count=1, seconds=50))
            polling = asyncio.ensure_future(world.status(project, run_id))
            await asyncio.sleep(1)
            await world.gateway.aclose()
            left = [one for one in asyncio.all_tasks() if "exporter/gateway/runs/polls.py" in repr(one)]
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            assert left == []

        play(story)

    def test_an_answer_of_hex_that_takes_longer_than_the_client_waits_is_a_504_in_time(self) -> None:
        async def story(world: World, project: str) -> None:
            run_id = (await world.run(project)).json()["runId"]
            world.faults.add(Fault(kind="slow", endpoint="run_status", count=1, seconds=50))
            began = world.clock.monotonic()
            headers = {**bearer(ALICE), "User-Agent": "hex-python-sdk/0.1.0"}
            answer = await world.client.get(f"/api/v1/projects/{project}/runs/{run_id}", headers=headers)
            assert answer.status_code == 504
            assert world.clock.monotonic() - began < 30

        play(story)

    @pytest.mark.slow
    def test_cancels_come_before_all_that_waits_for_the_rate(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            run_id = (await world.run(projects[0])).json()["runId"]
            crowd = [
                asyncio.ensure_future(world.client.get(f"/api/v1/users?limit={number}", headers=bearer(ALICE)))
                for number in range(1, 60)
            ]
            await asyncio.sleep(1)
            before = len(world.sent)
            assert (await world.cancel(projects[0], run_id)).status_code == 204
            assert world.sent[before][0] == "DELETE"
            for one in crowd:
                one.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)

        play_all(story, queue=Queue(wait_seconds=100), run_seconds=10_000)

    def test_a_dry_run_waits_for_no_place(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await together(*(world.run(project) for project in projects[:3]))
            began = world.clock.monotonic()
            assert cache(await world.run(projects[4], {"dryRun": True})) == "bypass"
            assert world.clock.monotonic() - began < 2

        play_all(story, run_seconds=10_000)

    def test_a_client_that_hangs_up_holds_no_turn_and_no_place_that_others_need(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[0])
            gone = HangUp(world, projects[1])
            await asyncio.sleep(1)
            assert world.gateway.state.queue_length == 1
            gone.hang_up()
            await gone.task
            waiting = asyncio.ensure_future(world.run(projects[2], token=BOB))
            await asyncio.sleep(1)
            assert not waiting.done()
            assert world.gateway.state.queue_length == 1
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

        play_all(story, concurrency=1, run_seconds=10_000, queue=Queue(length=1))

    def test_what_waits_for_the_rate_on_behalf_of_no_one_is_given_up(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[0])
            crowd = [
                asyncio.ensure_future(world.client.get(f"/api/v1/users?limit={number}", headers=bearer(ALICE)))
                for number in range(1, 60)
            ]
            await asyncio.sleep(1)
            gone = [HangUp(world, project) for project in projects[1:4]]
            await asyncio.sleep(1)
            for one in (*crowd, *gone):
                one.hang_up() if isinstance(one, HangUp) else one.cancel()
            await asyncio.gather(*crowd, *(one.task for one in gone), return_exceptions=True)
            before = len(world.sent)
            await asyncio.sleep(100)
            assert [path for _, path, _ in world.sent[before:]] == []

        play_all(story, queue=Queue(wait_seconds=100))
