"""CancelRun: a caller releases a run, and the last one to do so stops it."""

from dataclasses import dataclass

from exporter.gateway.access.caller import Caller
from exporter.gateway.context import GatewayContext
from exporter.gateway.decisions import log_decision
from exporter.gateway.routing.answers import Answer, passed_on
from exporter.gateway.routing.error_bodies import not_active
from exporter.gateway.runs.active_run import ActiveRun
from exporter.gateway.runs.registry import RunRegistry
from exporter.gateway.single_flight import SingleFlight
from exporter.gateway.upstream.reply import Reply
from exporter.gateway.upstream.upstream import Request

_OVER = frozenset({400, 404, 409, 422})
"""What Hex answers to the cancellation of a run that is over."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cancel:
    """One request to cancel a run. `request` is what Hex would be sent."""

    caller: Caller
    project_id: str
    run_id: str
    request: Request


class Cancels:
    """Answers DELETE on runs. What goes on to Hex comes before all else that waits. Used on one event loop."""

    def __init__(self, context: GatewayContext, registry: RunRegistry) -> None:
        self._context = context
        self._registry = registry
        # Once begun a cancel is carried through and taken in, even if its caller hangs up.
        self._carried_through: SingleFlight[Cancel, Answer] = SingleFlight()

    async def answer(self, cancel: Cancel, patience_seconds: float) -> Answer:
        """Release a run: 204, or what Hex answers to the last one, or that the run is over.

        A run that the caller was not given by the gateway is for Hex to judge. Raises NoRoomError and NoAnswerError as
        `Upstream.ask` does.
        """
        name, run = cancel.caller.name, self._registry.run(cancel.run_id)
        if run is None or run.sent.project_id != cancel.project_id:
            _log(cancel, "passed_on", "the run is not the gateway's")
            return await self._carried_through.answer(cancel, lambda: self._pass_on(None, cancel, patience_seconds))
        if name not in run.given or run.was_lost:
            is_given = name in run.given
            reason = "its end was not seen" if is_given else "the caller was not given the run by the gateway"
            _log(cancel, "passed_on", reason)
            return await self._carried_through.answer(cancel, lambda: self._pass_on(run, cancel, patience_seconds))
        if not run.attached[name]:
            _log(cancel, "refused", "the run is over, or the caller has released it already")
            return not_active()
        if not await self._registry.release(run, name):
            _log(cancel, "released", "other requests hold the run")
            return Answer(204, headers=())
        _log(cancel, "passed_on", "no other request holds the run")
        return await self._carried_through.answer(cancel, lambda: self._stop(run, cancel, patience_seconds))

    async def _pass_on(self, run: ActiveRun | None, cancel: Cancel, patience_seconds: float) -> Answer:
        """What Hex answers to a caller that was not given the run; once it has stopped it, no request joins it."""
        reply = await self._context.upstream.ask(cancel.request, patience_seconds, is_urgent=True)
        if run is not None:
            self._end_if_stopped(run, reply)
        return passed_on(reply)

    async def _stop(self, run: ActiveRun, cancel: Cancel, patience_seconds: float) -> Answer:
        """Have Hex stop the run; whoever requests the same from now on is given another."""
        reply: Reply | None = None
        try:
            reply = await self._context.upstream.ask(cancel.request, patience_seconds, is_urgent=True)
        finally:
            if reply is None or not (200 <= reply.status < 300 or reply.status in _OVER):
                self._registry.not_cancelled(run, cancel.caller.name)
        self._end_if_stopped(run, reply)
        self._registry.cancelled(run, cancel.caller.name)
        return passed_on(reply)

    def _end_if_stopped(self, run: ActiveRun, reply: Reply) -> None:
        if 200 <= reply.status < 300:
            self._registry.end(run, "killed", self._context.now_ms(), None)


def _log(cancel: Cancel, outcome: str, reason: str) -> None:
    log_decision(outcome, reason, request="cancel", caller=cancel.caller.name, run_id=cancel.run_id)
