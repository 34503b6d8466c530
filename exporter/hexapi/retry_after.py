"""What an answer's headers say about when to ask again; anything unreadable says nothing."""

import math
import re
from collections.abc import Mapping

from exporter.hexapi.timestamps import http_date_ms

_EPOCH_FROM_SECONDS = 1_000_000_000.0
_EPOCH_FROM_MILLISECONDS = 1_000_000_000_000.0
_COMBINED = re.compile(r"\b(?P<name>remaining|reset|r|t)\s*=\s*(?P<number>\d{1,15})", re.IGNORECASE)
_COMBINED_NAMES = {"r": "remaining", "t": "reset"}


def retry_after_seconds(value: str | None, headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that `Retry-After` asks to wait, None if it asks nothing that can be followed.

    A date counts from the answer's own `Date`, so that a wrong local clock (`now`, epoch seconds) matters only where
    the server does not tell the time.
    """
    if value is None:
        return None
    seconds = _number(value)
    if seconds is None:
        moment_ms = http_date_ms(value)
        if moment_ms is None:
            return None
        seconds = moment_ms / 1000 - _server_now(_lower(headers), now)
    return seconds if seconds > 0 else None


def reset_seconds(headers: Mapping[str, str], now: float, *, even_if_some_remain: bool = False) -> float | None:
    """Seconds until the rate limit's window ends, if no request remains in it.

    Reads `RateLimit-*`, `X-RateLimit-*` and the combined `RateLimit`; a reset is given in seconds, as epoch seconds or
    as epoch milliseconds. Of several the longest counts.
    """
    lower = _lower(headers)
    waits = [
        _until(reset, _server_now(lower, now))
        for remaining, reset in _windows(lower)
        if reset is not None and (remaining == 0 or even_if_some_remain)
    ]
    return max(waits, default=None)


def _windows(lower: Mapping[str, str]) -> list[tuple[float | None, float | None]]:
    """(remaining, reset) of each window that the headers describe."""
    windows = [
        (_number(lower.get(f"{prefix}-remaining")), _number(lower.get(f"{prefix}-reset")))
        for prefix in ("ratelimit", "x-ratelimit")
    ]
    for policy in lower.get("ratelimit", "").split('"')[:64]:
        named = {found["name"].lower(): float(found["number"]) for found in _COMBINED.finditer(policy)}
        full = {_COMBINED_NAMES.get(name, name): number for name, number in named.items()}
        windows.append((full.get("remaining"), full.get("reset")))
    return windows


def _until(reset: float, now: float) -> float:
    if reset >= _EPOCH_FROM_MILLISECONDS:
        return reset / 1000 - now
    return reset - now if reset >= _EPOCH_FROM_SECONDS else reset


def _server_now(lower: Mapping[str, str], now: float) -> float:
    server_ms = http_date_ms(lower.get("date", ""))
    return now if server_ms is None else server_ms / 1000


def _number(value: str | None) -> float | None:
    """A number that a wait can be; None for nothing, garbage, NaN, the infinite and the negative."""
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
