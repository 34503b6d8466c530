"""The simulated workspace as an ASGI application: tokens, limits, faults, and then the operation."""

from collections import Counter, deque
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import NamedTuple

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from exporter.simulator import control
from exporter.simulator.api_call import Call, State
from exporter.simulator.delivery import deliver, hang_up
from exporter.simulator.distorted_answers import distort
from exporter.simulator.faults import STATUS_KINDS, Fault, Faults
from exporter.simulator.operations import OPERATIONS, Operation
from exporter.simulator.query import Query
from exporter.simulator.rate_limits import Limiter, RateLimits, retry_after_headers
from exporter.simulator.refusals import RefusalError, Shape
from exporter.simulator.seeded_random import identifier
from exporter.simulator.simulation import Simulation
from exporter.simulator.tokens import Token, Tokens

LOG_SIZE = 50_000
"""How many of the latest requests are remembered for tests."""

_JSON = "application/json; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_PAGE = b"<!DOCTYPE html><html><head><title>Hex</title></head><body>Something went wrong</body></html>"
_BODIES = {"html": (_HTML, _PAGE), "empty": (_JSON, b""), "garbage": (_JSON, b'{"values": [{"id": "')}

_PLAIN_STATUSES = {401: b"Unauthorized", 429: b"Too Many Requests"}
"""Sent by the edge in bare text: 401 as clients have seen it, 429 because its body is not documented."""


class Exchange(NamedTuple):
    """One request that was answered; `code` is the status, or `reset` for none."""

    at_ms: int
    endpoint: str
    code: str
    project_id: str | None


class Service:
    """The application. Its attributes may be looked at, and its faults changed, while it serves."""

    def __init__(
        self,
        simulation: Simulation,
        *,
        faults: Faults,
        limits: RateLimits,
        tokens: Tokens,
        state: State,
        is_enterprise: bool,
    ) -> None:
        self.simulation = simulation
        self.faults = faults
        self.limiter = Limiter(limits)
        self.tokens = tokens
        self.state = state
        self.is_enterprise = is_enterprise
        self.tally: Counter[tuple[str, str]] = Counter()
        self.log: deque[Exchange] = deque(maxlen=LOG_SIZE)
        routes = [
            Route(f"/api{operation.path}", _Door(self, operation), methods=[operation.method])
            for operation in OPERATIONS
        ]
        self._router = Router([*routes, *control.routes(self)], default=self._unknown)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        await self._router(scope, receive, send)

    async def _unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = msgspec.json.encode(RefusalError(404, "Not found").body(Shape.NEWER, ""))
        await deliver(send, 404, {"Content-Type": _JSON, **self._date()}, body, {}, self.simulation.clock)

    def _date(self) -> dict[str, str]:
        now = datetime.fromtimestamp(int(self.simulation.clock.now()), UTC)
        return {"Date": format_datetime(now, usegmt=True)}

    async def answer(self, operation: Operation, request: Request, send: Send) -> None:
        """Answer one request to an operation."""
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        project_id = request.path_params.get("project_id") or request.query_params.get("projectId")
        if operation.endpoint == "export":
            project_id = _named_in(body)
        drawn = {fault.kind: fault for fault in self.faults.draw(operation.endpoint, project_id)}
        clock = self.simulation.clock
        if "slow" in drawn:
            await clock.sleep(drawn["slow"].seconds)
        if "reset" in drawn:
            self._count(operation, "reset", project_id)
            await hang_up(send, abruptly=True)
            return

        trace_id = identifier(self.simulation.seed, "trace", self.tally.total())
        headers = {"x-trace-id": trace_id, **self._date()}
        status, kind, content = self._decide(operation, request, body, drawn, headers, trace_id)
        self._count(operation, str(status), project_id)
        if content or status != 204:
            headers["Content-Type"] = kind
        await deliver(send, status, headers, content, drawn, clock)

    def _decide(
        self,
        operation: Operation,
        request: Request,
        body: bytes,
        drawn: dict[str, Fault],
        headers: dict[str, str],
        trace_id: str,
    ) -> tuple[int, str, bytes]:
        """Status, content type and content of an answer; headers that go with it are added to `headers`."""
        now, monotonic = self.simulation.clock.now(), self.simulation.clock.monotonic()
        kinds = frozenset(drawn)
        try:
            token = self.tokens.identify(request.headers.get("authorization"), int(now * 1000))
            _refuse_by_fault(drawn, now)
            headers |= self.limiter.admit(token.account, operation.group, monotonic, now)
            _check_scope(operation, token)
            for name, (kind, content) in _BODIES.items():
                if name in kinds:
                    return 200, kind, content
            status, payload = operation.answer(self._call(request, body, token, kinds))
        except RefusalError as refusal:
            headers |= refusal.headers
            plain = _PLAIN_STATUSES.get(refusal.status)
            if plain is not None:
                return refusal.status, _TEXT, plain
            if refusal.status in (502, 504):
                return refusal.status, _HTML, _PAGE
            shape = operation.shape_in(self.state)
            return refusal.status, _JSON, msgspec.json.encode(refusal.body(shape, trace_id))
        if payload is None:
            return status, _JSON, b""
        if kinds:
            payload = distort(payload, kinds, operation.kept)
        return status, _JSON, msgspec.json.encode(payload)

    def _call(self, request: Request, body: bytes, token: Token, kinds: frozenset[str]) -> Call:
        return Call(
            simulation=self.simulation,
            token=token,
            query=Query(request.query_params),
            path={name: str(value) for name, value in request.path_params.items()},
            body=body,
            base=f"{request.url.scheme}://{request.url.netloc}",
            now_ms=self.simulation.now_ms,
            kinds=kinds,
            state=self.state,
            is_enterprise=self.is_enterprise,
            kernels=self.limiter.limits.kernels,
            wants_events=request.headers.get("enable-expanded-stats", "").lower() == "true",
        )

    def _count(self, operation: Operation, code: str, project_id: str | None) -> None:
        self.tally[operation.endpoint, code] += 1
        self.log.append(Exchange(self.simulation.now_ms, operation.endpoint, code, project_id))


