"""An answer's body, read piece by piece and never beyond a limit on what it unfolds to."""

import zlib
from collections.abc import AsyncIterable, AsyncIterator

_GZIP = 16 + zlib.MAX_WBITS  # zlib's own sign for a gzip header


class BodyError(Exception):
    """The body cannot be read; the message is a phrase that is safe to log. Becomes the flaw of an answer."""


async def bounded(pieces: AsyncIterable[bytes], *, encoding: str, limit_bytes: int) -> AsyncIterator[bytes]:
    """The decoded pieces, `encoding` being the header `Content-Encoding`.

    Raises BodyError beyond `limit_bytes` decoded bytes (no more than that is ever unfolded), on broken or cut-off
    gzip and on any other encoding.
    """
    name = encoding.strip().lower() or "identity"
    if name not in {"identity", "gzip", "x-gzip"}:
        raise BodyError("a content encoding that was not requested")
    decoder = None if name == "identity" else zlib.decompressobj(_GZIP)
    room_bytes = limit_bytes
    async for piece in pieces:
        decoded = piece if decoder is None else _unfolded(decoder, piece, room_bytes + 1)
        room_bytes -= len(decoded)
        if room_bytes < 0:
            raise BodyError(f"a body of more than {limit_bytes} bytes")
        yield decoded
    if decoder is not None and not decoder.eof:
        raise BodyError("a gzip body that is cut off")


def _unfolded(decoder: "zlib._Decompress", piece: bytes, most_bytes: int) -> bytes:
    try:
        return decoder.decompress(piece, most_bytes)
    except zlib.error:
        raise BodyError("a broken gzip body") from None
