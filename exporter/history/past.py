"""What a workspace's runs were, folded into numbers: read from the ledger once, in memory that a workspace can afford.

A run takes fifty bytes here, whatever Hex said of it.
"""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from exporter.config import Budget, Week
from exporter.facts import Project, Run
from exporter.history.query_money import QueryMoney, read_query_money
from exporter.history.span import HOUR_MS, Span
from exporter.history.time_slots import TimeSlots, integers
from exporter.insight import (
    UNBILLED,
    CreditUse,
    Money,
    Period,
    ProjectProfiles,
    Tariff,
    Tariffs,
    local_day,
    midnight_ms,
    period_at,
    period_before,
)
from exporter.ledger import BOUNDS_MS, KnownProject, WorkspaceLedger
from exporter.view import Snapshot, awaited, complete_since_ms, is_mostly_unreadable

DURATION = "hex_run_duration_seconds"

_WEEKS_BEFORE_MS = 5 * 7 * 86_400_000
_MONTHS_BEFORE_MS = 5 * 31 * 86_400_000


@dataclass(frozen=True, slots=True)
class Ended:
    """The runs of one series that ended within the span, by start, and how long they ran."""

    start_ms: "array[int]" = field(default_factory=integers)
    end_ms: "array[int]" = field(default_factory=integers)
    duration_ms: "array[int]" = field(default_factory=integers)


@dataclass(frozen=True, slots=True)
class Started:
    """The runs of one project that weeks include, by start, and what each cost in millionths of a dollar."""

    start_ms: "array[int]" = field(default_factory=integers)
    compute_micro_usd: "array[int]" = field(default_factory=integers)
    own_micro_usd: "array[int]" = field(default_factory=integers)


class Past:
    """One workspace over a span. Made by `read_past`.

    `ended` is by series (a project's id or `other`), trigger and status; `started` by series; `durations` has a row of
    counts for each hour, by trigger and status. `used` has what each budget used, by its index; `queries` what the
    warehouses cost, None where that is not known.
    """

    def __init__(self, snapshot: Snapshot, span: Span, oldest_ms: int, credits: CreditUse) -> None:
        self.snapshot = snapshot
        self.span = span
        self.week: Week = snapshot.config.week(snapshot.name)
        self.budgets = snapshot.config.budgets_of(snapshot.name)
        self.tariffs = Tariffs(snapshot.config.price_history(snapshot.name))
        self.ended: dict[tuple[str, str, str], Ended] = defaultdict(Ended)
        self.started: dict[str, Started] = defaultdict(Started)
        self.durations: dict[tuple[str, str], list[array[int]]] = {}
        self._oldest_ms = oldest_ms
        has_months = any(budget.period == "month" for budget in self.budgets)
        before_ms = _MONTHS_BEFORE_MS if has_months else _WEEKS_BEFORE_MS
        self.load_from_ms = max(oldest_ms, span.start_ms - before_ms)
        self.active = self._slots()
        self.compute = self._slots()
        self.own = self._slots()
        self.queries: QueryMoney | None = None
        self.used: tuple[TimeSlots | CreditUse, ...] = tuple(
            credits if budget.unit == "ai_credits" else self._slots() for budget in self.budgets
        )

    @property
    def name(self) -> str:
        """The workspace."""
        return self.snapshot.name

    def known_since_ms(self, projects: Sequence[KnownProject] | None = None) -> int | None:
        """Since when every run of these projects is known, of all if None; None if that cannot be said.

        Hex does not say how far back it lists runs. Everything before the oldest run is taken to be beyond that.
        """
        if self.snapshot.listed_ms is None:
            return None
        projects = self.snapshot.stored.projects if projects is None else projects
        if is_mostly_unreadable(projects, self.snapshot.config.collect.refused_share):
            return None
        since_ms = complete_since_ms(awaited(projects), self.snapshot.stored.first_contact_ms)
        return None if since_ms is None else max(since_ms, self._oldest_ms)

    @cached_property
    def hours_by_week(self) -> Sequence[tuple[Period, Period]]:
        """The week and the week before of each hour of the span."""
        found: list[tuple[Period, Period]] = []
        for at_ms in self.span.hours:
            found.append(found[-1] if found and at_ms < found[-1][0][1] else self._weeks(at_ms))
        return found

    def weeks_at(self, at_ms: int) -> tuple[Period, Period]:
        """The week that holds this instant, within the span, and the one before."""
        return self.hours_by_week[bisect_right(self.span.hours, at_ms) - 1]

    @cached_property
    def profiles(self) -> Mapping[str, ProjectProfiles]:
        """The compute profiles by project id."""
        return self.snapshot.profiles

    @cached_property
    def run_money(self) -> tuple[Money, ...]:
        """The kinds of money that runs cost, on any of the days."""
        first, last = (local_day(at_ms, self.week.timezone) for at_ms in (self.load_from_ms, self.span.end_ms))
        profiles = frozenset[str]().union(*(known.names for known in self.profiles.values()))
        prices = self.tariffs.between(first, last)
        has_paid = any(tariff.compute_hour_micro_usd(profile) for tariff in prices for profile in profiles)
        billed: tuple[Money, ...] = ("billed",) if has_paid else ()
        return (*billed, "estimate") if any(tariff.has_own_estimate for tariff in prices) else billed

    def matched(self, budget: Budget) -> frozenset[str]:
        """The ids of the projects whose runs the budget includes."""
        return frozenset(one.project_id for one in self._projects if budget.match.matches(self.name, one))

    @property
    def _projects(self) -> Iterator[Project]:
        return (known.project for known in self.snapshot.stored.projects)

    def _slots(self) -> TimeSlots:
        return TimeSlots(self.load_from_ms, self.span.end_ms)

    def _weeks(self, at_ms: int) -> tuple[Period, Period]:
        week = period_at(at_ms, "week", self.week)
        return week, period_before(week, "week", self.week)


