"""Sending run requests to Hex when it is their turn: the intent is written first, and nothing is ever sent twice.

Only a refusal of which it is certain that no run came of it, a 429 or a full kernel pool, is followed by another try.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import msgspec
import structlog

from exporter.clock import Clock
from exporter.errors import LedgerError
from exporter.gateway.access.callers import Callers
from exporter.gateway.routing.answers import Answer, passed_on, refused
from exporter.gateway.routing.error_bodies import refusal
from exporter.gateway.routing.target import Operation
from exporter.gateway.runs.active_runs import ActiveRun, Board, Flight
from exporter.gateway.runs.journal import Journal
from exporter.gateway.runs.queue import Place, Queue
from exporter.gateway.upstream.upstream import NoAnswerError, Reply, Request, Upstream
from exporter.hexapi import MARGIN_SECONDS, SlidingWindows, identifier, mapping, parse_json
from exporter.ledger import GatewayRun, WorkspaceLedger

RUNS_PER_MINUTE = 20
RUNS_PER_HOUR = 60
"""What Hex allows of RunProject alone, by the last figures that it has named."""

_FIRST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 60.0
_MOST_PAUSES = 1_000
_DRY = "dry_run"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A run that was sent and of which it is not known whether Hex started it; `place` is what it keeps meanwhile.

    `has_failed`: Hex said that it failed, so that where no run is found there is none.
    """

    intent: GatewayRun
    place: Place | None
    has_failed: bool = False


@dataclass(slots=True)
class _Pause:
    """How long nothing is sent for a caller whose kernels are all taken, and how often that was so in a row."""

    until: float
    times: int


