"""Gzip of a body that is made of blocks, each compressed by itself: a block that comes again is not compressed again.

A stream of RFC 1952 with one member, which every reader understands. Each block ends at a byte with a full flush
(RFC 1951, zlib's `Z_FULL_FLUSH`) and refers to nothing before it, so blocks can be put together in any order.
"""

import zlib
from collections.abc import Sequence

_LEVEL = 1  # 9.5 % larger than the default level and eight times faster
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # no name, no time, fastest, unknown system
_LAST_BLOCK = b"\x03\x00"  # empty, and marked as the last

JOIN_BELOW = 16_384
"""Bytes: smaller neighbours become one block, because a block of its own costs 10 bytes and knows no repetition."""


def joined(parts: Sequence[bytes]) -> tuple[bytes, ...]:
    """The same bytes in blocks: large parts as they are, runs of small ones joined."""
    blocks: list[bytes] = []
    small: list[bytes] = []
    for part in parts:
        if len(part) < JOIN_BELOW:
            small.append(part)
        else:
            if small:
                blocks.append(b"".join(small))
                small = []
            blocks.append(part)
    if small:
        blocks.append(b"".join(small))
    return tuple(blocks)


class BlockCompressor:
    """Compresses bodies, and remembers the blocks of the last ones. For one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def compress(self, *bodies: Sequence[bytes]) -> list[bytes]:
        """Each body as gzip; a block that is in several, or was in the last call, is compressed once."""
        used: dict[bytes, bytes] = {}
        compressed = []
        for blocks in bodies:
            parts = [_HEADER]
            checksum = size = 0
            for block in blocks:
                deflated = used.get(block) or self._known.get(block) or _deflated(block)
                used[block] = deflated
                parts.append(deflated)
                checksum = zlib.crc32(block, checksum)
                size += len(block)
            parts += (_LAST_BLOCK, checksum.to_bytes(4, "little"), (size & 0xFFFFFFFF).to_bytes(4, "little"))
            compressed.append(b"".join(parts))
        self._known = used
        return compressed


def _deflated(block: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
