"""Hex's refusals, its silence and its odd answers: waited out or passed on, and no run is sent twice."""

import asyncio
from collections import Counter
from contextlib import suppress

import httpx
import pytest
from gateway_world import (
    ALICE,
    BOB,
    World,
    bearer,
    cache,
    opened,
    play,
    play_all,
)
from helpers.virtual import LoopClock, in_virtual_time

from exporter.config import Queue, RateLimit
from exporter.errors import LedgerError
from exporter.hexapi import Exchanger
from exporter.simulator import Fault, RateLimits


class TestRefusalsOfHex:
    @pytest.mark.parametrize("fault", [Fault(kind="429", endpoint="run_project", count=2, retry_after=7)])
    def test_a_429_is_waited_out_and_seen_by_no_caller(self, fault: Fault) -> None:
        async def story(world: World, projects: list[str]) -> None:
            world.faults.add(fault)
            began = world.clock.monotonic()
            assert cache(await world.run(projects[3])) == "miss"
            assert world.clock.monotonic() - began >= 14
            assert world.started() == 1
            assert world.requested("run_project") == 3
            assert await world.counted("hex_gateway_absorbed_total") == {("rate_limit",): 2}
            assert await world.counted("hex_api_rate_limited_total") == {("run_project",): 2}
            states = [run.state for run in world.ledger.gateway.runs(0)]
            assert Counter(states) == {"not_started": 2, "started": 1}

        play_all(story)

    def test_a_429_to_a_read_is_waited_out_too(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            world.faults.add(Fault(kind="429", endpoint="projects", count=1, retry_after=20))
            answer = await world.client.get("/api/v1/projects", headers=bearer(ALICE))
            assert answer.status_code == 200
            assert await world.counted("hex_gateway_absorbed_total") == {("rate_limit",): 1}

        play_all(story)

    def test_nothing_is_sent_during_a_cool_down_and_retry_after_says_how_long_it_lasts(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            world.faults.add(Fault(kind="429", endpoint="projects", count=1, retry_after=900))
            answer = await world.client.get("/api/v1/projects", headers=bearer(ALICE))
            assert (answer.status_code, answer.json()["code"]) == (429, "TOO_MANY_REQUESTS")
            assert 890 <= int(answer.headers["Retry-After"]) <= 900
            before = len(world.sent)
            assert (await world.run(projects[3])).status_code == 429
            await world.kill()
            await world.restart()
            assert (await world.run(projects[3])).status_code == 429
            await asyncio.sleep(850)
            assert len(world.sent) == before
            await asyncio.sleep(50)
            assert cache(await world.run(projects[3])) == "miss"

        play_all(story)

    @pytest.mark.slow
    def test_a_full_kernel_pool_is_waited_out_with_growing_pauses(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            world.service.limiter.limits = RateLimits(kernels=1)
            direct = world.simulation.start_run(world.simulation.by_id[projects[9]], caller=ALICE)
            assert cache(await world.run(projects[3])) == "miss"
            assert world.simulation.now_ms >= direct.end_ms
            pauses = await world.counted("hex_gateway_absorbed_total")
            assert 2 <= pauses["kernel_limit",] <= 4
            assert world.started(projects[3]) == 1

        play_all(story, run_seconds=30)

    def test_one_callers_full_kernel_pool_does_not_hold_another_up(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            world.service.limiter.limits = RateLimits(kernels=1)
            world.simulation.start_run(world.simulation.by_id[projects[9]], caller=ALICE)
            held = asyncio.ensure_future(world.run(projects[3]))
            await asyncio.sleep(1)
            began = world.clock.monotonic()
            assert cache(await world.run(projects[4], token=BOB)) == "miss"
            assert world.clock.monotonic() - began < 1
            held.cancel()
            with suppress(asyncio.CancelledError):
                await held

        play_all(story, run_seconds=1000, concurrency=1)

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", ["500", "502", "503"])
    def test_another_5xx_is_passed_on_and_never_sent_again(self, kind: str) -> None:
        async def story(world: World, projects: list[str]) -> None:
            world.faults.add(Fault(kind=kind, endpoint="run_project", count=1))
            answer = await world.run(projects[3])
            assert answer.status_code == int(kind)
            assert "X-Hex-Exporter-Cache" not in answer.headers
            assert world.gateway.state.active_runs == 0
            await asyncio.sleep(700)
            world.read_runs(projects[3])
            await asyncio.sleep(10)
            assert world.requested("run_project") == 1
            (sent,) = world.ledger.gateway.runs(0)
            assert sent.state == "not_started"
            assert await world.counted("hex_gateway_unknown_runs_total") == {}

        play_all(story)

    def test_silence_is_a_504_and_the_run_is_in_doubt_until_it_is_found(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            world.faults.add(Fault(kind="slow", endpoint="run_project", count=1, seconds=70))
            answer = await world.run(projects[3])
            assert answer.status_code == 504, answer.text
            assert "not known" in answer.json()["message"]
            assert len(world.gateway._registry.in_doubt()) == 1
            assert world.requested("run_project") <= 1
            assert projects[3] in world.expected_runs
            (sent,) = world.ledger.gateway.runs(0)
            assert sent.state == "intended"

        play_all(story, queue=Queue(wait_seconds=100))

    def test_hex_out_of_reach_is_a_504_that_started_nothing(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            async def unreachable(request: httpx.Request) -> httpx.Response:
                raise httpx.ConnectError("refused")

            await world.run(projects[0])
            world.gateway._context.upstream._http = Exchanger(transport=httpx.MockTransport(unreachable))
            answer = await world.run(projects[0], {"viewId": "x"})
            assert answer.status_code == 504
            assert "no run was started" in answer.json()["message"]
            assert world.gateway.state.active_runs == 1

        play_all(story)

    def test_a_ledger_that_cannot_be_written_starts_nothing(self) -> None:
        async def story(world: World, projects: list[str]) -> None:

            def full(*_: object) -> None:
                raise LedgerError("the disk is full")

            world.ledger.gateway.intend = full
            answer = await world.run(projects[0])
            assert answer.status_code == 503
            assert "no run was started" in answer.json()["message"]
            assert world.started() == 0
            assert world.gateway.state.active_runs == 0

        play_all(story)

    @pytest.mark.slow
    def test_the_documented_limits_of_runproject_are_kept_without_a_429(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            answers = await asyncio.gather(*(world.run(projects[n % 10], {"viewId": str(n)}) for n in range(65)))
            assert {answer.status_code for answer in answers} <= {201, 429}
            assert world.started() <= 60
            await asyncio.sleep(200)
            assert world.requested("run_project", "429") == 0

        play_all(
            story,
            concurrency=100,
            queue=Queue(length=200, per_caller=200),
            run_seconds=1,
            rate_limit=RateLimit(per_minute=600, per_hour=36_000, share=0.5),
            limits=RateLimits(
                windows={"hex-run-kernel": RateLimits.documented().windows["hex-run-kernel"]}, kernels=None
            ),
        )


class TestOddAnswers:
    @pytest.mark.parametrize("value", [None, 0, "", "false"])
    def test_only_a_dry_run_takes_no_place(self, value: object) -> None:
        async def story(world: World, project: str) -> None:
            # Hex may take these for no dry run at all.
            answer = await world.run(project, {"dryRun": value})
            if answer.status_code == 201 and world.started():
                assert world.gateway.state.active_runs == 1

        play(story, run_seconds=10_000)

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", ["garbage", "truncation"])
    def test_a_start_that_names_no_run_may_have_started_one_and_is_in_doubt(self, kind: str) -> None:
        async def story(world: World, project: str) -> None:
            world.faults.add(Fault(kind=kind, endpoint="run_project", count=1))
            await world.run(project)
            assert len(world.gateway._registry.in_doubt()) == 1
            await asyncio.sleep(700)
            started = world.started()
            world.read_runs(project)
            await asyncio.sleep(10)
            (sent,) = world.ledger.gateway.runs(0)
            assert sent.state == ("started" if started else "unknown")
            assert world.gateway.state.active_runs == 0
            assert world.requested("run_project") == 1

        play(story)

    @pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304)])
    def test_an_answer_without_a_body_may_name_an_encoding(self, method: str, status: int) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(status, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b""))

        async def story(clock: LoopClock) -> None:
            async with opened(clock) as world:
                await world.client.get("/api/v1/users/me", headers=bearer(ALICE))
                world.gateway._context.upstream._http = Exchanger(transport=httpx.MockTransport(answer))
                got = await world.client.request(method, "/api/v1/users/me", headers=bearer(ALICE))
                assert got.status_code == status

        in_virtual_time(story)


class TestDryRuns:
    """Hex starts no run for them, whatever it answers: nothing is in doubt, and no place is held."""

    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    def test_what_hex_answers_is_passed_on(self, status: int) -> None:
        async def story(world: World, project: str) -> None:
            answered = httpx.MockTransport(lambda request: httpx.Response(status, json={"valid": True}))
            assert cache(await world.run(world.projects[4])) == "miss"
            world.gateway._context.upstream._http = Exchanger(transport=answered)
            answer = await world.run(world.projects[4], {"dryRun": True})
            assert (answer.status_code, answer.headers["X-Hex-Exporter-Cache"]) == (status, "bypass")
            assert answer.headers["X-Hex-Exporter-Reason"].startswith("bypass: ")
            assert [one.state for one in world.gateway._registry.in_doubt()] == []

        play(story)

    @pytest.mark.parametrize("fault", ["broken", "500"])
    def test_one_without_an_answer_or_that_fails_leaves_nothing_in_doubt(self, fault: str) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            if fault == "broken":
                raise httpx.ReadError("connection reset")
            return httpx.Response(500)

        async def story(world: World, project: str) -> None:
            assert cache(await world.run(project)) == "miss"
            world.gateway._context.upstream._http = Exchanger(transport=httpx.MockTransport(answer))
            found = await world.run(project, {"dryRun": True})
            assert found.status_code == (504 if fault == "broken" else 500)
            assert "a run was started is not known" not in found.text
            assert [one.state for one in world.gateway._registry.in_doubt()] == []

        play(story)
