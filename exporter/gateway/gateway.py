"""The gateway as a whole: its parts and how they hang together, which request goes to which, and its own work."""

import asyncio
import math
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace

from exporter.config import Config
from exporter.gateway.access.authorizer import Authorizer
from exporter.gateway.access.caller import Caller
from exporter.gateway.access.callers import Callers
from exporter.gateway.access.client_waits import ANSWER_SECONDS
from exporter.gateway.access.door import Arrival, Door
from exporter.gateway.app import Arriving, Incoming, sentence
from exporter.gateway.background import repeat
from exporter.gateway.cache.idempotency import idempotency_key
from exporter.gateway.cache.project_rules import ProjectRules
from exporter.gateway.cache.results import Results
from exporter.gateway.cache.run_request import RunRequestError, parse_run
from exporter.gateway.cache.source_answer import source_answer
from exporter.gateway.cache.source_looks import SourceLooks
from exporter.gateway.context import GatewayContext
from exporter.gateway.decisions import RunDecisions, log_decision
from exporter.gateway.routing.answers import Answer, passed_on
from exporter.gateway.routing.error_bodies import refusal, too_many
from exporter.gateway.routing.headers import to_upstream
from exporter.gateway.routing.target import Operation
from exporter.gateway.runs.admission import Admission
from exporter.gateway.runs.budget_brake import BudgetBrakes
from exporter.gateway.runs.cancels import Cancel, Cancels
from exporter.gateway.runs.completion_poller import CompletionPoller
from exporter.gateway.runs.dispatcher import Dispatcher
from exporter.gateway.runs.doubts import Doubts
from exporter.gateway.runs.failed_runs import FailedRuns
from exporter.gateway.runs.ledger_watcher import LedgerWatcher
from exporter.gateway.runs.lookups import AuthorizedRunRequest, Lookups
from exporter.gateway.runs.polls import Poll, Polls
from exporter.gateway.runs.queue import Queue
from exporter.gateway.runs.registry import RunRegistry
from exporter.gateway.runs.request_keys import RequestKeys
from exporter.gateway.runs.run_limits import RunLimits
from exporter.gateway.runs.steadiness import Steadiness
from exporter.gateway.runs.usual_durations import UsualDurations
from exporter.gateway.trigger_requests import TriggerRequests, policy_for
from exporter.gateway.upstream.deadline import first_of
from exporter.gateway.upstream.reply import RawHeaders
from exporter.gateway.upstream.upstream import NoAnswerError, NoRoomError, Request
from exporter.ledger import GatewayRun, RequestKey
from exporter.triggers import RunAnswer, RunRequest
from exporter.view import GatewayState

_FLUSH_SECONDS = 0.5
_LOOK_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """What an earlier process left in the ledger.

    The key of the hashes of tokens, its runs, who holds each, and which run each idempotency key was given.
    """

    secret: bytes
    runs: tuple[GatewayRun, ...]
    attached: Mapping[str, Mapping[str, int]]
    keys: tuple[RequestKey, ...] = ()


