"""Hex's rate limits: windows that begin with the first request in them, by group of operations and by token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from exporter.simulator.refusals import RefusalError

EVERYTHING = "all"
"""The name under which every request is counted, whatever its group."""

KERNEL_LIMIT = 25
"""Kernels that one user may hold at a time."""


class Group(StrEnum):
    """The rate-limit groups of the reference that this API's operations are in."""

    DEFAULT = "hex-api"
    SLOWER = "hex-api-30rpm"
    RUN = "hex-run-kernel"
    NONE = "none"


class Window(NamedTuple):
    """At most so many requests in so many seconds."""

    requests: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RateLimits:
    """The windows of each group (`all` counts everything), and how a refusal announces the wait.

    `retry_after` is `seconds`, `date` or None for no such header; `announces` adds `RateLimit-*` to every answer.
    `kernels` is how many runs one token may have active, None for any number.
    """

    windows: Mapping[str, tuple[Window, ...]] = field(default_factory=dict)
    retry_after: str | None = "seconds"
    announces: bool = False
    kernels: int | None = KERNEL_LIMIT

    @classmethod
    def documented(cls, per_minute: int = 30, per_hour: int = 1800, everything: int = 60) -> "RateLimits":
        """The limits as the reference has them: the overview's 60 a minute for all, and those of each group."""
        return cls(
            windows={
                EVERYTHING: (Window(everything, 60),),
                Group.DEFAULT: (Window(per_minute, 60), Window(per_hour, 3600)),
                Group.SLOWER: (Window(per_minute, 60),),
                Group.RUN: (Window(20, 60), Window(60, 3600)),
            }
        )

    @classmethod
    def off(cls) -> "RateLimits":
        """No limit on requests; that on kernels stays."""
        return cls()


def parse_limits(text: str) -> RateLimits:
    """Limits from a flag: `documented`, `off`, or `PER_MINUTE/PER_HOUR` such as `120/7200`. ValueError otherwise."""
    if text == "documented":
        return RateLimits.documented()
    if text == "off":
        return RateLimits.off()
    try:
        per_minute, per_hour = (int(part) for part in text.split("/"))
    except ValueError:
        per_minute = per_hour = 0
    if per_minute < 1 or per_hour < 1:
        raise ValueError(f"{text!r} is not valid; write 'documented', 'off' or PER_MINUTE/PER_HOUR such as '120/7200'")
    return RateLimits.documented(per_minute, per_hour, max(60, 2 * per_minute))


@dataclass(slots=True)
class _Count:
    since: float
    used: int = 0


class Limiter:
    """Counts the requests of each token against the limits."""

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self._counts: dict[tuple[str, str, Window], _Count] = {}

    def admit(self, account: str, group: Group, monotonic: float, now: float) -> dict[str, str]:
        """Count a request and return the headers that announce what is left. A RefusalError with 429 if none is."""
        counts = [
            (window, self._count(account, name, window, monotonic))
            for name in (EVERYTHING, group)
            for window in self.limits.windows.get(name, ())
        ]
        waits = [
            window.seconds - (monotonic - count.since) for window, count in counts if count.used >= window.requests
        ]
        if waits:
            raise RefusalError(429, "Too Many Requests", self._limit_headers(max(waits), now))
        for _, count in counts:
            count.used += 1
        return self._announced(counts, monotonic)

    def _count(self, account: str, name: str, window: Window, monotonic: float) -> _Count:
        count = self._counts.get((account, name, window))
        if count is None or monotonic >= count.since + window.seconds:
            count = self._counts[account, name, window] = _Count(monotonic)
        return count

    def _limit_headers(self, wait_seconds: float, now: float) -> dict[str, str]:
        return retry_after_headers(self.limits.retry_after, wait_seconds, now)

    def _announced(self, counts: list[tuple[Window, _Count]], monotonic: float) -> dict[str, str]:
        if not self.limits.announces or not counts:
            return {}
        window, count = min(counts, key=lambda pair: pair[0].requests - pair[1].used)
        return {
            "RateLimit-Limit": str(window.requests),
            "RateLimit-Remaining": str(window.requests - count.used),
            "RateLimit-Reset": str(ceil(window.seconds - (monotonic - count.since))),
        }


def retry_after_headers(form: str | None, wait_seconds: float, now: float) -> dict[str, str]:
    """The Retry-After header for a wait, in `seconds`, as a `date`, or none."""
    if form is None:
        return {}
    if form == "date":
        at = datetime.fromtimestamp(ceil(now + wait_seconds), UTC)
        return {"Retry-After": format_datetime(at, usegmt=True)}
    return {"Retry-After": str(max(1, ceil(wait_seconds)))}
