"""A model of the gateway's answers: could a fresh run, started when the request came, have differed? Never."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest
from gateway_world import ALICE, BOB, World, file_source, opened
from helpers.sizes import size
from helpers.virtual import LoopClock, in_virtual_time
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporter.config import Policy
from exporter.simulator import Fault

pytestmark = pytest.mark.usefixtures("all_runs_complete", "quiet")

SOURCE = file_source(every_seconds=300)
RUN_SECONDS = 40.0
WINDOW_SECONDS = 30.0
RUNNING_SECONDS = 2.0
VERSION_SECONDS = 60.0
"""docs/gateway.md: how long a new published version may go unseen; ten seconds where the rate limit leaves room."""


class Losing(httpx.AsyncBaseTransport):
    """The way to Hex, on which the answers to the next run requests are lost after Hex has received them."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.losses = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        if request.method == "POST" and self.losses:
            self.losses -= 1
            raise httpx.ReadError("connection reset")
        return answer


class Begun(NamedTuple):
    """A run as Hex started it: after how many others, when (steady clock), on which data, day and published version.

    In virtual time several things happen at one instant: it is the number that says what came first.
    """

    number: int
    at: float
    data: int
    day: int
    published: int


class Oracle:
    """What is true of each run and of the data, by the steady clock, which no step of the wall clock moves."""

    def __init__(self, world: World, project: str, *, has_source: bool) -> None:
        self.world = world
        self.project = project
        self.has_source = has_source
        self.version = 0
        self.published = 0
        self.published_at = 0.0
        self.outcome: str | None = None
        self.begun: dict[str, Begun] = {}
        self.over_at: dict[str, float] = {}
        self.losing = Losing(world.transport)
        world.transport = world.gateway._context.upstream._http._transport = self.losing
        self.key = SOURCE.key(project)
        world.data[self.key] = "state-0"
        start = world.simulation.start_run

        def started(*known: Any, **more: Any) -> Any:
            run = start(*known, **more)
            # Its day is that of the wall clock when it was sent: that is what its notebook takes for today.
            self.begun[run.run_id] = Begun(
                len(self.begun), world.clock.monotonic(), self.version, self.day(), self.published
            )
            if self.outcome is not None:
                world.simulation._changed[run.run_id] = run._replace(outcome=self.outcome)
            return run

        world.simulation.start_run = started  # type: ignore[method-assign]

    def day(self) -> int:
        return int(self.world.clock.now() // 86_400)

    def load(self, *, rewritten: bool = False) -> None:
        """The data changes; no one is notified."""
        self.version += not rewritten
        self.world.data[self.key] = f"state-{self.version}"
        self.world.stamps[self.key] = f"written at {self.world.clock.monotonic()}"

    def publish(self) -> None:
        """A new version is published; no one is notified."""
        self.published += 1
        self.published_at = self.world.clock.monotonic()
        published_ms = 1_000_000 * self.published
        self.world.simulation.published_ms = lambda *_: published_ms  # type: ignore[method-assign]

    async def stop(self, token: str | None) -> None:
        """The last run is cancelled: by a caller through the gateway, or (None) by someone in Hex."""
        run_id = next(reversed(self.begun), None)
        if run_id is None:
            return
        if token is not None:
            await self.world.cancel(self.project, run_id, token=token)
        run = self.world.simulation.find_run(self.project, run_id)
        if run is not None and token is None:
            self.world.simulation.cancel_run(run)
        run = self.world.simulation.find_run(self.project, run_id)
        if run is not None and run.outcome == "killed":
            self.over_at.setdefault(run_id, self.world.clock.monotonic())

    async def request(self, token: str, number: int, **headers: str) -> None:
        clock = self.world.clock
        before, came_at, came = len(self.begun), clock.monotonic(), (self.version, self.day(), self.published)
        answer = await self.world.run(self.project, {"inputParams": {"n": number}}, token=token, **headers)
        if answer.status_code != 201:
            return
        run_id, cache = answer.json()["runId"], answer.headers["X-Hex-Exporter-Cache"]
        number, begun_at, read, begun_day, published = self.begun[run_id]
        if number >= before:
            return  # it is a fresh run, or one that is fresher
        assert "Cache_Control" not in headers, "no-cache always runs"
        assert begun_day == came[1], (cache, "another day")
        assert published == came[2] or came_at - self.published_at <= VERSION_SECONDS, (cache, "another version")
        over_for = came_at - min(begun_at + RUN_SECONDS, self.over_at.get(run_id, came_at))
        if cache == "hit":
            run = self.world.simulation.find_run(self.project, run_id)
            assert run is not None
            assert run.outcome == "completed", "it has no result"
        if self.has_source:
            assert read == came[0], (cache, answer.headers["X-Hex-Exporter-Reason"])
        else:
            # docs/gateway.md: without a source a request joins a run that was started at most half a minute before.
            assert cache == "joined", cache
            assert came_at - begun_at <= WINDOW_SECONDS
        if cache == "joined":
            assert over_for <= RUNNING_SECONDS, "it was no longer running"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("request"), st.sampled_from([ALICE, BOB]), st.integers(0, 1)),
        st.tuples(st.just("no-cache"), st.sampled_from([ALICE, BOB]), st.integers(0, 1)),
        st.tuples(st.just("together"), st.sampled_from([ALICE, BOB]), st.integers(2, 4)),
        st.tuples(st.just("hang-up"), st.sampled_from([ALICE, BOB]), st.sampled_from([0.0, 0.05, 1.0])),
        st.tuples(st.just("cancel"), st.sampled_from([ALICE, BOB, None]), st.none()),
        st.tuples(st.just("ends"), st.sampled_from([None, "errored", "unable_to_allocate_kernel"]), st.none()),
        st.tuples(st.just("publish"), st.none(), st.none()),
        st.tuples(st.just("lost"), st.integers(1, 3), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 3, 20, 31, 60, 400]), st.none()),
        st.tuples(st.just("midnight"), st.none(), st.none()),
        st.tuples(st.just("load"), st.booleans(), st.none()),
        st.tuples(st.just("probe"), st.none(), st.none()),
        st.tuples(st.just("unreadable"), st.none(), st.none()),
        st.tuples(st.just("slow"), st.sampled_from([0.1, 1.5, 5.0]), st.none()),
        st.tuples(st.just("step"), st.sampled_from([-3600, -20, 20, 3600]), st.none()),
        st.tuples(st.just("crash"), st.booleans(), st.none()),
        st.tuples(st.just("polls"), st.none(), st.none()),
        st.tuples(st.just("fault"), st.sampled_from(["500", "slow", "429"]), st.none()),
    ),
    max_size=14,
)


