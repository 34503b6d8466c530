"""Triggers through the real gateway, against a simulated Hex: one run for one change, whatever crashes."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from gateway_world import BOB, World, file_source, opened
from helpers.sizes import size
from helpers.virtual import LoopClock, in_virtual_time

from exporter.config import Budget, BudgetBrake, Config, Failures, Match, Policy, Trigger
from exporter.ledger import TriggerState
from exporter.simulator import Fault
from exporter.simulator.timeline import Timeline
from exporter.triggers import LOOK_SECONDS, TriggerRunner

TOKEN = "hxtp_" + "c3" * 48
SOURCE = file_source(every_seconds=60)

pytestmark = pytest.mark.usefixtures("all_runs_complete", "quiet")


class Triggered:
    """The project of a story, its source's data, and what triggers it, in the world of a gateway."""

    def __init__(self, world: World, project_id: str, trigger: Trigger) -> None:
        self.world = world
        self.project_id = project_id
        self.key = SOURCE.key(project_id)
        self.world.data[self.key] = "0"
        self.trigger = trigger
        self.changes = 0
        self._working: list[asyncio.Task[Any]] = []

    def begin(self) -> None:
        """The triggers of a new process begin, beside a monitor of sources and a reader of runs."""
        settings: Config = _with(self.world.config, self.trigger)
        world = self.world
        self.runner = TriggerRunner(
            "w", settings, world.ledger, world.clock, {"T": TOKEN}, look=world.look, ask=lambda one: self.ask(one)
        )
        self._working = [asyncio.ensure_future(one) for one in (self._probe(), self._read(), self._live())]

    async def ask(self, request: Any) -> Any:
        return await self.world.gateway.trigger(request)

    async def kill(self) -> None:
        """End it as SIGKILL does: what is requested is not waited for."""
        for task in [*self._working, *self.runner._busy.values()]:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    def change(self) -> None:
        self.changes += 1
        self.world.data[self.key] = str(self.changes)

    @property
    def state(self) -> TriggerState:
        return self.world.ledger.triggers.states()[self.project_id]

    @property
    def started(self) -> int:
        return self.world.started(self.project_id)

    async def counted(self) -> Counter[str]:
        found = await self.world.counted("hex_triggers_total")
        return Counter({labels[1]: value for labels, value in found.items()})

    async def _live(self) -> None:
        while True:
            self.runner.step()
            await self.world.clock.sleep(LOOK_SECONDS)

    async def _probe(self) -> None:
        while True:
            await self.world.look(self.key)
            await asyncio.sleep(60)

    async def _read(self) -> None:
        while True:
            self.world.read_runs(self.project_id)
            await asyncio.sleep(30)


def _with(config: Config, trigger: Trigger) -> Config:
    return msgspec.structs.replace(config, triggers=(trigger,))


def play(
    story: Callable[[Triggered], Awaitable[None]], *, policies: tuple[Policy, ...] = (), runs: int = 20, **more: Any
) -> None:
    async def live(clock: LoopClock) -> None:
        async with opened(
            clock, sources=(SOURCE,), has_monitor=True, policies=policies, run_seconds=runs, projects=12
        ) as world:
            project_id = world.projects[0]
            settings = {"dry_run": False, "token_env": "T", "settle_seconds": 120.0} | more
            story_of = Triggered(world, project_id, Trigger(match=Match(project_id=project_id), **settings))
            story_of.begin()
            try:
                await story(story_of)
            finally:
                await story_of.kill()

    in_virtual_time(live)


def test_a_change_is_run_once_with_the_token_and_the_inputs_of_the_trigger() -> None:
    async def story(one: Triggered) -> None:
        await asyncio.sleep(600)
        assert one.started == 0
        for number in (1, 2):
            one.change()
            await asyncio.sleep(900)
            assert one.started == number
        assert await one.counted() == {"started": 2}
        tokens = {headers["authorization"] for method, _, headers in one.world.sent if method == "POST"}
        assert tokens == {f"Bearer {TOKEN}"}

    play(story, inputs=(("region", "north"),))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(size(1, 4)))
def test_whatever_crashes_a_change_has_one_run_neither_two_nor_none(seed: int) -> None:
    """25 crashes of each seed: before, while and after the run is sent, with answers that never came."""

    async def story(one: Triggered) -> None:
        world, rng = one.world, random.Random(seed)
        await asyncio.sleep(5)
        for number in range(1, 26):
            world.faults.clear()
            one.change()
            await world.look(one.key)
            if rng.random() < 0.7:
                kind, seconds = rng.choice([("drip", 0.05), ("slow", 4)])
                world.faults.add(Fault(kind=kind, endpoint="run_project", count=1, seconds=seconds))
            await asyncio.sleep(20 + rng.random() * 10)
            await one.kill()
            await world.kill()
            await asyncio.sleep(rng.choice([0, 5, 60]))
            world.faults.clear()
            await world.restart()
            one.begin()
            for _ in range(90):
                await asyncio.sleep(15)
                if one.state.phase == "idle" and one.state.digest == str(one.changes):
                    break
            await asyncio.sleep(30)
            assert one.started == number
            assert one.state.phase == "idle"

    play(story, settle_seconds=20.0, runs=5)


