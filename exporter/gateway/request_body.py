"""Bodies of requests: read within a time, bounded by request, by address and in all; and hang-ups are noticed."""

import asyncio
from collections import Counter

from starlette.types import Receive

from exporter.gateway.cache.run_request import BODY_LIMIT_BYTES

ALL_BODIES_BYTES = 64 * BODY_LIMIT_BYTES
"""All bodies together that are held at once, so that memory has a bound."""

BODIES_OF_ADDRESS_BYTES = 16 * BODY_LIMIT_BYTES
"""Those of one address, so that none can take what all have."""

UNKNOWN_BODY_BYTES = 64 * 1024
"""What is read of a body before its token is known: enough to notice that a caller hangs up."""

READ_SECONDS = 10.0
"""A body has to come whole in this time, like a request."""


class TooLargeError(Exception):
    """The body is larger than the gateway takes."""


class TooManyError(Exception):
    """All bodies together, or those of one address, are larger than the gateway takes at once."""


class TooSlowError(Exception):
    """The body did not come whole in time."""


class GoneError(Exception):
    """The caller hung up before its request had come whole."""


class HeldBytes:
    """How many bytes of bodies are held for each address. Used on one event loop."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether no more is held for anyone."""
        return self._of.total() > ALL_BODIES_BYTES

    def add(self, peer: str, count: int) -> None:
        """Hold more; TooManyError if that is too much."""
        self._of[peer] += count
        if count and (self.is_full or self._of[peer] > BODIES_OF_ADDRESS_BYTES):
            raise TooManyError

    def release(self, peer: str, count: int) -> None:
        """Hold so much less."""
        self._of[peer] -= count
        if self._of[peer] <= 0:
            del self._of[peer]

    def __len__(self) -> int:
        return len(self._of)


class RequestBody:
    """The body of one request, as ASGI gives it piece by piece. `close` has to be called at the end."""

    def __init__(self, receive: Receive, held: HeldBytes, peer: str) -> None:
        self._receive = receive
        self._held = held
        self._peer = peer
        self._body = bytearray()
        self._is_whole = False

    @property
    def content(self) -> bytes:
        """What has been read."""
        return bytes(self._body)

    async def read(self) -> None:
        """Read the rest; GoneError if the caller does not finish it, TooSlowError if that takes too long."""
        try:
            async with asyncio.timeout(None if self._is_whole else READ_SECONDS):
                while not self._is_whole:
                    await self._read_piece()
        except TimeoutError:
            raise TooSlowError from None

    async def gone(self) -> None:
        """Return when the caller has hung up; reads no more than a little of a body meanwhile."""
        while True:
            try:
                if self._is_whole:
                    if (await self._receive())["type"] == "http.disconnect":
                        return
                elif len(self._body) < UNKNOWN_BODY_BYTES:
                    await self._read_piece()
                else:
                    await asyncio.Event().wait()
            except GoneError:
                return

    def close(self) -> None:
        """Hold it no longer."""
        self._held.release(self._peer, len(self._body))
        self._body.clear()

    async def _read_piece(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        piece = message.get("body", b"")
        self._body += piece
        self._is_whole = not message.get("more_body", False)
        if piece:
            self._held.add(self._peer, len(piece))
        if len(self._body) > BODY_LIMIT_BYTES:
            raise TooLargeError
