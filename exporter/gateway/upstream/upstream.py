"""The way to Hex for requests of callers: in turn, within a deadline, never redirected.

What changes something is never sent twice; a read whose connection was closed before it was answered is.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog

from exporter.clock import Clock
from exporter.config import Route
from exporter.errors import HexExporterError
from exporter.gateway.journal import Journal
from exporter.gateway.upstream.caller_holds import CallerHolds
from exporter.gateway.upstream.fair_line import same_weight
from exporter.gateway.upstream.reply import RawHeaders, Reply
from exporter.gateway.upstream.turns import NoTurnError, Turns
from exporter.hexapi import Exchanger, NoAnswer, Pace, Tier, whole_body

MIB = 1024 * 1024

_BODY_LIMIT_BYTES = 16 * MIB
_DEADLINE_SECONDS = 60.0  # Hex starts a run slowly when its kernels are busy
_CONNECTIONS = httpx.Limits(max_connections=64, max_keepalive_connections=8, keepalive_expiry=30.0)

_BROKEN_OFF = "Hex broke its answer off"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request for Hex. `url` is whole and checked; `headers` hold the caller's own token, and are never shown.

    `caller` is the token's name. One that `is_unknown` takes the turn of all whose token Hex has not accepted yet.
    """

    method: str
    caller: str
    is_unknown: bool = False
    url: str = field(repr=False)
    endpoint: str
    headers: RawHeaders = field(repr=False)
    body: bytes = field(default=b"", repr=False)


class NoAnswerError(HexExporterError):
    """Hex gave no complete answer; `was_sent` says whether it can have received the request."""

    def __init__(self, reason: str, *, was_sent: bool) -> None:
        super().__init__(reason)
        self.was_sent = was_sent


class NoRoomError(HexExporterError):
    """The rate limit leaves no room within the time that the caller waits; it does in `retry_after_seconds`."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"no room within {retry_after_seconds:.0f} s")
        self.retry_after_seconds = retry_after_seconds


class Upstream:
    """Sends requests to one Hex workspace, in turn with everything else that is sent there.

    `pace` gives the workspace's pacing authority of this moment; `holds` are of callers whom Hex has refused for now;
    `route` is the way there. Used on one event loop.
    """

    def __init__(
        self,
        pace: Callable[[], Pace],
        holds: CallerHolds,
        journal: Journal,
        clock: Clock,
        *,
        route: Route | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.holds = holds
        self._pace = pace
        self._weigh: Callable[[str], int] = same_weight
        self._turns = Turns(pace, clock, lambda caller: self._weigh(caller))
        self._journal = journal
        self._clock = clock
        self._sending: set[asyncio.Task[Any] | None] = set()
        self._http = Exchanger(limits=_CONNECTIONS, route=route, transport=transport)

    def weigh_by(self, weigh: Callable[[str], int]) -> None:
        """Go by this from now on for how many turns a caller has for one of others."""
        self._weigh = weigh

    def is_waiting(self, task: "asyncio.Task[object]") -> bool:
        """Whether a task that asks is not sending just now: what it does may be given up without a loss."""
        return task not in self._sending

    def has_room(self, caller: str, endpoint: str) -> bool:
        """Whether a request could leave at once, without taking the turn of one that waits."""
        return self.wait_seconds() <= 0 and self.holds.seconds(caller, endpoint) <= 0

    def wait_seconds(self) -> float:
        """Seconds until the rate leaves room for a request that comes now, whoever sends it."""
        return self._pace().wait_seconds(Tier.CALLERS)

    async def turn(self, request: Request, patience_seconds: float | None = None, *, is_urgent: bool = False) -> bool:
        """Wait for a request's turn and take it; whether it may be sent: its caller may be held by then.

        NoRoomError as soon as it is clear that it takes longer than the patience. What is urgent comes before all that
        waits.
        """
        if not self._turns.take_now():
            line = "" if request.is_unknown else request.caller
            try:
                await self._turns.take(line, patience_seconds, is_urgent=is_urgent)
            except NoTurnError as error:
                raise NoRoomError(error.seconds) from None
        return self.holds.seconds(request.caller, request.endpoint) <= 0

    async def ask(self, request: Request, patience_seconds: float, *, is_urgent: bool = False) -> Reply:
        """Hex's answer. A 429 is waited out for as long as the caller has patience, then NoRoomError.

        Only a 429 is followed by another try: Hex has done nothing then. NoAnswerError without an answer.
        """
        give_up_at = self._clock.monotonic() + patience_seconds
        while True:
            await self.wait_out(request, give_up_at)
            if not await self.turn(request, give_up_at - self._clock.monotonic(), is_urgent=is_urgent):
                continue
            reply = await self.send(request)
            if reply.status != 429:
                return reply
            self._journal.count("hex_gateway_absorbed_total", ("rate_limit",))

    async def wait_out(self, request: Request, give_up_at: float) -> None:
        """Wait until the caller is not held; NoRoomError where that takes longer than until then, by the steady
        clock."""
        while (wait := self.holds.seconds(request.caller, request.endpoint)) > 0:
            if wait > give_up_at - self._clock.monotonic():
                raise NoRoomError(wait)
            await self._clock.sleep(wait)

    async def send(self, request: Request) -> Reply:
        """Send a request whose turn it is, once; what Hex asks of the caller holds when this returns.

        NoAnswerError without an answer.
        """
        sent_ms = round(self._clock.now() * 1000)
        started = self._clock.monotonic()
        task = asyncio.current_task()
        self._sending.add(task)
        try:
            reply = await self._exchange(request)
        except BaseException:
            self._report(request, "error", started, sent_ms)
            raise
        finally:
            self._sending.discard(task)
        if isinstance(reply, NoAnswer):
            self._report(request, reply.code, started, sent_ms)
            raise NoAnswerError(reply.reason, was_sent=reply.was_sent)
        self.holds.observe(request.caller, request.endpoint, reply)
        self._report(request, str(reply.status), started, sent_ms)
        return reply

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _exchange(self, request: Request) -> Reply | NoAnswer:
        answer = await self._http.exchange(
            httpx.Request(request.method, request.url, headers=list(request.headers), content=request.body or None),
            lambda response: whole_body(response, _BODY_LIMIT_BYTES),
            deadline_seconds=_DEADLINE_SECONDS,
        )
        if isinstance(answer, NoAnswer):
            # A caller gets a sentence, not the words of a library.
            return NoAnswer(answer.code, _reason(answer), answer.was_sent)
        if answer.body is None:
            return NoAnswer("error", _BROKEN_OFF)
        return Reply(answer.status, tuple(answer.headers.raw), answer.body, self._clock.monotonic())

    def _report(self, request: Request, code: str, started: float, sent_ms: int) -> None:
        seconds = self._clock.monotonic() - started
        _log.debug("hex_request", endpoint=request.endpoint, code=code, milliseconds=round(seconds * 1000))
        self._journal.exchange(request.endpoint, code, seconds, sent_ms)


def _reason(answer: NoAnswer) -> str:
    if not answer.was_sent:
        return "Hex cannot be reached"
    if answer.code == "timeout":
        return f"Hex gave no complete answer within {_DEADLINE_SECONDS:.0f} seconds"
    return _BROKEN_OFF
