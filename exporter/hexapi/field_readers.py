"""Lenient readers for one field of an answer: the value if it is usable, None (or nothing) if it is not."""

import math
import re
from collections.abc import Mapping

from exporter.hexapi.timestamps import epoch_ms, iso_ms

Json = Mapping[str, object]
"""A JSON object as it was parsed."""

TEXT_LIMIT = 1000
ENUM_LIMIT = 64
IDENTIFIER_LIMIT = 200
NUMBER_LIMIT = 10**12
"""Nothing Hex counts comes near; sums of what is below fit the ledger's 64 bits."""

_EPOCH_LIMIT = 10**14
_NOT_TEXT = re.compile(r"[\x00\ud800-\udfff]")


def mapping(value: object) -> Json:
    """The object, an empty one if it is anything else."""
    return value if isinstance(value, dict) else {}


def entries(value: object) -> list[object]:
    """The array, an empty one if it is anything else."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """The string, cut to TEXT_LIMIT characters; NUL and lone surrogates, which no database stores, become U+FFFD."""
    return _NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", value[:TEXT_LIMIT]) if isinstance(value, str) else None


def enum(value: object) -> str | None:
    """The string in lower case, at most ENUM_LIMIT characters; None if it is blank or no string."""
    written = text(value)
    return (written.strip().lower()[:ENUM_LIMIT] or None) if written is not None else None


def identifier(value: object) -> str | None:
    """The string if it can serve as an id in addresses, logs and labels: short, printable, without spaces."""
    if not isinstance(value, str) or not 0 < len(value) <= IDENTIFIER_LIMIT:
        return None
    return value if value.isprintable() and " " not in value and value not in {".", ".."} else None


def number(value: object, limit: float = NUMBER_LIMIT) -> float | None:
    """The number, or the number a string holds, if it lies from 0 to `limit`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        quantity = float(value)
    except (ValueError, OverflowError):
        return None
    return quantity if math.isfinite(quantity) and 0 <= quantity <= limit else None


def whole(value: object) -> int | None:
    """`number` rounded to an integer."""
    quantity = number(value)
    return None if quantity is None else round(quantity)


def thousandths(value: object) -> int | None:
    """`number` in integer thousandths."""
    quantity = number(value)
    return None if quantity is None else round(quantity * 1000)


def moment(value: object) -> int | None:
    """Epoch milliseconds of an ISO 8601 string."""
    return iso_ms(value) if isinstance(value, str) else None


def expiry(value: object) -> int | None:
    """Epoch milliseconds of a time given as epoch seconds, epoch milliseconds or ISO 8601."""
    quantity = number(value, _EPOCH_LIMIT)
    return moment(value) if quantity is None else epoch_ms(quantity)


def version(value: object) -> str | None:
    """A version given as a number or a string, as text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) <= NUMBER_LIMIT else None
    return text(value) or None
