"""What is served: the ready-made metrics page, health, readiness, reload and a landing page; 404 for all else."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.content_negotiation import negotiate
from exporter.web.document_headers import headers_of_document
from exporter.web.web_paths import WebPaths

_CHUNK_BYTES = 256 * 1024
"""A body goes out in pieces of this size, so that a reader who does not read holds one of them and not the page."""

_READERS = ("GET", "HEAD")
_PLAIN_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_AT_THE_ROOT = WebPaths()

Verdict = Callable[[], tuple[bool, str]]
"""Says on the event loop, at once, whether all is well, and a sentence on it."""


class Health(NamedTuple):
    """Whether all is well, and a sentence on it for people; no secrets, anybody may read it."""

    ok: bool
    text: str


class ReloadOutcome(NamedTuple):
    """Whether the new configuration is in force; where it was refused, `text` says why."""

    ok: bool
    text: str


class Body(Protocol):
    """A page that is ready to be sent."""

    def body(self, *, openmetrics: bool, gzip: bool) -> bytes:
        """The page's bytes in one of the four forms, made beforehand."""


class Publisher(Protocol):
    """Where the newest page is found; read on the event loop, replaced by any thread."""

    @property
    def page(self) -> Body:
        """The newest page, never None."""


def create_app(
    publisher: Publisher,
    *,
    health: Verdict,
    ready: Verdict,
    reload: Callable[[], tuple[bool, str]] | None,
    landing: Callable[[], bytes],
    landing_style_sha256: str,
    paths: WebPaths = _AT_THE_ROOT,
) -> Starlette:
    """The exporter's HTTP side as an ASGI application.

    `health`, `ready` and `landing`, which returns an HTML document, are called on the event loop and must return at
    once; `reload` (None: not enabled) runs in a thread, one call at a time. Of the document's style sheets a browser
    applies the one with this hash (in base64). A telemetry path of `/` takes the landing page's place. With a prefix,
    `/` and the prefix without its slash lead to the landing page.
    """
    turn = asyncio.Lock()
    landing_headers = headers_of_document(landing_style_sha256)

    async def landing_page(request: Request) -> Response:
        return HTMLResponse(landing(), headers=landing_headers)

    async def to_landing_page(request: Request) -> Response:
        # Relative, and so right behind a proxy that adds or removes a part of the path.
        whole = paths.prefix.lstrip("/")
        return RedirectResponse("./" + (whole if request.url.path == "/" else whole.rpartition("/")[2]) + "/")

    async def reload_page(request: Request) -> Response:
        if reload is None:
            return _text(403, "Reload over HTTP is off; start with --web.enable-lifecycle to allow it.")
        async with turn:
            ok, text = await run_in_threadpool(reload)
        return _text(200 if ok else 500, text)

    routes = [
        ExactRoute(paths.below(paths.telemetry), MetricsEndpoint(publisher), _READERS),
        *_health_routes(health, ready, paths),
        ExactRoute(paths.below("/-/reload"), request_response(reload_page), ("POST",)),
        ExactRoute(paths.below("/"), request_response(landing_page), _READERS),
    ]
    if paths.prefix:
        routes += [ExactRoute(path, request_response(to_landing_page), _READERS) for path in ("/", paths.prefix)]
    return _exact(routes)


def create_health_app(*, health: Verdict, ready: Verdict) -> Starlette:
    """`/-/healthy` and `/-/ready`, and nothing else: for an address that anyone may ask."""
    return _exact(_health_routes(health, ready, _AT_THE_ROOT))


def _health_routes(health: Verdict, ready: Verdict, paths: WebPaths) -> list["ExactRoute"]:
    async def healthy_page(request: Request) -> Response:
        return _verdict(health())

    async def ready_page(request: Request) -> Response:
        return _verdict(ready())

    return [
        ExactRoute(paths.below("/-/healthy"), request_response(healthy_page), _READERS),
        ExactRoute(paths.below("/-/ready"), request_response(ready_page), _READERS),
    ]


def _exact(routes: Sequence["ExactRoute"]) -> Starlette:
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app


class MetricsEndpoint:
    """Answers a scrape with bytes that were made before it came; nothing is computed here."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page in the form that the request asks for."""
        accept, accept_encoding = _header(scope, b"accept"), _header(scope, b"accept-encoding")
        chosen = negotiate(accept, accept_encoding)
        body = self._publisher.page.body(openmetrics=chosen.openmetrics, gzip=chosen.gzip)

        headers = [
            (b"content-type", chosen.content_type),
            (b"content-length", str(len(body)).encode()),
            (b"vary", b"Accept, Accept-Encoding"),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if chosen.gzip:
            headers.append((b"content-encoding", b"gzip"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        for start in range(0, max(1, len(body)), _CHUNK_BYTES):
            end = start + _CHUNK_BYTES
            await send({"type": "http.response.body", "body": body[start:end], "more_body": end < len(body)})
            if end < len(body):
                await asyncio.sleep(0)  # others have their turn, and a client that has left is noticed


class ExactRoute(BaseRoute):
    """One path, to the letter: no parameters, no redirects, no slash that may be left out."""

    def __init__(self, path: str, app: ASGIApp, methods: tuple[str, ...]) -> None:
        self.path = path
        self._app = app
        self._methods = methods

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """A full match for the path with any method, so that a wrong method is answered here."""
        if scope["type"] == "http" and scope["path"] == self.path:
            return Match.FULL, {"endpoint": self._app}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with 405 for a method that the path does not have."""
        if scope["method"] not in self._methods:
            raise HTTPException(405, headers={"Allow": ", ".join(self._methods)})
        await self._app(scope, receive, send)


def _header(scope: Scope, name: bytes) -> str | None:
    """All values of a request header as one list, None if it was not sent."""
    values = [value for key, value in scope["headers"] if key == name]
    return b",".join(values).decode("latin-1") if values else None


def _verdict(verdict: tuple[bool, str]) -> Response:
    ok, text = verdict
    return _text(200 if ok else 503, text)


def _text(status: int, text: str) -> Response:
    return PlainTextResponse(text.rstrip("\n") + "\n", status_code=status, headers=_PLAIN_HEADERS)
