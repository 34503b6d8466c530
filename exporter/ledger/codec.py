"""Facts as text and back: what a column can hold of whatever Hex sent."""

import json
import re
from typing import TypeVar

import msgspec

Fact = TypeVar("Fact")

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LATEST_MS = 1 << 47  # the year 6429; a sum of such values still fits 64 bits


def storable(text: str) -> str:
    """The text without what no database keeps (NUL, lone surrogates), each replaced by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def plausible(number: int | None) -> int | None:
    """The number, None if no clock or counter of Hex can mean it (negative, or beyond the year 6000 as ms)."""
    return number if number is not None and 0 <= number < _LATEST_MS else None


def encode(fact: object) -> str:
    """The fact as JSON text."""
    try:
        return msgspec.json.encode(fact).decode()
    except UnicodeEncodeError:
        return storable(json.dumps(msgspec.to_builtins(fact), ensure_ascii=False))


def decode(text: str, kind: type[Fact]) -> Fact | None:
    """The fact that `encode` wrote, None if the text cannot be read as one (a damaged row costs only itself)."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError:
        return None
