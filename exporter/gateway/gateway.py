"""The gateway as a whole: what the parts are, how they hang together, and what goes on in the background."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

import httpx
import structlog

from exporter.clock import Clock
from exporter.config import Config, Workspace
from exporter.errors import LedgerError
from exporter.gateway.access.authorizer import Authorizer, Caller
from exporter.gateway.access.callers import Callers
from exporter.gateway.app import App, Incoming
from exporter.gateway.background import Background
from exporter.gateway.cache.hits import Results
from exporter.gateway.cache.lookups import Asked, Lookups
from exporter.gateway.cache.run_request import RunRequestError, parse_run
from exporter.gateway.cache.source_answer import source_answer
from exporter.gateway.routing.answers import Answer, passed_on, refused
from exporter.gateway.routing.error_bodies import refusal
from exporter.gateway.routing.headers import to_upstream
from exporter.gateway.routing.target import Operation
from exporter.gateway.runs.active_runs import ActiveRun, Board
from exporter.gateway.runs.admission import RunRequests
from exporter.gateway.runs.attachments import Attachments
from exporter.gateway.runs.cancels import Cancels
from exporter.gateway.runs.completion_poller import CompletionPoller
from exporter.gateway.runs.dispatcher import Dispatcher, Unresolved
from exporter.gateway.runs.ends import LEASE_SECONDS, Ends
from exporter.gateway.runs.journal import Journal
from exporter.gateway.runs.polls import Poll, Polls
from exporter.gateway.runs.queue import Queue
from exporter.gateway.runs.unresolved import UnresolvedRuns
from exporter.gateway.upstream.upstream import RawHeaders, Request, Upstream
from exporter.hexapi import Pace
from exporter.ledger import KEEP_MS, GatewayRun, WorkspaceLedger
from exporter.sources import source_status
from exporter.view import GatewayState

_RETRY_SECONDS = 5.0

_log = structlog.get_logger()


class Gateway:
    """Answers the callers of one workspace in Hex's place. Everything runs on one event loop, which never waits.

    `pace` gives the workspace's pacing authority of this moment; `expect_run` gets the id of a project whose runs are
    worth a look. `app` answers from the first moment, though only that it is starting until `run` has read the ledger.
    """

    def __init__(
        self,
        config: Config,
        workspace: Workspace,
        ledger: WorkspaceLedger,
        pace: Callable[[], Pace],
        clock: Clock,
        rng: random.Random,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        expect_run: Callable[[str], None] | None = None,
        app: App | None = None,
    ) -> None:
        assert config.gateway is not None
        settings = config.gateway
        self.app = app or App()
        self.upstream_base = workspace.base_url
        self.public_base = None if settings.public_url is None else settings.public_url.rstrip("/") + "/api/v1"
        self._config = config
        self._workspace_name = workspace.name
        self._ledger = ledger
        self._pace = pace
        self._clock = clock
        self._rng = rng
        self._nudge = expect_run
        self._patience_seconds = settings.queue.wait_seconds
        self._journal = Journal(ledger, clock)
        self._upstream = Upstream(pace, self._journal, clock, transport=transport)
        self._board = Board()
        self._results = Results()
        self._queue = Queue(
            concurrency=settings.concurrency,
            length=settings.queue.length,
            per_caller=settings.queue.per_caller,
            wait_seconds=settings.queue.wait_seconds,
        )
        self._ends = Ends(self._board, self._queue, self._results, self._journal, ledger, clock, self._pump)
        self._attachments = Attachments(self._journal, ledger, clock)
        self._cancels = Cancels(self._board, self._ends, self._attachments, self._upstream, clock)
        self._unresolved = UnresolvedRuns(self._board, self._queue, self._journal, ledger, clock)
        self._callers: Callers | None = None

    @property
    def state(self) -> GatewayState:
        """How busy it is; may be asked from any thread."""
        return GatewayState(self._queue.waiting, self._queue.active)

    def assign(self, config: Config) -> None:
        """Go by these policies and sources from now on; the queue and the addresses stay as they were made."""
        if config.gateway is None:
            return
        self._config = config
        if self._callers is not None:
            self._lookups.config = config

    async def run(self) -> None:
        """Read what an earlier process left, then answer, count and look for ends until cancelled."""
        while not await self._open():
            await self._clock.sleep(_RETRY_SECONDS)
        self.app.open(self)
        lookout = CompletionPoller(self._board, self._polls, self._clock)
        await Background(self._journal, self._ends, lookout, self._unresolved, self._launches, self._clock).run()

    async def aclose(self) -> None:
        """End what is on its way, write what has been counted and close the connections."""
        if self._callers is not None:
            await self._launches.aclose()
            await self._rights.aclose()
            await self._attachments.settled()
            await self._ends.settled()
        await self._journal.aclose()
        await self._upstream.aclose()

    async def answer(self, incoming: Incoming) -> Answer:
        """The answer to a request of Hex's API, as `app.Handler` has it."""
        caller = self._caller(incoming.authorization, incoming.peer)
        target = incoming.target
        match target.operation:
            case Operation.RUN_PROJECT:
                return await self._run_project(caller, incoming)
            case Operation.RUN_STATUS:
                poll = Poll(caller=caller.name, target=target, headers=_upstream_headers(incoming.headers))
                reply, age = await self._polls.answer(poll, self._patience_seconds)
                return passed_on(reply).aged(age)
            case Operation.CANCEL_RUN:
                assert target.project_id is not None
                assert target.run_id is not None
                return await self._cancels.answer(
                    caller, target.project_id, target.run_id, self._request(incoming), self._patience_seconds
                )
        reply = await self._upstream.ask(self._request(incoming), self._patience_seconds)
        if target.operation is Operation.PROJECT and target.project_id is not None:
            self._rights.learn(caller, target.project_id, reply)
        return passed_on(reply)

    async def source(self, project_id: str, authorization: bytes, peer: str) -> Answer:
        """What is known of a project's source, for a caller to whom Hex shows the project."""
        caller = self._caller(authorization, peer)
        project = await self._rights.project(caller, project_id, self._patience_seconds)
        if isinstance(project, Answer):
            return project
        states = self._ledger.sources.states()
        return source_answer(
            project_id, source_status(self._config, self._workspace_name, project, states, self._now_ms())
        )

    async def _run_project(self, caller: Caller, incoming: Incoming) -> Answer:
        settings, target = self._config.gateway, incoming.target
        assert settings is not None
        assert target.project_id is not None
        try:
            request = parse_run(incoming.body, incoming.headers)
        except RunRequestError as error:
            said = str(error)
            return refused(refusal(400, said[:1].upper() + said[1:]))
        if target.query:
            # Hex names no parameters for it, so nobody knows what they change; an old client sends its inputs there.
            request = replace(request, bypass="a query")
        give_up_at = self._clock.monotonic() + self._patience_seconds
        project = await self._rights.project(caller, target.project_id, self._patience_seconds)
        if isinstance(project, Answer):
            return project
        policy = settings.policy(self._workspace_name, project)
        asked = Asked(
            caller=caller,
            project=project,
            request=request.under(policy, incoming.headers),
            url=target.upstream_url(self.upstream_base),
            headers=to_upstream(incoming.headers, without=() if policy.sample is None else (policy.sample.header,)),
        )
        return await self._requests.answer(asked, give_up_at - self._clock.monotonic())

    def _request(self, incoming: Incoming) -> Request:
        return Request(
            method=incoming.method,
            url=incoming.target.upstream_url(self.upstream_base),
            endpoint=incoming.target.operation.value,
            headers=_upstream_headers(incoming.headers),
            body=incoming.body,
        )

    def _caller(self, authorization: bytes, peer: str) -> Caller:
        assert self._callers is not None
        _, _, token = authorization.partition(b" ")  # the scheme may be written in any case
        name = self._callers.name(token.strip())
        return Caller(name, self._callers.seat(name, peer), authorization)

    async def _open(self) -> bool:
        """Read the ledger and make the parts that need what is in it; False if it cannot be read now."""
        now_ms = self._now_ms()
        try:
            secret = await self._journal.write(self._ledger.gateway.secret)
            await self._journal.write(self._ledger.foresee_gateway, now_ms)
            runs = await self._journal.read(self._ledger.gateway.runs, now_ms - self._longest_ms())
            attached = await self._journal.read(self._ledger.gateway.attached)
        except LedgerError as error:
            _log.warning("The gateway waits for the ledger", reason=str(error))
            return False
        self._callers = Callers(secret, self._clock)
        self._rights = Authorizer(self._upstream, self._callers, self._ledger, self._clock, self.upstream_base)
        self._lookups = Lookups(
            config=self._config,
            workspace_name=self._workspace_name,
            board=self._board,
            results=self._results,
            rights=self._rights,
            journal=self._journal,
            ledger=self._ledger,
            clock=self._clock,
        )
        self._launches = Dispatcher(
            queue=self._queue,
            board=self._board,
            upstream=self._upstream,
            callers=self._callers,
            journal=self._journal,
            ledger=self._ledger,
            clock=self._clock,
            rng=self._rng,
            again=lambda flight: self._lookups.again(flight, self._patience_seconds),
            on_started=self._look_at,
            on_unresolved=self._not_answered,
        )
        self._polls = Polls(
            self._upstream,
            self._callers,
            self._journal,
            self._clock,
            base_url=self.upstream_base,
            per_minute=lambda: self._pace().callers_allowed_per_minute,
            may_share=self._board.was_given,
            on_seen=self._ends.seen,
        )
        self._requests = RunRequests(
            self._lookups, self._queue, self._board, self._launches, self._attachments, self._journal, self._clock
        )
        self._launches.restore(runs, now_ms)
        for run in runs:
            self._restore(run, attached.get(run.run_id or "", {}), now_ms)
        return True

    def _restore(self, run: GatewayRun, attached: Mapping[str, int], now_ms: int) -> None:
        """Take up a run of an earlier process: its result, its place and who holds it, or what is not known of it."""
        now = self._clock.monotonic()
        if run.state == "intended":
            self._unresolved.add(Unresolved(run, self._queue.adopt(run.caller, run.fingerprint, now)))
            self._look_at(run.project_id)
        if run.state != "started" or run.run_id is None:
            return
        age_seconds = max(0, now_ms - run.sent_ms) / 1000
        is_on = run.status is None and age_seconds < LEASE_SECONDS
        place = self._queue.adopt(run.caller, run.fingerprint, now) if is_on else None
        underway = ActiveRun(run=run, started_at=now - age_seconds, place=place, is_over=not is_on)
        # A starter that was not noted before the process died is taken to hold its run.
        for caller, count in {run.caller: 1, **attached}.items():
            underway.take_up(caller, count)
        self._board.add(underway)
        self._results.add(run)
        if is_on:
            self._look_at(run.project_id)

    def _pump(self) -> None:
        if self._callers is not None:
            self._launches.pump()

    def _look_at(self, project_id: str) -> None:
        if self._nudge is not None:
            self._nudge(project_id)

    def _not_answered(self, one: Unresolved) -> None:
        self._unresolved.add(one)
        self._look_at(one.intent.project_id)

    def _longest_ms(self) -> int:
        """How far back a run can matter: as long as a result may be given, or a run may be on."""
        assert self._config.gateway is not None
        longest = max([86_400.0, LEASE_SECONDS, *(one.max_age_seconds for one in self._config.gateway.policies)])
        return min(round(longest * 1000), KEEP_MS)

    def _now_ms(self) -> int:
        return round(self._clock.now() * 1000)


def _upstream_headers(headers: RawHeaders) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that a request goes on with; the answer comes in what the gateway can decode."""
    return (*to_upstream(headers), (b"accept-encoding", b"gzip"))
