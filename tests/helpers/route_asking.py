"""One request by a route to a server of this machine, and what became of it."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme

from exporter.config import Route
from exporter.hexapi import Answer, Exchanger, NoAnswer, whole_body

HOST = "eu.hex.example"

URL = f"https://{HOST}/api/v1/projects"


class Handler(BaseHTTPRequestHandler):
    """Answers with the request it got."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = f"{self.command} {self.path} {self.headers.get('Proxy-Authorization')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    """Counts connections; the first `resets` of them end before TLS has begun."""

    daemon_threads = True
    resets = 0
    connections = 0

    def verify_request(self, request: object, client_address: object) -> bool:
        """Whether to go on with this one."""
        self.connections += 1
        return self.connections > self.resets

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust the certificate is no news."""


@contextlib.contextmanager
def serving(ca: trustme.CA | None = None) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    if ca is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(HOST, "localhost", "127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def ask(route: Route, url: str = URL, method: str = "GET", setting: str = "base_url") -> Answer[bytes] | NoAnswer:
    async def once() -> Answer[bytes] | NoAnswer:
        async with Exchanger(route=route, setting=setting) as http:
            read = partial(whole_body, limit_bytes=1000)
            return await http.exchange(http.request(method, url), read, deadline_seconds=20)

    return asyncio.run(once())


def body(found: Answer[bytes] | NoAnswer) -> bytes | None:
    assert isinstance(found, Answer), found
    return found.body


def reason(found: Answer[bytes] | NoAnswer) -> str:
    assert isinstance(found, NoAnswer), found
    assert not found.was_sent
    return found.reason
