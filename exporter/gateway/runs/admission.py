"""What happens to a run request: it gets an earlier result, joins a running run, or waits for a run of its own."""

import asyncio
from dataclasses import dataclass, replace

from exporter.gateway.access.caller import Caller
from exporter.gateway.cache.budget_use import Spent
from exporter.gateway.cache.hits import Hit, Miss
from exporter.gateway.cache.idempotency import HEADER as IDEMPOTENCY_HEADER
from exporter.gateway.cache.idempotency import IdempotencyKey
from exporter.gateway.cache.run_key import RunKey
from exporter.gateway.context import GatewayContext
from exporter.gateway.decisions import RunDecisions
from exporter.gateway.routing.answers import Answer
from exporter.gateway.routing.error_bodies import refusal, too_many
from exporter.gateway.runs.active_run import ActiveRun, RunOrder
from exporter.gateway.runs.budget_brake import BudgetBrakes
from exporter.gateway.runs.dispatcher import Dispatcher
from exporter.gateway.runs.failed_runs import FailedRuns
from exporter.gateway.runs.lookups import AuthorizedRunRequest, Join, Lookups
from exporter.gateway.runs.queue import KEPT_SECONDS, Refused
from exporter.gateway.runs.registry import RunRegistry
from exporter.gateway.runs.request_keys import GIVEN_BEFORE, OTHER_REQUEST, GivenRun, KeyState, RequestKeys
from exporter.gateway.upstream.deadline import first_of
from exporter.ledger import GatewayRun

_LOOK_SECONDS = 1.0
"""How often a request that waits for its budget looks whether it may run."""

_OWN_HEADERS = frozenset({b"content-type", b"accept", b"accept-encoding", b"cache-control", IDEMPOTENCY_HEADER})


