"""What runs used, by local day, read from the ledger once and again only when the day's runs have changed."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from exporter.config import Budget
from exporter.insight.period import days_of, local_day, midnight_ms
from exporter.insight.tariff import Tariff
from exporter.insight.usage import Tally, Use
from exporter.ledger import WorkspaceLedger

RunKind = tuple[str, str, str]
"""Project id, trigger and status."""


class Total(NamedTuple):
    """Sums over runs; money in millionths of a dollar."""

    runs: int = 0
    duration_ms: int = 0
    compute_micro_usd: int = 0
    own_micro_usd: int = 0

    def plus(self, other: "Total") -> "Total":
        """Both together."""
        return Total(*map(int.__add__, self, other))

    @property
    def micro_usd(self) -> int:
        """What a project cost: its compute and the owners' estimate."""
        return self.compute_micro_usd + self.own_micro_usd


class Share(NamedTuple):
    """What a project's runs count towards: the price of its compute, and budgets by their index."""

    hour_micro_usd: int
    budgets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Day:
    revision: int
    totals: Mapping[RunKind, Total]
    tallies: tuple[Tally, ...]


class Days:
    """The runs of one workspace, for one set of budgets and prices. For one thread at a time."""

    def __init__(self, ledger: WorkspaceLedger, timezone: str, tariff: Tariff, budgets: tuple[Budget, ...]) -> None:
        self._ledger = ledger
        self._timezone = timezone
        self._tariff = tariff
        self._fits = [lru_cache(maxsize=64)(budget.match.fits_trigger) for budget in budgets]
        self._measures = [_MEASURES[budget.unit] for budget in budgets]
        self._shares: Mapping[str, Share] = {}
        self._days: dict[date, _Day] = {}
        self._current: dict[date, _Day] = {}
        self._bounds = lru_cache(maxsize=512)(self._bounds_of)

    def renew(self, shares: Mapping[str, Share]) -> None:
        """Begin another round: look for changes again, and forget the days that the last round did not need.

        Every known project has a share. A share that differs makes everything be read again.
        """
        known = self._shares
        is_same = known is shares or all(shares.get(project_id) == share for project_id, share in known.items())
        self._days = self._current if is_same else {}
        self._current = {}
        self._shares = shares

    def totals(self, start_ms: int, end_ms: int) -> dict[RunKind, Total]:
        """The sums over the local days of [start, end), which begins and ends at midnights. Raises LedgerError."""
        sums: dict[RunKind, Total] = {}
        for day in days_of((start_ms, end_ms), self._timezone):
            for kind, total in self._day(day).totals.items():
                known = sums.get(kind)
                sums[kind] = total if known is None else known.plus(total)
        return sums

    def between(self, budget: int, start_ms: int, end_ms: int) -> int:
        """What the budget of this index used in [start, end), in the integers of its unit. Raises LedgerError."""
        used = 0
        day = local_day(start_ms, self._timezone)
        while (bounds := self._bounds(day))[0] < end_ms:
            tally = self._day(day).tallies[budget]
            is_whole = start_ms <= bounds[0] and bounds[1] <= end_ms
            used += tally.total if is_whole else tally.between(start_ms, end_ms)
            day += timedelta(days=1)
        return used

    def _day(self, day: date) -> _Day:
        known = self._current.get(day)
        if known is None:
            start_ms, end_ms = self._bounds(day)
            revision = self._ledger.runs_revision(start_ms, end_ms)
            known = self._days.get(day)
            if known is None or known.revision != revision:
                known = self._read(start_ms, end_ms, revision)
            self._current[day] = known
        return known

    def _read(self, start_ms: int, end_ms: int, revision: int) -> _Day:
        totals: dict[RunKind, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        amounts: list[list[tuple[int, int]]] = [[] for _ in self._measures]
        for use in self._ledger.uses_between(start_ms, end_ms):
            share = self._shares.get(use.project_id, _NOTHING)
            cost = self._tariff.run_cost(share.hour_micro_usd, use.duration_ms) if use.is_counted else None
            total = Total(1) if cost is None else Total(1, use.duration_ms, cost.compute_micro_usd, cost.own_micro_usd)
            sums = totals[use.project_id, use.trigger, use.status]
            for place, amount in enumerate(total):
                sums[place] += amount
            if cost is None:
                continue
            for index in share.budgets:
                if self._fits[index](use.trigger):
                    amounts[index].append((use.started_ms, self._measures[index](use, total)))
        return _Day(revision, {kind: Total(*sums) for kind, sums in totals.items()}, tuple(map(Tally, amounts)))

    def _bounds_of(self, day: date) -> tuple[int, int]:
        zone = ZoneInfo(self._timezone)
        return midnight_ms(day, zone), midnight_ms(day + timedelta(days=1), zone)


_NOTHING = Share(0, ())

_MEASURES: Mapping[str, Callable[[Use, Total], int]] = {
    "runs": lambda use, total: 1,
    "usd": lambda use, total: total.micro_usd,
    "compute_minutes": lambda use, total: use.duration_ms,
    "ai_credits": lambda use, total: 0,
}
