"""Reading a workspace from the ledger, and not reading again what cannot have changed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.config import Collect, Week
from exporter.errors import LedgerError
from exporter.facts import QueriedTable
from exporter.insight import previous_week_bounds, week_bounds
from exporter.ledger import Ledger, WorkspaceLedger
from exporter.view.excluded_projects import excluded_of, without
from exporter.view.recent_runs import SPAN_MS, RecentRuns, recent
from exporter.view.rolling_runs import RollingRuns
from exporter.view.snapshot import Stored
from exporter.view.version_settings import published_settings
from exporter.view.week_hours import WeekCurve, previous_week_by_now, week_curve

_EVERYTHING = Collect()

_READ_EVERY_MS = 60_000
"""How old anything may get without a change of the ledger: figures over the last days move with the time."""

_RECENT_MS_PER_RUN = 6
"""How old those figures may get with changes: every run of two weeks is read for them, in about 0.02 ms each.

They are read anew at multiples of that time, so that replicas of one ledger read them at the same time.
"""


@dataclass(frozen=True, slots=True)
class _Recent:
    """What was read at an instant of the runs of the last days, for one zone, week and set of projects left out."""

    at_ms: int
    week: tuple[int, int]
    timezone: str
    excluded: frozenset[str]
    runs: RecentRuns
    curve: WeekCurve
    counted: Mapping[tuple[str, tuple[str, ...]], int]
    previous_by_now: Mapping[str, int]

    def is_of(self, now_ms: int) -> bool:
        """Whether it is what would be read now, as far as it is worth the reading."""
        runs = self.curve.this[-1] + self.curve.previous[-1]
        every_ms = min(max(runs * _RECENT_MS_PER_RUN, 1), _READ_EVERY_MS)
        return now_ms // every_ms == self.at_ms // every_ms


class Reader:
    """Reads one workspace. For one thread at a time."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        self._ledger = ledger
        self._name = name
        self._rolling: RollingRuns | None = None
        self._stored: Stored | None = None
        self._stored_ms = 0
        self._version: tuple[int, tuple[int, int], Collect] | None = None
        self._recent: _Recent | None = None

    def read(self, week: Week, now_ms: int, collect: Collect = _EVERYTHING) -> Stored | None:
        """What the ledger holds now; what it held when it could last be read, or None, if it cannot be read."""
        bounds = week_bounds(now_ms, week.timezone, week.starts)
        version = (self._ledger.version, bounds, collect)
        try:
            if version != self._version or not 0 <= now_ms - self._stored_ms < _READ_EVERY_MS:
                self._stored = self._read(week, bounds, now_ms, collect)
                self._version, self._stored_ms = version, now_ms
        except LedgerError:
            # The ledger reports its own trouble; what was true a moment ago is better than an empty page.
            return self._stored
        return self._stored

    def _read(self, week: Week, bounds: tuple[int, int], now_ms: int, collect: Collect) -> Stored:
        ledger = self._ledger.workspace(self._name)
        self._rolling = self._rolling or RollingRuns(ledger)
        previous = previous_week_bounds(now_ms, week.timezone, week.starts)
        me = ledger.listing("me")
        tables = ledger.tables()
        projects = ledger.projects(include_gone=True)
        excluded = excluded_of(projects, collect, self._name)
        recently = self._recently(ledger, tables, bounds, previous, week.timezone, now_ms, excluded)
        stored = Stored(
            first_contact_ms=ledger.first_contact_ms,
            projects=projects,
            collectors=ledger.collectors(),
            users=ledger.listing("users"),
            connections=ledger.listing("connections"),
            identity=me.items[0] if me is not None and me.items else None,
            tables=tables,
            versions={one.project.project_id: ledger.versions.of(one.project.project_id) for one in projects},
            settings=published_settings(ledger, projects),
            week=bounds,
            week_counts=ledger.week_counts(*bounds),
            previous_week_counts=ledger.week_counts(*previous),
            previous_week=previous,
            active_runs=ledger.active_runs(),
            last_runs=ledger.last_runs(),
            counters=(*ledger.counters(), *ledger.workspace_runs()),
            cool_down_until_ms=ledger.cool_down_until_ms,
            sources=ledger.sources.states(),
            triggers=ledger.triggers.states(),
            findings=ledger.findings.known(),
            recent=recently.runs,
            curve=recently.curve,
            last_7d=self._rolling.since(now_ms - SPAN_MS, now_ms),
            counted_7d=recently.counted,
            previous_week_by_now=recently.previous_by_now,
            unknown_projects=ledger.unknown_projects,
            unreadable_runs=ledger.unreadable_runs,
            warehouse_states=ledger.warehouses.states(),
            warehouse_week=ledger.warehouses.week(*bounds),
            warehouse_previous_week=ledger.warehouses.week(*previous),
        )
        return without(stored, excluded)

    def _recently(
        self,
        ledger: WorkspaceLedger,
        tables: Mapping[str, tuple[QueriedTable, ...]],
        week: tuple[int, int],
        previous: tuple[int, int],
        timezone: str,
        now_ms: int,
        excluded: frozenset[str],
    ) -> _Recent:
        known = self._recent
        if known is None or known.excluded != excluded or not self._is_recent(week, timezone, now_ms):
            # Without an end: the start is by Hex's clock, which may be ahead of this one.
            runs = (run for run in ledger.runs_between(now_ms - SPAN_MS, None) if run.project_id not in excluded)
            starts: Counter[int] = Counter()
            by_project = ledger.starts_by_quarter(previous[0], week[1])
            for (project_id, quarter), count in by_project.items():
                if project_id not in excluded:
                    starts[quarter] += count
            known = self._recent = _Recent(
                at_ms=now_ms,
                week=week,
                timezone=timezone,
                excluded=excluded,
                runs=recent(runs, tables, timezone, now_ms),
                curve=week_curve(starts, week, previous, timezone, now_ms),
                counted=ledger.counted_since(now_ms - SPAN_MS),
                previous_by_now=previous_week_by_now(by_project, week, previous, timezone, now_ms),
            )
        return known

    def _is_recent(self, week: tuple[int, int], timezone: str, now_ms: int) -> bool:
        known = self._recent
        if known is None:
            return False
        return (known.week, known.timezone) == (week, timezone) and known.is_of(now_ms)