class Gateway:
    """Answers the callers of one workspace in Hex's place. Made by `open_gateway`.

    Everything runs on one event loop, which never waits for a disk.
    """

    def __init__(self, context: GatewayContext, config: Config, inherited: Inherited) -> None:
        settings = config.gateway
        assert settings is not None
        self.upstream_base = context.base_url
        self.public_base = None if settings.public_url is None else settings.public_url.rstrip("/") + "/api/v1"
        self._context = context
        self._rules = ProjectRules(config, config.gateway_workspace.name, context.ledger, context.clock)
        self._wait_seconds = settings.queue.wait_seconds
        self._callers = Callers(inherited.secret, context.clock, settings.rights_ttl_seconds)
        limits = RunLimits(
            context.clock,
            context.rng,
            per_minute=settings.run_limits.per_minute,
            per_hour=settings.run_limits.per_hour,
        )
        self._authorizer = Authorizer(context, self._callers, limits)
        self._door = Door(context, self._callers, self._authorizer, settings.callers)
        context.upstream.weigh_by(self._door.weight)
        queue = Queue(
            concurrency=settings.concurrency,
            length=settings.queue.length,
            per_caller=settings.queue.per_caller,
            per_address=settings.queue.per_address,
            weigh=self._door.weight,
            wait_seconds=settings.queue.wait_seconds,
        )
        results = Results()
        self._usual, self._failed, self._has_begun = UsualDurations(), FailedRuns(), False
        self._registry = RunRegistry(context, queue, results, self._note_end)
        self._polls = Polls(context, self._callers, self._registry)
        self._looks = SourceLooks(context.probe_source, context.clock)
        self._steadiness = Steadiness(context, self._registry, self._looks)
        lookups = Lookups(context, self._rules, self._authorizer, self._registry, results, self._looks, self._polls)
        self._dispatcher = Dispatcher(context, self._registry, lookups, limits, self._callers)
        keys = RequestKeys(context, self._registry, inherited.keys)
        brakes = BudgetBrakes(
            context,
            self._rules,
            self._registry,
            length=settings.queue.length,
            per_caller=settings.queue.per_caller,
        )
        self._admission = Admission(context, lookups, self._registry, self._dispatcher, self._failed, keys, brakes)
        self._cancels = Cancels(context, self._registry)
        self._triggers = TriggerRequests(context, self._callers, self._registry, self._answer)
        self._decisions = RunDecisions(context.journal, context.clock)

        # Runs from the future show that the clock was put back, by as much at least: the last was sent just now.
        now_ms = max([context.now_ms(), *(run.sent_ms for run in inherited.runs)])
        limits.restore((run.caller, (now_ms - run.sent_ms) / 1000) for run in inherited.runs)
        for run in inherited.runs:
            if run.state == "started":
                self._callers.prove_run(run.caller, run.project_id, (now_ms - run.sent_ms) / 1000)
            self._registry.restore(run, inherited.attached.get(run.run_id or "", {}))
        self._has_begun = True

    @property
    def state(self) -> GatewayState:
        """How busy it is; may be read from any thread."""
        return self._registry.state

    def assign(self, config: Config) -> None:
        """Go by these policies and sources from now on; the queue and the addresses stay as they were made."""
        if config.gateway is not None:
            self._rules.config = config

    async def run(self) -> None:
        """Start runs, look for their ends and write counts; ends only by cancellation."""
        clock = self._context.clock
        watcher = LedgerWatcher(self._context, self._registry)
        poller = CompletionPoller(self._registry, self._polls, self._usual, clock)
        doubts = Doubts(self._context, self._registry)
        await asyncio.gather(
            repeat(clock, _FLUSH_SECONDS, self._context.journal.flush, "The gateway's counts cannot be written"),
            repeat(clock, _LOOK_SECONDS, watcher.look, "The gateway cannot look for the ends of runs"),
            repeat(clock, _LOOK_SECONDS, poller.look, "The gateway cannot poll runs"),
            repeat(clock, _FLUSH_SECONDS, doubts.look, "The gateway cannot look for runs in doubt"),
            repeat(clock, _FLUSH_SECONDS, self._dispatcher.run, "The gateway cannot start runs"),
        )

    async def aclose(self) -> None:
        """End what is being sent, write what has been counted and close the connections."""
        await self._dispatcher.aclose()
        await self._door.aclose()
        await self._authorizer.aclose()
        await self._polls.aclose()
        await self._steadiness.aclose()
        await self._looks.aclose()
        await self._registry.settled()
        await self._context.journal.aclose()
        await self._context.upstream.aclose()

    def admit(self, arriving: Arriving) -> Answer | Awaitable[Answer | None] | None:
        """Whether the caller may come in, as `app.Handler` has it."""
        arrival = Arrival(arriving.caller, arriving.target.project_id, arriving.certificate_names)
        return self._door.enter(arrival, self._patience(arriving.client_wait_seconds))

    async def answer(self, incoming: Incoming) -> Answer:
        """The answer to a request of Hex's API, as `app.Handler` has it; none takes longer than its client waits."""
        if incoming.client_wait_seconds is None:
            return await self._answer(incoming)
        clock = self._context.clock
        seconds = self._patience(incoming.client_wait_seconds, incoming.waited_seconds) + ANSWER_SECONDS
        answering = asyncio.ensure_future(self._answer(incoming))
        try:
            if await first_of(clock, seconds, answering):
                return answering.result()
        finally:
            answering.cancel()
        return refusal(504, "Hex has not answered within the time that the client waits", retry_after_seconds=1)

    def _patience(self, client_wait_seconds: float | None, waited_seconds: float = 0.0) -> float:
        """How long a request may wait still."""
        longest = min(math.inf if client_wait_seconds is None else client_wait_seconds, self._wait_seconds)
        return max(0.0, longest - waited_seconds)

    async def _answer(self, incoming: Incoming) -> Answer:
        patience_seconds = self._patience(incoming.client_wait_seconds, incoming.waited_seconds)
        answer = await self._answer_caller(incoming.caller, incoming, patience_seconds)
        if answer.status == 401:
            self._callers.refuse(incoming.caller.name)
        return answer

    async def _answer_caller(self, caller: Caller, incoming: Incoming, patience_seconds: float) -> Answer:
        target = incoming.target
        match target.operation:
            case Operation.RUN_PROJECT:
                return await self._run_project(caller, incoming, patience_seconds)
            case Operation.RUN_STATUS:
                poll = Poll(caller=caller.name, target=target, headers=_upstream_headers(incoming.headers))
                reply, age = await self._polls.answer(poll, patience_seconds)
                return passed_on(reply).aged(age)
            case Operation.CANCEL_RUN:
                cancel = Cancel(
                    caller=caller,
                    project_id=target.project_id or "",
                    run_id=target.run_id or "",
                    request=self._request(caller, incoming),
                )
                return await self._cancels.answer(cancel, patience_seconds)
        log_decision("passed_on", "it is no request about a run", request=target.operation.value, caller=caller.name)
        reply = await self._context.upstream.ask(self._request(caller, incoming), patience_seconds)
        if target.operation is Operation.PROJECT and target.project_id is not None:
            self._authorizer.learn(caller, target.project_id, reply)
        return passed_on(reply)

    async def trigger(self, request: RunRequest) -> RunAnswer:
        """What one of the exporter's own triggers is answered; for the event loop that the gateway runs on."""
        return await self._triggers.ask(request)

    async def source(self, project_id: str, caller: Caller) -> Answer:
        """The state of a project's source, for a caller to whom Hex shows the project."""
        project = await self._authorizer.project(caller, project_id, self._context.patience_seconds)
        if isinstance(project, Answer):
            return project
        # A failure may hold a path or a host name: it is for those whom Hex lets start the project.
        is_starter = self._context.ledger.gateway.is_starter(project_id, caller.name)
        return source_answer(project_id, self._rules.source(project), shows_failure=is_starter)

    async def _run_project(self, caller: Caller, incoming: Incoming, patience_seconds: float) -> Answer:
        project_id = incoming.target.project_id or ""
        give_up_at = self._context.clock.monotonic() + patience_seconds
        try:
            authorized = await self._authorized(caller, incoming, patience_seconds)
            if isinstance(authorized, Answer):
                self._decisions.failed(project_id, caller.name, authorized.reason or "")
                return authorized
            return await self._admission.answer(authorized, give_up_at - self._context.clock.monotonic())
        except NoRoomError as error:
            reason = "Hex's rate limit leaves no room within the time that the caller waits"
            self._decisions.refused(project_id, caller.name, reason)
            message = "Hex's rate limit leaves no room for this request now"
            return replace(too_many(message, error.retry_after_seconds), reason=reason)
        except NoAnswerError as error:
            self._decisions.failed(project_id, caller.name, f"Hex was queried for its rights: {error}")
            raise
        except asyncio.CancelledError:
            self._decisions.gone(project_id, caller.name, "the caller hung up before it was answered")
            raise

    async def _authorized(
        self, caller: Caller, incoming: Incoming, patience_seconds: float
    ) -> AuthorizedRunRequest | Answer:
        """The run request, once Hex has shown the project to the caller; else its refusal, with its reason."""
        target = incoming.target
        project_id = target.project_id or ""
        arrived_at = self._context.clock.monotonic()
        try:
            request = parse_run(incoming.body, incoming.headers)
        except RunRequestError as error:
            return _wrong(error)
        if target.query:
            # Hex names no parameters for it, so it is not known what they change; an old client sends its inputs there.
            request = replace(request, bypass="a query", query=target.query)
        project = await self._authorizer.project(caller, project_id, patience_seconds)
        if isinstance(project, Answer):
            return replace(project, reason=f"Hex answered {project.status} when the caller was to be shown the project")
        policy = policy_for(self._rules.policy(project), incoming.trigger)
        applied = request.under(policy, incoming.headers)
        if applied.bypass is None:
            applied = replace(applied, bypass=self._rules.side_effect(project))
        try:
            key = idempotency_key(incoming.headers, caller.name, project_id, request, is_trial=applied.is_sampled)
        except RunRequestError as error:
            return _wrong(error)
        return AuthorizedRunRequest(
            caller=caller,
            project=project,
            policy=policy,
            request=applied,
            url=target.upstream_url(self.upstream_base),
            headers=to_upstream(incoming.headers, without=() if policy.sample is None else (policy.sample.header,)),
            arrived_at=arrived_at,
            idempotency_key=key,
        )

    def _request(self, caller: Caller, incoming: Incoming) -> Request:
        return Request(
            method=incoming.method,
            caller=caller.name,
            url=incoming.target.upstream_url(self.upstream_base),
            endpoint=incoming.target.operation.value,
            headers=_upstream_headers(incoming.headers),
            body=incoming.body,
        )

    def caller(self, authorization: bytes, peer: str) -> Caller:
        """Whose token it is, as `app.Handler` has it."""
        _, _, token = authorization.partition(b" ")  # the scheme may be written in any case
        name = self._callers.name(token.strip())
        return Caller(name, peer, authorization)

    def _note_end(self, run: GatewayRun) -> None:
        """A run has ended; before the gateway has begun its work, one of an earlier process."""
        if self._has_begun:
            self._steadiness.ended(run)
        self._failed.add(run, self._context.now_ms())
        if run.duration_ms is not None and run.status == "completed":
            self._usual.add(run.project_id, run.duration_ms / 1000)


def _upstream_headers(headers: RawHeaders) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that a request goes on with; the answer comes in what the gateway can decode."""
    return (*to_upstream(headers), (b"accept-encoding", b"gzip"))


def _wrong(error: RunRequestError) -> Answer:
    """The refusal of a request that cannot be a run request."""
    return replace(refusal(400, sentence(error)), reason=str(error))
