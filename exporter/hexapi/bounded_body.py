"""An answer's body, read piece by piece and never beyond a limit on what it unfolds to."""

import zlib
from collections.abc import AsyncIterable

_GZIP = 16 + zlib.MAX_WBITS


class BodyError(Exception):
    """The body cannot be read; the message is a phrase that is safe to log."""


async def read_body(pieces: AsyncIterable[bytes], *, encoding: str, limit_bytes: int) -> bytes:
    """The decoded body, `encoding` being the header `Content-Encoding`.

    Raises BodyError beyond `limit_bytes` decoded bytes (no more than that is ever unfolded), on broken or cut-off
    gzip and on any other encoding.
    """
    name = encoding.strip().lower() or "identity"
    if name not in {"identity", "gzip", "x-gzip"}:
        raise BodyError("a content encoding that was not asked for")
    unfold = None if name == "identity" else zlib.decompressobj(_GZIP)
    body = bytearray()
    async for piece in pieces:
        body += piece if unfold is None else _unfolded(unfold, piece, limit_bytes + 1 - len(body))
        if len(body) > limit_bytes:
            raise BodyError(f"a body of more than {limit_bytes} bytes")
    if unfold is not None and not unfold.eof:
        raise BodyError("a gzip body that is cut off")
    return bytes(body)


def _unfolded(unfold: "zlib._Decompress", piece: bytes, room_bytes: int) -> bytes:
    try:
        return unfold.decompress(piece, room_bytes)
    except zlib.error:
        raise BodyError("a broken gzip body") from None
