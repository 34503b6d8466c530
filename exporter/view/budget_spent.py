"""What was used of a budget of runs, and of the bill, over any span of time."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.insight import Period
from exporter.view.daily_usage import DailyUsage


@dataclass(frozen=True, slots=True)
class RunsSpent:
    """What runs used of the budget of an index; `known_since_ms` None: nothing can be said."""

    usage: DailyUsage
    index: int
    known_since_ms: int | None
    born_ms: int

    def between(self, start_ms: int, end_ms: int) -> int:
        """What was used in [start, end), in the integers of the budget's unit. Raises LedgerError."""
        return self.usage.between(self.index, start_ms, end_ms)

    def is_known_from(self, start_ms: int) -> bool:
        """Whether everything since then is known."""
        return self.known_since_ms is not None and self.known_since_ms <= start_ms

    def existed_by(self, at_ms: int) -> bool:
        """Whether any of the budget's projects was there then."""
        return self.born_ms <= at_ms


@dataclass(frozen=True, slots=True)
class BillSpent:
    """What Hex bills for compute and AI credits, where these are known; seats are added by whole periods."""

    runs: RunsSpent
    credits_micro_usd: Callable[[Period], int | None]

    def between(self, start_ms: int, end_ms: int) -> int:
        """What was used in [start, end), in the integers of the budget's unit. Raises LedgerError."""
        return self.runs.between(start_ms, end_ms) + (self.credits_micro_usd((start_ms, end_ms)) or 0)

    def is_known_from(self, start_ms: int) -> bool:
        """Whether everything since then is known."""
        return self.runs.is_known_from(start_ms)

    def existed_by(self, at_ms: int) -> bool:
        """Whether any of the budget's projects was there then."""
        return self.runs.existed_by(at_ms)
