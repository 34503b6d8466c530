"""The HTTP server: uvicorn's protocol on sockets bound beforehand, with limits that no client can talk away.

Bind first, then serve until stopped; which is then a matter of milliseconds, whatever clients do.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from email.utils import formatdate

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from exporter.errors import ConfigError
from exporter.web.acceptor import Acceptor
from exporter.web.connection import HttpConnection
from exporter.web.connection_limits import ConnectionLimits, Connections
from exporter.web.listen_address import LISTEN_FLAG, Address, bind, bound_address, parse_address
from exporter.web.middleware import WebConfigMiddleware
from exporter.web.tls import Tls
from exporter.web.web_config_file import WebConfigFile


class Server:
    """Serves one application on one or more addresses, by the rules of a web configuration file if there is one."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        listen: Sequence[str],
        web_file: WebConfigFile | None = None,
        limits: ConnectionLimits | None = None,
        takes_whole_urls: bool = True,
        answers_half_closed: bool = True,
        flag: str = LISTEN_FLAG,
    ) -> None:
        """Without `takes_whole_urls` a target that names the whole URL reaches the application as it came.

        Without `answers_half_closed` a client that closes its sending side is taken as gone, so that an application
        whose answers take long learns of it at once. Raises ConfigError for an address that cannot be read, or had,
        by the name of the `flag` that gave it.
        """
        self._wanted = tuple(parse_address(text, flag) for text in listen)
        self._flag = flag
        self._web_file = web_file
        self._guard = WebConfigMiddleware(app, web_file) if web_file else None
        inner = self._guard or app
        self._app = _ending_quietly(_at_the_root(inner) if takes_whole_urls else inner)
        self._limits = limits or ConnectionLimits()
        self._answers_half_closed = answers_half_closed
        self._sockets: list[socket.socket] = []

    @property
    def scheme(self) -> str:
        """`https` where it is served over TLS, else `http`."""
        return "http" if self._tls() is None else "https"

    def bind(self) -> tuple[Address, ...]:
        """Take the addresses and return them as they are; raises ConfigError if one cannot be had."""
        try:
            for address in self._wanted:
                self._sockets.append(bind(address, self._flag))
        except ConfigError:
            self.close()
            raise
        return tuple(bound_address(listener) for listener in self._sockets)

    def close(self) -> None:
        """Give the addresses back; only a server that does not serve needs this."""
        for listener in self._sockets:
            listener.close()
        self._sockets.clear()

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until the event is set, on this event loop; ends within a second of it. Binds if that was not done.

        No signal handler is installed and nothing is logged but failures of the application.
        """
        if not self._sockets:
            self.bind()
        config, state, visitors = self._uvicorn(), ServerState(), Connections(self._limits)
        _set_date(state)

        def connection(tls: Tls | None) -> HttpConnection:
            return HttpConnection(config, state, visitors, tls, answers_half_closed=self._answers_half_closed)

        acceptors = [
            Acceptor(listener, connection, tls=self._tls, visitors=visitors, limits=self._limits)
            for listener in self._sockets
        ]
        for acceptor in acceptors:
            acceptor.open()
        try:
            while not stop.is_set():
                visitors.drop_overdue()
                _set_date(state)
                await _wait(stop, self._limits.look_seconds)
        finally:
            for acceptor in acceptors:
                acceptor.close()
            self._sockets.clear()
            await visitors.dismiss_all(self._limits.stop_seconds)
            for task in list(state.tasks):
                task.cancel()
            if self._guard:
                self._guard.close()

    def _tls(self) -> Tls | None:
        return self._web_file.current().tls if self._web_file else None

    def _uvicorn(self) -> uvicorn.Config:
        config = uvicorn.Config(
            self._app,
            http=HttpConnection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            workers=1,
            timeout_keep_alive=24 * 3600,  # the visitors' limits hold, and hold for more than idle connections
            h11_max_incomplete_event_size=self._limits.head_bytes,
        )
        config.load()
        return config


def _at_the_root(app: ASGIApp) -> ASGIApp:
    """The application, given only the path where a client names the whole URL (RFC 9112, section 3.2.2)."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        scheme, separator, rest = scope["path"].partition("://")
        if separator and scheme.lower() in ("http", "https"):
            path = "/" + rest.partition("/")[2]
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await app(scope, receive, send)

    return answer


def _ending_quietly(app: ASGIApp) -> ASGIApp:
    """The application, cancelled without a word: only a server that stops does that, uvicorn would log a failure."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return answer


def _set_date(state: ServerState) -> None:
    state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or else after so many seconds."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