class Dispatcher:
    """Starts what the queue lets start. Used on one event loop.

    `again` looks, when a request's turn has come, whether it can now be answered without a run. `on_started` is told
    the project of each run that Hex has started, `on_unresolved` of each that it cannot be told whether it was.
    """

    def __init__(
        self,
        *,
        queue: Queue,
        board: Board,
        upstream: Upstream,
        callers: Callers,
        journal: Journal,
        ledger: WorkspaceLedger,
        clock: Clock,
        rng: random.Random,
        again: Callable[[Flight], Awaitable[ActiveRun | GatewayRun | None]],
        on_started: Callable[[str], None],
        on_unresolved: Callable[[Unresolved], None],
    ) -> None:
        self._queue = queue
        self._board = board
        self._upstream = upstream
        self._callers = callers
        self._journal = journal
        self._ledger = ledger
        self._clock = clock
        self._rng = rng
        self._again = again
        self._on_started = on_started
        self._on_unresolved = on_unresolved
        self._windows = SlidingWindows(
            per_minute=RUNS_PER_MINUTE, per_hour=RUNS_PER_HOUR, margin_seconds=MARGIN_SECONDS
        )
        self._pauses: dict[str, _Pause] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # Whose turn it is and who has not been counted in the windows yet; what is on its way to Hex, by fingerprint.
        self._next: set[Place] = set()
        self._sending: dict[str, asyncio.Future[None]] = {}
        self.stirred = asyncio.Event()

    def restore(self, runs: tuple[GatewayRun, ...], now_ms: int) -> None:
        """Take up when an earlier process sent its runs."""
        steady = self._clock.monotonic()
        self._windows.restore(steady - max(0, now_ms - run.sent_ms) / 1000 for run in runs)

    def held_seconds(self) -> float:
        """Seconds for which no run can be sent, whoever asks for it."""
        own = self._windows.wait_seconds(self._clock.monotonic(), len(self._next))
        return max(own, self._upstream.wait_seconds())

    def seconds_to_wait(self) -> float | None:
        """Seconds until `pump` may have something to do that nobody tells it of, None if there is nothing."""
        if not self._queue.waiting:
            return None
        now = self._clock.monotonic()
        pauses = [pause.until - now for pause in self._pauses.values() if pause.until > now]
        expiry = self._queue.expires_at()
        return min([max(0.0, self.held_seconds()) or 60.0, *pauses, *([] if expiry is None else [expiry - now])])

    def pump(self) -> None:
        """Start what may start now."""
        now = self._clock.monotonic()
        self.expire(now)
        held = {seat for seat, pause in self._pauses.items() if pause.until > now}
        while self.held_seconds() <= 0 and (places := self._queue.next(now, 1, held=held)):
            self._next.add(places[0])
            task = asyncio.ensure_future(self._launch(self._board.flights[places[0]]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.stirred.set()

    def expire(self, now: float) -> None:
        """Forget the flights whose places everybody has left for too long."""
        for place in self._queue.expire(now):
            self._board.flights.pop(place, None)

    async def aclose(self) -> None:
        """Leave what is on its way; the next start finds out what became of it."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _launch(self, flight: Flight) -> None:
        outcome: ActiveRun | GatewayRun | Answer | None
        try:
            outcome = await self._again(flight)
            while outcome is None and (other := self._same_as(flight)) is not None:
                await asyncio.wait({other})
                outcome = await self._again(flight)
            if outcome is None:
                outcome = await self._send_alone(flight)
            else:
                flight.is_claimed = True
                self._done(flight)
        except LedgerError as error:
            _log.warning("A run is not started, as it cannot be written down", reason=str(error))
            self._done(flight)
            outcome = refused(refusal(503, "The gateway cannot write its ledger; no run was started"))
        except Exception:
            _log.exception("A run request could not be sent")
            self._done(flight)
            outcome = refused(refusal(500, "The gateway failed; whether a run was started is not known"))
        self._next.discard(flight.place)
        if outcome is None:
            self._queue.back(flight.place, self._clock.monotonic())
        else:
            self._board.flights.pop(flight.place, None)
            flight.settle(outcome)
        self.pump()

    def _same_as(self, flight: Flight) -> "asyncio.Future[None] | None":
        """What is on its way with the same fingerprint, which another place has got since its source has changed."""
        return None if flight.order.bypass is not None else self._sending.get(flight.wish.fingerprint)

    async def _send_alone(self, flight: Flight) -> ActiveRun | Answer | None:
        """As `_send`, while others with the same fingerprint wait for what comes of it."""
        if flight.order.bypass is not None:
            return await self._send(flight)
        fingerprint = flight.wish.fingerprint
        sending = self._sending[fingerprint] = asyncio.get_running_loop().create_future()
        try:
            return await self._send(flight)
        finally:
            del self._sending[fingerprint]
            sending.set_result(None)

    async def _send(self, flight: Flight) -> ActiveRun | Answer | None:
        """What came of one try; None if it has to be made again."""
        await self._upstream.turn()
        if not flight.waiting:
            return None
        self._next.discard(flight.place)
        self._windows.record(self._clock.monotonic())
        intent = self._intent(flight)
        await self._journal.write(self._ledger.gateway.intend, intent)
        if not flight.was_sent:
            flight.was_sent = True
            self._journal.observe("hex_gateway_queue_seconds", self._clock.monotonic() - flight.offered_at)
        order = flight.order
        request = Request(
            method="POST", url=order.url, endpoint=Operation.RUN_PROJECT.value, headers=order.headers, body=order.body
        )
        try:
            reply = await self._upstream.send(request)
        except NoAnswerError as error:
            return await self._unanswered(flight, intent, error)

        if reply.status == 429 or _is_kernel_limit(reply):
            await self._not_started(intent)
            self._absorb(flight, reply)
            return None
        self._pauses.pop(order.caller.seat, None)
        run_id = _run_id(reply) if reply.status == 201 else None
        if run_id is not None:
            return await self._started(flight, intent, run_id, reply)
        if reply.status < 300:
            self._on_unresolved(Unresolved(intent, flight.place))
            return passed_on(reply)
        if 400 <= reply.status < 500:
            await self._not_started(intent)
            if reply.status in (401, 403, 404):
                self._callers.forget(order.caller.name, flight.wish.project_id)
        else:
            self._on_unresolved(Unresolved(intent, None, has_failed=True))
        self._done(flight)
        return passed_on(reply)

    async def _started(self, flight: Flight, intent: GatewayRun, run_id: str, reply: Reply) -> ActiveRun:
        caller, project_id = flight.order.caller.name, flight.wish.project_id
        answer = reply.body.decode("utf-8", "replace")
        status = _DRY if flight.order.is_dry else None
        run = replace(intent, state="started", run_id=run_id, answer=answer, status=status)
        self._callers.prove(caller, project_id)
        now_ms = round(self._clock.now() * 1000)
        try:
            await self._journal.write(self._ledger.gateway.started, intent.intent_id, run_id, answer)
            await self._journal.write(self._ledger.gateway.record_starter, project_id, caller, now_ms)
            if flight.order.is_dry:
                await self._journal.write(self._ledger.gateway.finished, run_id, _DRY, now_ms, None)
        except LedgerError as error:
            _log.warning("A run that Hex has started cannot be written down", run_id=run_id, reason=str(error))
        self._count(flight)
        is_dry = flight.order.is_dry
        if is_dry:
            self._done(flight)
        underway = ActiveRun(run=run, started_at=self._clock.monotonic(), place=flight.place, is_over=is_dry)
        self._board.add(underway)
        self._on_started(project_id)
        return underway

    async def _unanswered(self, flight: Flight, intent: GatewayRun, error: NoAnswerError) -> Answer:
        if error.was_sent:
            self._count(flight)
            self._on_unresolved(Unresolved(intent, flight.place))
            return refused(refusal(504, f"{error}; whether a run was started is not known, and it is not sent again"))
        await self._not_started(intent)
        self._done(flight)
        return refused(refusal(504, f"{error}; no run was started"))

    async def _not_started(self, intent: GatewayRun) -> None:
        try:
            await self._journal.write(self._ledger.gateway.not_started, intent.intent_id, "not_started")
        except LedgerError as error:
            _log.warning("The ledger cannot be written", reason=str(error))

    def _absorb(self, flight: Flight, reply: Reply) -> None:
        """Count a refusal that nobody will see; after a full kernel pool its owner's runs pause, each time longer."""
        if reply.status == 429:
            self._journal.count("hex_gateway_absorbed_total", ("rate_limit",))
            return
        self._journal.count("hex_gateway_absorbed_total", ("kernel_limit",))
        now, seat = self._clock.monotonic(), flight.order.caller.seat
        times = self._pauses[seat].times + 1 if seat in self._pauses else 1
        seconds = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(times - 1, 10), _LONGEST_PAUSE_SECONDS)
        self._pauses = {one: pause for one, pause in self._pauses.items() if now - pause.until < _LONGEST_PAUSE_SECONDS}
        if len(self._pauses) < _MOST_PAUSES:
            self._pauses[seat] = _Pause(now + seconds * (1 + self._rng.random() / 4), times)

    def _count(self, flight: Flight) -> None:
        """Count the request that a run was started for."""
        if flight.order.bypass is not None:
            self._journal.count("hex_gateway_requests_total", ("bypass",))
            return
        self._journal.count("hex_gateway_requests_total", ("miss",))
        self._journal.count("hex_cache_lookups_total", (flight.wish.project_id,))

    def _done(self, flight: Flight) -> None:
        self._queue.done(flight.place, self._clock.monotonic(), has_run=False)

    def _intent(self, flight: Flight) -> GatewayRun:
        wish, state = flight.wish, flight.wish.state
        sent_ms = round(self._clock.now() * 1000)
        return GatewayRun(
            intent_id=f"{sent_ms}-{self._rng.getrandbits(64):016x}",
            project_id=wish.project_id,
            fingerprint=wish.fingerprint,
            request=wish.request,
            caller=flight.order.caller.name,
            source_key=None if state is None else state.key,
            source_digest=None if state is None else state.digest,
            probe_finished_ms=None if state is None else state.finished_ms,
            version=wish.version,
            is_sampled=wish.is_sampled,
            sent_ms=sent_ms,
        )


def _is_kernel_limit(reply: Reply) -> bool:
    return reply.status == 503 and b"kernel" in reply.body.lower()


def _run_id(reply: Reply) -> str | None:
    try:
        return identifier(mapping(parse_json(reply.body)).get("runId"))
    except (ValueError, msgspec.DecodeError):
        return None
