"""Run requests that cannot start at once: the queue, Hex's refusals, Hex's silence, and callers that hang up."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from gateway_world import ALICE, BOB, World, bearer, opened
from helpers.virtual import LoopClock, in_virtual_time

from exporter.config import Queue, RateLimit
from exporter.hexapi import Exchanger
from exporter.simulator import Fault, RateLimits

Story = Callable[[World, list[str]], Awaitable[None]]


def tell(story: Story, **settings: Any) -> None:
    async def live(clock: LoopClock) -> None:
        async with opened(clock, **settings) as world:
            await story(world, world.projects)

    in_virtual_time(live)


def cache(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Hex-Exporter-Cache"]


class HangUp:
    """A caller that asks and hangs up when told to, as a server tells the application of it."""

    def __init__(self, world: World, project_id: str, token: str = ALICE) -> None:
        self.sent: list[Any] = []
        self._gone = asyncio.Event()
        self._asked = False
        path = f"/api/v1/projects/{project_id}/runs"
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "scheme": "http",
            "client": ("127.0.0.1", 123),
            "headers": [(name.lower().encode(), value.encode()) for name, value in bearer(token).items()],
        }
        self.task = asyncio.ensure_future(world.app(scope, self._receive, self._send))

    def hang_up(self) -> None:
        self._gone.set()

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)


class TestQueue:
    def test_a_waiting_caller_hears_nothing_for_50_seconds_then_when_to_come_back_to_its_place(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            first = await world.run(projects[3])
            began = world.clock.monotonic()
            second = await world.run(projects[4])
            assert second.status_code == 429
            assert world.clock.monotonic() - began == pytest.approx(50, abs=0.1)
            assert second.json()["code"] == "TOO_MANY_REQUESTS"
            assert 1 <= int(second.headers["Retry-After"]) <= 30
            assert world.gateway.state.queue_length == 1
            assert await world.ended(projects[3], first.json()["runId"]) == "COMPLETED"
            await asyncio.sleep(1)
            assert world.started() == 1, "nothing is started for a caller that is not there"
            assert cache(await world.run(projects[4])) == "miss"
            assert await world.counted("hex_gateway_requests_total") == {("miss",): 2, ("refused",): 1}

        tell(story, concurrency=1, run_seconds=100)

    def test_a_place_is_given_up_after_a_minute(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[3])
            assert (await world.run(projects[4])).status_code == 429
            await asyncio.sleep(59)
            assert world.gateway.state.queue_length == 1
            await asyncio.sleep(2)
            assert world.gateway.state.queue_length == 0
            assert world.gateway._registry.pending() == []

        tell(story, concurrency=1, run_seconds=10_000)

    def test_beyond_its_length_the_queue_refuses_at_once(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[0])
            waiting = [asyncio.ensure_future(world.run(one)) for one in projects[1:3]]
            await asyncio.sleep(1)
            began = world.clock.monotonic()
            refused = await world.run(projects[3], token=BOB)
            assert world.clock.monotonic() - began < 1
            assert refused.status_code == 429
            assert int(refused.headers["Retry-After"]) >= 1
            await asyncio.gather(*waiting)

        tell(story, concurrency=1, run_seconds=10_000, queue=Queue(length=2))

    def test_callers_take_turns(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            first = await world.run(projects[0])
            order: list[str] = []

            async def ask(project: str, token: str) -> None:
                answer = await world.run(project, token=token)
                order.append(token)
                await world.ended(project, answer.json()["runId"], token=token)

            crowd = [asyncio.ensure_future(ask(one, ALICE)) for one in projects[1:5]]
            await asyncio.sleep(1)
            crowd.append(asyncio.ensure_future(ask(projects[5], BOB)))
            await world.ended(projects[0], first.json()["runId"])
            await asyncio.gather(*crowd)
            assert order.index(BOB) <= 1

        tell(story, concurrency=1, run_seconds=1, queue=Queue(wait_seconds=300))

    def test_what_waited_is_measured(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[0])
            assert await world.counted("hex_gateway_queue_seconds_count") == {(): 1}

        tell(story)

    def test_a_run_whose_end_nobody_sees_gives_its_place_free_after_an_hour(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[0])
            await asyncio.sleep(3_590)
            assert world.gateway.state.active_runs == 1
            await asyncio.sleep(20)
            assert world.gateway.state.active_runs == 0

        tell(story)


class TestHangUps:
    def test_a_caller_that_hangs_up_keeps_its_place_and_is_served_when_it_comes_back(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            first = await world.run(projects[3])
            gone = HangUp(world, projects[4])
            await asyncio.sleep(5)
            other = asyncio.ensure_future(world.run(projects[5]))
            await asyncio.sleep(1)
            gone.hang_up()
            await gone.task
            assert gone.sent == []
            assert world.gateway.state.queue_length == 2
            back = asyncio.ensure_future(world.run(projects[4]))
            await asyncio.sleep(1)
            assert await world.ended(projects[3], first.json()["runId"]) == "COMPLETED"
            assert cache(await back) == "miss"
            assert not other.done()
            other.cancel()

        tell(story, concurrency=1)

    def test_nothing_is_started_for_callers_that_have_all_gone(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            first = await world.run(projects[3])
            gone = HangUp(world, projects[4])
            await asyncio.sleep(5)
            gone.hang_up()
            await gone.task
            await world.ended(projects[3], first.json()["runId"])
            await asyncio.sleep(120)
            assert world.started() == 1
            assert world.gateway.state == type(world.gateway.state)(0, 0)

        tell(story, concurrency=1)

    def test_one_of_two_that_hangs_up_does_not_cost_the_other_its_run(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            first = await world.run(projects[3])
            gone = HangUp(world, projects[4])
            other = asyncio.ensure_future(world.run(projects[4]))
            await asyncio.sleep(5)
            gone.hang_up()
            await gone.task
            await world.ended(projects[3], first.json()["runId"])
            assert cache(await other) == "miss"
            assert world.started(projects[4]) == 1

        tell(story, concurrency=1)


class TestRefusalsOfHex:
    @pytest.mark.parametrize("fault", [Fault(kind="429", endpoint="run_project", count=2, retry_after=7)])
    def test_a_429_is_waited_out_and_seen_by_nobody(self, fault: Fault) -> None:
        async def story(world: World, projects: list[str]) -> None:
            world.faults.add(fault)
            began = world.clock.monotonic()
            assert cache(await world.run(projects[3])) == "miss"
            assert world.clock.monotonic() - began >= 14
            assert world.started() == 1
            assert world.asked("run_project") == 3
            assert await world.counted("hex_gateway_absorbed_total") == {("rate_limit",): 2}
            assert await world.counted("hex_api_rate_limited_total") == {("run_project",): 2}
            states = [run.state for run in world.ledger.gateway.runs(0)]
            assert Counter(states) == {"not_started": 2, "started": 1}

        tell(story)

    def test_a_429_to_a_read_is_waited_out_too(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            world.faults.add(Fault(kind="429", endpoint="projects", count=1, retry_after=20))
            answer = await world.client.get("/api/v1/projects", headers=bearer(ALICE))
            assert answer.status_code == 200
            assert await world.counted("hex_gateway_absorbed_total") == {("rate_limit",): 1}

        tell(story)

    def test_nothing_is_asked_while_hex_wants_nothing_and_the_caller_is_told_for_how_long(self) -> None:
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

        tell(story)

    def test_a_full_kernel_pool_is_waited_out_with_growing_pauses(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            world.service.limiter.limits = RateLimits(kernels=1)
            direct = world.simulation.start_run(world.simulation.by_id[projects[9]], caller=ALICE)
            assert cache(await world.run(projects[3])) == "miss"
            assert world.simulation.now_ms >= direct.end_ms
            pauses = await world.counted("hex_gateway_absorbed_total")
            assert 2 <= pauses["kernel_limit",] <= 4
            assert world.started(projects[3]) == 1

        tell(story, run_seconds=30)

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

        tell(story, run_seconds=1000, concurrency=1)

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
            assert world.asked("run_project") == 1
            (sent,) = world.ledger.gateway.runs(0)
            assert sent.state == "not_started"
            assert await world.counted("hex_gateway_unknown_runs_total") == {}

        tell(story)

    def test_silence_is_a_504_and_the_run_keeps_its_place_until_it_is_found(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            world.faults.add(Fault(kind="slow", endpoint="run_project", count=1, seconds=70))
            answer = await world.run(projects[3])
            assert answer.status_code == 504, answer.text
            assert "not known" in answer.json()["message"]
            assert world.gateway.state.active_runs == 1
            assert world.asked("run_project") <= 1
            assert projects[3] in world.nudged
            (sent,) = world.ledger.gateway.runs(0)
            assert sent.state == "intended"

        tell(story, queue=Queue(wait_seconds=100))

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

        tell(story)

    def test_a_ledger_that_cannot_be_written_starts_nothing(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            from exporter.errors import LedgerError

            def full(*_: object) -> None:
                raise LedgerError("the disk is full")

            world.ledger.gateway.intend = full
            answer = await world.run(projects[0])
            assert answer.status_code == 503
            assert "no run was started" in answer.json()["message"]
            assert world.started() == 0
            assert world.gateway.state.active_runs == 0

        tell(story)

    def test_the_documented_limits_of_runproject_are_kept_without_being_told(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            answers = await asyncio.gather(*(world.run(projects[n % 10], {"viewId": str(n)}) for n in range(65)))
            assert {answer.status_code for answer in answers} <= {201, 429}
            assert world.started() <= 60
            await asyncio.sleep(200)
            assert world.asked("run_project", "429") == 0

        tell(
            story,
            concurrency=100,
            queue=Queue(length=200, per_caller=200),
            run_seconds=1,
            rate_limit=RateLimit(per_minute=600, per_hour=36_000, share=0.5),
            limits=RateLimits(
                windows={"hex-run-kernel": RateLimits.documented().windows["hex-run-kernel"]}, kernels=None
            ),
        )
