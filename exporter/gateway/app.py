"""The gateway's HTTP side: one request in, one answer out; work for a caller that hangs up ends at once."""

import asyncio
import re
from collections.abc import Awaitable, Collection
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog
from starlette.types import Receive, Scope, Send

from exporter.gateway.access.caller import Caller
from exporter.gateway.access.client_waits import client_wait
from exporter.gateway.cache.run_request import BODY_LIMIT_BYTES
from exporter.gateway.decisions import log_decision
from exporter.gateway.request_body import (
    READ_SECONDS,
    GoneError,
    HeldBytes,
    RequestBody,
    TooLargeError,
    TooManyError,
    TooSlowError,
)
from exporter.gateway.routing.answers import Answer
from exporter.gateway.routing.error_bodies import refusal, too_many, unauthorized
from exporter.gateway.routing.headers import HeaderError, authorization
from exporter.gateway.routing.links import moved, rewrite
from exporter.gateway.routing.target import Target, TargetError, parse_target
from exporter.gateway.upstream.reply import RawHeaders
from exporter.gateway.upstream.upstream import NoAnswerError, NoRoomError
from exporter.triggers import RunRequest

_API = "/api/v1"
_SOURCE = re.compile(rb"/gateway/v1/projects/([^/]*)/source\Z")
_BEARER = re.compile(rb"bearer +[\x21-\x7e]{1,4096}\Z", re.IGNORECASE)
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")
"""What no header may hold; a reason may repeat something of the request."""

_HEALTHY = Answer(200, ((b"content-type", b"text/plain; charset=utf-8"),), b"OK\n")
_REWRITTEN_AT_ONCE_BYTES = 256 * 1024
"""Longer answers are rewritten in a thread: that takes more than a millisecond, for which no one should wait."""

_ADMITTED = Answer(200)
"""Stands for a token that Hex has accepted; no caller sees it."""

_NO_BODY = frozenset({204, 304})

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request that has come whole: its token is well-formed, its target checked; `caller` is who sends it.

    `client_wait_seconds` is how long its client waits at most, None: for any time. `waited_seconds` is how long it has
    been kept waiting already, for its token to be accepted. `trigger` is what one of the exporter's own triggers wants,
    None for a request of others.
    """

    target: Target
    method: str
    caller: Caller
    headers: RawHeaders = field(repr=False)
    body: bytes = field(repr=False)
    client_wait_seconds: float | None = None
    waited_seconds: float = 0.0
    trigger: RunRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """A request whose head has come: its token is well-formed, its target checked; the rest as in `Incoming`.

    `certificate_names` are those of its client certificate, if that was verified.
    """

    target: Target
    caller: Caller
    client_wait_seconds: float | None = None
    certificate_names: Collection[str] = ()


class Handler(Protocol):
    """What answers well-formed requests. `upstream_base` is where links in the answers lead, `public_base` what they
    are moved to; None: the address that the caller has connected to."""

    upstream_base: str
    public_base: str | None

    def caller(self, authorization: bytes, peer: str) -> Caller:
        """Whose token it is that the value of an `Authorization` header holds."""

    def admit(self, arrival: "Arriving") -> Answer | Awaitable[Answer | None] | None:
        """None: the request is to be read and answered. Else its refusal, which may have to be waited for."""

    async def answer(self, incoming: Incoming) -> Answer:
        """The answer to a request of Hex's API."""

    async def source(self, project_id: str, caller: Caller) -> Answer:
        """The state of a project's source."""


