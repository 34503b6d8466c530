"""What happens to a run request: a result that is there, a run that is on its way, or a place in the queue."""

from exporter.clock import Clock
from exporter.gateway.access.authorizer import Caller
from exporter.gateway.cache.hits import RunKey
from exporter.gateway.cache.lookups import Asked, Lookups
from exporter.gateway.routing.answers import Answer, too_many
from exporter.gateway.runs.active_runs import ActiveRun, Board, Flight, Order
from exporter.gateway.runs.attachments import Attachments
from exporter.gateway.runs.dispatcher import Dispatcher
from exporter.gateway.runs.journal import Journal
from exporter.gateway.runs.queue import KEPT_SECONDS, Place, Queue, Refused
from exporter.gateway.upstream.upstream import NoRoomError
from exporter.gateway.upstream.waiting import first_of
from exporter.ledger import GatewayRun

_OWN_HEADERS = frozenset({b"content-type", b"accept", b"accept-encoding", b"cache-control"})


class RunRequests:
    """Answers run requests. Used on one event loop."""

    def __init__(
        self,
        lookups: Lookups,
        queue: Queue,
        board: Board,
        launches: Dispatcher,
        attachments: Attachments,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._lookups = lookups
        self._queue = queue
        self._board = board
        self._launches = launches
        self._attachments = attachments
        self._journal = journal
        self._clock = clock

    async def answer(self, asked: Asked, patience_seconds: float) -> Answer:
        """The answer to a run request: Hex's 201, or that of an earlier run, or why there is none.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does. Whoever is cancelled leaves its place, which is
        kept for a while.
        """
        give_up_at = self._clock.monotonic() + patience_seconds
        wish, order = self._lookups.wish(asked), _order(asked)
        try:
            if order.bypass is None:
                run = await self._lookups.hit(wish, order.caller, give_up_at)
                if run is not None:
                    return self._hit(run, order.caller)
                if joined := await self._join(wish, order, give_up_at):
                    return joined
            return await self._queued(wish, order, give_up_at)
        except NoRoomError:
            self._journal.count("hex_gateway_requests_total", ("refused",))
            raise

    async def _join(self, wish: RunKey, order: Order, give_up_at: float) -> Answer | None:
        underway = await self._lookups.join(wish, order.caller, give_up_at)
        if underway is None:
            return None
        self._count("joined", wish.project_id)
        return self._given(underway, order.caller, "joined")

    async def _queued(self, wish: RunKey, order: Order, give_up_at: float) -> Answer:
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

    async def _wait(self, flight: Flight, wish: RunKey, order: Order, give_up_at: float) -> Answer:
        while not flight.outcome.done():
            patience = give_up_at - self._clock.monotonic()
            if not await first_of(self._clock, patience, flight.outcome, flight.stirred):
                return self._come_back(flight)
            if not flight.outcome.done():
                flight.calm()
                if joined := await self._join(wish, order, give_up_at):
                    return joined

        outcome = flight.outcome.result()
        if isinstance(outcome, Answer):
            return outcome
        if isinstance(outcome, GatewayRun):
            return self._hit(outcome, order.caller)
        is_first, flight.is_claimed = not flight.is_claimed, True
        if order.bypass is not None:
            return self._given(outcome, order.caller, "bypass")
        if not is_first:
            self._count("joined", wish.project_id)
        return self._given(outcome, order.caller, "miss" if is_first else "joined")

    def _come_back(self, flight: Flight) -> Answer:
        """What a caller is told that has waited for as long as it may."""
        self._journal.count("hex_gateway_requests_total", ("refused",))
        held = self._launches.held_seconds()
        if held > KEPT_SECONDS:
            return too_many("Hex lets no more runs start for now", held)
        retry_after = self._queue.retry_after(flight.place, self._clock.monotonic(), held)
        return too_many("Other runs are still before this one; its place is kept for a minute", retry_after)

    def _leave(self, flight: Flight, place: Place, *, is_answered: bool) -> None:
        if flight.outcome.done():
            return
        if is_answered and not flight.waiting:
            # Nobody comes back for it: all have been given the run of another.
            self._queue.withdraw(place)
            self._board.flights.pop(place, None)
        else:
            self._queue.leave(place, self._clock.monotonic())

    def _hit(self, run: GatewayRun, caller: Caller) -> Answer:
        self._board.given(run, caller.name, self._clock.monotonic())
        self._count("hit", run.project_id)
        self._journal.count("hex_cache_saved_seconds_total", (run.project_id,), run.duration_ms or 0)
        return Answer(201, body=(run.answer or "").encode(), cache="hit")

    def _given(self, underway: ActiveRun, caller: Caller, cache: str) -> Answer:
        self._attachments.give(underway, caller.name)
        return Answer(201, body=(underway.run.answer or "").encode(), cache=cache)

    def _count(self, outcome: str, project_id: str) -> None:
        """Count a request that started no run."""
        self._journal.count("hex_gateway_requests_total", (outcome,))
        self._journal.count("hex_cache_lookups_total", (project_id,))
        self._journal.count("hex_cache_hits_total", (project_id,))


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
