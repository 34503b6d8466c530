"""One project that can have runs, as the reader of runs follows it in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from exporter.facts import Run
from exporter.ledger import KnownProject, RunProgress, WorkspaceLedger, is_given_up
from exporter.polling.due_times import Firings
from exporter.polling.expected_runs import ExpectedRuns
from exporter.polling.history_reading import HeadRead
from exporter.polling.planner import ProjectOutlook

_DEEP_EVERY_MS = 3_600_000  # with `LATE_MS` it decides how late a run may be listed and still be found


@dataclass(slots=True)
class TrackedProject:
    """What is known of it, what is being read, and the outlook that follows, kept until `outlook_until_ms`.

    `deep_read_ms` is when the last deep read began.
    """

    known: KnownProject
    firings: Firings
    progress: RunProgress
    active: dict[str, int | None] = field(default_factory=dict)
    read: HeadRead | None = None
    rest_ms: int = 0
    known_runs: int | None = None
    stuck_pages: int = 0
    older_ids: frozenset[str] = frozenset()
    outlook: ProjectOutlook | None = None
    outlook_until_ms: int = 0
    expected_runs: ExpectedRuns = field(default_factory=ExpectedRuns)
    deep_read_ms: int | None = None

    def begin_read(self, project_id: str, sent_ms: int) -> None:
        """Read the newest runs, of which a page was requested then; once an hour also behind what is known."""
        is_deep = self.deep_read_ms is None or not 0 <= sent_ms - self.deep_read_ms < _DEEP_EVERY_MS
        self.read = HeadRead(project_id, self.progress, self.active, is_deep=is_deep)

    def end_read(self, read: HeadRead, progress: RunProgress) -> None:
        """The newest runs have been read: the history is known as far as the progress says."""
        if read.is_deep:
            self.deep_read_ms = progress.last_read_ms
        self.progress = progress
        self.read = None
        self.known_runs = None
        if progress.last_read_ms is not None:
            self.expected_runs.read(progress.last_read_ms)

    def give_up(self) -> None:
        """Forget a read that did not come to its end; it starts again from the newest page."""
        self.read = None
        self.known_runs = None
        self.outlook = None

    def observe(self, runs: Iterable[Run], now_ms: int) -> int | None:
        """Note which of these runs are in progress; when the newest scheduled one started, None without any."""
        newest: int | None = None
        for run in runs:
            if run.is_active and not is_given_up(run, now_ms):
                self.active[run.run_id] = run.start_ms
            else:
                self.active.pop(run.run_id, None)
            if run.trigger == "scheduled" and run.start_ms is not None:
                newest = max(newest or 0, run.start_ms)
        return newest

    def is_read_since(self, at_ms: int) -> bool:
        """Whether its runs are known back to then; what is refused has none that could be read."""
        since_ms = self.progress.complete_from_ms
        return self.progress.refusals > 0 or (since_ms is not None and since_ms <= at_ms)

    def older_came(self, run_ids: frozenset[str], progress: RunProgress | None) -> None:
        """A page of the past came, and `progress` with it, None if it does not join: does the walk lead anywhere?

        Starts out of order may leave what is known where it is; a page that comes again brings nothing.
        """
        is_repeated = 2 * len(run_ids & self.older_ids) > len(run_ids) or not run_ids
        is_stuck = progress is None or (progress == self.progress and is_repeated)
        self.stuck_pages = self.stuck_pages + 1 if is_stuck else 0
        self.older_ids = run_ids


def active_runs(ledger: WorkspaceLedger) -> dict[str, dict[str, int | None]]:
    """When the runs started that are in progress, by project and run id."""
    active: dict[str, dict[str, int | None]] = {}
    for run in ledger.active_runs():
        active.setdefault(run.project_id, {})[run.run_id] = run.start_ms
    return active


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsTaken:
    """What became of a page: the `flaw` that made a read lead nowhere, or the one that stops a walk into the past.

    `is_older`: it joined the past to what is known.
    """

    WELL: ClassVar["RunsTaken"]

    flaw: str | None = None
    older_flaw: str | None = None
    is_older: bool = False


RunsTaken.WELL = RunsTaken()
