"""Bodies read piece by piece, never beyond the limit."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.hexapi.bounded_body import BodyError, bounded

MIB = 1024 * 1024


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def read(body: bytes, *, encoding: str = "", limit_bytes: int = MIB, size: int = 65536) -> bytes:
    async def whole() -> bytes:
        return b"".join(
            [piece async for piece in bounded(pieces(body, size), encoding=encoding, limit_bytes=limit_bytes)]
        )

    return asyncio.run(whole())


@given(st.binary(max_size=300), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_folding_then_reading_is_the_identity_however_it_is_cut(body: bytes, size: int) -> None:
    assert read(body, size=size) == body
    assert read(gzip.compress(body), encoding=" GZIP ", size=size, limit_bytes=len(body)) == body


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_the_limit_counts_decoded_bytes(encoding: str) -> None:
    fold = gzip.compress if encoding else bytes
    assert len(read(fold(bytes(1000)), encoding=encoding, limit_bytes=1000)) == 1000

    with pytest.raises(BodyError, match=r"^a body of more than 1000 bytes$"):
        read(fold(bytes(1001)), encoding=encoding, limit_bytes=1000)


@pytest.mark.slow
def test_a_bomb_is_never_unfolded() -> None:
    bomb = gzip.compress(bytes(64 * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(BodyError, match="more than 1048576 bytes"):
            read(bomb, encoding="gzip")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 8 * MIB


def test_broken_gzip_is_said() -> None:
    with pytest.raises(BodyError, match="broken gzip"):
        read(b"not gzip at all", encoding="gzip")


@pytest.mark.parametrize("cut", [0, 1, 15, -1])
def test_gzip_that_is_cut_off_is_said(cut: int) -> None:
    with pytest.raises(BodyError, match="cut off"):
        read(gzip.compress(b"x" * 100)[:cut], encoding="gzip")


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip"])
def test_an_encoding_that_was_not_requested_is_refused(encoding: str) -> None:
    with pytest.raises(BodyError, match="not requested"):
        read(zlib.compress(b"x"), encoding=encoding)