class _Door:
    """The ASGI application of one operation."""

    def __init__(self, service: Service, operation: Operation) -> None:
        self._service = service
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._service.answer(self._operation, Request(scope, receive), send)


def create_app(
    simulation: Simulation,
    *,
    faults: Faults | None = None,
    limits: RateLimits | None = None,
    tokens: Tokens | None = None,
    state: State = "october",
    is_enterprise: bool = True,
) -> Service:
    """The application that serves a simulated workspace under `/api/v1`, and its controls under `/_simulator`.

    Without `limits` those of the reference hold, without `tokens` every well-formed one is accepted; `state` is the
    state of the API's document in 2026; queried tables are there for an enterprise only.
    """
    return Service(
        simulation,
        faults=faults or Faults(seed=simulation.seed),
        limits=limits or RateLimits.documented(),
        tokens=tokens or Tokens(),
        state=state,
        is_enterprise=is_enterprise,
    )


def _named_in(body: bytes) -> str | None:
    """The project that a body names; None for a body that does not."""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    named = found.get("projectId") if isinstance(found, dict) else None
    return named if isinstance(named, str) else None


def _refuse_by_fault(drawn: dict[str, Fault], now: float) -> None:
    fault = next((drawn[kind] for kind in STATUS_KINDS if kind in drawn), None)
    if fault is None:
        return
    headers: dict[str, str] = {}
    if fault.kind == "401":
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    elif fault.retry_after is not None:
        headers = retry_after_headers("date" if fault.as_date else "seconds", fault.retry_after, now)
    raise RefusalError(int(fault.kind), "A requested fault", headers)


def _check_scope(operation: Operation, token: Token) -> None:
    if operation.scope is not None and token.is_workspace and operation.scope not in token.scopes:
        raise RefusalError(403, f"The token lacks the scope {operation.scope}")
