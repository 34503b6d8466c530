"""What runs used, by local day, read from the ledger once and again only when the day's runs have changed."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from operator import is_not
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from exporter.config import Budget
from exporter.insight import (
    UNBILLED,
    ComputeProfile,
    Money,
    ProjectProfiles,
    Tally,
    Tariff,
    Tariffs,
    Way,
    days_of,
    local_day,
    midnight_ms,
)
from exporter.ledger import WorkspaceLedger

Key = TypeVar("Key", bound=Hashable)

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
        """What a project cost: its compute and the owners' estimate. Two kinds of money: not for showing as one."""
        return self.compute_micro_usd + self.own_micro_usd

    def money(self, kind: Money) -> int:
        """The part of one kind; what a run costs on other bills is not known here."""
        return {"billed": self.compute_micro_usd, "other": 0, "estimate": self.own_micro_usd}[kind]


class Share(NamedTuple):
    """What a project's runs add to: the compute profiles that they have, and budgets by their index."""

    profiles: ProjectProfiles
    budgets: tuple[int, ...]


ProjectWay = tuple[str, Way]
"""Project id, and the trigger as the only part of a way."""

LEFT_OUT = Share(ProjectProfiles(), (-1,))
"""The share of a project whose runs no figure includes."""

ProfileOfRuns = tuple[str, ComputeProfile]
"""Project id, and the compute profile that some of its runs had."""

_Route = tuple[tuple[str, int], ...]
"""The unit and index of each budget that a project's runs of one trigger add to."""


_NO_DETAIL, _MONTHLY_BUDGETS, _EVERYTHING = range(3)


@dataclass(frozen=True, slots=True)
class _Day:
    """One local day. Sums by project take the most memory: `detail` says whose were requested."""

    revision: int
    detail: int
    totals: Mapping[RunKind, Total]
    profiles: Mapping[ProfileOfRuns, Total]
    tallies: tuple[Tally, ...]


class _Sums(NamedTuple):
    """The sums over these days."""

    days: list[_Day]
    totals: Mapping[RunKind, Total]
    profiles: Mapping[ProfileOfRuns, Total]