@dataclass(frozen=True, slots=True)
class _Request:
    """One run request: its key, what would be sent for it, when it came and until when it waits (steady clock)."""

    key: RunKey
    order: RunOrder
    arrived_at: float
    give_up_at: float
    idempotency_key: IdempotencyKey | None

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
        keys: RequestKeys,
        brakes: BudgetBrakes,
    ) -> None:
        self._context = context
        self._lookups = lookups
        self._registry = registry
        self._dispatcher = dispatcher
        self._failed = failed
        self._keys = keys
        self._brakes = brakes
        self._decisions = RunDecisions(context.journal, context.clock)

    async def answer(self, authorized: AuthorizedRunRequest, patience_seconds: float) -> Answer:
        """The answer to a run request: Hex's 201, or that of an earlier run, or why there is none; with its reason.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does. A request that is cancelled leaves its place, which
        is kept for a while.
        """
        give_up_at = self._context.clock.monotonic() + patience_seconds
        key = self._lookups.key(authorized)
        order, arrived_at = _order(authorized, key), authorized.arrived_at
        return await self._decide(_Request(key, order, arrived_at, give_up_at, authorized.idempotency_key))

    async def _decide(self, request: _Request) -> Answer:
        key = request.idempotency_key
        if key is None:
            found = await self._found_or_queued(request)
        else:
            # Of two requests with one key the second finds what the first was given, or waits for.
            async with self._keys.turn(key):
                found = await self._of_key(key, request) or await self._found_or_queued(request)
        return found if isinstance(found, Answer) else await self._wait_and_leave(found, request)

    async def _of_key(self, key: IdempotencyKey, request: _Request) -> Answer | ActiveRun | None:
        """What the request's idempotency key was given before: a run, one to wait for, or None."""
        given = await self._keys.given(key, request.give_up_at)
        match given:
            case GivenRun(run):
                return await self._again(run, request)
            case ActiveRun():
                return given
            case KeyState.OTHER_REQUEST:
                message = "The Idempotency-Key was sent with another request before; use a new key for a new request"
                return self._fail(request, refusal(422, message), OTHER_REQUEST)
            case KeyState.IN_DOUBT:
                message = "Whether the run of this Idempotency-Key was started is not known yet; repeat the request"
                answer = refusal(409, message, retry_after_seconds=5)
                return self._fail(request, answer, "the run of its idempotency key is in doubt")
            case KeyState.UNKNOWN:
                message = "Whether the run of this Idempotency-Key was started is not known; look in Hex, use a new key"
                return self._fail(request, refusal(409, message), "what became of its idempotency key's run is unknown")
        return None

    async def _again(self, run: GatewayRun, request: _Request) -> Answer:
        """The run that the request's idempotency key was given before."""
        complete = await self._lookups.with_answer(run, request.caller, request.give_up_at)
        if complete is None:
            answer = refusal(409, "Hex does not show the run of this Idempotency-Key now", retry_after_seconds=5)
            return self._fail(request, answer, "Hex does not show the run of its idempotency key")
        active = self._registry.run(complete.run_id or "")
        if active is not None and not active.is_over:
            return self._joined(Join(active, GIVEN_BEFORE), request)
        return self._hit(complete, request, GIVEN_BEFORE)

    async def _found_or_queued(self, request: _Request) -> Answer | ActiveRun:
        """The answer that is there already, or the run that the request waits for, to be left by it."""
        reason = f"the request needs a run of its own: {request.order.bypass}"
        if request.order.bypass is None:
            found = await self._lookups.find(request.key, request.caller, request.arrived_at, request.give_up_at)
            match found:
                case Hit():
                    await self._keys.bind(request.idempotency_key, found.run)
                    return self._hit(found.run, request, found.reason)
                case Join():
                    await self._keys.bind(request.idempotency_key, found.run.sent)
                    return self._joined(found, request)
                case Miss():
                    reason = found.reason
        # A caller that wants a run whatever is known gets one; one whose project has to run each time did not ask.
        is_wanted = request.order.bypass is not None and not request.order.bypass.startswith("writeback")
        if not is_wanted and (refused := self._refuse_failing(request)):
            return refused
        if held := await self._brake(request):
            return held
        run = self._registry.enqueue(self._lookups.key_now(request.key), request.order, reason, request.arrived_at)
        if isinstance(run, Refused):
            retry_after = max(float(run.retry_after_seconds), self._dispatcher.held_seconds(request.caller.name))
            answer = too_many(f"The gateway's queue is full: {run.reason}", retry_after)
            return self._refuse(request, answer, f"the queue is full: {run.reason}")
        self._keys.expect(request.idempotency_key, run)
        return run

    async def _brake(self, request: _Request) -> Answer | None:
        """The answer to a request that its budget holds back; None as soon as it may run."""
        key, clock = request.key, self._context.clock
        last: Spent | None = None
        while (spent := await self._brakes.spent(key, request.order)) is not None:
            longest = spent.brake.max_stale_seconds
            if longest is None and spent.brake.then == "cached_only":
                longest = key.policy.max_age_seconds
            if longest is not None and request.order.bypass in (None, "Cache-Control"):
                found = await self._lookups.stale(key, request.caller, longest, request.give_up_at)
                if found is not None:
                    await self._keys.bind(request.idempotency_key, found.run)
                    self._brakes.count(spent, "cached")
                    return self._hit(found.run, request, f"{spent.sentence}; {found.reason}")
            patience = request.give_up_at - clock.monotonic()
            wait = min(_LOOK_SECONDS, patience)
            may_wait = spent.brake.then == "queue" and patience > 0
            if not may_wait or not await self._brakes.wait(request.caller, wait):
                self._brakes.count(spent, "refused")
                return self._refuse(request, self._brakes.refusal(spent, key), spent.sentence)
            last = spent
        if last is not None:
            self._brakes.count(last, "waited")
        return None

    def _refuse_failing(self, request: _Request) -> Answer | None:
        """The refusal of a project that always fails, by its policy."""
        key = request.key
        found = self._failed.judge(key.project_id, key.policy.failures, self._context.now_ms())
        if found is None:
            return None
        where = f"; see {found.address}" if found.address else ""
        message = f"The last runs of this project have all failed, so that no more is started{where}"
        answer = too_many(message, found.retry_after_seconds)
        return self._refuse(request, answer, "the project's last runs have all failed")

    async def _wait_and_leave(self, run: ActiveRun, request: _Request) -> Answer:
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
                joined = await self._lookups.join(request.key, request.caller, request.arrived_at, request.give_up_at)
                if isinstance(joined, Join):
                    await self._keys.bind(request.idempotency_key, joined.run.sent)
                    return self._joined(joined, request)
                if isinstance(joined, Miss):
                    self._registry.set_apart(run)

        outcome = requests.outcome.result()
        if isinstance(outcome, Answer) and request.order.is_dry and outcome.status < 300:
            self._decisions.started(request.key.project_id, request.caller.name, None, requests.reason, is_bypass=True)
            return replace(outcome, cache="bypass", reason=requests.reason)
        if isinstance(outcome, Answer):
            return self._fail(request, outcome, outcome.reason or f"the run was answered with {outcome.status}")
        if isinstance(outcome, GatewayRun):
            await self._keys.bind(request.idempotency_key, outcome)
            return self._hit(outcome, request, requests.reason)
        is_first = requests.claim()
        if not is_first and (effect := self._lookups.side_effect(request.key)):
            return await self._run_alone(request, effect)
        await self._keys.bind(request.idempotency_key, outcome.sent)
        if is_first:
            self._registry.give(outcome, request.caller.name, is_first=True)
            is_bypass = request.order.bypass is not None
            project_id, caller = request.key.project_id, request.caller.name
            self._decisions.started(project_id, caller, outcome.run_id, requests.reason, is_bypass=is_bypass)
            return _given(outcome, "bypass" if is_bypass else "miss", requests.reason)
        return self._joined(Join(outcome, requests.reason), request)

    async def _run_alone(self, request: _Request, effect: str) -> Answer:
        """The answer of a run of its own, for a request that waited for one that has turned out to write."""
        alone = replace(request, order=replace(request.order, bypass=effect, is_exclusive=True))
        found = await self._found_or_queued(alone)
        return found if isinstance(found, Answer) else await self._wait_and_leave(found, alone)

    def _come_back(self, run: ActiveRun, request: _Request) -> Answer:
        """The answer to a request that has waited for as long as it may."""
        held = self._dispatcher.held_seconds(request.caller.name)
        if held > KEPT_SECONDS:
            answer = too_many("Hex lets no more runs start for now", held)
            return self._refuse(request, answer, "the limits let no run start for longer than a place is kept")
        message = "Other runs are still before this one; its place is kept for a minute"
        answer = too_many(message, self._registry.retry_after(run, held))
        return self._refuse(request, answer, "other runs come before it for longer than the caller waits")

    def _hit(self, run: GatewayRun, request: _Request, reason: str) -> Answer:
        self._registry.give_result(run, request.caller.name)
        self._decisions.hit(run.project_id, request.caller.name, run.run_id or "", reason, run.duration_ms or 0)
        return Answer(201, body=(run.answer or "").encode(), cache="hit", reason=reason)

    def _joined(self, join: Join, request: _Request) -> Answer:
        self._registry.give(join.run, request.caller.name)
        self._decisions.joined(request.key.project_id, request.caller.name, join.run.run_id, join.reason)
        return _given(join.run, "joined", join.reason)

    def _refuse(self, request: _Request, answer: Answer, reason: str) -> Answer:
        self._decisions.refused(request.key.project_id, request.caller.name, reason)
        return replace(answer, reason=reason)

    def _fail(self, request: _Request, answer: Answer, reason: str) -> Answer:
        self._decisions.failed(request.key.project_id, request.caller.name, reason)
        return replace(answer, reason=reason)


def _given(run: ActiveRun, cache: str, reason: str) -> Answer:
    return Answer(201, body=(run.sent.answer or "").encode(), cache=cache, reason=reason)


def _order(authorized: AuthorizedRunRequest, key: RunKey) -> RunOrder:
    """What is sent to Hex if a run has to be started."""
    kept = [(name, value) for name, value in authorized.headers if name.lower() not in _OWN_HEADERS]
    own = [header for header in authorized.caller.headers if header[0] in (b"accept", b"accept-encoding")]
    bypass = authorized.request.bypass
    return RunOrder(
        caller=authorized.caller,
        url=authorized.url,
        headers=(*kept, *own, (b"content-type", b"application/json")),
        body=authorized.request.body,
        bypass=bypass,
        is_dry=authorized.request.fields.get("dryRun", False) is not False,
        is_exclusive=bypass is not None or key.policy.join == "never",
    )