def read_past(
    ledger: WorkspaceLedger,
    snapshot: Snapshot,
    span: Span,
    oldest_ms: int,
    watch: Callable[[Iterable[Run]], Iterable[Run]] = iter,
) -> Past:
    """Fold the workspace's runs over the span, and those before it that its first figures need.

    `oldest_ms` is when the first known run started; the runs are read through `watch`. Raises LedgerError.
    """
    past = Past(snapshot, span, oldest_ms, CreditUse(ledger.credits.growths(span.start_ms - _MONTHS_BEFORE_MS)))
    fold = _Fold(past)
    for run in watch(ledger.runs_between(past.load_from_ms, span.contact_ms)):
        fold.add(run)
    matched = [past.matched(budget) for budget in past.budgets]
    past.queries = read_query_money(ledger, snapshot, (past.load_from_ms, span.end_ms), matched, fold.add_query)
    for slots in (past.active, past.compute, past.own, *past.used):
        if isinstance(slots, TimeSlots):
            slots.close()
    return past


class _Fold:
    """Adds one run after the other to a past."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._profiles = past.profiles
        self._day: Period = (0, 0)
        self._tariff = past.tariffs.on(date.min)
        self._budgets = [
            (slots, budget, past.matched(budget))
            for slots, budget in zip(past.used, past.budgets, strict=True)
            if isinstance(slots, TimeSlots)
        ]

    def add(self, run: Run) -> None:
        # One that got no kernel has an end only: as in the ledger, it is placed by that.
        start_ms = run.ended_ms if run.start_ms is None else run.start_ms
        if start_ms is None or run.project_id in self._past.snapshot.stored.excluded:
            return  # it was first seen after the end, or is left out
        if run.status != UNBILLED:
            self._add_started(run, start_ms)
        if run.ended_ms is not None and self._past.span.start_ms <= run.ended_ms < self._past.span.contact_ms:
            self._add_ended(run, start_ms, run.ended_ms)

    def add_query(self, budget: int, at_ms: int, micro_usd: int) -> None:
        """Add what an hour's queries cost to the budget of this index."""
        slots = self._past.used[budget]
        if isinstance(slots, TimeSlots):
            slots.add(at_ms, micro_usd)

    def _add_started(self, run: Run, start_ms: int) -> None:
        past = self._past
        duration_ms = run.duration_ms or 0
        tariff, profiles = self._prices_at(start_ms), self._profiles.get(run.project_id)
        hour_micro_usd = 0 if profiles is None else tariff.compute_hour_micro_usd(profiles.of(run.version).name)
        cost = tariff.run_cost(hour_micro_usd, duration_ms)
        past.compute.add(start_ms, cost.compute_micro_usd)
        past.own.add(start_ms, cost.own_micro_usd)
        past.active.add(start_ms, 1)
        if run.ended_ms is not None:
            past.active.add(run.ended_ms, -1)
        micro_usd = cost.compute_micro_usd + cost.own_micro_usd
        started = past.started[past.snapshot.series_of(run.project_id)]
        started.start_ms.append(start_ms)
        started.compute_micro_usd.append(cost.compute_micro_usd)
        started.own_micro_usd.append(cost.own_micro_usd)
        for slots, budget, project_ids in self._budgets:
            if run.project_id in project_ids and budget.match.matches_trigger(run.trigger):
                amounts = {"runs": 1, "usd": micro_usd, "compute_minutes": duration_ms}
                slots.add(start_ms, amounts.get(budget.unit, 0))

    def _prices_at(self, at_ms: int) -> Tariff:
        """What applies at an instant; runs come in order, so that most are of the day of the one before."""
        if not self._day[0] <= at_ms < self._day[1]:
            timezone = self._past.week.timezone
            day, zone = local_day(at_ms, timezone), ZoneInfo(timezone)
            self._day = midnight_ms(day, zone), midnight_ms(day + timedelta(days=1), zone)
            self._tariff = self._past.tariffs.on(day)
        return self._tariff

    def _add_ended(self, run: Run, start_ms: int, end_ms: int) -> None:
        past = self._past
        ended = past.ended[past.snapshot.series_of(run.project_id), run.trigger, run.status]
        ended.start_ms.append(start_ms)
        ended.end_ms.append(end_ms)
        ended.duration_ms.append(run.duration_ms or 0)
        if run.duration_ms is not None:
            self._observe((run.trigger, run.status), hour_of(past.span, end_ms), run.duration_ms)

    def _observe(self, labels: tuple[str, str], hour: int, duration_ms: int) -> None:
        bounds = BOUNDS_MS[DURATION]
        rows = self._past.durations.get(labels)
        if rows is None:
            rows = [array("q", bytes(8 * (len(bounds) + 2))) for _ in self._past.span.hours]
            self._past.durations[labels] = rows
        row = rows[hour]
        for index, bound in enumerate(bounds):
            row[index] += duration_ms <= bound
        row[-2] += 1
        row[-1] += duration_ms


def hour_of(span: Span, ended_ms: int) -> int:
    """The index of the first sample that has a run which ended then.

    The last one has all that ended before counting began, so that no sum over the seam misses any.
    """
    return min((ended_ms - span.start_ms) // HOUR_MS + 1, len(span.hours) - 1)