class App:
    """The ASGI application. Until `open` is called every request but that for health is answered with a 503."""

    def __init__(self) -> None:
        self._handler: Handler | None = None
        self._held = HeldBytes()

    def open(self, handler: Handler) -> None:
        """Have requests answered by this handler from now on."""
        self._handler = handler

    @property
    def is_open(self) -> bool:
        """Whether a handler answers."""
        return self._handler is not None

    def close(self) -> None:
        """Have requests answered with a 503 again."""
        self._handler = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except GoneError:
            return
        if answer is not None:
            await self._send(scope, answer, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """The answer, None if the caller has hung up."""
        method, raw_path, headers = scope["method"], scope["raw_path"], scope["headers"]
        if raw_path == b"/-/healthy" and method in ("GET", "HEAD"):
            return _HEALTHY
        handler = self._handler
        if handler is None:
            return refusal(503, "The gateway is starting", retry_after_seconds=1)
        peer = (scope.get("client") or ("", 0))[0]
        if {b"content-length", b"transfer-encoding"} <= {name for name, _ in headers}:
            # Something on the way may read another request out of these bytes, so nothing more is taken of them.
            twice = _refused(400, "Found Content-Length beside Transfer-Encoding; send one of them")
            return replace(twice, headers=(*twice.headers, (b"connection", b"close")))
        try:
            token = authorization(headers)
            source = _SOURCE.match(raw_path) if method == "GET" else None
            path = raw_path if source is None else b"/api/v1/projects/" + source[1]
            target = parse_target(method, path, scope.get("query_string", b""))
        except (TargetError, HeaderError) as error:
            return _refused(400, sentence(error))
        if token is None or not _BEARER.match(token):
            # Without asking Hex: strangers must not spend what callers may ask.
            log_decision("refused", "no bearer token was sent, or one of another form")
            return unauthorized(token_sent=token is not None)

        caller, wait_seconds = handler.caller(token, peer), client_wait(headers)
        arriving = Arriving(
            target=target,
            caller=caller,
            client_wait_seconds=wait_seconds,
            certificate_names=(scope.get("state") or {}).get("certificate_names", ()),
        )
        body = RequestBody(receive, self._held, peer)
        loop = asyncio.get_running_loop()
        arrived_at = loop.time()
        try:
            refused = handler.admit(arriving)
            if refused is not None and not isinstance(refused, Answer):
                refused = await _unless_gone(_admitted(refused), body)
                if refused is None:
                    return None
            if isinstance(refused, Answer) and refused is not _ADMITTED:
                return refused
            if source is not None:
                return await _unless_gone(handler.source(target.project_id or "", caller), body)
            waited_seconds = loop.time() - arrived_at
            await body.read()
            incoming = Incoming(
                target=target,
                method=method,
                caller=caller,
                headers=headers,
                body=body.content,
                client_wait_seconds=wait_seconds,
                waited_seconds=waited_seconds,
            )
            return await _unless_gone(handler.answer(incoming), body)
        except TooLargeError:
            return _refused(400, f"The body has more than {BODY_LIMIT_BYTES} bytes; send at most that")
        except TooSlowError:
            return _refused(408, f"The body did not come whole within {READ_SECONDS:.0f} seconds; send it faster")
        except TooManyError:
            log_decision("refused", "the bodies of all requests together are too large")
            return refusal(503, "The gateway holds too many requests", retry_after_seconds=10)
        finally:
            body.close()

    async def _send(self, scope: Scope, answer: Answer, send: Send) -> None:
        handler = self._handler
        headers, body = list(answer.headers), answer.body
        if handler is not None:
            content_type = next((value.decode("latin-1") for name, value in headers if name == b"content-type"), None)
            public_base = handler.public_base or _address(scope)
            if len(body) <= _REWRITTEN_AT_ONCE_BYTES:
                body = rewrite(body, content_type, handler.upstream_base, public_base)
            else:
                body = await asyncio.to_thread(rewrite, body, content_type, handler.upstream_base, public_base)
            headers = [_moved(header, handler.upstream_base, public_base) for header in headers]
        if answer.cache is not None:
            headers.append((b"x-hex-exporter-cache", answer.cache.encode()))
        if answer.reason is not None:
            outcome = answer.cache or ("refused" if answer.status == 429 else "failed")
            reason = f"{outcome}: {answer.reason}"
            headers.append((b"x-hex-exporter-reason", _UNPRINTABLE.sub(b"?", reason.encode("ascii", "replace"))))
        if answer.status not in _NO_BODY and scope["method"] != "HEAD":
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if answer.status in _NO_BODY else body})


async def _unless_gone(answering: Awaitable[Answer], body: RequestBody) -> Answer | None:
    """The answer, or None as soon as the caller has hung up; what was being done for it is cancelled then.

    Raises what reading a little of the body raises.
    """
    answered, gone = asyncio.ensure_future(_answered(answering)), None
    try:
        await asyncio.sleep(0)
        if answered.done():  # as hits and polls are whose answer is known: nothing has to be waited for
            return answered.result()
        gone = asyncio.ensure_future(body.gone())
        await asyncio.wait({answered, gone}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            gone.result()
        return answered.result() if answered.done() else None
    finally:
        if gone is not None:
            gone.cancel()
        if not answered.done():
            answered.cancel()
            await asyncio.wait({answered})


async def _admitted(asking: Awaitable[Answer | None]) -> Answer:
    """The refusal, or _ADMITTED."""
    return await asking or _ADMITTED


async def _answered(answering: Awaitable[Answer]) -> Answer:
    """The answer, whatever goes wrong."""
    try:
        return await answering
    except NoRoomError as error:
        message = "Hex's rate limit leaves no room for this request now"
        return too_many(message, error.retry_after_seconds)
    except NoAnswerError as error:
        return refusal(504, str(error))
    except Exception:
        _log.exception("The gateway cannot answer a request")
        return refusal(500, "The gateway failed")


def _address(scope: Scope) -> str:
    """Where the caller has connected to, for links, where no public address is configured."""
    host, port = scope.get("server") or ("127.0.0.1", None)
    shown = f"[{host}]" if ":" in host else host
    return f"{scope.get('scheme', 'http')}://{shown}" + ("" if port is None else f":{port}") + _API


def _moved(header: tuple[bytes, bytes], upstream_base: str, public_base: str) -> tuple[bytes, bytes]:
    name, value = header
    if name != b"location":
        return header
    return name, moved(value.decode("latin-1"), upstream_base, public_base).encode("latin-1")


def _refused(status: int, message: str) -> Answer:
    """A request that goes nowhere."""
    log_decision("refused", message)
    return refusal(status, message)


def sentence(error: Exception) -> str:
    """The message of an error as a sentence of its own."""
    message = str(error)
    return message[:1].upper() + message[1:]
