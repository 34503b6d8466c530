"""Requests for a workspace that another replica owns: passed on to its gateway, by one hop, and held for a new one."""

import asyncio
import hmac
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import httpx
import msgspec
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.conditions import Conditions
from exporter.config import Route
from exporter.errors import ConfigError
from exporter.gateway.access.client_waits import ANSWER_SECONDS, client_wait
from exporter.gateway.cache.idempotency import HEADER as IDEMPOTENCY_KEY
from exporter.gateway.request_body import GoneError, HeldBytes, RequestBody, TooLargeError, TooManyError, TooSlowError
from exporter.gateway.routing.answers import Answer
from exporter.gateway.routing.error_bodies import refusal
from exporter.gateway.upstream.reply import RawHeaders
from exporter.hexapi import Exchanger, NoAnswer, TokenSource, whole_body

_log = structlog.get_logger()

_SECRET = b"x-hex-exporter-cluster"
_ORIGIN = b"x-hex-exporter-origin"
_NOT_OWNER = b"x-hex-exporter-not-owner"
_NOT_OURS = b"x-hex-exporter-not-our-secret"
_OURS = frozenset({_SECRET, _ORIGIN, _NOT_OWNER, _NOT_OURS})
_TWO_CLUSTERS = "The cluster's secret differs: give all replicas the same cluster.secret_file"
_OF_A_CONNECTION = frozenset(
    {b"connection", b"content-length", b"date", b"keep-alive", b"server", b"te", b"trailer", b"transfer-encoding"}
    | {b"upgrade", b"expect", b"host", b"accept-encoding"}
)
_RUN = re.compile(rb"/api/v1/projects/[^/]+/runs/?\Z")
_LOOK_SECONDS = 0.5
_HEX_SECONDS = 120.0  # what an answer may take beyond the wait in the owner's queue
_BODY_LIMIT_BYTES = 64 * 1024 * 1024


class Origin(msgspec.Struct, frozen=True):
    """Where a request that was passed on came from: the caller's address, and what it had connected to."""

    peer: str
    scheme: str
    server: tuple[str, int | None]
    certificate_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """What a replica knows of the others: whether its own gateway is open, and where the owner's is; None: nowhere."""

    is_open: Callable[[], bool]
    owner_address: Callable[[], str | None]
    secret: TokenSource
    wait_seconds: float


