"""What Hex's queries cost in the warehouses behind a workspace, by local day: read again where hours were replaced."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from exporter.config import Budget, Config
from exporter.insight import Period, Tally, days_of, local_day, midnight_ms, period_at
from exporter.ledger import REPLACED_BACK_MS, WarehouseHour, WarehouseState, WorkspaceLedger
from exporter.view.daily_usage import LEFT_OUT, ProjectWay, Share

PARTS = ("query", "unattributed", "idle")
"""What of a warehouse's bill is Hex's: queries of projects, queries whose comment cannot be read, and idle time."""

_TRIGGERS = {"scheduled": "scheduled", "api": "api", "refresh": "app_refresh"}
"""The triggers of runs by a word of the context that Hex's comment gives."""


class WarehouseUse(NamedTuple):
    """What money of a warehouse was for. Only the part `query` has a project and a context."""

    warehouse: str
    part: str
    project_id: str = ""
    context: str = ""


class WarehouseTotal(NamedTuple):
    """Sums over hours; money in millionths of a dollar. `unpriced` of the queries have no price that is known."""

    micro_usd: int = 0
    queries: int = 0
    unpriced: int = 0
    hours: int = 0

    def plus(self, other: "WarehouseTotal", sign: int = 1) -> "WarehouseTotal":
        """Both together, or with -1 the difference."""
        return WarehouseTotal(*(one + sign * more for one, more in zip(self, other, strict=True)))


WarehouseTotals = Mapping[WarehouseUse, WarehouseTotal]


def trigger_of(context: str) -> str | None:
    """The trigger of the runs whose queries have this context; None for apps and notebooks."""
    words = context.split("_")
    return next((trigger for word, trigger in _TRIGGERS.items() if word in words), None)


def money_of_warehouses(totals: WarehouseTotals) -> int | None:
    """All of it in millionths of a dollar; None where there are queries and not one has a price."""
    whole = _sum(totals.values())
    return None if whole.queries and whole.unpriced == whole.queries and not whole.micro_usd else whole.micro_usd


def span_of_logs(names: Collection[str], states: Mapping[str, WarehouseState]) -> Period | None:
    """Since and until when the logs of all these warehouses are known; None while one is not, and without any."""
    bounds = [(one.complete_since_ms, one.complete_until_ms) for name, one in states.items() if name in names]
    spans = [(since, until) for since, until in bounds if since is not None and until is not None]
    if not names or len(spans) < len(names):
        return None
    return max(since for since, _ in spans), min(until for _, until in spans)


def adds_to_budget(budget: Budget, context: str, *, is_matched: bool | None) -> bool:
    """Whether money for queries of this context adds to the budget.

    `is_matched` says whether the budget includes the project; None for what has no project, or one that was deleted:
    that adds to the budgets of everything.
    """
    is_mine = budget.match.is_of_workspaces if is_matched is None else is_matched
    matches_trigger = budget.match.trigger is None or budget.match.matches_trigger(trigger_of(context) or "")
    return is_mine and budget.has_warehouse_money and matches_trigger


def _sum(totals: Iterable[WarehouseTotal]) -> WarehouseTotal:
    whole = WarehouseTotal()
    for one in totals:
        whole = whole.plus(one)
    return whole


@dataclass(frozen=True, slots=True)
class _Day:
    """One local day. Sums by project take the most memory: those of days long gone are None."""

    totals: WarehouseTotals | None
    tallies: tuple[Tally, ...]


