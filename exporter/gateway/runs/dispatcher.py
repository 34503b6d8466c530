"""Sending runs to Hex when it is their turn: the intent is written first, and nothing is ever sent twice.

Only a refusal of which it is certain that no run came of it, a 429 or a full kernel pool, is followed by another try.
"""

import asyncio

import msgspec
import structlog

from exporter.errors import LedgerError
from exporter.gateway.access.callers import Callers
from exporter.gateway.cache.hits import Hit, Miss
from exporter.gateway.context import GatewayContext
from exporter.gateway.decisions import RunDecisions, log_decision
from exporter.gateway.routing.answers import passed_on
from exporter.gateway.routing.error_bodies import refusal
from exporter.gateway.routing.target import Operation
from exporter.gateway.runs.active_run import ActiveRun, RunState
from exporter.gateway.runs.lookups import Join, Lookups
from exporter.gateway.runs.registry import RunRegistry
from exporter.gateway.runs.run_limits import RunLimits
from exporter.gateway.upstream.deadline import first_of
from exporter.gateway.upstream.reply import Reply
from exporter.gateway.upstream.upstream import NoAnswerError, Request
from exporter.hexapi import identifier, mapping, parse_json

_LONGEST_WAIT_SECONDS = 60.0
_SHORTEST_WAIT_SECONDS = 0.01
"""So that a wait that is rounded down to nothing does not keep the loop busy."""

_log = structlog.get_logger()