def live_through(steps: list[tuple[Any, ...]], *, has_source: bool) -> None:
    async def live(clock: LoopClock) -> None:
        more: dict[str, Any] = {"sources": (SOURCE,), "has_monitor": True} if has_source else {}
        async with opened(clock, run_seconds=RUN_SECONDS, policies=(Policy(shared=True),), **more) as world:
            oracle = Oracle(world, world.projects[3], has_source=has_source)
            await world.look(oracle.key)
            for step, first, second in steps:
                await _take(oracle, step, first, second)

    in_virtual_time(live)


async def _take(oracle: Oracle, step: str, first: Any, second: Any) -> None:
    world, project = oracle.world, oracle.project
    match step:
        case "request":
            await oracle.request(first, second)
        case "no-cache":
            await oracle.request(first, second, Cache_Control="no-cache")
        case "together":
            await asyncio.gather(*(oracle.request((ALICE, BOB)[one % 2], 0) for one in range(second)))
        case "hang-up":
            asking = asyncio.ensure_future(oracle.request(first, 0))
            await asyncio.sleep(second)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        case "cancel":
            await oracle.stop(first)
        case "ends":
            oracle.outcome = first
        case "publish":
            oracle.publish()
        case "lost":
            oracle.losing.losses = first
        case "wait":
            await asyncio.sleep(first)
        case "midnight":
            # Put, not waited for: a day of the gateway's own work takes seconds.
            world.clock.step(86_400 - world.clock.now() % 86_400 - 1)
        case "load":
            oracle.load(rewritten=first)
        case "probe":
            await world.look(oracle.key)
        case "unreadable":
            world.data[oracle.key] = None
        case "slow":
            world.look_seconds = first
        case "step":
            world.clock.step(first)
        case "crash":
            if first:
                world.faults.add(Fault(kind="drip", endpoint="run_project", count=1, seconds=1))
                asking = asyncio.ensure_future(world.run(project, {"inputParams": {"n": 0}}))
                await asyncio.sleep(0.5)
                asking.cancel()
            await world.kill()
            world.faults.clear()
            await world.restart()
            world.read_runs(project)
        case "polls":
            for run_id in tuple(oracle.begun):
                await world.status(project, run_id)
        case "fault":
            world.faults.add(Fault(kind=first, endpoint="run_status", count=1, seconds=4, retry_after=2))


LOAD_THEN_RUN = [("request", ALICE, 0), ("wait", 60, None), ("polls", None, None), ("load", False, None)]


def bounded(test: Callable[..., None]) -> Callable[..., None]:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=size(10, 100), deadline=None, suppress_health_check=checks)(given(steps=STEPS)(test))


@pytest.mark.slow
@bounded
@example(steps=[*LOAD_THEN_RUN, ("request", ALICE, 0)])
@example(
    steps=[*LOAD_THEN_RUN, ("step", -3600, None), ("probe", None, None), ("step", 3600, None), ("request", BOB, 0)]
)
@example(steps=[("request", ALICE, 0), ("load", False, None), ("request", BOB, 0), ("together", ALICE, 4)])
@example(steps=[("slow", 5.0, None), ("request", BOB, 1), ("load", False, None), ("request", BOB, 1)])
@example(steps=[("ends", "errored", None), *LOAD_THEN_RUN[:3], ("ends", None, None), ("request", ALICE, 0)])
@example(steps=[("request", ALICE, 0), ("cancel", None, None), ("wait", 3, None), ("request", ALICE, 0)])
@example(
    steps=[*LOAD_THEN_RUN[:3], ("publish", None, None), ("wait", 60, None), ("wait", 3, None), ("request", BOB, 0)]
)
@example(
    steps=[("lost", 1, None), ("request", ALICE, 0), ("load", False, None), ("wait", 60, None), ("request", BOB, 0)]
)
@example(steps=[("midnight", None, None), ("request", ALICE, 0), ("wait", 3, None), ("request", ALICE, 0)])
def test_with_a_source_no_answer_is_older_than_its_data(steps: list[tuple[Any, ...]]) -> None:
    live_through(steps, has_source=True)


@pytest.mark.slow
@bounded
@example(steps=[("request", ALICE, 0), ("wait", 31, None), ("request", ALICE, 0)])
@example(steps=[("crash", True, None), ("wait", 60, None), ("wait", 60, None), ("request", ALICE, 0)])
def test_without_a_source_only_a_run_of_just_now_is_joined(steps: list[tuple[Any, ...]]) -> None:
    live_through(steps, has_source=False)
