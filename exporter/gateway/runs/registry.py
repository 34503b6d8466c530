"""The registry of runs: each run of the gateway from the request for it to its end, as one state machine.

    queued <-> sending -> running -> over
                  |          ^        ^
                  +-> in doubt -------+

(and from queued or sending to over, where a run is not needed or refused). Every change of state is one method here,
and one transaction in the ledger at most. The queue decides only whose turn it is.
"""

import asyncio
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Literal

import structlog

from exporter.facts import Run
from exporter.gateway.cache.results import Results
from exporter.gateway.cache.run_key import RunKey
from exporter.gateway.context import GatewayContext
from exporter.gateway.routing.answers import Answer
from exporter.gateway.runs.active_run import (
    DOUBT_SECONDS,
    LEASE_SECONDS,
    ActiveRun,
    Outcome,
    RunOrder,
    RunState,
    WaitingRequests,
)
from exporter.gateway.runs.queue import Queue, Refused
from exporter.gateway.runs.run_places import RunPlaces
from exporter.ledger import GatewayRun

_DRY = "dry_run"

_log = structlog.get_logger()


class RunRegistry(RunPlaces):
    """All runs of one gateway. Used on one event loop.

    `changed` is set when a run may be able to start, `doubted` when one is in doubt; `on_end` is given each
    run that has ended, those of an earlier process first.
    """

    def __init__(
        self, context: GatewayContext, queue: Queue, results: Results, on_end: Callable[[GatewayRun], None]
    ) -> None:
        super().__init__(context, queue)
        self._on_end = on_end
        self.doubted = asyncio.Event()
        self._results = results

    # Requests come and go

    def enqueue(self, key: RunKey, order: RunOrder, reason: str, arrived_at: float) -> ActiveRun | Refused:
        """Have a request wait for a run: for one that its caller waits for already, or for a new one (queued).

        Each request that was given a run here leaves it once, by `leave`. `reason` says why a run is needed, after all
        that is running was looked at.
        """
        self.expire()
        now = self._context.clock.monotonic()
        place = self._queue.offer(
            order.caller.name,
            key.fingerprint if key.policy.shared else f"{order.caller.name} {key.fingerprint}",
            now,
            is_exclusive=order.is_exclusive,
            address=order.caller.peer,
            needs_room=not order.is_dry,
        )
        self.expire()
        if isinstance(place, Refused):
            return place
        run = self._placed.get(place)
        if run is None:
            run = ActiveRun(state=RunState.QUEUED, place=place, requests=WaitingRequests(key, order, reason, now))
            self._unfinished[run] = None
            self._placed[place] = run
        for doubted in self.in_doubt():
            # It may be the run of this request: until Hex shows that there is none, no second one starts.
            if doubted.place is None and not doubted.is_cleared and doubted.sent.request == key.request:
                self._adopt(doubted)
        if self.joinable(key.request) is not None:
            self._queue.set_apart(place)  # the request may not have the run that is running, so does not wait for it
        run.waiting.count += 1
        run.waiting.arrived_at = max(run.waiting.arrived_at, arrived_at)
        self.changed.set()
        return run

    def rejoin(self, run: ActiveRun) -> bool:
        """Have another request wait for a run that is queued or being sent; whether it may, to leave it by `leave`."""
        if run.state not in (RunState.QUEUED, RunState.SENDING) or run.place is None or run.waiting.outcome.done():
            return False
        self._queue.rejoin(run.place)
        run.waiting.count += 1
        self.changed.set()
        return True

    def set_apart(self, run: ActiveRun) -> None:
        """A queued run does not wait for the one of the same request that is running: its requests may not have it."""
        if run.place is not None:
            self._queue.set_apart(run.place)
            self.changed.set()

    def leave(self, run: ActiveRun, *, is_answered: bool, hung_up: bool = False) -> None:
        """Note that a request waits no longer; a queued run that no request waits for is kept for a minute.

        Once its client has hung up it is kept only until others need its place. With `is_answered` the request was
        given another run, and does not come back for this one (queued to over).
        """
        requests = run.waiting
        requests.count -= 1
        if requests.outcome.done() or run.place is None:
            return
        if is_answered and not requests.count and run.state is RunState.QUEUED:
            self._finish(run)
        else:
            self._queue.leave(run.place, self._context.clock.monotonic(), hung_up=hung_up)

    def expire(self) -> None:
        """Give up the runs for which no request has waited for too long (queued to over)."""
        for place in self._queue.expire(self._context.clock.monotonic()):
            self._finish(self._placed[place])

    # A run is sent

    def next(self, held: Collection[str]) -> ActiveRun | None:
        """The run whose turn it is (queued to sending), None if none may start; none of the callers in `held`."""
        places = self._queue.next(self._context.clock.monotonic(), 1, held=held)
        if not places:
            return None
        run = self._placed[places[0]]
        run.state = RunState.SENDING
        return run

    async def intend(self, run: ActiveRun) -> None:
        """Write down that the run is about to be sent; raises LedgerError if it cannot be. It stays in sending."""
        record = await self._writer.intend(run)
        run.sent_at = self._context.clock.monotonic()
        if run.record is None:
            waited = self._context.clock.monotonic() - run.waiting.since
            self._context.journal.observe("hex_gateway_queue_seconds", waited)
        run.record = record

    async def retry(self, run: ActiveRun) -> None:
        """It was not sent, or Hex has certainly not started it: it is next again (sending to queued)."""
        await self._note_not_started(run)
        assert run.place is not None
        run.state = RunState.QUEUED
        self._queue.back(run.place, self._context.clock.monotonic())
        self.changed.set()

    async def refuse(self, run: ActiveRun, answer: Answer) -> None:
        """Hex has certainly not started it and will not: its requests get this answer (sending to over)."""
        await self._note_not_started(run)
        self.settle(run, answer)

    def settle(self, run: ActiveRun, outcome: Outcome) -> None:
        """Its requests are answered without this run (sending to over)."""
        self._finish(run)
        run.waiting.settle(outcome)

    async def started(self, run: ActiveRun, run_id: str, answer: str) -> None:
        """Hex has started it (sending to running), or has checked it as a dry run (sending to over)."""
        is_dry = run.waiting.order.is_dry
        run.record = replace(run.sent, state="started", run_id=run_id, answer=answer, status=_DRY if is_dry else None)
        self._remember(run)  # before it is written: no run in doubt may be taken for this one
        await self._writer.started(run.record)
        if is_dry:
            self._finish(run)
        elif not run.is_over:
            run.seen_running_at = self._context.clock.monotonic()
            self._run_from_now(run)
        run.waiting.settle(run)
        self._context.expect_run(run.sent.project_id)

    def doubt(self, run: ActiveRun, answer: Answer, *, has_failed: bool = False) -> None:
        """It was sent, and whether Hex has started it is not known (sending to in doubt).

        With `has_failed` Hex said that it failed: where no run is found there is none, and it keeps no place.
        """
        run.state = RunState.IN_DOUBT
        run.has_failed = has_failed
        self._doubt_place(run)
        if has_failed:
            self._free_place(run)
        run.waiting.settle(answer)
        self._context.expect_run(run.sent.project_id)

    def hold_place(self, run: ActiveRun) -> None:
        """A run in doubt keeps its place: Hex shows an active run that it may be."""
        if run.place is not None:
            self._queue.free_by(run.place, None)

    def clear(self, run: ActiveRun) -> None:
        """Hex shows no run that one in doubt may be: it gives its place to others, of the same request too."""
        run.is_cleared = True
        self._free_place(run)

    def yield_place(self, run: ActiveRun) -> None:
        """A run that is in doubt, or whose end is not seen, gives its place to others; its state stays."""
        self._free_place(run)

    async def found(self, run: ActiveRun, run_id: str) -> None:
        """Hex has started a run that was in doubt (in doubt to running); raises LedgerError, and nothing changes."""
        run.record = await self._writer.found(run.sent, run_id)
        self._remember(run)
        self._run_from_now(run)

    async def give_up(self, run: ActiveRun, state: Literal["not_started", "unknown"]) -> None:
        """No run is found for one in doubt (in doubt to over); raises LedgerError, and nothing changes."""
        run.record = await self._writer.given_up(run.sent, state)
        self._finish(run)

    # A run ends

    def observe(self, seen: Run, seen_at: float) -> None:
        """Take in a run as Hex has shown it to a caller, by the steady clock; runs of others change nothing."""
        run = self._known.get(seen.run_id)
        if run is not None and seen.is_active:
            run.seen_running_at = max(run.seen_running_at, seen_at)
        self.take_in(seen, seen_at)

    def take_in(self, seen: Run, seen_at: float) -> None:
        """Take in a run as Hex has shown it, about then by the steady clock (-inf: it is not known when).

        One that runs has its lease renewed. If it was given up already it has a place again (over to running).
        """
        run = self._known.get(seen.run_id)
        if run is None:
            return
        if not seen.is_active:
            self.end(run, seen.status, seen.ended_ms, seen.duration_ms)
        elif run.sent.status is None and self._context.clock.monotonic() - seen_at < LEASE_SECONDS:
            run.leased_at = max(run.leased_at, seen_at)
            if run.is_over:
                run.state = RunState.RUNNING
                for caller in run.given:
                    run.give(caller)
                self._adopt(run)

    async def complete(self, record: GatewayRun, answer: str) -> GatewayRun:
        """What Hex has answered to the start of a run that was found after a crash; the run with it."""
        complete = replace(record, answer=answer)
        await self._writer.completed(complete)
        run = self._known.get(record.run_id or "")
        if run is not None:
            complete = run.record = replace(run.sent, answer=answer)
        self._results.add(complete)
        return complete

    async def steady(self, record: GatewayRun) -> None:
        """Nothing was written to the source of a run while it ran."""
        steady = replace(record, is_steady=True)
        run = self._known.get(record.run_id or "")
        if run is not None:
            steady = run.record = replace(run.sent, is_steady=True)
        self._results.add(steady)
        await self._writer.steady(steady)

    def end(self, run: ActiveRun, status: str, ended_ms: int | None, duration_ms: int | None) -> None:
        """A run has ended (running to over). The first end that is seen holds, also after the lease."""
        if run.sent.status is not None:
            return
        run.record = replace(run.sent, status=status, ended_ms=ended_ms, duration_ms=duration_ms)
        self._results.add(run.record)
        self._on_end(run.record)
        self._finish(run, has_run=True)
        self._writer.ended(run.record)

    def expire_lease(self, run: ActiveRun) -> None:
        """A run whose end was not seen gives up its place (running to over)."""
        _log.warning("The end of a run was not seen", project_id=run.sent.project_id, run_id=run.run_id)
        self._finish(run)
        self._writer.lost(run.sent)

    # Process start and end

    def restore(self, record: GatewayRun, attached: Mapping[str, int]) -> None:
        """Take up a run of an earlier process: its result, its place and who holds it, or that it is in doubt."""
        age_ms = self._context.now_ms() - record.sent_ms
        age_seconds = max(0, age_ms) / 1000
        started_at = self._context.clock.monotonic() - age_seconds
        # Sent in the future: the clock was put back, and it is not known how long ago that was.
        sent_at = started_at if age_ms >= 0 else -math.inf
        if record.state == "intended":
            self._adopt(ActiveRun(state=RunState.IN_DOUBT, record=record, sent_at=sent_at))
        if record.state != "started" or record.run_id is None:
            return
        run = ActiveRun(state=RunState.OVER, record=record, sent_at=sent_at, started_at=started_at)
        if record.status is None and age_seconds < LEASE_SECONDS:
            run.state = RunState.RUNNING
            self._adopt(run)
        # A run that was in doubt has no holder in the ledger: its starter is taken to hold it.
        for caller, count in {record.caller: 1, **attached}.items():
            run.give(caller, count)
        self._remember(run)
        self._results.add(record)
        self._on_end(record)

    async def settled(self) -> None:
        """Return when every end and every holder that was noted is written, or cannot be now."""
        await self._writer.settled()

    # What the changes have in common

    def _run_from_now(self, run: ActiveRun) -> None:
        """To running; those who wait for the same look whether they may join it."""
        run.state = RunState.RUNNING
        run.started_at = self._context.clock.monotonic()
        for other in self.pending():
            place = other.place
            if place is not None and not place.is_exclusive and other.waiting.key.request == run.sent.request:
                other.waiting.wake()

    def _finish(self, run: ActiveRun, *, has_run: bool = False) -> None:
        """To over, from any state."""
        if run.is_over:
            return
        run.state = RunState.OVER
        run.attached.clear()
        del self._unfinished[run]
        self._free_place(run, has_run=has_run)

    def _adopt(self, run: ActiveRun) -> None:
        """Give a run of an earlier process a place, whatever the concurrency allows."""
        record = run.sent
        same = f"{record.caller} {record.fingerprint}"
        run.place = self._queue.adopt(record.caller, same, self._context.clock.monotonic())
        self._unfinished[run] = None
        self._placed[run.place] = run
        if run.state is RunState.IN_DOUBT:
            self._doubt_place(run)
        self._context.expect_run(record.project_id)

    def _doubt_place(self, run: ActiveRun) -> None:
        run.doubted_at = self._context.clock.monotonic()
        self.doubted.set()
        if run.place is not None:
            self._queue.free_by(run.place, run.doubted_at + DOUBT_SECONDS)

    async def _note_not_started(self, run: ActiveRun) -> None:
        if run.is_intended:
            run.record = await self._writer.not_started(run.sent)
