"""Digests of states: equal for equal data, whichever driver or session brought it."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from hashlib import sha256

_DIGITS = 32


def digest(*parts: str) -> str:
    """32 hex digits that depend on every part and on where each begins and ends."""
    return sha256(json.dumps(parts).encode("utf-8", "backslashreplace")).hexdigest()[:_DIGITS]


def encoded_row(row: Sequence[object]) -> str:
    """The row as text: its values and their kinds."""
    return json.dumps([_encoded(value) for value in row], ensure_ascii=False)


def _encoded(value: object) -> object:
    match value:
        case None | bool() | str():
            return value
        case int() | Decimal() if value == value:
            return ["number", format(Decimal(value).normalize(), "f")]
        case float():
            return ["float", repr(value)]
        case datetime():
            # A session's time zone is no part of the moment that it shows.
            moment = value if value.tzinfo is None else value.astimezone(UTC)
            return ["datetime", moment.isoformat()]
        case date() | time():
            return [type(value).__name__, value.isoformat()]
        case bytes() | bytearray() | memoryview():
            return ["bytes", bytes(value).hex()]
        case dict():
            return ["map", sorted((str(key), json.dumps(_encoded(one))) for key, one in value.items())]
        case list() | tuple():
            return ["list", [_encoded(one) for one in value]]
        case _:
            return [type(value).__name__, str(value)]