class OwnerForwarding:
    """The ASGI application in front of a replica's gateway. A request takes one hop at most."""

    def __init__(
        self, app: ASGIApp, view: ClusterView, *, route: Route, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._app = app
        self._view = view
        self._held = HeldBytes()
        self._conditions = Conditions(_log)
        self._http = Exchanger(connect_seconds=2.0, route=route, setting="cluster.advertise", transport=transport)

    async def aclose(self) -> None:
        """Close the connections to the other replicas."""
        await self._http.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http" or scope["raw_path"] == b"/-/healthy":
            await self._app(scope, receive, send)
            return
        secrets = [value for name, value in scope["headers"] if name == _SECRET]
        if secrets:
            await self._take_over(scope, receive, send, secrets)
        elif self._view.is_open():
            await self._app(scope, receive, send)
        else:
            await self._pass_on(scope, receive, send)

    async def _take_over(self, scope: Scope, receive: Receive, send: Send, secrets: list[bytes]) -> None:
        """Answer a request that another replica has passed on."""
        own = self._secret()
        if own is None or len(secrets) != 1 or not hmac.compare_digest(secrets[0], own):
            answer = refusal(403, _TWO_CLUSTERS)
            await _send(send, Answer(403, (*answer.headers, (_NOT_OURS, b"1")), answer.body))
        elif not self._view.is_open():
            answer = refusal(503, "This replica does not own the workspace", retry_after_seconds=1)
            await _send(send, Answer(503, (*answer.headers, (_NOT_OWNER, b"1")), answer.body))
        else:
            await self._app(_as_it_came(scope), receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = RequestBody(receive, self._held, (scope.get("client") or ("", 0))[0])
        try:
            await body.read()
            answering = asyncio.ensure_future(self._answer(scope, body.content))
            gone = asyncio.ensure_future(body.gone())
            try:
                await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not answering.done():
                    return
                answer = answering.result()
            finally:
                for task in (answering, gone):
                    task.cancel()
                await asyncio.gather(answering, gone, return_exceptions=True)
            if answer is None:  # this replica owns the workspace by now
                await self._app(scope, _again(body.content, receive), send)
            else:
                await _send(send, answer)
        except GoneError:
            return
        except TooLargeError:
            await _send(send, refusal(400, "The body is too large"))
        except TooSlowError:
            await _send(send, refusal(408, "The body did not come whole in time; send it faster"))
        except TooManyError:
            await _send(send, refusal(503, "The gateway holds too many requests", retry_after_seconds=10))
        finally:
            body.close()

    async def _answer(self, scope: Scope, content: bytes) -> Answer | None:
        """The owner's answer; None if that is this replica by now. Waits for an owner while the caller does."""
        loop = asyncio.get_running_loop()
        wait = client_wait(scope["headers"])
        give_up_at = loop.time() + (self._view.wait_seconds if wait is None else min(wait, self._view.wait_seconds))
        is_run = scope["method"] == "POST" and _RUN.match(scope["raw_path"]) is not None
        secret = self._secret()
        if secret is None:
            return refusal(503, "The cluster's secret cannot be read", retry_after_seconds=10)
        headers = _headers(scope, secret, is_run=is_run)
        while not self._view.is_open():
            if address := self._view.owner_address():
                left = give_up_at - loop.time()
                answer = await self._ask(address, scope, headers, content, left, is_bounded=wait is not None)
                if isinstance(answer, Answer):
                    return answer
                if answer.was_sent and not is_run and scope["method"] not in ("GET", "HEAD"):
                    return refusal(502, "The owner of the workspace was lost before it answered; ask again")
            if loop.time() + _LOOK_SECONDS > give_up_at:
                return refusal(503, "No replica owns the workspace at the moment", retry_after_seconds=5)
            await asyncio.sleep(_LOOK_SECONDS)
        return None

    async def _ask(
        self, address: str, scope: Scope, headers: RawHeaders, content: bytes, left: float, *, is_bounded: bool
    ) -> Answer | NoAnswer:
        """What the owner answers. One that is none any more counts as no answer, and has done nothing."""
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        request = httpx.Request(
            scope["method"], httpx.URL(address).copy_with(raw_path=target), headers=list(headers), content=content
        )
        found = await self._http.exchange(
            request,
            lambda response: whole_body(response, _BODY_LIMIT_BYTES),
            deadline_seconds=max(0.5, left) + (ANSWER_SECONDS if is_bounded else _HEX_SECONDS),
        )
        if isinstance(found, NoAnswer):
            return found
        if _NOT_OWNER.decode() in found.headers:
            return NoAnswer("error", "the replica is not the owner", was_sent=False)
        if _NOT_OURS.decode() in found.headers:
            # A 403 would mean to the caller that its own token is refused.
            self._conditions.report("differs", _TWO_CLUSTERS, level="error", replica=address)
            return refusal(503, _TWO_CLUSTERS, retry_after_seconds=60)
        self._conditions.clear("differs")
        if found.body is None:
            return NoAnswer("error", "the answer broke off")
        kept = [(name.lower(), value) for name, value in found.headers.raw]
        dropped = _OF_A_CONNECTION | {b"content-encoding"}
        return Answer(found.status, tuple(one for one in kept if one[0] not in dropped), found.body)

    def _secret(self) -> bytes | None:
        """What replicas know each other by, None where it cannot be read, which is logged."""
        try:
            secret = self._view.secret.read().reveal().encode()
        except ConfigError as error:
            self._conditions.report("secret", "The cluster's secret cannot be read", level="error", reason=str(error))
            return None
        self._conditions.clear("secret")
        return secret


def _headers(scope: Scope, secret: bytes, *, is_run: bool) -> RawHeaders:
    """The caller's headers, its token as it came, and where it came from.

    A run request without a key gets one: so it can be repeated when its owner is lost, and finds its run.
    """
    server = scope.get("server") or ("127.0.0.1", None)
    origin = Origin(
        peer=(scope.get("client") or ("", 0))[0],
        scheme=scope.get("scheme", "http"),
        server=(server[0], server[1]),
        certificate_names=tuple((scope.get("state") or {}).get("certificate_names", ())),
    )
    kept = [one for one in scope["headers"] if one[0] not in _OF_A_CONNECTION | _OURS]
    if is_run and all(name != IDEMPOTENCY_KEY for name, _ in kept):
        kept.append((IDEMPOTENCY_KEY, f'"{uuid.uuid4()}"'.encode()))
    return (*kept, (_SECRET, secret), (_ORIGIN, msgspec.json.encode(origin)))


def _as_it_came(scope: Scope) -> Scope:
    """The request as the first replica got it."""
    headers = [one for one in scope["headers"] if one[0] not in _OURS]
    written = next((value for name, value in scope["headers"] if name == _ORIGIN), b"")
    try:
        origin = msgspec.json.decode(written, type=Origin)
    except msgspec.DecodeError:
        return {**scope, "headers": headers}
    state = {**(scope.get("state") or {}), "certificate_names": origin.certificate_names}
    return {
        **scope,
        "headers": headers,
        "client": (origin.peer, 0),
        "scheme": origin.scheme,
        "server": origin.server,
        "state": state,
    }


def _again(content: bytes, receive: Receive) -> Receive:
    """A body that was read already, and then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received


async def _send(send: Send, answer: Answer) -> None:
    headers: Iterable[tuple[bytes, bytes]] = (*answer.headers, (b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": answer.body})
