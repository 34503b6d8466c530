"""An application on a real socket of this machine, in a thread of its own, for clients under test."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.types import ASGIApp

from exporter.web import Server, WebConfigFile


@contextmanager
def serving(app: ASGIApp, *, web_file: Path | None = None) -> Iterator[str]:
    """Serve it, with a web file over TLS; the address, such as `http://127.0.0.1:40123`."""
    server = Server(app, listen=["127.0.0.1:0"], web_file=None if web_file is None else WebConfigFile(web_file))
    (address,) = server.bind()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(server.serve(stop))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://{address}" if web_file is None else f"https://{address}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
