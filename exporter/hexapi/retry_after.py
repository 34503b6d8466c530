"""The header `Retry-After`: how long to wait before the next request; anything unreadable says nothing."""

import math
from collections.abc import Mapping

from exporter.hexapi.field_readers import number
from exporter.hexapi.timestamps import http_date_ms, server_now


def retry_after_seconds(value: str | None, headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that `Retry-After` asks to wait, None if it says nothing that can be followed.

    A date is taken from the answer's own `Date` in `headers`, so that a wrong local clock (`now`, epoch seconds)
    matters only where the server does not say what time it is.
    """
    seconds = number(value, math.inf)
    if seconds is None:
        moment_ms = http_date_ms(value or "")
        if moment_ms is None:
            return None
        seconds = moment_ms / 1000 - server_now(headers, now)
    return seconds if seconds > 0 else None
