"""A real server on a real socket, in a thread with its own event loop, and certificates for it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from starlette.types import ASGIApp
from web_client import Running, make_app, write_certificate

from exporter.web import ConnectionLimits, Server, WebConfigFile


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """A factory of running servers, all stopped in the end."""
    stops: list[Callable[[], None]] = []

    def start(
        app: ASGIApp | None = None,
        *,
        listen: tuple[str, ...] = ("127.0.0.1:0",),
        web_file: Path | None = None,
        limits: ConnectionLimits | None = None,
        takes_whole_urls: bool = True,
    ) -> Running:
        watched = WebConfigFile(web_file) if web_file else None
        server = Server(
            app or make_app(), listen=listen, web_file=watched, limits=limits, takes_whole_urls=takes_whole_urls
        )
        addresses = server.bind()
        loop, stop = asyncio.new_event_loop(), asyncio.Event()

        def run() -> None:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(server.serve(stop))

        thread = threading.Thread(target=run)
        thread.start()

        def end() -> None:
            if thread.is_alive():
                loop.call_soon_threadsafe(stop.set)
            thread.join(30)
            assert not thread.is_alive()

        stops.append(end)
        return Running(addresses, end)

    yield start
    for end in stops:
        end()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Who signs the certificates of servers and clients."""
    return trustme.CA()


@pytest.fixture
def tls_file(tmp_path: Path, authority: trustme.CA) -> Callable[..., Path]:
    """A factory of web configuration files with a certificate for localhost beside them."""

    def write(*lines: str, rest: str = "") -> Path:
        write_certificate(authority, tmp_path)
        authority.cert_pem.write_to_path(tmp_path / "ca.crt")
        settings = ("cert_file: server.crt", "key_file: server.key", *lines)
        file = tmp_path / "web.yml"
        file.write_text("tls_server_config:\n" + "".join(f"  {line}\n" for line in settings) + rest)
        return file

    return write
