"""Whether a request can be answered without a run of its own: by a result that is there, or by a run that is on."""

from dataclasses import dataclass, field

from exporter.clock import Clock
from exporter.config import Config
from exporter.facts import Project
from exporter.gateway.access.authorizer import Authorizer, Caller
from exporter.gateway.cache.fingerprint import fingerprint, request_digest
from exporter.gateway.cache.hits import Hit, Results, RunKey, find_hit, is_stale
from exporter.gateway.cache.run_request import RunRequest
from exporter.gateway.runs.active_runs import ActiveRun, Board, Flight
from exporter.gateway.runs.journal import Journal
from exporter.gateway.upstream.upstream import NoAnswerError, NoRoomError, RawHeaders
from exporter.ledger import GatewayRun, WorkspaceLedger
from exporter.sources import SourceStatus, source_status


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A run request of a caller to whom Hex has shown the project. `headers` are those that may go on to Hex."""

    caller: Caller
    project: Project
    request: RunRequest
    url: str = field(repr=False)
    headers: RawHeaders = field(repr=False)


class Lookups:
    """Looks for what is there already. Used on one event loop; `config` may be replaced at any time."""

    def __init__(
        self,
        *,
        config: Config,
        workspace_name: str,
        board: Board,
        results: Results,
        rights: Authorizer,
        journal: Journal,
        ledger: WorkspaceLedger,
        clock: Clock,
    ) -> None:
        self.config = config
        self._workspace_name = workspace_name
        self._board = board
        self._results = results
        self._rights = rights
        self._journal = journal
        self._ledger = ledger
        self._clock = clock

    def wish(self, asked: Asked) -> RunKey:
        """What the request asks for at this moment, under the project's policy."""
        gateway, project = self.config.gateway, asked.project
        assert gateway is not None
        # What Hex would refuse is never answered with a result from before: it is a version of its own.
        version = f"{project.state} {project.published_ms or ''}".strip()
        return _printed(
            RunKey(
                project=project,
                request=request_digest(project.project_id, version, asked.request),
                fingerprint="",
                version=version,
                is_sampled=asked.request.is_sampled,
                policy=gateway.policy(self._workspace_name, project),
                standing=self._standing(project),
            )
        )

    async def hit(self, wish: RunKey, caller: Caller, give_up_at: float) -> GatewayRun | None:
        """The earlier run that answers the wish and that the caller may have.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        found = self._find(wish)
        if found is None or not await self._may_have(wish, caller, found.run, give_up_at):
            return None
        # Much may have happened to the source while Hex was asked for the rights.
        wish = _printed(wish.under(self._standing(wish.project)))
        hit = self._find(wish)
        if hit is None or hit.run.run_id != found.run.run_id:
            return None
        if is_stale(hit, wish.standing.state):
            self._journal.count("hex_gateway_stale_hits_total")
            return None
        return hit.run

    async def join(self, wish: RunKey, caller: Caller, give_up_at: float) -> ActiveRun | None:
        """The run that is on with the same fingerprint and that the caller may have.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        underway = self._board.joinable(wish.fingerprint)
        if underway is None or not await self._may_have(wish, caller, underway.run, give_up_at):
            return None
        return underway if underway.is_joinable else None

    async def again(self, flight: Flight, patience_seconds: float) -> ActiveRun | GatewayRun | None:
        """What answers a request whose turn to run has come, as its source stands now; None if it has to run."""
        flight.wish = wish = _printed(flight.wish.under(self._standing(flight.wish.project)))
        if flight.order.bypass is not None:
            return None
        caller, give_up_at = flight.order.caller, self._clock.monotonic() + patience_seconds
        try:
            return await self.hit(wish, caller, give_up_at) or await self.join(wish, caller, give_up_at)
        except (NoRoomError, NoAnswerError):
            return None

    def _find(self, wish: RunKey) -> Hit | None:
        return find_hit(wish, self._results, round(self._clock.now() * 1000))

    def _standing(self, project: Project) -> SourceStatus:
        states, now_ms = self._ledger.sources.states(), round(self._clock.now() * 1000)
        return source_status(self.config, self._workspace_name, project, states, now_ms)

    async def _may_have(self, wish: RunKey, caller: Caller, run: GatewayRun, give_up_at: float) -> bool:
        return await self._rights.may_have(
            caller,
            wish.project_id,
            run.run_id or "",
            run.caller,
            shared=wish.policy.shared,
            patience_seconds=give_up_at - self._clock.monotonic(),
        )


def _printed(wish: RunKey) -> RunKey:
    """The wish with the fingerprint that it has as its source stands."""
    return wish.printed(fingerprint(wish.request, None if wish.state is None else wish.state.digest))
