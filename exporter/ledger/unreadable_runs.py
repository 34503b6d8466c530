"""Runs that Hex lists and that cannot be read: where they lie, and since when that is known."""

from collections.abc import Iterable
from typing import Any, NamedTuple

UNREADABLE_RUNS = "unreadable_runs"
"""The key under which they are kept: rows of project, since, until, runs, noticed."""

_MOST_OF_A_PROJECT = 50


class UnreadableRuns(NamedTuple):
    """So many runs of a project started between these times, as was noticed first then. Epoch milliseconds."""

    project_id: str
    since_ms: int
    until_ms: int
    runs: int
    noticed_ms: int

    def overlaps(self, other: "UnreadableRuns") -> bool:
        """Whether both may be the same runs; a run between two of them is the border of both."""
        if self.since_ms == other.since_ms and self.until_ms == other.until_ms:
            return True
        return self.since_ms < other.until_ms and other.since_ms < self.until_ms


def rows_of(value: Any) -> tuple[UnreadableRuns, ...]:
    """What is kept, as it was written."""
    return tuple(UnreadableRuns(str(row[0]), *map(int, row[1:])) for row in value or ())


def bounded(rows: Iterable[UnreadableRuns]) -> tuple[UnreadableRuns, ...]:
    """The same of one project; more rows than are worth keeping apart become one."""
    rows = tuple(sorted(rows))
    if len(rows) <= _MOST_OF_A_PROJECT:
        return rows
    _, since, until, runs, noticed = zip(*rows, strict=True)
    return (UnreadableRuns(rows[0].project_id, min(since), max(until), sum(runs), min(noticed)),)
