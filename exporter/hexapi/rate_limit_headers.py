"""The headers of rate limits: when the window ends that has no request left; anything unreadable says nothing."""

import math
import re
from collections.abc import Mapping

from exporter.hexapi.field_readers import number
from exporter.hexapi.retry_after import retry_after_seconds
from exporter.hexapi.sliding_windows import HOUR_SECONDS
from exporter.hexapi.timestamps import http_date_ms, iso_ms, server_now

LONGEST_WINDOW_SECONDS = HOUR_SECONDS
"""The longest window that Hex documents: no header is taken to mean more."""

_EPOCH_FROM_SECONDS = 1_000_000_000.0  # September 2001: no window lasts that many seconds
_EPOCH_FROM_MILLISECONDS = 1_000_000_000_000.0
_COMBINED = re.compile(r"\b(?P<name>remaining|reset|r|t)\s*=\s*(?P<number>\d{1,15})", re.IGNORECASE)
_COMBINED_NAMES = {"r": "remaining", "t": "reset"}


def reset_seconds(headers: Mapping[str, str], now: float, *, even_if_some_remain: bool = False) -> float | None:
    """Seconds until the rate limit's window ends, if no request remains in it.

    Reads `RateLimit-*`, `X-RateLimit-*` and the combined `RateLimit`; a reset is given in seconds or milliseconds from
    now, as epoch seconds or milliseconds, or as a date. Of several the longest applies, from 0 to
    LONGEST_WINDOW_SECONDS.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    if not any("ratelimit" in name for name in lower):  # as most answers: nothing has to be parsed
        return None
    server = server_now(lower, now)
    waits = [
        min(max(0.0, _until(reset, server)), LONGEST_WINDOW_SECONDS)
        for remaining, reset in _windows(lower)
        if reset is not None and (remaining == 0 or even_if_some_remain)
    ]
    return max(waits, default=None)


def announced_seconds(retry_after: str | None, headers: Mapping[str, str], now: float) -> float:
    """Seconds that a 429 of `now` (epoch seconds) asks to wait: `Retry-After` or a reset, the later; 0: neither."""
    return max(
        retry_after_seconds(retry_after, headers, now) or 0.0,
        reset_seconds(headers, now, even_if_some_remain=True) or 0.0,
    )


def _windows(lower: Mapping[str, str]) -> list[tuple[float | None, float | None]]:
    """(remaining, reset) of each window that the headers describe."""
    windows = [
        (number(lower.get(f"{prefix}-remaining"), math.inf), _reset(lower.get(f"{prefix}-reset", "")))
        for prefix in ("ratelimit", "x-ratelimit")
    ]
    for policy in lower.get("ratelimit", "").split('"')[:64]:
        named = {found["name"].lower(): float(found["number"]) for found in _COMBINED.finditer(policy)}
        full = {_COMBINED_NAMES.get(name, name): amount for name, amount in named.items()}
        windows.append((full.get("remaining"), full.get("reset")))
    return windows


def _reset(written: str) -> float | None:
    """The number that is written, or the epoch seconds of a date."""
    moment_ms = http_date_ms(written) or iso_ms(written)
    return number(written, math.inf) if moment_ms is None else moment_ms / 1000


def _until(reset: float, now: float) -> float:
    if reset >= _EPOCH_FROM_MILLISECONDS:
        return reset / 1000 - now
    if reset >= _EPOCH_FROM_SECONDS:
        return reset - now
    # More seconds than any window has are milliseconds.
    return reset if reset <= LONGEST_WINDOW_SECONDS else reset / 1000
