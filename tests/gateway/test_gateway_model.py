"""A model of the gateway's answers: could a fresh run, started when the request came, have differed? Never."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from gateway_world import ALICE, BOB, World, file_source, opened
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


class Oracle:
    """What is true of each run and of the data, by the steady clock, which no step of the wall clock moves."""

    def __init__(self, world: World, project: str, *, has_source: bool) -> None:
        self.world = world
        self.project = project
        self.has_source = has_source
        self.version = 0
        self.begun: dict[str, tuple[float, int, int]] = {}
        self.key = SOURCE.key(project)
        world.data[self.key] = "state-0"
        start = world.simulation.start_run

        def started(*known: Any, **more: Any) -> Any:
            run = start(*known, **more)
            # Its day is that of the wall clock when it was sent: that is what its notebook takes for today.
            self.begun[run.run_id] = world.clock.monotonic(), self.version, self.day()
            return run

        world.simulation.start_run = started  # type: ignore[method-assign]

    def day(self) -> int:
        return int(self.world.clock.now() // 86_400)

    def load(self, *, rewritten: bool = False) -> None:
        """The data changes; nobody is told."""
        self.version += not rewritten
        self.world.data[self.key] = f"state-{self.version}"
        self.world.stamps[self.key] = f"written at {self.world.clock.monotonic()}"

    async def request(self, token: str, number: int, **headers: str) -> None:
        clock = self.world.clock
        came_at, version, day = clock.monotonic(), self.version, self.day()
        answer = await self.world.run(self.project, {"inputParams": {"n": number}}, token=token, **headers)
        if answer.status_code != 201:
            return
        run_id, cache = answer.json()["runId"], answer.headers["X-Hex-Exporter-Cache"]
        begun_at, read, begun_day = self.begun[run_id]
        if begun_at >= came_at:
            return  # it is a fresh run, or one that is fresher
        assert "Cache_Control" not in headers, "no-cache always runs"
        assert begun_day == day, (cache, "another day")
        over_for = came_at - (begun_at + RUN_SECONDS)
        if self.has_source:
            assert read == version, (cache, answer.headers["X-Hex-Exporter-Reason"])
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
            for run_id in oracle.begun:
                await world.status(project, run_id)
        case "fault":
            world.faults.add(Fault(kind=first, endpoint="run_status", count=1, seconds=4, retry_after=2))


LOAD_THEN_RUN = [("request", ALICE, 0), ("wait", 60, None), ("polls", None, None), ("load", False, None)]


def bounded(test: Callable[..., None]) -> Callable[..., None]:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=15, deadline=None, suppress_health_check=checks)(given(steps=STEPS)(test))


@pytest.mark.slow
@bounded
@example(steps=[*LOAD_THEN_RUN, ("request", ALICE, 0)])
@example(
    steps=[*LOAD_THEN_RUN, ("step", -3600, None), ("probe", None, None), ("step", 3600, None), ("request", BOB, 0)]
)
@example(steps=[("request", ALICE, 0), ("load", False, None), ("request", BOB, 0), ("together", ALICE, 4)])
@example(steps=[("slow", 5.0, None), ("request", BOB, 1), ("load", False, None), ("request", BOB, 1)])
@example(steps=[("midnight", None, None), ("request", ALICE, 0), ("wait", 3, None), ("request", ALICE, 0)])
def test_with_a_source_no_answer_is_older_than_its_data(steps: list[tuple[Any, ...]]) -> None:
    live_through(steps, has_source=True)


@pytest.mark.slow
@bounded
@example(steps=[("request", ALICE, 0), ("wait", 31, None), ("request", ALICE, 0)])
@example(steps=[("crash", True, None), ("wait", 60, None), ("wait", 60, None), ("request", ALICE, 0)])
def test_without_a_source_only_a_run_of_just_now_is_joined(steps: list[tuple[Any, ...]]) -> None:
    live_through(steps, has_source=False)
