"""The way to Hex: one request of a caller at a time, paced, within a deadline, never redirected, never sent twice."""

import asyncio
from collections.abc import AsyncIterable, Callable, Sequence
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import cast

import httpx
import structlog

from exporter.clock import Clock
from exporter.errors import HexExporterError, LedgerError
from exporter.gateway.runs.journal import Journal
from exporter.gateway.upstream.waiting import first_of
from exporter.hexapi import BodyError, Pace, read_body, reset_seconds

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Headers as they travel: names and values in order, a name as often as it comes."""

MIB = 1024 * 1024

_BODY_LIMIT_BYTES = 16 * MIB
_DEADLINE_SECONDS = 60.0
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_CONNECTIONS = httpx.Limits(max_connections=64, max_keepalive_connections=8, keepalive_expiry=30.0)
_NO_BODY = frozenset({204, 304})

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request for Hex. `url` is whole and checked; `headers` hold the caller's own token, and are never shown."""

    method: str
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
    """Sends requests to one Hex workspace, in turn with everything else that is asked of it.

    `pace` gives the workspace's pacing authority of this moment. Redirects are never followed, cookies never kept,
    proxies of the environment not used. Used on one event loop.
    """

    def __init__(
        self,
        pace: Callable[[], Pace],
        journal: Journal,
        clock: Clock,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._pace = pace
        self._journal = journal
        self._clock = clock
        self._told = asyncio.Lock()
        self._http = httpx.AsyncClient(
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            limits=_CONNECTIONS,
            timeout=None,  # noqa: S113 - one deadline spans the whole exchange, which httpx cannot express
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    @property
    def has_room(self) -> bool:
        """Whether a request could leave at once, without taking the turn of one that waits."""
        return self.wait_seconds() <= 0

    def wait_seconds(self) -> float:
        """Seconds until a request that comes now may leave."""
        return self._pace().callers.wait_seconds()

    async def turn(self, patience_seconds: float | None = None) -> None:
        """Wait for a turn and take it; NoRoomError as soon as it is clear that it takes longer than the patience."""
        async with self._told:  # a refusal that is just being written down holds for this one too
            callers = self._pace().callers
            wait = callers.take_or_wait()
        if wait <= 0:
            return
        if patience_seconds is None:
            await callers.turn()
            return
        if wait > patience_seconds:
            raise NoRoomError(wait)
        turn = asyncio.ensure_future(callers.turn())
        try:
            if not await first_of(self._clock, patience_seconds, turn):
                raise NoRoomError(max(1.0, callers.wait_seconds()))
        finally:
            turn.cancel()

    async def ask(self, request: Request, patience_seconds: float) -> Reply:
        """Hex's answer. A 429 is waited out for as long as the caller has patience, then NoRoomError.

        Only a refusal is ever followed by another try: Hex has done nothing then. NoAnswerError without an answer.
        """
        give_up_at = self._clock.monotonic() + patience_seconds
        while True:
            await self.turn(give_up_at - self._clock.monotonic())
            reply = await self.send(request)
            if reply.status != 429:
                return reply
            self._journal.count("hex_gateway_absorbed_total", ("rate_limit",))

    async def send(self, request: Request) -> Reply:
        """Send a request whose turn it is, once; a 429 has been heeded when this returns. NoAnswerError without one."""
        sent_ms = round(self._clock.now() * 1000)
        started = self._clock.monotonic()
        exchange = asyncio.ensure_future(self._exchange(request))
        try:
            await first_of(self._clock, _DEADLINE_SECONDS, exchange)
            reply = exchange.result() if exchange.done() else None
        except BaseException as error:
            self._journal.exchange(request.endpoint, "error", self._clock.monotonic() - started, sent_ms)
            if isinstance(error, _NEVER_SENT):
                raise NoAnswerError("Hex cannot be reached", was_sent=False) from None
            if isinstance(error, httpx.HTTPError | httpx.InvalidURL | OSError | BodyError):
                raise NoAnswerError("Hex broke its answer off", was_sent=True) from None
            raise
        finally:
            exchange.cancel()

        seconds = self._clock.monotonic() - started
        if reply is None:
            self._journal.exchange(request.endpoint, "timeout", seconds, sent_ms)
            raise NoAnswerError(f"Hex gave no complete answer within {_DEADLINE_SECONDS:.0f} seconds", was_sent=True)
        await self._apply_rate_limit(reply)
        self._journal.exchange(request.endpoint, str(reply.status), seconds, sent_ms)
        return reply

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _exchange(self, request: Request) -> Reply:
        sent = httpx.Request(
            request.method,
            request.url,
            headers=list(request.headers),
            content=request.body or None,
        )
        response = await self._http.send(sent, stream=True)
        has_body = request.method != "HEAD" and response.status_code not in _NO_BODY
        try:
            # The stream below httpx's own decoders: those unfold a piece whole, whatever it unfolds to.
            body = await read_body(
                cast(AsyncIterable[bytes], response.stream),
                encoding=response.headers.get("Content-Encoding", "") if has_body else "",
                limit_bytes=_BODY_LIMIT_BYTES,
            )
        finally:
            await response.aclose()
        return Reply(response.status_code, tuple(response.headers.raw), body, self._clock.monotonic())

    async def _apply_rate_limit(self, reply: Reply) -> None:
        """Have the pace take in what the answer says, in the writer's thread where a cool-down has to be written.

        One that cannot be written holds all the same, and the answer is what it is.
        """
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in reply.headers}
        now = self._clock.now()
        try:
            if reply.status == 429:
                async with self._told:
                    await self._journal.write(self._pace().throttled, reply.header("Retry-After"), headers, now)
            elif (reset_seconds(headers, now) or 0) > 0:
                async with self._told:
                    await self._journal.write(self._pace().observe_headers, headers, now)
            else:
                self._pace().observe_headers(headers, now)
        except LedgerError as error:
            _log.warning("A cool-down cannot be written to the ledger", reason=str(error))