@pytest.mark.parametrize("status", ["401", "403", "404", "422"])
def test_what_hex_refuses_stops_the_trigger_once(status: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A token that is none or lacks the scope, a project that is not there, an input that the project does not have."""

    async def story(one: Triggered) -> None:
        await asyncio.sleep(10)
        one.world.faults.add(Fault(kind=status, endpoint="run_project"))
        one.change()
        await asyncio.sleep(900)
        assert one.started == 0
        assert one.world.requested("run_project", status) == 1
        assert await one.counted() == {"stopped": 1}
        assert f"Hex answered {status}" in one.state.stopped

    play(story)
    assert capsys.readouterr().out.count("Hex refuses its runs") == 1


def test_hex_out_of_order_is_waited_for_and_one_run_comes_of_the_change() -> None:
    async def story(one: Triggered) -> None:
        await asyncio.sleep(10)
        one.world.faults.add(Fault(kind="429", endpoint="run_project", count=3, retry_after=20))
        one.world.faults.add(Fault(kind="500", endpoint="run_project", count=1))
        one.change()
        await asyncio.sleep(1500)
        assert one.started == 1
        assert await one.counted() == {"started": 1}

    play(story)


def test_a_run_of_a_caller_that_has_read_the_change_is_shared() -> None:
    async def story(one: Triggered) -> None:
        world = one.world
        await asyncio.sleep(10)
        one.change()
        await world.look(one.key)
        answer = await world.run(one.project_id, token=BOB)
        assert answer.status_code == 201
        await asyncio.sleep(300)
        assert one.started == 1
        assert await one.counted() == {"hit": 1}

    play(story, policies=(Policy(shared=True),))


def test_a_result_that_a_policy_gives_by_its_age_is_not_taken_for_the_change() -> None:
    async def story(one: Triggered) -> None:
        await asyncio.sleep(10)
        one.change()
        await asyncio.sleep(300)
        one.change()
        await asyncio.sleep(500)
        assert one.started == 1, "min_interval of the policy answers with the first run"
        await asyncio.sleep(400)
        assert one.started == 2

    play(story, policies=(Policy(min_interval_seconds=900.0),))


def test_a_project_that_always_fails_is_not_run_at_each_trigger(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = Timeline.plan
    monkeypatch.setattr(Timeline, "plan", lambda *known: planned(*known)._replace(outcome="errored"))

    async def story(one: Triggered) -> None:
        for _ in range(4):
            one.change()
            await asyncio.sleep(360)
        assert one.started == 3
        assert (await one.counted())["failed"] == 1

    play(story, policies=(Policy(failures=Failures(most=3, within_seconds=86_400.0)),), settle_seconds=20.0)


@pytest.mark.slow
@pytest.mark.parametrize("is_own", [True, False], ids=["of the trigger", "of the policy"])
def test_a_spent_budget_holds_runs_back_until_it_is_not_any_more_and_loses_no_change(*, is_own: bool) -> None:
    brake = BudgetBrake(budget="weekly-runs", then="cached_only", max_stale_seconds=3600.0)

    async def story(one: Triggered) -> None:
        world = one.world
        used = sum(1 for _ in world.ledger.runs_between(0, None))
        _limit(world, used + 1)
        for _ in range(3):
            one.change()
            await asyncio.sleep(300)
        assert one.started == 1
        _limit(world, used + 100)
        await asyncio.sleep(3700)
        assert one.started == 2, "the changes of meanwhile share a run"
        assert one.state.digest == str(one.changes)

    if is_own:
        play(story, when_budget_spent=brake, settle_seconds=20.0)
    else:
        play(story, policies=(Policy(when_budget_spent=brake),), settle_seconds=20.0)


def _limit(world: World, runs: int) -> None:
    world.config = msgspec.structs.replace(world.config, budgets=(Budget(name="weekly-runs", unit="runs", limit=runs),))
    world.gateway.assign(world.config)


@pytest.mark.parametrize("is_received", [True, False])
def test_a_crash_that_lasts_for_days_makes_one_run_too(*, is_received: bool) -> None:
    """The key of the request is forgotten by then, and its run is not."""

    async def story(one: Triggered) -> None:
        world = one.world
        await asyncio.sleep(5)
        one.change()
        kind, seconds = ("drip", 10.0) if is_received else ("slow", 300.0)
        world.faults.add(Fault(kind=kind, endpoint="run_project", count=1, seconds=seconds))
        await asyncio.sleep(120)
        assert len(world.ledger.gateway.runs(0)) == 1
        await one.kill()
        await world.kill()
        assert one.started == int(is_received)
        world.faults.clear()
        await asyncio.sleep(2 * 86_400)
        await world.restart()
        world.read_runs(one.project_id)
        one.begin()
        await asyncio.sleep(900)
        assert one.started == 1
        assert one.state.phase == "idle"

    play(story, settle_seconds=20.0)