class Dispatcher:
    """Starts the runs that may start. Used on one event loop."""

    def __init__(
        self,
        context: GatewayContext,
        registry: RunRegistry,
        lookups: Lookups,
        limits: RunLimits,
        callers: Callers,
    ) -> None:
        self._context = context
        self._registry = registry
        self._lookups = lookups
        self._limits = limits
        self._callers = callers
        self._decisions = RunDecisions(context.journal, context.clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._being_sent: dict[ActiveRun, asyncio.Future[None]] = {}

    async def run(self) -> None:
        """Start runs as places come free and time passes; ends only by cancellation."""
        while True:
            self._registry.changed.clear()
            self._dispatch()
            changed = asyncio.ensure_future(self._registry.changed.wait())
            try:
                await first_of(self._context.clock, self._seconds_to_wait(), changed)
            finally:
                changed.cancel()

    def held_seconds(self, caller: str) -> float:
        """Seconds for which no run of the caller can be sent."""
        held = self._context.upstream.holds.seconds(caller, Operation.RUN_PROJECT)
        return max(held, self._limits.wait_seconds(caller), self._context.upstream.wait_seconds())

    def _all_held_seconds(self) -> float:
        """Seconds for which no run can be sent, whoever requests it."""
        return max(self._limits.wait_seconds(), self._context.upstream.wait_seconds())

    def _held(self) -> dict[str, float]:
        """The callers of whom no run can be sent now, and the seconds until it may be."""
        held = self._limits.paused()
        for more in (self._limits.slowed(), self._context.upstream.holds.held(Operation.RUN_PROJECT)):
            held |= {caller: max(seconds, held.get(caller, 0.0)) for caller, seconds in more.items()}
        return held

    async def aclose(self) -> None:
        """Leave what is being sent; after the next start its intent is matched with what Hex shows."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _dispatch(self) -> None:
        """Start what may start now."""
        self._registry.expire()
        while self._all_held_seconds() <= 0 and (run := self._registry.next(self._held().keys())) is not None:
            self._limits.reserve(run, run.waiting.order.caller.name)
            task = asyncio.ensure_future(self._start(run))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _seconds_to_wait(self) -> float:
        """Seconds until something may have to be done of which `changed` is not set."""
        if not self._registry.state.queue_length:
            return _LONGEST_WAIT_SECONDS
        expiry = self._registry.seconds_to_expiry()
        waits = [self._all_held_seconds() or _LONGEST_WAIT_SECONDS, *self._held().values()]
        return max(_SHORTEST_WAIT_SECONDS, min([*waits, *([] if expiry is None else [expiry])]))

    async def _start(self, run: ActiveRun) -> None:
        """One turn of a run: it is answered by another, or sent."""
        try:
            await self._answer_or_send(run)
        except LedgerError as error:
            _log.warning("A run is not started, as it cannot be written down", reason=str(error))
            answer = refusal(503, "The gateway cannot write its ledger; no run was started")
            self._registry.settle(run, answer)
        except Exception:
            _log.exception("A run request could not be sent")
            answer = refusal(500, "The gateway failed; whether a run was started is not known")
            if run.state is RunState.SENDING and run.is_intended:
                self._registry.doubt(run, answer)
            elif run.state is RunState.SENDING:
                self._registry.settle(run, answer)
        finally:
            self._limits.release(run)
            self._registry.changed.set()

    async def _answer_or_send(self, run: ActiveRun) -> None:
        found = await self._find(run)
        # The source may have changed since it was queued, so that another run with the same fingerprint is being sent.
        while isinstance(found, Miss) and (other := self._same_being_sent(run)) is not None:
            await asyncio.wait({other})
            found = await self._find(run)
        if isinstance(found, Miss):
            run.waiting.reason = found.reason
            await self._send_exclusively(run)
            return
        run.waiting.reason = found.reason
        run.waiting.claim()
        self._registry.settle(run, found.run)

    async def _find(self, run: ActiveRun) -> Hit | Join | Miss:
        """What answers the requests by now, as their source is at this moment."""
        requests = run.waiting
        found: Hit | Join | Miss = Miss(requests.reason)
        if requests.order.bypass is None:
            found = await self._lookups.find_again(requests.key, requests.order.caller, requests.arrived_at)
        requests.key = self._lookups.key_now(requests.key)
        return found

    def _same_being_sent(self, run: ActiveRun) -> "asyncio.Future[None] | None":
        """The sending of a run that is expected to answer this one's requests too."""
        requests = run.waiting
        if requests.order.is_exclusive:
            return None
        caller, key = requests.order.caller.name, requests.key
        for other, sending in self._being_sent.items():
            is_same = other.waiting.key.fingerprint == key.fingerprint
            if is_same and (
                key.policy.shared
                or other.waiting.order.caller.name == caller
                or self._callers.may_run(caller, key.project_id)
            ):
                return sending
        return None

    async def _send_exclusively(self, run: ActiveRun) -> None:
        """Send it while others with the same fingerprint wait for its outcome."""
        if run.waiting.order.is_exclusive:
            await self._send(run)
            return
        sending = self._being_sent[run] = asyncio.get_running_loop().create_future()
        try:
            await self._send(run)
        finally:
            del self._being_sent[run]
            sending.set_result(None)

    async def _send(self, run: ActiveRun) -> None:
        order = run.waiting.order
        request = Request(
            method="POST",
            url=order.url,
            endpoint=Operation.RUN_PROJECT,
            caller=order.caller.name,
            headers=order.headers,
            body=order.body,
        )
        may_be_sent = await self._context.upstream.turn(request)
        if not run.waiting.count:
            self._log(run, "kept", "no request waits for it any more")
            await self._registry.retry(run)
            return
        if not may_be_sent:
            self._log(run, "kept", "Hex has answered 429 to another run of the caller meanwhile")
            await self._registry.retry(run)
            return
        self._limits.use(run)
        await self._registry.intend(run)
        try:
            reply = await self._context.upstream.send(request)
        except NoAnswerError as error:
            await self._unanswered(run, error)
        else:
            await self._answered(run, reply)

    async def _unanswered(self, run: ActiveRun, error: NoAnswerError) -> None:
        if error.was_sent and run.waiting.order.is_dry:
            self._log(run, "failed", f"{error}, of a dry run")
            await self._registry.refuse(run, refusal(504, str(error)))
        elif error.was_sent:
            self._count(run)
            message = f"{error}; whether a run was started is not known, and it is not sent again"
            self._log(run, "in_doubt", str(error))
            self._registry.doubt(run, refusal(504, message))
        else:
            self._log(run, "failed", str(error))
            await self._registry.refuse(run, refusal(504, f"{error}; no run was started"))

    async def _answered(self, run: ActiveRun, reply: Reply) -> None:
        order = run.waiting.order
        self._limits.observe(order.caller.name, reply)
        if reply.status == 429 or _is_kernel_limit(reply):
            self._absorb(run, is_rate_limit=reply.status == 429)
            await self._registry.retry(run)
            return
        self._limits.resume(order.caller.name)
        run_id = _run_id(reply) if reply.status == 201 else None
        if run_id is not None:
            self._callers.prove(order.caller.name, run.sent.project_id)
            self._callers.prove_run(order.caller.name, run.sent.project_id)
            self._count(run)
            await self._registry.started(run, run_id, reply.body.decode("utf-8", "replace"))
        elif order.is_dry or 400 <= reply.status < 500:
            # A dry run starts no run, so that nothing of it is in doubt, whatever Hex answers.
            if 200 <= reply.status < 300:
                self._callers.prove_run(order.caller.name, run.sent.project_id)
            if reply.status in (401, 403, 404):
                self._callers.forget(order.caller.name, run.sent.project_id)
            self._log(run, "passed_on", f"Hex answered the request with {reply.status}")
            await self._registry.refuse(run, passed_on(reply))
        else:
            # A success without an id may have started a run; an error most probably has not.
            self._log(run, "in_doubt", f"Hex answered {reply.status}, which names no run")
            self._registry.doubt(run, passed_on(reply), has_failed=reply.status >= 300)

    def _absorb(self, run: ActiveRun, *, is_rate_limit: bool) -> None:
        """Count a refusal that no caller sees; after a full kernel pool its owner's runs pause, each time longer."""
        if is_rate_limit:
            self._context.journal.count("hex_gateway_absorbed_total", ("rate_limit",))
            self._log(run, "retried", "Hex answered 429")
            return
        self._context.journal.count("hex_gateway_absorbed_total", ("kernel_limit",))
        seconds = self._limits.pause(run.waiting.order.caller.name)
        self._log(run, "retried", f"all kernels of the caller are taken, its runs pause for {seconds:.0f} s")

    def _count(self, run: ActiveRun) -> None:
        """Count the request that a run was started for."""
        self._decisions.sent(run.sent.project_id, is_bypass=run.waiting.order.bypass is not None)

    def _log(self, run: ActiveRun, outcome: str, reason: str) -> None:
        requests = run.waiting
        log_decision(outcome, reason, project_id=requests.key.project_id, caller=requests.order.caller.name)


def _is_kernel_limit(reply: Reply) -> bool:
    return reply.status == 503 and b"kernel" in reply.body.lower()


def _run_id(reply: Reply) -> str | None:
    try:
        return identifier(mapping(parse_json(reply.body)).get("runId"))
    except (ValueError, msgspec.DecodeError):
        return None
