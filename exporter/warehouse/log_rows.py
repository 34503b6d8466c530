"""A row of a query log as a driver gives it, made plain: what is not credible in it is not known, and never raises."""

from collections.abc import Sequence
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, NamedTuple

_PARTS = frozenset({"query", "idle", "bill"})
_YES, _NO = frozenset({"1", "1.0", "t", "true", "y", "yes"}), frozenset({"0", "0.0", "f", "false", "n", "no"})

_LAST_MS = 253_402_300_799_999  # the year 9999
_LONGEST_MS = 7 * 86_400_000
"""No vendor lets a query run for longer: one that seems to has a start that is wrong."""

_MOST_BYTES, _MOST_SLOT_MS, _MOST_UNITS = 1 << 50, 1 << 42, 1_000_000
"""More than one query can use: a pebibyte, a million slot hours, a million credits or dollars."""

_DIGITS = Context(prec=50)
_LEAST_EXPONENT = -30


class LogRow(NamedTuple):
    """One row of a log. `part`: query; or idle and bill, which are of an hour of the warehouse as a whole.

    `equal_ms` is the earliest end, within the day before its own, of a query whose text differs only in the comment.
    """

    part: str
    query_id: str
    start_ms: int
    end_ms: int
    query_text: str | None
    cache_hit: bool | None
    credits: Fraction | None
    bytes_billed: int | None
    slot_ms: int | None
    usd: Fraction | None
    equal_ms: int | None = None


def log_row(row: Sequence[Any]) -> LogRow | None:
    """A row as the statements give it; None where it has no part or no end. Amounts below 0 are not known."""
    part, query_id, start_ms, end_ms, query_text, cache_hit, credits, bytes_billed, slot_ms, usd, equal_ms = row
    part = "query" if part is None else str(part).strip().lower()
    end, start = _whole(end_ms, _LAST_MS), _whole(start_ms, _LAST_MS)
    if part not in _PARTS or end is None:
        return None
    if isinstance(query_text, bytes | bytearray | memoryview):
        query_text = bytes(query_text).decode("utf-8", "replace")
    return LogRow(
        part,
        # Without an id, rows that are the same to the letter are one.
        repr(tuple(row)) if query_id is None else str(query_id),
        start if start is not None and 0 <= end - start <= _LONGEST_MS else end,
        end,
        query_text if isinstance(query_text, str) else None,
        _truth(cache_hit),
        amount(credits),
        _whole(bytes_billed, _MOST_BYTES),
        _whole(slot_ms, _MOST_SLOT_MS),
        amount(usd),
        _whole(equal_ms, _LAST_MS),
    )


def amount(value: object) -> Fraction | None:
    """Credits or dollars as they are written in decimals: 0.1 is a tenth. None where it is not credible."""
    number = _number(value)
    if number is None or number > _MOST_UNITS:
        return None
    number = _DIGITS.plus(number)
    return Fraction(number) if not number or number.adjusted() >= _LEAST_EXPONENT else Fraction(0)


def _whole(value: object, most: int) -> int | None:
    number = _number(value)
    return None if number is None or number > most else int(number)


def _number(value: object) -> Decimal | None:
    """From 0 on; None for what is no number, NaN and infinity among them."""
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() and number >= 0 else None


def _truth(value: object) -> bool | None:
    """Drivers and tables write it as a boolean, a number or a word."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    return True if word in _YES else False if word in _NO else None
