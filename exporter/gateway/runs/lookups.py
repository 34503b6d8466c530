"""Whether a request can be answered without a run of its own: by an earlier result, or by a run that is running."""

from dataclasses import dataclass, field

from exporter.facts import Project
from exporter.gateway.access.authorizer import Authorizer
from exporter.gateway.access.caller import Caller
from exporter.gateway.cache.hits import Hit, Miss, find_hit, is_stale
from exporter.gateway.cache.project_rules import ProjectRules
from exporter.gateway.cache.results import Results
from exporter.gateway.cache.run_key import RunKey, run_key
from exporter.gateway.cache.run_request import RunRequest
from exporter.gateway.context import GatewayContext
from exporter.gateway.runs.active_run import ActiveRun
from exporter.gateway.runs.registry import RunRegistry
from exporter.gateway.upstream.upstream import NoAnswerError, NoRoomError, RawHeaders
from exporter.ledger import GatewayRun


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizedRunRequest:
    """A run request of a caller to whom Hex has shown the project. `headers` are those that may go on to Hex."""

    caller: Caller
    project: Project
    request: RunRequest
    url: str = field(repr=False)
    headers: RawHeaders = field(repr=False)


@dataclass(frozen=True, slots=True)
class Join:
    """A running run that answers a request, and why."""

    run: ActiveRun
    reason: str


class Lookups:
    """Looks for what is there already. Used on one event loop."""

    def __init__(
        self,
        context: GatewayContext,
        rules: ProjectRules,
        authorizer: Authorizer,
        registry: RunRegistry,
        results: Results,
    ) -> None:
        self._context = context
        self._rules = rules
        self._authorizer = authorizer
        self._registry = registry
        self._results = results

    def key(self, authorized: AuthorizedRunRequest) -> RunKey:
        """What is requested, as it is at this moment under the project's policy."""
        project = authorized.project
        return run_key(project, authorized.request, self._rules.policy(project), self._rules.source(project))

    def key_now(self, key: RunKey) -> RunKey:
        """The same, as its source is at this moment."""
        return key.with_source(self._rules.source(key.project))

    async def find(self, key: RunKey, caller: Caller, give_up_at: float) -> Hit | Join | Miss:
        """The earlier or running run that answers the request and that the caller may have, or why there is none.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        hit = await self._hit(key, caller, give_up_at)
        return hit if isinstance(hit, Hit) else await self.join(key, caller, give_up_at) or hit

    async def find_again(self, key: RunKey, caller: Caller) -> Hit | Join | Miss:
        """As `find`, for a request whose turn to run has come; where Hex gives no answer it has to run."""
        try:
            return await self.find(key, caller, self._context.clock.monotonic() + self._context.patience_seconds)
        except (NoRoomError, NoAnswerError):
            return Miss("Hex gives no answer to whether the caller may have the run of others")

    async def join(self, key: RunKey, caller: Caller, give_up_at: float) -> Join | None:
        """The running run with the same fingerprint that the caller may have.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        run = self._registry.joinable(key.fingerprint, caller.name)
        if run is None or not await self._may_have(key, caller, run.sent, give_up_at):
            return None
        return Join(run, "a run with the same fingerprint is running") if run.is_joinable else None

    async def _hit(self, key: RunKey, caller: Caller, give_up_at: float) -> Hit | Miss:
        found = self._find_hit(key)
        if isinstance(found, Miss):
            return found
        if not await self._may_have(key, caller, found.run, give_up_at):
            return Miss("the last run is of another caller; this one has neither started the project nor may read it")
        # Much may have happened to the source while the rights were read from Hex.
        key = self.key_now(key)
        hit = self._find_hit(key)
        if isinstance(hit, Miss):
            return hit
        if hit.run.run_id != found.run.run_id:
            return Miss("a later run has completed meanwhile, and whether the caller may have it is not known")
        if is_stale(hit, key.source.state):
            self._context.journal.count("hex_gateway_stale_hits_total")
            return Miss("the source is known to have changed after the last run was sent")
        return hit

    def _find_hit(self, key: RunKey) -> Hit | Miss:
        return find_hit(key, self._results, self._context.now_ms())

    async def _may_have(self, key: RunKey, caller: Caller, run: GatewayRun, give_up_at: float) -> bool:
        return await self._authorizer.may_have(
            caller, run, shared=key.policy.shared, patience_seconds=give_up_at - self._context.clock.monotonic()
        )
