"""What the runs of each project come to, added up by the database: a million of them never get into memory."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import ColumnElement, case, false, func, select

from exporter.insight import UNBILLED
from exporter.ledger.schema import RUNS
from exporter.ledger.store import Store

SCHEDULED = "scheduled"


class RunSum(NamedTuple):
    """The runs of one project, trigger and status: those placed from an instant on, and the start of the last of all.

    `ms` is their run time in milliseconds, 0 for those whose is not known; `longest_ms` that of the longest.
    """

    project_id: str
    trigger: str
    status: str
    runs: int
    ms: int
    last_ms: int
    longest_ms: int


class RunAmount(NamedTuple):
    """So many runs and their run time together, in milliseconds, 0 for those whose is not known."""

    runs: int = 0
    ms: int = 0

    def plus(self, other: "RunAmount") -> "RunAmount":
        """Both together."""
        return RunAmount(self.runs + other.runs, self.ms + other.ms)

    def minus(self, other: "RunAmount") -> "RunAmount":
        """Without the other, which is a part of this."""
        return RunAmount(self.runs - other.runs, self.ms - other.ms)


class RunSummaries:
    """Sums over the runs of one workspace. Reads may come from any thread."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._mine = RUNS.c.workspace == workspace

    def since(self, start_ms: int, end_ms: int) -> Iterator[RunSum]:
        """Every project, trigger and status that was ever seen; the sums are over [start, end) by start."""
        run, duration = RUNS.c, _duration_ms()
        is_within = (run.started_ms >= start_ms) & (run.started_ms < end_ms)
        wanted = (
            select(
                run.project_id,
                run.trigger,
                run.status,
                func.sum(case((is_within, 1), else_=0)).label("runs"),
                func.sum(case((is_within, duration), else_=0)).label("ms"),
                func.max(run.started_ms).label("last_ms"),
                func.max(case((is_within, duration), else_=0)).label("longest_ms"),
            )
            .where(self._mine)
            .group_by(run.project_id, run.trigger, run.status)
        )
        for row in self._store.stream(wanted):
            sums = (int(row.runs), int(row.ms), row.last_ms, int(row.longest_ms))
            yield RunSum(row.project_id, row.trigger, row.status, *sums)

    def between(self, start_ms: int, end_ms: int | None) -> dict[tuple[str, str, str], RunAmount]:
        """By project, trigger and status, the runs placed in [start, end) by start (None: no end)."""
        run = RUNS.c
        kind = (run.project_id, run.trigger, run.status)
        wanted = (
            select(*kind, func.count().label("runs"), func.sum(_duration_ms()).label("ms"))
            .where(self._mine, run.started_ms >= start_ms, *(() if end_ms is None else (run.started_ms < end_ms,)))
            .group_by(*kind)
        )
        return {
            (row.project_id, row.trigger, row.status): RunAmount(int(row.runs), int(row.ms))
            for row in self._store.stream(wanted)
        }

    def by_version(self, start_ms: int, end_ms: int) -> dict[tuple[str, str | None], int]:
        """The run time in milliseconds by project and version, without runs that got no kernel."""
        run = RUNS.c
        wanted = (
            select(run.project_id, run.version, func.sum(_duration_ms()).label("ms"))
            .where(self._mine, run.started_ms >= start_ms, run.started_ms < end_ms, run.status != UNBILLED)
            .group_by(run.project_id, run.version)
        )
        return {(row.project_id, row.version): int(row.ms) for row in self._store.stream(wanted)}

    def last_scheduled(self, most: int) -> Iterator[tuple[str, str]]:
        """Project and status of the last scheduled runs that ended, newest first for each project, `most` of each.

        Those that got no kernel, and those that vanished while they ran, are left out.
        """
        run = RUNS.c
        place = func.row_number().over(partition_by=run.project_id, order_by=(run.started_ms.desc(), run.run_id))
        ended = (
            select(run.project_id, run.status, place.label("place"))
            .where(
                self._mine,
                run.trigger == SCHEDULED,
                run.status != UNBILLED,
                run.is_active == false(),
                run.is_gone == false(),
            )
            .subquery()
        )
        wanted = (
            select(ended.c.project_id, ended.c.status)
            .where(ended.c.place <= most)
            .order_by(ended.c.project_id, ended.c.place)
        )
        for row in self._store.stream(wanted):
            yield row.project_id, row.status


def _duration_ms() -> ColumnElement[int]:
    """How long a run took: what Hex says, else end minus start; 0 if neither is known."""
    measured = func.coalesce(RUNS.c.elapsed_ms, RUNS.c.end_ms - RUNS.c.start_ms, 0)
    return case((measured > 0, measured), else_=0)
