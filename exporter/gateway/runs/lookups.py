"""Whether a request can be answered without a run of its own: by an earlier result, or by a run that is running.

What an answer rests on is looked at for it: the source by a probe that began after the request came, the state of a
running run by a question of the last two seconds. Where that cannot be had, there is no such answer.
"""

from dataclasses import dataclass, field, replace

from exporter.config import Policy
from exporter.facts import Project
from exporter.gateway.access.authorizer import Authorizer
from exporter.gateway.access.caller import Caller
from exporter.gateway.cache.hits import Hit, Miss, find_hit, is_stale, join_refusal
from exporter.gateway.cache.idempotency import IdempotencyKey
from exporter.gateway.cache.project_rules import ProjectRules
from exporter.gateway.cache.results import Results
from exporter.gateway.cache.run_key import RunKey, run_key
from exporter.gateway.cache.run_request import RunRequest
from exporter.gateway.cache.source_looks import SourceLooks
from exporter.gateway.context import GatewayContext
from exporter.gateway.runs.active_run import ActiveRun
from exporter.gateway.runs.polls import Polls, poll_of
from exporter.gateway.runs.registry import RunRegistry
from exporter.gateway.runs.start_answer import start_answer
from exporter.gateway.upstream.reply import RawHeaders, Reply
from exporter.gateway.upstream.upstream import NoAnswerError, NoRoomError
from exporter.ledger import GatewayRun

