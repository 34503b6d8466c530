"""Hex refuses a run with 429: runs wait, and nothing else does, unless Hex says that it concerns every request."""

import asyncio
import random
from typing import Any

import httpx
import pytest
from gateway_world import ALICE, BOB, World, bearer, cache, completed, file_source, play, play_all

from exporter.config import Queue
from exporter.gateway.runs.run_limits import RunLimits
from exporter.gateway.upstream.upstream import Reply
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


class TestWhatA429Says:
    @pytest.fixture
    def held(self) -> list[int]:
        return []

    @pytest.fixture
    def limits(self, manual_clock: Any, held: list[int]) -> RunLimits:
        return RunLimits(manual_clock, random.Random(1), on_hold=held.append)

    def test_without_an_announcement_the_wait_is_a_minute_and_doubles(self, limits: RunLimits, manual_clock) -> None:
        waits = []
        for _ in range(3):
            assert not limits.observe(answer(429))
            waits.append(limits.wait_seconds())
            manual_clock.advance(waits[-1])
        assert [60 <= waits[0] < 90, 120 <= waits[1] < 180, 240 <= waits[2] < 360] == [True] * 3
        limits.observe(answer(201))
        limits.observe(answer(429))
        assert 60 <= limits.wait_seconds() < 90

    def test_answers_to_runs_that_left_together_are_one_refusal(self, limits: RunLimits) -> None:
        for _ in range(3):
            limits.observe(answer(429))
        assert limits.wait_seconds() < 90

    def test_the_longer_of_two_announcements_holds_and_is_handed_on(self, limits, manual_clock, held) -> None:
        limits.observe(answer(429, retry_after="20"))
        limits.observe(answer(429, retry_after="5"))
        assert limits.wait_seconds() == 20
        assert held == [round((manual_clock.now() + 20) * 1000)]

    def test_a_window_that_a_start_has_used_up_holds_runs_until_it_ends(self, limits: RunLimits) -> None:
        assert not limits.observe(answer(201, ratelimit_limit="20", ratelimit_remaining="0", ratelimit_reset="40"))
        assert limits.wait_seconds() == 40

    def test_a_window_of_all_requests_that_a_start_has_used_up_concerns_them_all(self, limits: RunLimits) -> None:
        assert limits.observe(answer(201, ratelimit_limit="60", ratelimit_remaining="0", ratelimit_reset="40"))
        assert limits.wait_seconds() == 0

    @pytest.mark.parametrize(
        ("limit", "seconds", "is_of_all"),
        [(20, 30, False), (60, 30, True), (30, 30, True), (60, 1_800, False), (1_800, 1_800, True), (12, 30, False)],
    )
    def test_the_limit_that_it_names_decides_whom_it_concerns(self, limits, limit, seconds, is_of_all) -> None:
        said = answer(429, retry_after=str(seconds), ratelimit_limit=str(limit))
        assert limits.observe(said) is is_of_all
        assert limits.wait_seconds() == seconds


def answer(status: int, **headers: str) -> Reply:
    return Reply(status, [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()], b"")
