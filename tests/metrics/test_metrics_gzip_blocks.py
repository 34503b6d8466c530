"""Gzip in blocks: every reader gives back the bytes, and blocks that come again are the same bytes."""

import gzip
import random
import shutil
import subprocess
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.gzip_blocks import JOIN_BELOW, BlockCompressor, joined


def body_of(seed: int, size: int) -> bytes:
    return bytes(random.Random(seed).choices(b"hex_runs_total{} 0123456789", k=size))


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_any_blocks_are_given_back_by_readers_that_know_one_member_only(blocks: list[bytes]) -> None:
    (compressed,) = BlockCompressor().compress(blocks)
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)

    assert reader.decompress(compressed) == b"".join(blocks)
    assert reader.eof
    assert reader.unused_data == b""


@pytest.mark.skipif(shutil.which("gzip") is None, reason="gzip is not installed")
def test_the_gzip_program_finds_nothing_wrong() -> None:
    (compressed,) = BlockCompressor().compress([body_of(1, 100_000), b"", body_of(2, 10)])

    assert subprocess.run(["gzip", "--test"], input=compressed, timeout=20, check=False).returncode == 0


def test_blocks_in_another_order_are_given_back_in_that_order() -> None:
    compressor = BlockCompressor()
    blocks = [body_of(seed, 20_000) for seed in range(4)]
    compressor.compress(blocks)
    (turned,) = compressor.compress(blocks[::-1])

    assert gzip.decompress(turned) == b"".join(blocks[::-1])


def test_it_costs_little_more_than_in_one_piece() -> None:
    """A block of 60 KB with headers beside it: within 2 % of gzip at the same level."""
    parts = [part for seed in range(20) for part in (b"# HELP x y\n", body_of(seed, 60_000))]
    (compressed,) = BlockCompressor().compress(joined(parts))

    assert len(compressed) < 1.02 * len(gzip.compress(b"".join(parts), 1))


@given(st.lists(st.integers(0, 3 * JOIN_BELOW // 2), max_size=12))
def test_small_neighbours_are_joined_and_nothing_is_lost(sizes: list[int]) -> None:
    parts = [bytes([number]) * size for number, size in enumerate(sizes)]
    blocks = joined(parts)

    assert b"".join(blocks) == b"".join(parts)
    assert [one for one in blocks if len(one) >= JOIN_BELOW and one in parts] == [
        one for one in parts if len(one) >= JOIN_BELOW
    ]
