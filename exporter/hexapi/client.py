"""The client of Hex's API: a request in, a page out, in turn and within a deadline."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx
import structlog

from exporter.clock import Clock
from exporter.config import Route
from exporter.errors import ApiError, BadAnswerError, ConfigError, RefusedError, UnauthorizedError, UnavailableError
from exporter.hexapi.endpoints import SHAPES, ApiRequest, Endpoint, address, body, query
from exporter.hexapi.error_answers import API_PATH, api_error, not_hex_api
from exporter.hexapi.exchange import Answer, Authorization, Exchanger, NoAnswer, whole_body
from exporter.hexapi.pace import Pace
from exporter.hexapi.pages import Page, read_page
from exporter.hexapi.timestamps import http_date_ms
from exporter.hexapi.token import Secret, TokenSource

MIB = 1024 * 1024

_ELSEWHERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
_ERROR_LIMIT_BYTES = 64 * 1024  # a reason is a sentence or two; an HTML page in its place is no loss
# As a rule one request is under way; a few more while a reload replaces the client.
_CONNECTIONS = httpx.Limits(max_connections=8, max_keepalive_connections=2, keepalive_expiry=30.0)

_MALFORMED = frozenset({400, 422})
"""The statuses of a request that the server does not understand."""

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


class HexClient:
    """Fetches pages from one Hex workspace, one at a time.

    Each request waits for its turn with `pace`, has `deadline_seconds` for the whole exchange, body included, and is
    reported to `observe` once, however it ends; only one that is cancelled from outside is not. A body may unfold to
    `body_limit_bytes`. For use in one event loop, by any number of its tasks.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: TokenSource,
        pace: Pace,
        clock: Clock,
        observe: Callable[[Exchange], None],
        workspace: str = "",
        route: Route | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        deadline_seconds: float = 30.0,
        body_limit_bytes: int = 16 * MIB,
        on_unknown: Callable[[Mapping[Endpoint, tuple[str, ...]]], None] = lambda _: None,
    ) -> None:
        """`workspace` names the workspace in the log; `route` is the way to it, by default the direct one.

        `on_unknown` gets all parameters that the server turns out not to know.
        """
        self._base_url = base_url
        self._token = token
        self._pace = pace
        self._clock = clock
        self._observe = observe
        self._deadline_seconds = deadline_seconds
        self._body_limit_bytes = body_limit_bytes
        self._unknown: dict[Endpoint, tuple[str, ...]] = {}
        self._understood: set[Endpoint] = set()
        self._on_unknown = on_unknown
        self._log = _log.bind(workspace=workspace) if workspace else _log
        self._http = Exchanger(
            headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
            limits=_CONNECTIONS,
            route=route,
            transport=transport,
        )

    async def fetch(self, request: ApiRequest) -> Page:
        """The page that is requested; waits for its turn first.

        Raises an ApiError: RateLimitedError after the cool-down has been set, UnauthorizedError also when there is no
        usable token to send.
        """
        left_out = self._unknown.get(request.endpoint, ())
        try:
            page = await self._fetch(request, left_out)
        except RefusedError as error:
            if error.status not in _MALFORMED or request.endpoint in self._understood:
                raise
            refusal = error
        else:
            self._understood.add(request.endpoint)
            return page
        for names in SHAPES[request.endpoint].optional:
            if names[0] in left_out:
                continue
            left_out += names
            try:
                page = await self._fetch(request, left_out)
            except RefusedError as error:
                if error.status not in _MALFORMED:
                    raise
            else:
                self._learn(request.endpoint, left_out)
                return page
        raise refusal

    def leave_out(self, unknown: Mapping[Endpoint, tuple[str, ...]]) -> None:
        """Send these parameters no more: the server has refused them before."""
        self._unknown = dict(unknown)

    def _learn(self, endpoint: Endpoint, left_out: tuple[str, ...]) -> None:
        self._unknown[endpoint] = left_out
        self._log.warning(
            "The server does not know parameters, which are left out from now on",
            endpoint=endpoint.value,
            parameters=", ".join(left_out),
        )
        self._on_unknown(self._unknown)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _fetch(self, request: ApiRequest, left_out: tuple[str, ...]) -> Page:
        await self._pace.turn()
        secret = self._secret(request)
        sent_ms = int(self._clock.now() * 1000)
        started = self._clock.monotonic()
        answer = await self._http.exchange(
            self._http.request(
                SHAPES[request.endpoint].method,
                address(self._base_url, request),
                params=query(request, left_out),
                json=body(request),
            ),
            lambda response: whole_body(response, self._limit_bytes(response.status_code), [secret]),
            deadline_seconds=self._deadline_seconds,
            authorization=Authorization(secret, "Bearer"),
        )
        seconds = self._clock.monotonic() - started
        if isinstance(answer, NoAnswer):
            self._report(request, answer.code, seconds, sent_ms)
            raise UnavailableError(request.endpoint.value, answer.reason)
        # The cool-down comes first: it must hold even if the report of the exchange cannot be written.
        self._apply_rate_limit(answer)
        self._report(request, str(answer.status), seconds, sent_ms)
        if request.endpoint is Endpoint.EXPORT:
            # Reading megabytes of YAML takes longer than the event loop may stand still.
            return await asyncio.to_thread(self._page, request, answer, secret, sent_ms)
        return self._page(request, answer, secret, sent_ms)

    def _page(self, request: ApiRequest, answer: Answer[bytes], secret: Secret, sent_ms: int) -> Page:
        endpoint = request.endpoint.value
        if answer.status != 200:
            error = api_error(endpoint, answer.status, answer.body or b"", answer.headers, secret, self._clock.now())
            raise self._with_advice(error, request)
        if answer.body is None:
            raise BadAnswerError(endpoint, answer.flaw or "no body", status=200)
        server_ms = http_date_ms(answer.headers.get("Date", ""))
        try:
            return read_page(request, answer.body, sent_ms=sent_ms, server_ms=server_ms)
        except BadAnswerError as error:
            bad = error
        raise self._with_advice(bad, request)

    def _with_advice(self, error: ApiError, request: ApiRequest) -> ApiError:
        """The error, with what the base URL should be where something else than Hex's API answers there."""
        return error if self._is_api(error, request) else not_hex_api(error, self._base_url)

    def _is_api(self, error: ApiError, request: ApiRequest) -> bool:
        """An older deployment may lack an endpoint, in any words; only the listing of projects is everywhere.

        What belongs to one project is requested once projects were listed: of it only this one answer is wrong.
        """
        if request.project_id is not None:
            return True
        if request.endpoint is not Endpoint.PROJECTS:
            return error.is_from_hex or error.status != 200
        is_elsewhere = error.status in _ELSEWHERE and not self._base_url.endswith(API_PATH)
        return error.is_from_hex and not is_elsewhere

    def _secret(self, request: ApiRequest) -> Secret:
        try:
            return self._token.read()
        except ConfigError as error:
            reason = str(error)
        raise UnauthorizedError(request.endpoint.value, reason)

    def _limit_bytes(self, status: int) -> int:
        return self._body_limit_bytes if status == 200 else _ERROR_LIMIT_BYTES

    def _report(self, request: ApiRequest, code: str, seconds: float, sent_ms: int) -> None:
        endpoint = request.endpoint.value
        self._log.debug("hex_request", endpoint=endpoint, code=code, milliseconds=round(seconds * 1000))
        self._observe(Exchange(endpoint, code, seconds, sent_ms))

    def _apply_rate_limit(self, answer: Answer[bytes]) -> None:
        now = self._clock.now()
        if answer.status == 429:
            self._pace.throttled(answer.headers.get("Retry-After"), answer.headers, now)
        else:
            self._pace.observe_headers(answer.headers, now)
