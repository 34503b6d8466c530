"""What happens to a run request: a result that is there, a run that is on its way, or a place in the queue."""

from dataclasses import dataclass

from exporter.clock import Clock
from exporter.config import Config
from exporter.facts import Project
from exporter.gateway.answers import Answer, too_many
from exporter.gateway.fingerprint import fingerprint, request_digest
from exporter.gateway.flights import Board, Flight, Order, Underway
from exporter.gateway.hits import Results, Wish, find_hit, is_stale
from exporter.gateway.journal import Journal
from exporter.gateway.launches import Launches
from exporter.gateway.queue import KEPT_SECONDS, Place, Queue, Refused
from exporter.gateway.request import RunRequest
from exporter.gateway.rights import Caller, Rights
from exporter.gateway.upstream import NoRoomError, RawHeaders
from exporter.gateway.waiting import first_of
from exporter.ledger import SourceState, WorkspaceLedger
from exporter.sources.standing import judged

_OWN_HEADERS = frozenset({b"content-type", b"accept", b"accept-encoding", b"cache-control"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A run request of a caller to whom Hex has shown the project. `headers` are those that may go on to Hex."""

    caller: Caller
    project: Project
    request: RunRequest
    url: str
    headers: RawHeaders


class RunRequests:
    """Answers run requests. Used on one event loop; `config` may be replaced at any time."""

    def __init__(
        self,
        *,
        config: Config,
        workspace_name: str,
        queue: Queue,
        board: Board,
        results: Results,
        launches: Launches,
        rights: Rights,
        journal: Journal,
        ledger: WorkspaceLedger,
        clock: Clock,
    ) -> None:
        self.config = config
        self._workspace_name = workspace_name
        self._queue = queue
        self._board = board
        self._results = results
        self._launches = launches
        self._rights = rights
        self._journal = journal
        self._ledger = ledger
        self._clock = clock

    async def answer(self, asked: Asked, patience_seconds: float) -> Answer:
        """The answer to a run request: Hex's 201, or that of an earlier run, or why there is none.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does. Whoever is cancelled leaves its place, which is
        kept for a while.
        """
        give_up_at = self._clock.monotonic() + patience_seconds
        wish, order = self._wish(asked), _order(asked)
        try:
            if order.bypass is None:
                found = await self._hit(wish, order.caller, give_up_at) or await self._join(wish, order, give_up_at)
                if found is not None:
                    return found
            return await self._queued(wish, order, give_up_at)
        except NoRoomError:
            self._journal.count("hex_gateway_requests_total", ("refused",))
            raise

    def _wish(self, asked: Asked) -> Wish:
        """What the request asks for at this moment, under the project's policy."""
        gateway, project = self.config.gateway, asked.project
        assert gateway is not None
        version = "unpublished" if project.published_ms is None else str(project.published_ms)
        digest = request_digest(project.project_id, version, asked.request)
        standing = judged(self.config, self._workspace_name, project, self._ledger.sources.states(), self._now_ms())
        wish = Wish(
            project_id=project.project_id,
            request=digest,
            fingerprint="",
            version=version,
            is_sampled=asked.request.is_sampled,
            policy=gateway.policy(self._workspace_name, project),
            standing=standing,
        )
        return wish.printed(fingerprint(digest, None if wish.state is None else wish.state.digest))

    async def _hit(self, wish: Wish, caller: Caller, give_up_at: float) -> Answer | None:
        hit = find_hit(wish, self._results, self._now_ms())
        if hit is None:
            return None
        run = hit.run
        may_have = await self._rights.may_have(
            caller,
            wish.project_id,
            run.run_id or "",
            run.caller,
            shared=wish.policy.shared,
            patience_seconds=give_up_at - self._clock.monotonic(),
        )
        if not may_have:
            return None
        state = self._ledger.sources.states().get(wish.standing.key or "")
        if hit.heeds_source and state != wish.standing.state and _digest(state) != _digest(wish.standing.state):
            return None  # it changed while Hex was asked for the rights
        if is_stale(hit, state):
            self._journal.count("hex_gateway_stale_hits_total")
            return None
        self._board.given(run, caller.name, self._clock.monotonic())
        self._count("hit", wish.project_id)
        self._journal.count("hex_cache_saved_seconds_total", (wish.project_id,), run.duration_ms or 0)
        return Answer(201, body=(run.answer or "").encode(), cache="hit")

    async def _join(self, wish: Wish, order: Order, give_up_at: float) -> Answer | None:
        """The run that is on with the same fingerprint, if there is one that the caller may have."""
        underway = self._board.joinable(wish.fingerprint)
        if underway is None:
            return None
        may_have = await self._rights.may_have(
            order.caller,
            wish.project_id,
            underway.run_id,
            underway.run.caller,
            shared=wish.policy.shared,
            patience_seconds=give_up_at - self._clock.monotonic(),
        )
        if not may_have or not underway.is_joinable:
            return None
        self._count("joined", wish.project_id)
        return self._given(underway, order.caller, "joined")

    async def _queued(self, wish: Wish, order: Order, give_up_at: float) -> Answer:
        now = self._clock.monotonic()
        self._launches.expire(now)
        is_alone = order.bypass is not None
        place = self._queue.offer(order.caller.seat, wish.fingerprint, now, is_alone=is_alone)
        if isinstance(place, Refused):
            self._journal.count("hex_gateway_requests_total", ("refused",))
            retry_after = max(float(place.retry_after_seconds), self._launches.held_seconds())
            return too_many(f"The gateway's queue is full: {place.reason}", retry_after)

        flight = self._board.flights.get(place)
        if flight is None:
            flight = self._board.flights[place] = Flight(place, wish, order, now)
        flight.waiting += 1
        self._launches.pump()
        is_answered = False
        try:
            answer = await self._wait(flight, wish, order, give_up_at)
            is_answered = flight.outcome.done() or answer.status == 201
            return answer
        finally:
            flight.waiting -= 1
            self._leave(flight, place, is_answered=is_answered)

    async def _wait(self, flight: Flight, wish: Wish, order: Order, give_up_at: float) -> Answer:
        while not flight.outcome.done():
            patience = give_up_at - self._clock.monotonic()
            if not await first_of(self._clock, patience, flight.outcome, flight.stirred):
                self._journal.count("hex_gateway_requests_total", ("refused",))
                now, held = self._clock.monotonic(), self._launches.held_seconds()
                retry_after = self._queue.retry_after(flight.place, now, held)
                if held > KEPT_SECONDS:
                    return too_many("Hex lets no more runs start for now", held)
                return too_many("Other runs are still before this one; its place is kept for a minute", retry_after)
            if not flight.outcome.done():
                flight.calm()
                joined = await self._join(wish, order, give_up_at)
                if joined is not None:
                    return joined

        outcome = flight.outcome.result()
        if isinstance(outcome, Answer):
            return outcome
        is_first, flight.is_claimed = not flight.is_claimed, True
        if order.bypass is not None:
            return self._given(outcome, order.caller, "bypass")
        if not is_first:
            self._count("joined", wish.project_id)
        return self._given(outcome, order.caller, "miss" if is_first else "joined")

    def _given(self, underway: Underway, caller: Caller, cache: str) -> Answer:
        underway.give(caller.name, self._clock.monotonic())
        return Answer(201, body=(underway.run.answer or "").encode(), cache=cache)

    def _leave(self, flight: Flight, place: Place, *, is_answered: bool) -> None:
        if flight.outcome.done():
            return
        if is_answered and not flight.waiting:
            # Nobody comes back for it: all have been given the run of another.
            self._queue.withdraw(place)
            self._board.flights.pop(place, None)
        else:
            self._queue.leave(place, self._clock.monotonic())

    def _count(self, outcome: str, project_id: str) -> None:
        """Count a request that started no run."""
        self._journal.count("hex_gateway_requests_total", (outcome,))
        self._journal.count("hex_cache_lookups_total", (project_id,))
        self._journal.count("hex_cache_hits_total", (project_id,))

    def _now_ms(self) -> int:
        return round(self._clock.now() * 1000)


def _digest(state: SourceState | None) -> str | None:
    return None if state is None else state.digest


def _order(asked: Asked) -> Order:
    """What is sent to Hex if a run has to be started."""
    kept = [(name, value) for name, value in asked.headers if name.lower() not in _OWN_HEADERS]
    own = [header for header in asked.caller.headers if header[0] in (b"accept", b"accept-encoding")]
    return Order(
        caller=asked.caller,
        url=asked.url,
        headers=(*kept, *own, (b"content-type", b"application/json")),
        body=asked.request.body,
        bypass=asked.request.bypass,
        is_dry=asked.request.fields.get("dryRun", False) is not False,
    )
