"""One write for the head and the body of an answer, where the server makes several."""

import asyncio
from typing import Any

_MOST_BYTES = 64 * 1024
"""More is written at once, so that a long answer does not pile up here."""


class GatheredWrites:
    """A transport whose writes leave together: with `flush`, `close`, or when the event loop comes round again.

    All else is the transport's own. Used on the event loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._flush: asyncio.Handle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Have this sent, with what was written just before."""
        if not data:
            return
        self._pieces.append(data)
        self._bytes += len(data)
        if self._bytes > _MOST_BYTES:
            self.flush()
        elif self._flush is None:
            self._flush = self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what was written."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._pieces:
            together = b"".join(self._pieces)
            self._pieces.clear()
            self._bytes = 0
            self._transport.write(together)

    def close(self) -> None:
        """Send what was written, then close."""
        self.flush()
        self._transport.close()