RUNNING_SECONDS = 2.0
"""How old the state may be by which a run is taken to be running still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizedRunRequest:
    """A run request of a caller to whom Hex has shown the project, and the policy that applies to it.

    `headers` are those that may go on to Hex.

    `arrived_at` is when it came, by the steady clock.
    """

    caller: Caller
    project: Project
    policy: Policy
    request: RunRequest
    url: str = field(repr=False)
    headers: RawHeaders = field(repr=False)
    arrived_at: float
    idempotency_key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """A running run that answers a request, and why."""

    run: ActiveRun
    reason: str


class Lookups:
    """Looks for what is there already. Used on one event loop.

    `arrived_at` is when the request came, `give_up_at` until when it waits, both by the steady clock.
    """

    def __init__(
        self,
        context: GatewayContext,
        rules: ProjectRules,
        authorizer: Authorizer,
        registry: RunRegistry,
        results: Results,
        looks: SourceLooks,
        polls: Polls,
    ) -> None:
        self._context = context
        self._rules = rules
        self._authorizer = authorizer
        self._registry = registry
        self._results = results
        self._looks = looks
        self._polls = polls

    def key(self, authorized: AuthorizedRunRequest) -> RunKey:
        """What is requested, as it is at this moment under the project's policy."""
        project, rules = authorized.project, self._rules
        return run_key(project, authorized.request, authorized.policy, rules.source(project), rules.timezone)

    def key_now(self, key: RunKey) -> RunKey:
        """The same, as its source is at this moment."""
        return key.with_source(self._rules.source(key.project))

    def side_effect(self, key: RunKey) -> str | None:
        """Why no run of others answers the request: a run of the project writes, as it came or as shown since."""
        effect, newest = self._rules.side_effect(key.project), self._authorizer.newest(key.project)
        return effect if effect or newest is key.project else self._rules.side_effect(newest)

    async def find(self, key: RunKey, caller: Caller, arrived_at: float, give_up_at: float) -> Hit | Join | Miss:
        """The earlier or running run that answers the request and that the caller may have, or why there is none.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        hit = await self._hit(key, caller, arrived_at, give_up_at)
        if isinstance(hit, Hit):
            return hit
        joined = await self.join(key, caller, arrived_at, give_up_at)
        return joined or hit

    async def find_again(self, key: RunKey, caller: Caller, arrived_at: float) -> Hit | Join | Miss:
        """As `find`, for a request whose turn to run has come; where Hex gives no answer it has to run."""
        give_up_at = self._context.clock.monotonic() + self._context.patience_seconds
        try:
            return await self.find(key, caller, arrived_at, give_up_at)
        except (NoRoomError, NoAnswerError):
            return Miss("Hex gives no answer to whether the caller may have the run of others")

    async def join(self, key: RunKey, caller: Caller, arrived_at: float, give_up_at: float) -> Join | Miss | None:
        """The running run of the same request that the caller may have, or why it may not; None if there is none.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        run = self._registry.joinable(key.request, caller.name)
        if run is None:
            return None
        later = arrived_at - run.sent_at
        rests_on_source = later >= 0 and key.policy.join == "while_source_same"
        key, is_seen = await self._seen(key, arrived_at, give_up_at) if rests_on_source else (self.key_now(key), True)
        if refusal := join_refusal(key, run.sent, later, self._context.now_ms()):
            return Miss(refusal)
        if not await self._may_have(key, caller, run.sent, give_up_at):
            return self._withheld(caller, run.sent, "the running run")
        if not await self._is_running(run, caller, give_up_at):
            return Miss("Hex does not show that the last run is still running")
        # Much may have happened to the source while Hex was queried.
        key = self._as_seen(key, is_seen)
        if refusal := join_refusal(key, run.sent, later, self._context.now_ms()):
            return Miss(refusal)
        if effect := self.side_effect(key):
            return Miss(effect)
        if not run.is_joinable:
            return Miss("the last run is over by now")
        age = self._context.clock.monotonic() - run.sent_at
        return Join(run, f"the same run is running, sent {max(0.0, age):.0f} s ago")

    async def stale(self, key: RunKey, caller: Caller, max_age_seconds: float, give_up_at: float) -> Hit | None:
        """The last result of the request that is younger than this and that the caller may have, whatever its source.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        now_ms = self._context.now_ms()
        ages = ((run, (now_ms - run.sent_ms) / 1000) for run in self._results.of(key.request))
        young = [one for one in ages if 0 <= one[1] < max_age_seconds and one[0].is_sampled == key.is_sampled]
        if not young or not await self._may_have(key, caller, young[0][0], give_up_at):
            return None
        complete = await self.with_answer(young[0][0], caller, give_up_at)
        if complete is None or self.side_effect(key):
            return None
        return Hit(complete, f"the last result, sent {young[0][1]:.0f} s ago, is within max_stale", False)

    async def with_answer(self, record: GatewayRun, caller: Caller, give_up_at: float) -> GatewayRun | None:
        """The run with what Hex answered to its start; None where that is lost and Hex does not show the run now.

        Raises NoRoomError as `Upstream.ask` does.
        """
        if record.answer:
            return record
        reply = await self._ask(record, caller, give_up_at)
        answer = None if reply is None else start_answer(reply.body, self._context.base_url, record)
        return None if answer is None else await self._registry.complete(record, answer)

    async def _hit(self, key: RunKey, caller: Caller, arrived_at: float, give_up_at: float) -> Hit | Miss:
        found, is_seen = self._find_hit(key), True
        if self._results.of(key.request) and not (isinstance(found, Hit) and not found.rests_on_source):
            key, is_seen = await self._seen(key, arrived_at, give_up_at)
            found = self._find_hit(key)
        if isinstance(found, Miss):
            return found
        if not await self._may_have(key, caller, found.run, give_up_at):
            return self._withheld(caller, found.run, "the last run")
        complete = await self.with_answer(found.run, caller, give_up_at)
        if complete is None:
            return Miss("what Hex answered to the start of the last run is lost, and Hex does not show it now")
        # Much may have happened to the source while Hex was queried.
        key = self._as_seen(key, is_seen)
        hit = self._find_hit(key)
        if isinstance(hit, Miss):
            return hit
        if effect := self.side_effect(key):
            return Miss(effect)
        if hit.run.run_id != complete.run_id:
            return Miss("a later run has completed meanwhile, and whether the caller may have it is not known")
        if is_stale(hit, key.source.state):
            self._context.journal.count("hex_gateway_stale_hits_total")
            return Miss("the source is known to have changed after the last run was sent")
        return replace(hit, run=complete)

    async def _seen(self, key: RunKey, arrived_at: float, give_up_at: float) -> tuple[RunKey, bool]:
        """The key with its source as a probe saw it that began after the request came; without it, if none did."""
        is_seen = await self._looks.look(key.source, arrived_at, give_up_at)
        return self._as_seen(key, is_seen), is_seen

    def _as_seen(self, key: RunKey, is_seen: bool) -> RunKey:
        now = self.key_now(key)
        return now if is_seen else now.with_source(replace(now.source, is_fresh=False))

    def _find_hit(self, key: RunKey) -> Hit | Miss:
        return find_hit(key, self._results, self._context.now_ms())

    async def _may_have(self, key: RunKey, caller: Caller, run: GatewayRun, give_up_at: float) -> bool:
        return await self._authorizer.may_have(
            caller, run, shared=key.policy.shared, patience_seconds=give_up_at - self._context.clock.monotonic()
        )

    def _withheld(self, caller: Caller, run: GatewayRun, which: str) -> Miss:
        """Why the caller may not have a run, by now."""
        if self._authorizer.has_started(caller, run):
            return Miss("Hex has not confirmed lately that the caller may run the project; a start does so")
        return Miss(f"{which} is of another caller; this one has neither started the project nor may read it")

    async def _is_running(self, run: ActiveRun, caller: Caller, give_up_at: float) -> bool:
        """Whether Hex has shown the run as running lately, or does so now; with its answer complete."""
        if not run.sent.answer:
            return await self.with_answer(run.sent, caller, give_up_at) is not None and run.is_joinable
        if self._context.clock.monotonic() - run.seen_running_at <= RUNNING_SECONDS:
            return run.is_joinable
        return await self._ask(run.sent, caller, give_up_at) is not None and run.is_joinable

    async def _ask(self, record: GatewayRun, caller: Caller, give_up_at: float) -> Reply | None:
        """What Hex shows of a run to this caller now, which the registry takes in; None where it does not."""
        poll = poll_of(caller, record)
        if poll is None:
            return None
        try:
            reply = await self._polls.ask_now(poll, give_up_at - self._context.clock.monotonic())
        except NoAnswerError:
            return None
        return reply if reply.status == 200 else None
