"""An application on a real socket of this machine, in a thread of its own, for clients under test."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp

from exporter.web import Server


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve it; the address, such as `http://127.0.0.1:40123`."""
    server = Server(app, listen=["127.0.0.1:0"])
    (address,) = server.bind()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(server.serve(stop))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://{address}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
