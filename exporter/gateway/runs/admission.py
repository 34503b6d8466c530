"""What happens to a run request: it gets an earlier result, joins a running run, or waits for a run of its own."""

import asyncio
from dataclasses import dataclass

from exporter.gateway.access.caller import Caller
from exporter.gateway.cache.hits import Hit, Miss
from exporter.gateway.cache.run_key import RunKey
from exporter.gateway.context import GatewayContext
from exporter.gateway.decisions import RunDecisions
from exporter.gateway.routing.answers import Answer
from exporter.gateway.routing.error_bodies import too_many
from exporter.gateway.runs.active_run import ActiveRun, RunOrder
from exporter.gateway.runs.dispatcher import Dispatcher
from exporter.gateway.runs.failed_runs import FailedRuns
from exporter.gateway.runs.lookups import AuthorizedRunRequest, Join, Lookups
from exporter.gateway.runs.queue import KEPT_SECONDS, Refused
from exporter.gateway.runs.registry import RunRegistry
from exporter.gateway.upstream.deadline import first_of
from exporter.gateway.upstream.upstream import NoRoomError
from exporter.ledger import GatewayRun

_OWN_HEADERS = frozenset({b"content-type", b"accept", b"accept-encoding", b"cache-control"})


@dataclass(frozen=True, slots=True)
class _Request:
    """One run request: its key, what would be sent for it, and until when it waits by the steady clock."""

    key: RunKey
    order: RunOrder
    give_up_at: float

    @property
    def caller(self) -> Caller:
        return self.order.caller


class Admission:
    """Answers run requests. Used on one event loop."""

    def __init__(
        self,
        context: GatewayContext,
        lookups: Lookups,
        registry: RunRegistry,
        dispatcher: Dispatcher,
        failed: FailedRuns,
    ) -> None:
        self._failed = failed
        self._context = context
        self._lookups = lookups
        self._registry = registry
        self._dispatcher = dispatcher
        self._decisions = RunDecisions(context.journal)

    async def answer(self, authorized: AuthorizedRunRequest, patience_seconds: float) -> Answer:
        """The answer to a run request: Hex's 201, or that of an earlier run, or why there is none.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does. A request that is cancelled leaves its place, which
        is kept for a while.
        """
        give_up_at = self._context.clock.monotonic() + patience_seconds
        request = _Request(self._lookups.key(authorized), _order(authorized), give_up_at)
        reason = f"the request needs a run of its own: {request.order.bypass}"
        try:
            if request.order.bypass is None:
                found = await self._lookups.find(request.key, request.caller, give_up_at)
                match found:
                    case Hit():
                        return self._hit(found.run, request, found.reason)
                    case Join():
                        return self._joined(found, request)
                    case Miss():
                        reason = found.reason
                if refused := self._refuse_failing(request):
                    return refused
            return await self._queued(request, reason)
        except NoRoomError:
            self._refuse(request, "Hex's rate limit leaves no room within the time that the caller waits")
            raise

    def _refuse_failing(self, request: _Request) -> Answer | None:
        """The refusal of a project that always fails, by its policy."""
        key = request.key
        found = self._failed.judge(key.project_id, key.policy.failures, self._context.now_ms())
        if found is None:
            return None
        self._refuse(request, "the project's last runs have all failed")
        where = f"; see {found.address}" if found.address else ""
        return too_many(
            f"The last runs of this project have all failed, so that no more is started{where}",
            found.retry_after_seconds,
        )

    async def _queued(self, request: _Request, reason: str) -> Answer:
        run = self._registry.enqueue(request.key, request.order, reason)
        if isinstance(run, Refused):
            self._refuse(request, f"the queue is full: {run.reason}")
            retry_after = max(float(run.retry_after_seconds), self._dispatcher.held_seconds())
            return too_many(f"The gateway's queue is full: {run.reason}", retry_after)
        is_answered, hung_up = False, False
        try:
            answer = await self._wait(run, request)
            is_answered = answer.status == 201
        except asyncio.CancelledError:
            hung_up = True
            raise
        else:
            return answer
        finally:
            self._registry.leave(run, is_answered=is_answered, hung_up=hung_up)

    async def _wait(self, run: ActiveRun, request: _Request) -> Answer:
        requests = run.waiting
        while not requests.outcome.done():
            patience = request.give_up_at - self._context.clock.monotonic()
            if not await first_of(self._context.clock, patience, requests.outcome, requests.woken):
                return self._come_back(run, request)
            if not requests.outcome.done():
                requests.rest()
                if joined := await self._lookups.join(request.key, request.caller, request.give_up_at):
                    return self._joined(joined, request)

        outcome = requests.outcome.result()
        if isinstance(outcome, Answer):
            return outcome
        if isinstance(outcome, GatewayRun):
            return self._hit(outcome, request, requests.reason)
        if requests.claim():
            self._registry.give(outcome, request.caller.name, is_first=True)
            return _given(outcome, "miss" if request.order.bypass is None else "bypass")
        return self._joined(Join(outcome, requests.reason), request)

    def _come_back(self, run: ActiveRun, request: _Request) -> Answer:
        """The answer to a request that has waited for as long as it may."""
        held = self._dispatcher.held_seconds()
        if held > KEPT_SECONDS:
            self._refuse(request, "the limits let no run start for longer than a place is kept")
            return too_many("Hex lets no more runs start for now", held)
        self._refuse(request, "other runs come before it for longer than the caller waits")
        retry_after = self._registry.retry_after(run, held)
        return too_many("Other runs are still before this one; its place is kept for a minute", retry_after)

    def _hit(self, run: GatewayRun, request: _Request, reason: str) -> Answer:
        self._registry.give_result(run, request.caller.name)
        self._decisions.hit(run.project_id, request.caller.name, run.run_id or "", reason, run.duration_ms or 0)
        return Answer(201, body=(run.answer or "").encode(), cache="hit")

    def _joined(self, join: Join, request: _Request) -> Answer:
        self._registry.give(join.run, request.caller.name)
        self._decisions.joined(request.key.project_id, request.caller.name, join.run.run_id, join.reason)
        return _given(join.run, "joined")

    def _refuse(self, request: _Request, reason: str) -> None:
        self._decisions.refused(request.key.project_id, request.caller.name, reason)


def _given(run: ActiveRun, cache: str) -> Answer:
    return Answer(201, body=(run.sent.answer or "").encode(), cache=cache)


def _order(authorized: AuthorizedRunRequest) -> RunOrder:
    """What is sent to Hex if a run has to be started."""
    kept = [(name, value) for name, value in authorized.headers if name.lower() not in _OWN_HEADERS]
    own = [header for header in authorized.caller.headers if header[0] in (b"accept", b"accept-encoding")]
    return RunOrder(
        caller=authorized.caller,
        url=authorized.url,
        headers=(*kept, *own, (b"content-type", b"application/json")),
        body=authorized.request.body,
        bypass=authorized.request.bypass,
        is_dry=authorized.request.fields.get("dryRun", False) is not False,
    )
