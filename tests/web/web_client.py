"""A page to serve, and a client that says exactly what a test wants it to say."""

import gzip
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from starlette.types import ASGIApp

from exporter.web import Address, create_app

TEXT = b"# TYPE hex_up gauge\nhex_up 1.0\n"
OPENMETRICS = TEXT + b"# EOF\n"


@dataclass(frozen=True)
class StandInPage:
    text: bytes = TEXT
    openmetrics: bytes = OPENMETRICS

    def body(self, *, openmetrics: bool, gzip: bool) -> bytes:
        body = self.openmetrics if openmetrics else self.text
        return _squeeze(body) if gzip else body


def _squeeze(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0)


@dataclass
class StandInPublisher:
    page: StandInPage = field(default_factory=StandInPage)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Running:
    """A server that serves. Every connection a test opens has a deadline of its own, so nothing waits without end."""

    addresses: tuple[Address, ...]
    stop: Callable[[], None]

    def connect(self, context: ssl.SSLContext | None = None, seconds: float = 20.0) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self.addresses[0].port), timeout=seconds)
        return plain if context is None else context.wrap_socket(plain, server_hostname="localhost")

    def send(self, request: bytes, context: ssl.SSLContext | None = None) -> Answer:
        with self.connect(context) as client:
            client.sendall(request)
            return read_answer(client, has_body=not request.startswith(b"HEAD "))

    def get(self, path: str, *, method: str = "GET", context: ssl.SSLContext | None = None, **headers: str) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return self.send("\r\n".join([*lines, "", ""]).encode("latin-1"), context)


def read_answer(client: socket.socket, *, has_body: bool = True) -> Answer:
    """One answer, by its own Content-Length; ConnectionError if the server closes before its end."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _receive(client)
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", 0)) if has_body else 0
    while len(body) < length:
        body += _receive(client)
    return Answer(int(status.split()[1]), headers, body)


def _receive(client: socket.socket) -> bytes:
    received = client.recv(65536)
    if not received:
        raise ConnectionError("closed before the end of an answer")
    return received


def until_closed(client: socket.socket) -> bytes:
    """What still comes until the server closes; TimeoutError if it never does."""
    received = b""
    while True:
        try:
            piece = client.recv(65536)
        except ConnectionError:
            return received
        if not piece:
            return received
        received += piece


def make_app(publisher: StandInPublisher | None = None, **changes: object) -> ASGIApp:
    settings: dict[str, object] = {
        "health": lambda: (True, "Alive."),
        "ready": lambda: (True, "Ready."),
        "reload": None,
        "landing": lambda: b"<!doctype html><title>Hex exporter</title>",
        "landing_style_sha256": "c3R5bGU=",
    }
    return create_app(publisher or StandInPublisher(), **(settings | changes))  # type: ignore[arg-type]


def write_certificate(authority: trustme.CA, folder: Path) -> None:
    """A new certificate for localhost and its key, in the place of those that are there."""
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "server.key")
    issued.cert_chain_pems[0].write_to_path(folder / "server.crt")
