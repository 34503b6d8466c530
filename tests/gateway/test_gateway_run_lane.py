"""Hex refuses a run with 429: runs wait, and nothing else does, unless Hex says that it concerns every request."""

import asyncio

import httpx
import pytest
from gateway_world import ALICE, BOB, World, bearer, cache, completed, file_source, play, play_all

from exporter.config import Queue
from exporter.hexapi import Exchanger
from exporter.simulator import Fault

pytestmark = pytest.mark.usefixtures("all_runs_complete", "quiet")

SOURCE = file_source(every_seconds=300)


def refusal_of_a_run(seconds: float, *, count: int = 1) -> Fault:
    return Fault(kind="429", endpoint="run_project", count=count, retry_after=seconds)


@pytest.mark.slow
def test_reads_polls_hits_and_cancels_go_on_while_no_run_may_be_sent() -> None:
    async def story(world: World, projects: list[str]) -> None:
        known, running, refused = projects[3], projects[4], projects[5]
        world.probe(SOURCE, known, "a")
        await completed(world, known)
        going = (await world.run(running)).json()["runId"]
        world.faults.add(refusal_of_a_run(900))

        began = world.clock.monotonic()
        answer = await world.run(refused)
        assert answer.status_code == 429
        assert 840 <= int(answer.headers["Retry-After"]) <= 900
        waited = world.clock.monotonic() - began

        began = world.clock.monotonic()
        assert (await world.client.get("/api/v1/projects", headers=bearer(ALICE))).status_code == 200
        assert (await world.status(running, going)).status_code == 200
        assert cache(await world.run(known)) == "hit"
        assert (await world.cancel(running, going)).status_code == 204
        assert world.clock.monotonic() - began < 1
        assert waited <= 51
        assert world.requested("run_project", "429") == 1

    play_all(story, sources=(SOURCE,), run_seconds=100)


@pytest.mark.slow
def test_of_runs_that_wait_together_only_those_that_left_are_refused() -> None:
    async def story(world: World, projects: list[str]) -> None:
        world.faults.add(refusal_of_a_run(30, count=3))
        answers = await asyncio.gather(*(world.run(project) for project in projects[:6]))
        assert {cache(answer) for answer in answers} == {"miss"}
        assert world.requested("run_project", "429") == 3
        assert world.started() == 6

    play_all(story, concurrency=3, run_seconds=1, queue=Queue(wait_seconds=200))


@pytest.mark.slow
def test_no_run_is_sent_after_a_restart_either_until_hex_wants_one() -> None:
    async def story(world: World, project: str) -> None:
        world.faults.add(refusal_of_a_run(900))
        await world.run(project)
        await world.kill()
        await world.restart()
        assert (await world.run(project)).status_code == 429
        assert (await world.client.get("/api/v1/projects", headers=bearer(ALICE))).status_code == 200
        assert world.requested("run_project") == 1
        await asyncio.sleep(850)
        assert cache(await world.run(project)) == "miss"

    play(story)


@pytest.mark.slow
def test_a_dry_run_that_is_refused_holds_runs_back_and_makes_no_hit() -> None:
    async def story(world: World, project: str) -> None:
        world.probe(SOURCE, project, "a")
        await completed(world, project)
        await asyncio.sleep(1_000)  # the proof of the right to run is too old by now
        world.probe(SOURCE, project, "a")
        world.faults.add(refusal_of_a_run(300))
        began = world.clock.monotonic()
        answer = await world.run(project)
        assert answer.status_code == 429
        assert world.clock.monotonic() - began <= 51
        assert world.requested("run_project", "429") == 1
        assert (await world.client.get("/api/v1/projects", headers=bearer(BOB))).status_code == 200

    play(story, sources=(SOURCE,))


def test_a_limit_that_is_larger_than_that_of_runs_is_the_one_of_all_requests() -> None:
    async def story(world: World, project: str) -> None:
        await completed(world, project)
        headers = {"Retry-After": "40", "RateLimit-Limit": "60", "RateLimit-Remaining": "0"}

        def of_all(request: httpx.Request) -> httpx.Response:
            return httpx.Response(429, headers=headers) if request.method == "POST" else httpx.Response(200, json={})

        world.gateway._context.upstream._http = Exchanger(transport=httpx.MockTransport(of_all))
        running = asyncio.ensure_future(world.run(project, Cache_Control="no-cache"))
        await asyncio.sleep(1)
        began = world.clock.monotonic()
        await world.client.get("/api/v1/projects", headers=bearer(ALICE))
        assert 38 <= world.clock.monotonic() - began <= 41
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    play(story)
