"""Who may come in: tokens that Hex has accepted at once; unknown ones through one small lane, one after the other."""

import asyncio
import hashlib
from collections import Counter, deque
from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass, field

from exporter.config import AllowedCaller
from exporter.gateway.access.authorizer import Authorizer
from exporter.gateway.access.caller import Caller
from exporter.gateway.access.callers import Callers
from exporter.gateway.context import GatewayContext
from exporter.gateway.decisions import log_decision
from exporter.gateway.routing.answers import Answer, passed_on
from exporter.gateway.routing.error_bodies import too_many, unauthorized
from exporter.gateway.single_flight import SingleFlight
from exporter.gateway.upstream.deadline import first_of
from exporter.gateway.upstream.fair_line import FairLine
from exporter.gateway.upstream.reply import Reply
from exporter.gateway.upstream.upstream import NoRoomError, Request

SHARE = 0.05
"""The part of the callers' rate that questions about unknown tokens may take."""

_MINUTE_SECONDS = 60.0

_MINUTES_AT_START = 5
"""In its first minute the gateway may ask as many questions as in so many others: all tokens are new to it then."""

MOST_WAITING = 100
"""Unknown tokens that wait at once; one more is sent away."""

MOST_WAITING_EACH = 10
"""Those of them from one address."""

MOST_WEIGHTS = 1_000
"""Callers whose weight is remembered by their name."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request whose head has come: who sends it, for which project (None: for none) and with which certificate's
    names."""

    caller: Caller
    project_id: str | None = None
    certificate_names: Collection[str] = field(default=())


