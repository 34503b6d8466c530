"""The headers of rate limits: when the window ends that has no request left; anything unreadable says nothing."""

import math
import re
from collections.abc import Mapping

from exporter.hexapi.field_readers import number
from exporter.hexapi.timestamps import server_now

_EPOCH_FROM_SECONDS = 1_000_000_000.0  # September 2001: no window lasts that many seconds
_EPOCH_FROM_MILLISECONDS = 1_000_000_000_000.0
_COMBINED = re.compile(r"\b(?P<name>remaining|reset|r|t)\s*=\s*(?P<number>\d{1,15})", re.IGNORECASE)
_COMBINED_NAMES = {"r": "remaining", "t": "reset"}


def reset_seconds(headers: Mapping[str, str], now: float, *, even_if_some_remain: bool = False) -> float | None:
    """Seconds until the rate limit's window ends, if no request remains in it.

    Reads `RateLimit-*`, `X-RateLimit-*` and the combined `RateLimit`; a reset is given in seconds, as epoch seconds or
    as epoch milliseconds. Of several the longest applies.
    """
    server = server_now(headers, now)
    waits = [
        _until(reset, server)
        for remaining, reset in _windows({name.lower(): value for name, value in headers.items()})
        if reset is not None and (remaining == 0 or even_if_some_remain)
    ]
    return max(waits, default=None)


def _windows(lower: Mapping[str, str]) -> list[tuple[float | None, float | None]]:
    """(remaining, reset) of each window that the headers describe."""
    windows = [
        (number(lower.get(f"{prefix}-remaining"), math.inf), number(lower.get(f"{prefix}-reset"), math.inf))
        for prefix in ("ratelimit", "x-ratelimit")
    ]
    for policy in lower.get("ratelimit", "").split('"')[:64]:
        named = {found["name"].lower(): float(found["number"]) for found in _COMBINED.finditer(policy)}
        full = {_COMBINED_NAMES.get(name, name): amount for name, amount in named.items()}
        windows.append((full.get("remaining"), full.get("reset")))
    return windows


def _until(reset: float, now: float) -> float:
    if reset >= _EPOCH_FROM_MILLISECONDS:
        return reset / 1000 - now
    return reset - now if reset >= _EPOCH_FROM_SECONDS else reset
