"""The one door to Hex: an ask in, a page out, in turn and within a deadline."""

import asyncio
from collections.abc import AsyncIterable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import cast

import httpx
import structlog

from exporter import __version__
from exporter.clock import Clock
from exporter.errors import BadAnswerError, ConfigError, RefusedError, UnauthorizedError, UnavailableError
from exporter.hexapi.bounded_body import BodyError, read_body
from exporter.hexapi.endpoints import ApiRequest, Endpoint, address, query
from exporter.hexapi.error_answers import fault, safe
from exporter.hexapi.pace import Pace
from exporter.hexapi.pages import Page, read_page
from exporter.hexapi.timestamps import http_date_ms
from exporter.hexapi.token import Secret, TokenSource

MIB = 1024 * 1024

_FAULT_LIMIT_BYTES = 64 * 1024
_CONNECTIONS = httpx.Limits(max_connections=8, max_keepalive_connections=2, keepalive_expiry=30.0)
_HEADERS = {
    "User-Agent": f"hex-exporter/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that left, and how it ended.

    `code` is the HTTP status as text, `timeout` past the deadline, `error` without a complete answer; `sent_ms` is
    when it left by the local clock.
    """

    endpoint: str
    code: str
    seconds: float
    sent_ms: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """A complete answer; `flaw` says why its body could not be read."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class _NoAnswer:
    """Why there is none; `code` as in Exchange."""

    code: str
    reason: str


class _Bearer(httpx.Auth):
    """Puts the token on a request; as an object, so that no header with it stands in a variable here."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._secret.reveal()}"
        yield request


class HexClient:
    """Asks one Hex workspace, one page at a time.

    Each request waits for its turn with `pace`, has `deadline_seconds` for the whole exchange, body included, and is
    reported to `observe` once, however it ends; only one that is cancelled from outside is not. A body may unfold to
    `body_limit_bytes`. Redirects are never followed, cookies never kept; proxies of the environment count only with
    `trust_env`. For use in one event loop, by any number of its tasks.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: TokenSource,
        pace: Pace,
        clock: Clock,
        observe: Callable[[Exchange], None],
        transport: httpx.AsyncBaseTransport | None = None,
        deadline_seconds: float = 30.0,
        body_limit_bytes: int = 16 * MIB,
        trust_env: bool = False,
    ) -> None:
        self._base_url = base_url
        self._token = token
        self._pace = pace
        self._clock = clock
        self._observe = observe
        self._deadline_seconds = deadline_seconds
        self._body_limit_bytes = body_limit_bytes
        self._knows_unlisted: bool | None = None
        self._http = httpx.AsyncClient(
            headers=_HEADERS,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            limits=_CONNECTIONS,
            timeout=None,  # noqa: S113 - one deadline spans the whole exchange, which httpx cannot express
            follow_redirects=False,
            trust_env=trust_env,
            transport=transport,
        )

    async def ask(self, ask: ApiRequest) -> Page:
        """The page that `ask` asks for; waits for its turn first.

        Raises an ApiError: RateLimitedError after the cool-down has been set, UnauthorizedError also when there is no
        usable token to ask with.
        """
        if ask.endpoint is not Endpoint.PROJECTS or self._knows_unlisted is False:
            return await self._send(ask)
        try:
            page = await self._send(ask, unlisted=True)
        except RefusedError as refusal:
            if self._knows_unlisted or refusal.status not in {400, 422}:
                raise
        else:
            self._knows_unlisted = True
            return page

        page = await self._send(ask)
        self._knows_unlisted = False
        _log.info("the server does not know includeUnlisted, unlisted projects are not seen")
        return page

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(self, ask: ApiRequest, *, unlisted: bool = False) -> Page:
        await self._pace.turn()
        secret = self._secret(ask)
        request = self._http.build_request("GET", address(self._base_url, ask), params=query(ask, unlisted=unlisted))
        sent_ms = int(self._clock.now() * 1000)
        started = self._clock.monotonic()
        answer = await self._exchange(request, secret)
        seconds = self._clock.monotonic() - started

        if isinstance(answer, _NoAnswer):
            self._observe(Exchange(ask.endpoint.value, answer.code, seconds, sent_ms))
            raise UnavailableError(ask.endpoint.value, answer.reason)
        # The cool-down comes first: it must hold even if the report of the exchange cannot be written.
        self._apply_rate_limit(answer)
        self._observe(Exchange(ask.endpoint.value, str(answer.status), seconds, sent_ms))
        return _page(ask, answer, secret, sent_ms)

    def _secret(self, ask: ApiRequest) -> Secret:
        try:
            return self._token.read()
        except ConfigError as error:
            reason = str(error)
        raise UnauthorizedError(ask.endpoint.value, reason)

    async def _exchange(self, request: httpx.Request, secret: Secret) -> _Answer | _NoAnswer:
        """One request and its whole answer; returns what went wrong, so that no error keeps the request alive."""
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._answer(request, secret)
        except (TimeoutError, httpx.TimeoutException):
            return _NoAnswer("timeout", f"no complete answer within {self._deadline_seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return _NoAnswer("error", safe(f"{type(error).__name__}: {error}", secret).removesuffix(":"))

    async def _answer(self, request: httpx.Request, secret: Secret) -> _Answer:
        response = await self._http.send(request, auth=_Bearer(secret), stream=True)
        is_page = response.status_code == 200
        try:
            # The stream below httpx's own decoders: those unfold a piece whole, whatever it unfolds to.
            body = await read_body(
                cast(AsyncIterable[bytes], response.stream),
                encoding=response.headers.get("Content-Encoding", ""),
                limit_bytes=self._body_limit_bytes if is_page else _FAULT_LIMIT_BYTES,
            )
        except BodyError as error:
            return _Answer(response.status_code, response.headers, b"", str(error))
        finally:
            await response.aclose()
        # A server that sends the token back must not bring it into facts, errors or crash reports.
        harmless = body.replace(secret.reveal().encode(), str(secret).encode())
        return _Answer(response.status_code, response.headers, harmless)

    def _apply_rate_limit(self, answer: _Answer) -> None:
        now = self._clock.now()
        if answer.status == 429:
            self._pace.throttled(answer.headers.get("Retry-After"), answer.headers, now)
        else:
            self._pace.observe_headers(answer.headers, now)


def _page(ask: ApiRequest, answer: _Answer, secret: Secret, sent_ms: int) -> Page:
    if answer.status != 200:
        raise fault(ask.endpoint.value, answer.status, answer.body, answer.headers.get("X-Trace-Id"), secret)
    if answer.flaw is not None:
        raise BadAnswerError(ask.endpoint.value, answer.flaw, status=200)
    server_ms = http_date_ms(answer.headers.get("Date", ""))
    return read_page(ask, answer.body, sent_ms=sent_ms, server_ms=server_ms)
