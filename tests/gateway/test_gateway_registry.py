"""The registry: one state machine from request to end, one transaction a step, and a place that is given up once."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from gateway_world import World, play
from structlog.testing import capture_logs

from exporter.config import Policy
from exporter.gateway.access.caller import Caller
from exporter.gateway.cache.run_key import RunKey
from exporter.gateway.routing.error_bodies import refusal
from exporter.gateway.runs.active_run import ActiveRun, RunOrder, RunState
from exporter.gateway.runs.queue import Refused
from exporter.gateway.runs.registry import RunRegistry
from exporter.sources import SourceStatus

Story = Callable[[RunRegistry, World], Awaitable[None]]
OWN_PACE = {"concurrency": 2}


def order(caller: str = "c", bypass: str | None = None, is_dry: bool = False) -> RunOrder:
    return RunOrder(
        caller=Caller(caller, caller, b""),
        url="",
        headers=(),
        body=b"",
        bypass=bypass,
        is_dry=is_dry,
        is_exclusive=bypass is not None,
    )


def key(world: World, fingerprint: str = "f") -> RunKey:
    project = world.ledger.projects()[0].project
    return RunKey(
        project=project,
        request=f"request of {fingerprint}",
        fingerprint=fingerprint,
        version="1",
        is_sampled=False,
        policy=Policy(),
        source=SourceStatus(),
    )


def in_registry(story: Story, **settings: Any) -> None:
    """A registry with a ledger, and no dispatcher that takes its runs."""

    async def alone(world: World, project: str) -> None:
        await world.kill()
        await story(world.gateway._registry, world)

    play(alone, **OWN_PACE | settings)


def queued(runs: RunRegistry, world: World, fingerprint: str = "f", **more: Any) -> ActiveRun:
    run = runs.enqueue(key(world, fingerprint), order(**more), "it is needed", 0.0)
    assert isinstance(run, ActiveRun)
    return run


async def sent(runs: RunRegistry, world: World, fingerprint: str = "f", **more: Any) -> ActiveRun:
    run = queued(runs, world, fingerprint, **more)
    assert runs.next(()) is run
    await runs.intend(run)
    return run


class TestStates:
    def test_a_run_from_request_to_end(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            run = queued(runs, world)
            states = [run.state]
            assert runs.next(()) is run
            states.append(run.state)
            await runs.intend(run)
            await runs.started(run, "r1", "{}")
            states.append(run.state)
            assert runs.joinable("request of f") is run
            assert run.waiting.outcome.result() is run
            runs.end(run, "completed", 5, 4)
            states.append(run.state)
            assert states == [RunState.QUEUED, RunState.SENDING, RunState.RUNNING, RunState.OVER]
            assert (runs.joinable("request of f"), runs.running(), runs.pending()) == (None, [], [])
            assert runs.state == type(runs.state)(0, 0)
            assert runs.run("r1") is run

        in_registry(story)

    def test_one_transaction_a_step(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            versions = [world.book.version]
            run = await sent(runs, world)
            versions.append(world.book.version)
            await runs.started(run, "r1", "{}")
            runs.give(run, "c", is_first=True)
            await runs.settled()
            versions.append(world.book.version)
            runs.end(run, "completed", 5, 4)
            await runs.settled()
            versions.append(world.book.version)
            assert [after - before for before, after in pairwise(versions)] == [1, 1, 1]
            assert world.ledger.gateway.is_starter(run.sent.project_id, "c")

        in_registry(story)

    def test_a_refusal_that_is_waited_out_is_next_again(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            run = await sent(runs, world)
            other = queued(runs, world, "g", caller="d")
            await runs.retry(run)
            assert run.state is RunState.QUEUED
            assert [one.state for one in world.ledger.gateway.runs(0)] == ["not_started"]
            assert [runs.next(()), runs.next(()), runs.next(())] == [run, other, None]

        in_registry(story)

    def test_a_run_in_doubt_keeps_its_place_until_it_is_found_or_given_up(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            found, lost = await sent(runs, world), await sent(runs, world, "g")
            for run in (found, lost):
                runs.doubt(run, refusal(504, "no answer"))
            assert runs.state.active_runs == 2
            assert world.expected_runs == [found.sent.project_id] * 2
            await runs.found(found, "r1")
            await runs.give_up(lost, "unknown")
            assert (found.state, lost.state) == (RunState.RUNNING, RunState.OVER)
            assert runs.state.active_runs == 1
            assert runs.joinable("request of f") is found, "its answer is made of what Hex shows"

        in_registry(story)

    def test_a_run_that_failed_keeps_no_place_and_may_yet_be_found(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            run = await sent(runs, world)
            runs.doubt(run, refusal(500, "failed"), has_failed=True)
            assert (run.state, runs.state.active_runs) == (RunState.IN_DOUBT, 0)
            await runs.found(run, "r1")
            assert runs.running() == [run]
            runs.end(run, "completed", 5, 4)
            assert runs.running() == []

        in_registry(story)

    def test_a_dry_run_is_over_at_once(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            run = await sent(runs, world, bypass="dryRun", is_dry=True)
            await runs.started(run, "r1", "{}")
            assert (run.state, runs.state.active_runs) == (RunState.OVER, 0)

        in_registry(story)

    def test_an_end_that_is_seen_while_the_start_is_written_ends_it(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            run = await sent(runs, world)
            starting = asyncio.ensure_future(runs.started(run, "r1", "{}"))
            await asyncio.sleep(0)
            assert runs.run("r1") is run, "no run in doubt is taken for it"
            runs.end(run, "completed", 5, 4)
            await starting
            await runs.settled()
            assert (run.state, run.waiting.outcome.result()) == (RunState.OVER, run)
            assert [one.status for one in world.ledger.gateway.runs(0)] == ["completed"]
            assert runs.state.active_runs == 0

        in_registry(story)

    def test_the_first_end_holds_also_after_the_lease(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            run = await sent(runs, world)
            await runs.started(run, "r1", "{}")
            runs.expire_lease(run)
            assert (run.was_lost, runs.state.active_runs) == (True, 0)
            runs.end(run, "completed", 5, 4)
            runs.end(run, "errored", 9, 8)
            await runs.settled()
            assert [one.status for one in world.ledger.gateway.runs(0)] == ["completed"]

        in_registry(story)


class TestRequests:
    def test_a_request_that_all_left_is_kept_and_then_given_up(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            run = queued(runs, world)
            runs.leave(run, is_answered=False)
            await asyncio.sleep(59)
            assert queued(runs, world) is run
            runs.leave(run, is_answered=False)
            await asyncio.sleep(61)
            runs.expire()
            assert (run.state, runs.pending()) == (RunState.OVER, [])

        in_registry(story)

    def test_a_request_that_was_answered_by_another_run_leaves_nothing(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            run = queued(runs, world)
            runs.leave(run, is_answered=True)
            assert (run.state, runs.state.queue_length) == (RunState.OVER, 0)

        in_registry(story)

    def test_a_run_that_is_sent_while_its_requests_are_answered_elsewhere_is_not_lost(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            run = queued(runs, world)
            assert runs.next(()) is run
            runs.leave(run, is_answered=True)
            await runs.retry(run)
            assert runs.next(()) is None, "no request waits for it"
            await asyncio.sleep(61)
            runs.expire()
            assert (run.state, runs.state.queue_length) == (RunState.OVER, 0)

        in_registry(story)

    def test_a_full_queue_refuses(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            for number in range(20):
                queued(runs, world, str(number))
            assert isinstance(runs.enqueue(key(world, "more"), order(), "", 0.0), Refused)

        in_registry(story)

    def test_a_start_wakes_those_who_wait_for_the_same(self) -> None:
        async def story(runs: RunRegistry, world: World) -> None:
            run = await sent(runs, world)
            same, other = queued(runs, world, caller="d"), queued(runs, world, "g", caller="d")
            exclusive = queued(runs, world, caller="e", bypass="no-cache")
            await runs.started(run, "r1", "{}")
            assert [one.waiting.woken.done() for one in (same, other, exclusive)] == [True, False, False]

        in_registry(story)


@pytest.mark.usefixtures("all_runs_complete")
def test_a_fault_after_the_intent_leaves_the_run_in_doubt() -> None:
    async def story(world: World, project: str) -> None:
        upstream = world.gateway._context.upstream
        send = upstream.send

        async def broken(request: Any) -> Any:
            if request.method == "POST":
                raise RuntimeError("a fault of the gateway's own")
            return await send(request)

        upstream.send = broken  # type: ignore[method-assign]
        with capture_logs() as logs:
            assert (await world.run(project)).status_code == 500
        assert "A run request could not be sent" in [line["event"] for line in logs]
        assert len(world.gateway._registry.in_doubt()) == 1, "Hex may have started it"

    play(story)
