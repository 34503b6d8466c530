"""The time that an import covers, and the instants at which it has samples."""

from dataclasses import dataclass
from functools import cached_property

HOUR_MS = 3_600_000
STEP_MS = 300_000
"""How far apart the samples of budgets, costs and the workspace are: no further than Prometheus looks back."""

_DAY_MS = 86_400_000
_SAFE_AGE_MS = 3 * HOUR_MS
"""Prometheus keeps up to three hours in memory: a block that reaches into them costs other jobs their samples."""


@dataclass(frozen=True)
class Span:
    """From `start_ms`, a full hour, to `end_ms`, a full second before first contact; `contact_ms` is when that was."""

    start_ms: int
    end_ms: int
    contact_ms: int

    @cached_property
    def hours(self) -> tuple[int, ...]:
        """Every full hour, and the end: for the samples of projects."""
        hours = tuple(range(self.start_ms, self.end_ms + 1, HOUR_MS))
        return hours if hours[-1] == self.end_ms else (*hours, self.end_ms)

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """Every full five minutes: for the samples of the workspace."""
        return tuple(range(self.start_ms, self.end_ms + 1, STEP_MS))


def span_of(contact_ms: int, oldest_ms: int, now_ms: int, days: int) -> Span | None:
    """The span of at most so many days that begins with the oldest run; None if all of it is too new to import."""
    end_ms = min(contact_ms - 1, now_ms - _SAFE_AGE_MS) // 1000 * 1000
    start_ms = max(oldest_ms, end_ms - days * _DAY_MS) // HOUR_MS * HOUR_MS
    return Span(start_ms, end_ms, contact_ms) if start_ms < end_ms else None