class Door:
    """Lets callers in. Used on one event loop."""

    def __init__(
        self, context: GatewayContext, callers: Callers, authorizer: Authorizer, allowed: Sequence[AllowedCaller]
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._callers = callers
        self._authorizer = authorizer
        self._by_token = {one.token_sha256: one for one in allowed if one.token_sha256 is not None}
        self._by_certificate = {one.certificate: one for one in allowed if one.certificate is not None}
        self._is_closed = bool(allowed)
        self._weights: dict[str, int] = {}
        self._line: FairLine[asyncio.Future[None]] = FairLine()
        self._asking: SingleFlight[str, Answer | None] = SingleFlight(context.upstream.is_waiting)
        self._waiting: Counter[str] = Counter()
        self._is_asking = False
        self._opened_at = self._clock.monotonic()
        self._asked_at: deque[float] = deque(maxlen=MOST_WAITING)

    def weight(self, name: str) -> int:
        """How many turns the caller has for one of a caller of weight 1."""
        return self._weights.get(name, 1)

    def enter(self, arrival: Arrival, patience_seconds: float) -> Answer | Awaitable[Answer | None] | None:
        """None: come in. An answer: it is refused. Else that has to be waited for: Hex is queried about the token.

        The waiting raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        caller = arrival.caller
        if self._is_closed and not self._is_allowed(arrival):
            return self._refused(caller, "gateway.callers does not name the caller")
        if self._callers.is_accepted(caller.name):
            return None
        if self._callers.is_refused(caller.name):
            return self._refused(caller, "Hex has refused the token within the last minute")
        if caller.name not in self._asking:
            if self._waiting.total() >= MOST_WAITING or self._waiting[caller.peer] >= MOST_WAITING_EACH:
                log_decision("refused", "too many unknown tokens wait", caller=caller.name)
                seconds = self._seconds_for(self._waiting.total() + 1)
                return too_many("Too many unknown tokens wait to be checked", seconds)
            self._waiting[caller.peer] += 1
            task = self._asking.task(caller.name, lambda: self._ask(arrival, patience_seconds))
            task.add_done_callback(lambda _: self._forget(caller.peer))
        return self._asking.answer(caller.name, lambda: self._ask(arrival, patience_seconds))

    async def aclose(self) -> None:
        """End the questions that are still open."""
        await self._asking.aclose()

    def _is_allowed(self, arrival: Arrival) -> bool:
        token = arrival.caller.authorization.partition(b" ")[2].strip()
        found = self._by_token.get(hashlib.sha256(token).hexdigest()) if self._by_token else None
        for name in arrival.certificate_names:
            found = found or self._by_certificate.get(name)
        if found is None:
            return False
        if found.weight != 1 and len(self._weights) < MOST_WEIGHTS:
            self._weights[arrival.caller.name] = found.weight
        return True

    def _refused(self, caller: Caller, reason: str) -> Answer:
        log_decision("refused", reason, caller=caller.name)
        return unauthorized(token_sent=True)

    def _forget(self, peer: str) -> None:
        self._waiting[peer] -= 1
        if not self._waiting[peer]:
            del self._waiting[peer]

    async def _ask(self, arrival: Arrival, patience_seconds: float) -> Answer | None:
        """Wait for the lane, and ask Hex about the token; a 429 is waited out beside the lane, which is for others."""
        give_up_at = self._clock.monotonic() + patience_seconds
        request = self._question(arrival)
        while True:
            await self._context.upstream.wait_out(request, give_up_at)
            await self._wait(arrival.caller.peer, give_up_at - self._clock.monotonic())
            try:
                reply = await self._reply(request, give_up_at - self._clock.monotonic())
            finally:
                self._is_asking = False
                self._let_next()
            if reply is not None:
                return self._judge(arrival, reply)

    async def _wait(self, peer: str, patience_seconds: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.add(peer, turn)
        give_up_at = self._clock.monotonic() + patience_seconds
        self._let_next()
        while not turn.done():
            left, wait = give_up_at - self._clock.monotonic(), self._seconds_for(1)
            try:
                # With something left of the rate it is the question before it that this one waits for.
                await first_of(self._clock, left if wait <= 0 else min(left, wait), turn)
            except BaseException:
                self._give_up(peer, turn)
                raise
            self._let_next()
            if not turn.done() and self._clock.monotonic() >= give_up_at:
                ahead = len(self._line)
                self._give_up(peer, turn)
                raise NoRoomError(self._seconds_for(ahead))

    def _give_up(self, peer: str, turn: "asyncio.Future[None]") -> None:
        if not self._line.remove(peer, turn):  # it was its turn
            self._is_asking = False
            self._let_next()

    def _let_next(self) -> None:
        """Query Hex about the next token, if about none now and the lane's part of the rate is not used up."""
        if self._is_asking or self._seconds_for(1) > 0:
            return
        turn = self._line.next()
        if turn is not None:
            self._is_asking = True
            self._asked_at.append(self._clock.monotonic())
            turn.set_result(None)

    def _seconds_for(self, questions: int) -> float:
        """Seconds until so many questions may have been sent."""
        now = at = self._clock.monotonic()
        each_minute = max(1.0, self._context.pace().callers_allowed_per_minute) * SHARE
        if now - self._opened_at < _MINUTE_SECONDS:
            each_minute *= _MINUTES_AT_START
        # Less than one a minute is one in a longer time.
        most, window = max(1, int(each_minute)), _MINUTE_SECONDS / min(1.0, each_minute)
        asked_at = deque(self._asked_at, most)
        for _ in range(questions):
            if len(asked_at) == most:
                at = max(at, asked_at[0] + window)
            asked_at.append(at)
        return 0.0 if at <= now else max(0.01, at - now)

    def _question(self, arrival: Arrival) -> Request:
        """What Hex is asked about the token: to show the project, or a list."""
        caller, project_id = arrival.caller, arrival.project_id
        what = "projects?limit=1" if project_id is None else f"projects/{project_id}"
        return Request(
            method="GET",
            caller=caller.name,
            is_unknown=True,
            url=f"{self._context.base_url}/{what}",
            endpoint="projects" if project_id is None else "project",
            headers=caller.headers,
        )

    async def _reply(self, request: Request, patience_seconds: float) -> Reply | None:
        """What Hex answers; None for a 429."""
        if not await self._context.upstream.turn(request, patience_seconds):
            return None
        reply = await self._context.upstream.send(request)
        if reply.status != 429:
            return reply
        self._context.journal.count("hex_gateway_absorbed_total", ("rate_limit",))
        return None

    def _judge(self, arrival: Arrival, reply: Reply) -> Answer | None:
        caller, project_id = arrival.caller, arrival.project_id
        if reply.status == 401:
            log_decision("refused", "Hex does not accept the token", caller=caller.name)
            self._callers.refuse(caller.name)
            return passed_on(reply)
        if reply.status >= 500:
            return passed_on(reply)
        self._callers.accept(caller.name)
        if project_id is not None:
            self._authorizer.learn(caller, project_id, reply)
        return None
