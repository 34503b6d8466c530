"""Which run a query belongs to, and how often Hex's own cache answered: what runs were expected to query, and did."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from exporter.facts import ExportedCell, ProjectVersion, Run
from exporter.ledger import Amounts, RunQuery
from exporter.warehouse.log_hours import HOUR_MS

EXPECTED, SEEN = "hex_sql_cells_expected_total", "hex_sql_cells_seen_total"
UNJUDGED = "hex_sql_cells_unjudged_runs_total"
JOINS = "hex_warehouse_run_queries_total"

_COMPLETED = "completed"
_TOLERANCE_MS = 2_000
"""Hex's clock and the warehouse's may differ by so much."""


_LONGEST_RUN_MS = 86_400_000 + _TOLERANCE_MS
"""As far back as runs are read for a join."""


class RunCells(NamedTuple):
    """The SQL cells of the version that ran and whose connection is watched, and all of its cells."""

    expected: frozenset[str]
    all: frozenset[str]


Cells = Callable[[Run], RunCells | str]
"""What a run was expected to query, or why that is not known."""


class _Joined:
    """What was found of one run."""

    def __init__(self) -> None:
        self.cells: set[str] = set()
        self.is_ambiguous = False


def join(
    queries: Iterable[tuple[str, RunQuery, int]], runs: Iterable[Run], cells: Cells, span: tuple[int, int]
) -> Mapping[int, Amounts]:
    """By the hour of their end, what is to be counted of the queries, and of the runs, that ended in [start, end).

    `queries` come project by project, those without one first; they and `runs` may have more around them, which serves
    to find what belongs together. A query is the run's
    that was running when it started: with two of them it is ambiguous, and neither of the two is judged.
    """
    by_project: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.start_ms is not None and run.ended_ms is not None:
            by_project[run.project_id].append(run)
    for mine in by_project.values():
        mine.sort(key=lambda run: run.start_ms or 0)
    hours: dict[int, Counter[tuple[str, tuple[str, ...]]]] = defaultdict(Counter)
    unreadable: list[int] = []

    def judge(mine: Iterable[Run], found: Mapping[str, _Joined]) -> None:
        for run in mine:
            at_ms = run.ended_ms or 0
            if run.status == _COMPLETED and span[0] <= at_ms < span[1]:
                joined, is_unreadable = found.get(run.run_id, _Joined()), _is_any_within(unreadable, run)
                hours[at_ms - at_ms % HOUR_MS].update(_judged(run, joined, cells, is_unreadable=is_unreadable))

    for project_id, of_project in groupby(queries, lambda one: one[1].project_id):
        if not project_id:
            unreadable = sorted(query.start_ms for _, query, _ in of_project)
            continue
        mine = by_project.pop(project_id, [])
        starts = [run.start_ms or 0 for run in mine]
        found: dict[str, _Joined] = defaultdict(_Joined)
        for warehouse, query, number in of_project:
            first = bisect_left(starts, query.start_ms - _LONGEST_RUN_MS)
            last = bisect_right(starts, query.start_ms + _TOLERANCE_MS)
            holding = [run for run in mine[first:last] if _holds(run, query.start_ms)]
            for run in holding:
                found[run.run_id].cells.add(query.cell_id)
                found[run.run_id].is_ambiguous |= len(holding) > 1
            if span[0] <= query.end_ms < span[1]:
                how = "no_run" if not holding else "run" if len(holding) == 1 else "ambiguous"
                hours[query.end_ms - query.end_ms % HOUR_MS][JOINS, (warehouse, how)] += number
        judge(mine, found)
    for mine in by_project.values():
        judge(mine, {})
    return hours


def _holds(run: Run, at_ms: int) -> bool:
    return (run.start_ms or 0) - _TOLERANCE_MS <= at_ms <= (run.ended_ms or 0) + _TOLERANCE_MS


def _is_any_within(instants: Sequence[int], run: Run) -> bool:
    """Whether a query of no known project was sent during the run: it may have been the run's."""
    first = bisect_right(instants, (run.start_ms or 0) - _TOLERANCE_MS - 1)
    return first < len(instants) and _holds(run, instants[first])


def _judged(run: Run, found: _Joined, cells: Cells, *, is_unreadable: bool) -> Amounts:
    project = (run.project_id,)
    known = cells(run)
    reason = known if isinstance(known, str) else None
    if isinstance(known, RunCells):
        if found.is_ambiguous:
            reason = "ambiguous"
        elif is_unreadable:
            reason = "unreadable_comment"
        elif not found.cells <= known.all:
            reason = "unexpected_cell"
        else:
            return {(EXPECTED, project): len(known.expected), (SEEN, project): len(found.cells & known.expected)}
    return {(UNJUDGED, (run.project_id, reason or "cells_unknown")): 1}


def cells_of(
    version: ProjectVersion | None,
    component: Callable[[str], ProjectVersion | None],
    is_watched: Callable[[str], bool],
) -> RunCells | str:
    """The cells of a version and of the components that it imports, or why they are not known.

    `is_watched` says of the id of a connection whether a warehouse is behind it whose log is read.
    """
    versions = [version, *(component(one.component_id) for one in _cells(version) if one.component_id is not None)]
    expected: set[str] = set()
    every: set[str] = set()
    for one in versions:
        if one is None or one.cells is None:
            return "cells_unknown"
        for cell in one.cells:
            if cell.component_id is not None:
                continue
            if cell.queries is None or (cell.queries and cell.connection_id is None):
                return "cells_unknown"
            every.add(cell.cell_id)
            if cell.queries and is_watched(cell.connection_id or ""):
                expected.add(cell.cell_id)
    return RunCells(frozenset(expected), frozenset(every)) if expected else "no_sql_cells"


def _cells(version: ProjectVersion | None) -> Sequence[ExportedCell]:
    return () if version is None else version.cells or ()
