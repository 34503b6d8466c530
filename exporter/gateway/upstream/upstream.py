"""The way to Hex for requests of callers: in turn, within a deadline, never redirected.

What changes something is never sent twice; a read whose connection was closed before it was answered is.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog

from exporter.clock import Clock
from exporter.config import Route
from exporter.errors import HexExporterError, LedgerError
from exporter.gateway.journal import Journal
from exporter.gateway.upstream.fair_line import same_weight
from exporter.gateway.upstream.turns import NoTurnError, Turns
from exporter.hexapi import Exchanger, NoAnswer, Pace, Tier, reset_seconds, whole_body

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Headers as they travel: names and values in order, a name as often as it comes."""

MIB = 1024 * 1024

_BODY_LIMIT_BYTES = 16 * MIB
_DEADLINE_SECONDS = 60.0  # Hex starts a run slowly when its kernels are busy
_CONNECTIONS = httpx.Limits(max_connections=64, max_keepalive_connections=8, keepalive_expiry=30.0)

_BROKEN_OFF = "Hex broke its answer off"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request for Hex. `url` is whole and checked; `headers` hold the caller's own token, and are never shown.

    `caller` is whose turn it takes, a token's name; empty: that of all whose token is not known yet.
    """

    method: str
    caller: str = ""
    url: str = field(repr=False)
    endpoint: str
    headers: RawHeaders = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What Hex answered: its headers as they came, its body decoded; `at` is the steady clock's time of arrival."""

    status: int
    headers: RawHeaders = field(repr=False)
    body: bytes = field(repr=False)
    at: float = 0.0

    def header(self, name: str) -> str | None:
        """The first value of a header, None if it was not sent."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)

    @property
    def decoded_headers(self) -> dict[str, str]:
        """The headers as text, of each name the last value."""
        return {key.decode("latin-1"): value.decode("latin-1") for key, value in self.headers}

    @property
    def announced_limit(self) -> int | None:
        """The rate limit that the answer names, None if it names none that can be read."""
        text = self.header("RateLimit-Limit") or self.header("X-RateLimit-Limit") or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


Observe = Callable[[str, Reply], bool]
"""Takes in an answer to a caller from an endpoint with a limit of its own; whether it says something of every
request."""

WaitSeconds = Callable[[str], float]
"""For how many seconds a caller is to send nothing more to an endpoint with a limit of its own."""


def _no_wait(caller: str) -> float:
    return 0.0


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

    `pace` gives the workspace's pacing authority of this moment; `route` is the way there. Used on one event loop.
    """

    def __init__(
        self,
        pace: Callable[[], Pace],
        journal: Journal,
        clock: Clock,
        *,
        route: Route | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._pace = pace
        self._weigh: Callable[[str], int] = same_weight
        self._turns = Turns(pace, clock, lambda caller: self._weigh(caller))
        self._journal = journal
        self._clock = clock
        self._apart: dict[str, tuple[Observe, WaitSeconds]] = {}
        self._cooling_down = asyncio.Lock()
        self._sending: set[asyncio.Task[Any] | None] = set()
        self._http = Exchanger(limits=_CONNECTIONS, route=route, transport=transport)

    def set_apart(self, endpoint: str, observe: Observe, wait_seconds: WaitSeconds = _no_wait) -> None:
        """Have answers of this endpoint taken in by `observe`; the pace goes by those that concern every request.

        `ask` waits there for as long as `wait_seconds` says too.
        """
        self._apart[endpoint] = observe, wait_seconds

    def weigh_by(self, weigh: Callable[[str], int]) -> None:
        """Go by this from now on for how many turns a caller has for one of others."""
        self._weigh = weigh

    def is_waiting(self, task: "asyncio.Task[object]") -> bool:
        """Whether a task that asks is not sending just now: what it does may be given up without a loss."""
        return task not in self._sending

    @property
    def has_room(self) -> bool:
        """Whether a request could leave at once, without taking the turn of one that waits."""
        return self.wait_seconds() <= 0

    def wait_seconds(self) -> float:
        """Seconds until a request that comes now may leave."""
        return self._pace().wait_seconds(Tier.CALLERS)

    async def turn(self, caller: str, patience_seconds: float | None = None, *, is_urgent: bool = False) -> None:
        """Wait for a caller's turn and take it; NoRoomError as soon as it is clear that it takes longer than the
        patience. What is urgent comes before all that waits."""
        async with self._cooling_down:  # a cool-down that is just being written down applies to this request too
            if self._turns.take_now():
                return
        try:
            await self._turns.take(caller, patience_seconds, is_urgent=is_urgent)
        except NoTurnError as error:
            raise NoRoomError(error.seconds) from None

    async def ask(self, request: Request, patience_seconds: float, *, is_urgent: bool = False) -> Reply:
        """Hex's answer. A 429 is waited out for as long as the caller has patience, then NoRoomError.

        Only a 429 is followed by another try: Hex has done nothing then. NoAnswerError without an answer.
        """
        give_up_at = self._clock.monotonic() + patience_seconds
        _, wait_seconds = self._apart.get(request.endpoint, (None, _no_wait))
        while True:
            while (wait := wait_seconds(request.caller)) > 0:
                if wait > give_up_at - self._clock.monotonic():
                    raise NoRoomError(wait)
                await self._clock.sleep(wait)
            await self.turn(request.caller, give_up_at - self._clock.monotonic(), is_urgent=is_urgent)
            if wait_seconds(request.caller) > 0:  # Hex has refused another one while this one waited for its turn
                continue
            reply = await self.send(request)
            if reply.status != 429:
                return reply
            self._journal.count("hex_gateway_absorbed_total", ("rate_limit",))

    async def send(self, request: Request) -> Reply:
        """Send a request whose turn it is, once; a cool-down that the answer demands holds when this returns.

        It is one of the endpoint where that is set apart.

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
        observe, _ = self._apart.get(request.endpoint, (None, None))
        if observe is None or observe(request.caller, reply):
            await self._apply_rate_limit(reply)
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

    async def _apply_rate_limit(self, reply: Reply) -> None:
        """Give the pace what the answer says, in the writer's thread where a cool-down has to be written.

        One that cannot be written holds all the same, and the answer is what it is.
        """
        headers, now = reply.decoded_headers, self._clock.now()
        try:
            if reply.status == 429:
                async with self._cooling_down:
                    await self._journal.write(self._pace().throttled, reply.header("Retry-After"), headers, now)
            elif (reset_seconds(headers, now) or 0) > 0:
                async with self._cooling_down:
                    await self._journal.write(self._pace().observe_headers, headers, now)
            else:
                self._pace().observe_headers(headers, now)
        except LedgerError as error:
            _log.warning("A cool-down cannot be written to the ledger", reason=str(error))


def _reason(answer: NoAnswer) -> str:
    if not answer.was_sent:
        return "Hex cannot be reached"
    if answer.code == "timeout":
        return f"Hex gave no complete answer within {_DEADLINE_SECONDS:.0f} seconds"
    return _BROKEN_OFF