class DailyUsage:
    """The runs of one workspace, for one set of budgets and prices. For one thread at a time."""

    def __init__(self, ledger: WorkspaceLedger, timezone: str, tariffs: Tariffs, budgets: tuple[Budget, ...]) -> None:
        self._ledger = ledger
        self._timezone = timezone
        self._tariffs = tariffs
        self._budgets = budgets
        self._shares: Mapping[str, Share] = {}
        self._routes: dict[tuple[str, str], _Route] = {}
        self._detailed_since_ms = 0
        self._monthly_since_ms = 0
        self._days: dict[date, _Day] = {}
        self._current: dict[date, _Day] = {}
        self._sums: dict[tuple[int, int], _Sums] = {}
        self._current_sums: dict[tuple[int, int], _Sums] = {}
        self._amounts: dict[tuple[int, int, int], tuple[Mapping[RunKind, Total], Mapping[ProjectWay, int]]] = {}
        self._bounds = lru_cache(maxsize=512)(self._bounds_of)

    def renew(self, shares: Mapping[str, Share], detailed_since_ms: int, monthly_since_ms: int | None = None) -> None:
        """Begin another round: look for changes again, and forget the days that the last round did not need.

        Every known project has a share. A share that differs makes everything be read again. Totals can be had
        from `detailed_since_ms` on, those of runs that add to a monthly budget from `monthly_since_ms` on.
        """
        is_same = all(shares.get(project_id) == share for project_id, share in self._shares.items())
        self._days = self._current if is_same else {}
        self._routes = self._routes if is_same and len(shares) == len(self._shares) else {}
        self._current = {}
        self._sums, self._current_sums = self._current_sums, {}
        self._amounts = self._amounts if is_same else {}
        self._shares = shares
        self._detailed_since_ms = detailed_since_ms
        self._monthly_since_ms = detailed_since_ms if monthly_since_ms is None else monthly_since_ms

    def totals(self, start_ms: int, end_ms: int) -> Mapping[RunKind, Total]:
        """The sums over the local days of [start, end), which begins and ends at midnights. Raises LedgerError."""
        return self._summed((start_ms, end_ms)).totals

    def profiles(self, start_ms: int, end_ms: int) -> Mapping[ProfileOfRuns, Total]:
        """What runs add up to by the compute profile that they had, over the same days as `totals`.

        Without those that got no kernel. Raises LedgerError.
        """
        return self._summed((start_ms, end_ms)).profiles

    def _summed(self, period: tuple[int, int]) -> "_Sums":
        days = [self._day(day) for day in days_of(period, self._timezone)]
        known = self._current_sums.get(period) or self._sums.get(period)
        if known is None or len(known.days) != len(days) or any(map(is_not, known.days, days)):
            known = _Sums(days, _added(day.totals for day in days), _added(day.profiles for day in days))
        self._current_sums[period] = known
        return known

    def amounts(self, budget: int, start_ms: int, end_ms: int) -> Mapping[ProjectWay, int]:
        """What each project used of the budget of this index by trigger, over the same days as `totals`, if not 0.

        In the integers of the budget's unit, and together what `between` says. Raises LedgerError.
        """
        totals = self.totals(start_ms, end_ms)
        known = self._amounts.get((budget, start_ms, end_ms))
        if known is None or known[0] is not totals:
            sums: dict[ProjectWay, int] = {}
            for (project_id, trigger, status), total in totals.items():
                unit = self._unit_of(budget, project_id, trigger)
                if unit is not None and status != UNBILLED:
                    key = (project_id, (trigger,))
                    amount = _amount(unit, *total)
                    sums[key] = sums.get(key, 0) + amount
            self._amounts = {key: one for key, one in self._amounts.items() if key[1:] in self._current_sums}
            known = self._amounts[budget, start_ms, end_ms] = (totals, sums)
        return known[1]

    def events(self, budget: int, project_id: str, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """What each run of a project used of the budget, with the instant at which it counts. Raises LedgerError."""
        found: list[tuple[int, int]] = []
        for use in self._ledger.uses_between(start_ms, end_ms, project_id):
            unit = self._unit_of(budget, project_id, use.trigger)
            if unit is not None and use.is_counted:
                tariff = self._tariffs.on(local_day(use.started_ms, self._timezone))
                profile = self._shares[project_id].profiles.of(use.version)
                cost = tariff.run_cost(tariff.compute_hour_micro_usd(profile.name), use.duration_ms)
                found.append((use.started_ms, _amount(unit, 1, use.duration_ms, *cost)))
        return found

    def _unit_of(self, budget: int, project_id: str, trigger: str) -> str | None:
        """The budget's unit if such runs add to it."""
        if self._shares.get(project_id, _NOTHING) == LEFT_OUT:
            return None
        return next((unit for unit, index in self._route(project_id, trigger) if index == budget), None)

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
            # Where the time was put back, a day that was read for its budgets is wanted with its sums.
            if known is None or known.revision != revision or known.detail < self._detail(start_ms):
                known = self._read(start_ms, end_ms, revision, self._tariffs.on(day))
            self._current[day] = known
        return known

    def _read(self, start_ms: int, end_ms: int, revision: int, tariff: Tariff) -> _Day:
        amounts: tuple[list[tuple[int, int]], ...] = tuple([] for _ in self._budgets)
        kinds: dict[tuple[str, str, str, str | None], _Kind] = {}
        run_cost = tariff.run_cost
        for project_id, trigger, status, started_ms, duration_ms, version in self._ledger.uses_between(
            start_ms, end_ms
        ):
            kind = kinds.get((project_id, trigger, status, version))
            if kind is None:
                share = self._shares.get(project_id, _NOTHING)
                if share == LEFT_OUT:
                    continue
                profile = share.profiles.of(version)
                hour = tariff.compute_hour_micro_usd(profile.name)
                kind = kinds[project_id, trigger, status, version] = _Kind(
                    profile, hour, self._route(project_id, trigger)
                )
            kind.runs += 1
            if status == UNBILLED:
                continue
            compute, own = run_cost(kind.hour_micro_usd, duration_ms)
            kind.duration_ms += duration_ms
            kind.compute_micro_usd += compute
            kind.own_micro_usd += own
            for unit, index in kind.budgets:
                amounts[index].append((started_ms, _amount(unit, 1, duration_ms, compute, own)))
        detail = self._detail(start_ms)
        totals: dict[RunKind, Total] = {}
        profiles: dict[ProfileOfRuns, Total] = {}
        for (project_id, trigger, status, _), sums in kinds.items():
            total = sums.total()
            if detail == _EVERYTHING or (detail == _MONTHLY_BUDGETS and self._adds_to_month(sums.budgets)):
                known = totals.get((project_id, trigger, status))
                totals[project_id, trigger, status] = total if known is None else known.plus(total)
            if detail == _EVERYTHING and status != UNBILLED:
                key = (project_id, sums.profile)
                profiles[key] = profiles.get(key, Total()).plus(total)
        return _Day(revision, detail, totals, profiles, tuple(map(Tally, amounts)))

    def _detail(self, start_ms: int) -> int:
        if start_ms >= self._detailed_since_ms:
            return _EVERYTHING
        return _MONTHLY_BUDGETS if start_ms >= self._monthly_since_ms else _NO_DETAIL

    def _adds_to_month(self, budgets: _Route) -> bool:
        return any(self._budgets[index].period == "month" for _, index in budgets)

    def _route(self, project_id: str, trigger: str) -> _Route:
        known = self._routes.get((project_id, trigger))
        if known is None:
            share = self._shares.get(project_id, _NOTHING)
            matching = (index for index in share.budgets if self._budgets[index].match.matches_trigger(trigger))
            units = ((self._budgets[index].unit, index) for index in matching)
            known = tuple((unit, index) for unit, index in units if unit != "warehouse_usd")
            self._routes[project_id, trigger] = known
        return known

    def _bounds_of(self, day: date) -> tuple[int, int]:
        zone = ZoneInfo(self._timezone)
        return midnight_ms(day, zone), midnight_ms(day + timedelta(days=1), zone)


@dataclass(slots=True)
class _Kind:
    """Sums in the making over runs of one kind, and the budgets that they add to."""

    profile: ComputeProfile
    hour_micro_usd: int
    budgets: _Route
    runs: int = 0
    duration_ms: int = 0
    compute_micro_usd: int = 0
    own_micro_usd: int = 0

    def total(self) -> Total:
        return Total(self.runs, self.duration_ms, self.compute_micro_usd, self.own_micro_usd)


_NOTHING = Share(ProjectProfiles(), ())


def _added(days: Iterable[Mapping[Key, Total]]) -> dict[Key, Total]:
    sums: dict[Key, Total] = {}
    for day in days:
        for key, total in day.items():
            known = sums.get(key)
            sums[key] = total if known is None else known.plus(total)
    return sums


def _amount(unit: str, runs: int, duration_ms: int, compute: int, own: int) -> int:
    """What runs use of a budget in this unit, in the integers of `UNITS`; of the bill, their compute."""
    if unit == "runs":
        return runs
    if unit == "compute_minutes":
        return duration_ms
    return compute if unit == "bill_usd" else compute + own
