"""Seeded chance: the same parts give the same numbers and ids, in every process, at any time."""

from hashlib import blake2b
from random import Random


def chance(*parts: object) -> Random:
    """A generator that depends on nothing but the parts."""
    return Random(int.from_bytes(_digest(parts)))


def share(*parts: object) -> float:
    """One number in [0, 1) that depends on nothing but the parts."""
    return int.from_bytes(_digest(parts)[:6]) / (1 << 48)


def identifier(*parts: object) -> str:
    """A UUID (version 4 in looks) that depends on nothing but the parts."""
    digits = _digest(parts).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _digest(parts: tuple[object, ...]) -> bytes:
    return blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).digest()