class WarehouseBook:
    """The warehouses of one workspace, for one set of budgets. For one thread at a time."""

    def __init__(self, ledger: WorkspaceLedger, config: Config) -> None:
        self._ledger = ledger
        self._week = config.week(ledger.name)
        self._names = frozenset(one.name for one in config.warehouses_of(ledger.name))
        self._budgets = config.budgets_of(ledger.name)
        self._shares: Mapping[str, Share] = {}
        self._states: Mapping[str, WarehouseState] = {}
        self._span: Period | None = None
        self._detailed_since_ms = 0
        self._days: dict[date, _Day] = {}
        self._totals: dict[Period, WarehouseTotals] = {}

    def renew(
        self,
        states: Mapping[str, WarehouseState],
        shares: Mapping[str, Share],
        *,
        detailed_since_ms: int,
        kept_since_ms: int,
    ) -> None:
        """Take up what was read of the logs since. Every known project has a share, with the budgets it adds to."""
        mine = {name: state for name, state in states.items() if name in self._names}
        if shares != self._shares:
            self._days, self._totals = {}, {}
        elif mine != self._states:
            untils = [one.complete_until_ms or 0 for one in (*self._states.values(), *mine.values())]
            # A warehouse that is read for the first time has hours of any age.
            from_ms = min(untils) - REPLACED_BACK_MS if len(mine) == len(self._states) else 0
            border = local_day(from_ms, self._week.timezone)
            self._days = {day: one for day, one in self._days.items() if day < border}
            border_ms = midnight_ms(border, ZoneInfo(self._week.timezone))
            self._totals = {period: one for period, one in self._totals.items() if period[1] <= border_ms}
        self._states, self._shares, self._detailed_since_ms = mine, dict(shares), detailed_since_ms
        span = span_of_logs(self._names, mine)
        self._span = None if span is None else (max(kept_since_ms, span[0]), span[1])

    @property
    def until_ms(self) -> int | None:
        """Until when the logs of all warehouses are known; None while one is not, and without any."""
        return None if self._span is None else self._span[1]

    def knows(self, period: Period, now_ms: int) -> bool:
        """Whether everything of the period is known, or while it goes on everything up to `until_ms`."""
        if self._span is None:
            return False
        return self._span[0] <= period[0] and self._span[1] >= (period[1] if period[1] <= now_ms else period[0])

    def totals(self, period: Period) -> WarehouseTotals:
        """What the days of the period used, of those parts that are Hex's. Raises LedgerError."""
        known = self._totals.get(period)
        if known is None:
            sums: dict[WarehouseUse, WarehouseTotal] = {}
            for day in days_of(period, self._week.timezone):
                for use, total in (self._day(day, is_detailed=True).totals or {}).items():
                    sums[use] = sums.get(use, WarehouseTotal()).plus(total)
            known = self._totals[period] = sums
        return known

    def between(self, budget: int, start_ms: int, end_ms: int) -> int:
        """What the budget of this index used in the hours that begin in [start, end). Raises LedgerError."""
        if self._span is None:
            return 0
        used, timezone = 0, self._week.timezone
        day = local_day(start_ms, timezone)
        while midnight_ms(day, ZoneInfo(timezone)) < end_ms:
            used += self._day(day).tallies[budget].between(start_ms, end_ms)
            day += timedelta(days=1)
        return used

    def amounts(self, budget: int, period: Period) -> Mapping[ProjectWay, int]:
        """What each project used of the budget by trigger, or by the context of apps and notebooks, if not 0."""
        sums: dict[ProjectWay, int] = {}
        if self._span is None or not self._budgets[budget].has_warehouse_money:
            return sums
        for use, total in self.totals(period).items():
            if use.project_id and total.micro_usd and budget in self._budgets_of(use.part, use.project_id, use.context):
                key = (use.project_id, (trigger_of(use.context) or use.context,))
                sums[key] = sums.get(key, 0) + total.micro_usd
        return sums

    def events(self, budget: int, project_id: str, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """What each hour of a project used of the budget. Raises LedgerError."""
        if self._span is None or not self._budgets[budget].has_warehouse_money:
            return []
        return [
            (one.hour_ms, one.usd_micro)
            for one in self._hours(start_ms, end_ms, project_id)
            if budget in self._budgets_of(one.part, one.project_id, one.context)
        ]

    def spent(self, budget: int, now_ms: int) -> "WarehouseSpent | None":
        """What was used of a budget, None until the logs reach its period."""
        starts_ms = period_at(now_ms, self._budgets[budget].period, self._week)[0]
        if self._span is None or self._span[1] < starts_ms:
            return None
        return WarehouseSpent(self, budget, self._span[0])

    def _hours(self, start_ms: int, end_ms: int, project_id: str | None = None) -> list[WarehouseHour]:
        found = self._ledger.warehouses.hours(start_ms, end_ms, project_id)
        return [
            one
            for one in found
            if one.warehouse in self._names and one.part in PARTS and self._shares.get(one.project_id) != LEFT_OUT
        ]

    def _day(self, day: date, *, is_detailed: bool = False) -> _Day:
        known = self._days.get(day)
        if known is None or (is_detailed and known.totals is None):
            zone = ZoneInfo(self._week.timezone)
            start_ms, end_ms = midnight_ms(day, zone), midnight_ms(day + timedelta(days=1), zone)
            known = self._days[day] = self._read(start_ms, end_ms, is_detailed=is_detailed)
        return known

    def _read(self, start_ms: int, end_ms: int, *, is_detailed: bool) -> _Day:
        totals: dict[WarehouseUse, WarehouseTotal] = {}
        amounts: tuple[list[tuple[int, int]], ...] = tuple([] for _ in self._budgets)
        for one in self._hours(start_ms, end_ms):
            use = WarehouseUse(one.warehouse, one.part, one.project_id, one.context)
            total = WarehouseTotal(one.usd_micro, one.queries, one.unpriced, 1)
            totals[use] = totals.get(use, WarehouseTotal()).plus(total)
            for index in self._budgets_of(one.part, one.project_id, one.context):
                amounts[index].append((one.hour_ms, one.usd_micro))
        is_detailed = is_detailed or start_ms >= self._detailed_since_ms
        return _Day(totals if is_detailed else None, tuple(map(Tally, amounts)))

    def _budgets_of(self, part: str, project_id: str, context: str) -> Iterable[int]:
        """The budgets that such money adds to; what has no project, or one that was deleted, to those of everything."""
        share = self._shares.get(project_id) if part == "query" else None
        for index, budget in enumerate(self._budgets):
            if adds_to_budget(budget, context, is_matched=None if share is None else index in share.budgets):
                yield index


@dataclass(frozen=True, slots=True)
class WarehouseSpent:
    """What queries used of the budget of an index."""

    book: WarehouseBook
    index: int
    known_since_ms: int

    def between(self, start_ms: int, end_ms: int) -> int:
        """What was used in [start, end), in millionths of a dollar. Raises LedgerError."""
        return self.book.between(self.index, start_ms, end_ms)

    def is_known_from(self, start_ms: int) -> bool:
        """Whether everything since then is known."""
        return self.known_since_ms <= start_ms

    def existed_by(self, at_ms: int) -> bool:
        """Whether the log had begun."""
        return self.known_since_ms <= at_ms
