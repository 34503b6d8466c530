"""What was used of a budget of runs, and of the bill, over any span of time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exporter.insight import Period
from exporter.view.daily_usage import DailyUsage, ProjectWay
from exporter.view.warehouse_book import WarehouseBook, WarehouseSpent


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
    """What is billed for compute, AI credits and queries, where these are known; seats are added by whole periods."""

    runs: RunsSpent
    credits_micro_usd: Callable[[Period], int | None]
    queries: WarehouseSpent | None = None

    def between(self, start_ms: int, end_ms: int) -> int:
        """What was used in [start, end), in the integers of the budget's unit. Raises LedgerError."""
        queries = 0 if self.queries is None else self.queries.between(start_ms, end_ms)
        return self.runs.between(start_ms, end_ms) + (self.credits_micro_usd((start_ms, end_ms)) or 0) + queries

    def is_known_from(self, start_ms: int) -> bool:
        """Whether everything since then is known."""
        return self.runs.is_known_from(start_ms)

    def existed_by(self, at_ms: int) -> bool:
        """Whether any of the budget's projects was there then."""
        return self.runs.existed_by(at_ms)


@dataclass(frozen=True, slots=True)
class BothSpent:
    """What runs cost, and what queries cost in the warehouses."""

    runs: RunsSpent
    queries: WarehouseSpent

    def between(self, start_ms: int, end_ms: int) -> int:
        """What was used in [start, end), in millionths of a dollar. Raises LedgerError."""
        return self.runs.between(start_ms, end_ms) + self.queries.between(start_ms, end_ms)

    def is_known_from(self, start_ms: int) -> bool:
        """Whether everything since then is known."""
        return self.runs.is_known_from(start_ms) and self.queries.is_known_from(start_ms)

    def existed_by(self, at_ms: int) -> bool:
        """Whether any of the budget's projects was there then."""
        return self.runs.existed_by(at_ms)


@dataclass(frozen=True, slots=True)
class BudgetUses:
    """What each project used of a budget, by its runs and by its queries in the warehouses."""

    usage: DailyUsage
    warehouses: WarehouseBook

    def amounts(self, budget: int, period: Period) -> Mapping[ProjectWay, int]:
        """By project and way, in the integers of the budget's unit. Raises LedgerError."""
        runs, queries = self.usage.amounts(budget, *period), self.warehouses.amounts(budget, period)
        if not queries:
            return runs
        return {key: runs.get(key, 0) + queries.get(key, 0) for key in dict.fromkeys((*runs, *queries))}

    def events(self, budget: int, project_id: str, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """What each run and each hour of queries used, with the instant at which it counts. Raises LedgerError."""
        runs = self.usage.events(budget, project_id, start_ms, end_ms)
        return [*runs, *self.warehouses.events(budget, project_id, start_ms, end_ms)]
