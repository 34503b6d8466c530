"""Reading the runs of every project: what is due, what is being read, and what each page adds to the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from exporter.facts import Project, Run
from exporter.hexapi import ApiRequest, Page
from exporter.insight import ALLOWED_DELAY_MS, ALLOWED_EARLY_MS, missed_firings, project_firings
from exporter.ledger import KnownProject, RunProgress, WorkspaceLedger
from exporter.polling.clock_skew import DATE_STEP_MS
from exporter.polling.due_times import HOUR_MS, MINUTE_MS, Firings, Habits, due_at, rest_intervals_ms
from exporter.polling.expected_runs import ExpectedRuns
from exporter.polling.history_reading import ALL_KNOWN_MS, HeadRead, extend_back, older_page
from exporter.polling.planner import ProjectOutlook
from exporter.polling.request_estimate import SETTLED_SHARE, scheduled_requests_per_hour, turn_requests_per_hour
from exporter.polling.run_habits import HABIT_DAYS_MS, habits_of

OVERDUE_MS = 10 * MINUTE_MS
"""A project whose runs are due for longer than this is overdue."""

_REFUSED_MS = HOUR_MS
_LONGEST_REFUSED_MS = 24 * HOUR_MS
_SHORTEST_REST_MS = 30_000
_TURN_HASTE = 0.8  # turns that fell behind catch up
_EXPECTED_MARGIN_MS = 2 * DATE_STEP_MS  # a read is taken for one step of the Date header older than it is
_HABITS_EVERY_MS = 30 * MINUTE_MS


@dataclass(slots=True)
class _Tracked:
    """One project that can have runs, as the reader follows it in memory."""

    known: KnownProject
    firings: Firings
    progress: RunProgress
    active: dict[str, int | None] = field(default_factory=dict)
    read: HeadRead | None = None
    rest_ms: int = 0
    known_runs: int | None = None
    expected_runs: ExpectedRuns = field(default_factory=ExpectedRuns)


class RunReader:
    """The run histories of one workspace's published projects."""

    def __init__(
        self, ledger: WorkspaceLedger, requests_per_hour: int, is_polled: Callable[[Project], bool] = lambda _: True
    ) -> None:
        self._ledger = ledger
        self._is_polled = is_polled
        self._requests_per_hour = requests_per_hour
        self._tracked: dict[str, _Tracked] = {}
        self._habits: dict[str, Habits] = {}
        self._habits_at_ms: int | None = None
        self._scheduled_per_hour = 0.0
        self._turns: set[str] = set()
        self._turn_every_ms = 0
        self._last_turn_ms: int | None = None
        self._active: dict[str, dict[str, int | None]] = {}

    def load(self) -> None:
        """Have the next `refresh` go on from what the ledger knows; forgets reads under way. Raises LedgerError."""
        active: dict[str, dict[str, int | None]] = {}
        for run in self._ledger.active_runs():
            active.setdefault(run.project_id, {})[run.run_id] = run.start_ms
        self._active = active
        self._tracked = {}
        self._habits_at_ms = None

    def refresh(self, now_ms: int, listings_per_hour: float, *, details_left: int = 0) -> None:
        """Follow the projects that the ledger lists now; reads under way go on.

        `details_left` is how many of them still wait for a request about their connections.
        """
        listed = (one for one in self._ledger.projects() if self._is_polled(one.project))
        projects = [one for one in listed if one.project.published_ms is not None]
        if self._habits_at_ms is None or abs(now_ms - self._habits_at_ms) > _HABITS_EVERY_MS:
            recent = self._ledger.uses_between(now_ms - HABIT_DAYS_MS, now_ms)
            self._habits = habits_of((one.project for one in projects), recent, now_ms)
            self._habits_at_ms = now_ms
        self._tracked = {one.project.project_id: self._follow(one, now_ms) for one in projects}
        self._spread(listings_per_hour, details_left, now_ms)

    def outlooks(self, now_ms: int, paused_until_ms: Callable[[str], int]) -> list[ProjectOutlook]:
        """What the planner goes by, of every project that can have runs."""
        outlooks = [
            self._outlook(project_id, one, now_ms, paused_until_ms) for project_id, one in self._tracked.items()
        ]
        self._turns = {one.project_id for one in outlooks if one.is_turn}
        return outlooks

    def next_turn_ms(self, now_ms: int) -> int:
        """Before when no project is read only because it is its turn."""
        if self._last_turn_ms is None or self._last_turn_ms > now_ms:
            return 0
        return self._last_turn_ms + self._turn_every_ms

    def requests_per_hour(self) -> float:
        """What following the projects costs once all history is read."""
        return self._turns_per_hour() + self._scheduled_per_hour

    @property
    def behind(self) -> int:
        """How many projects have history that is still to be read."""
        return sum(one.progress.known_from_ms != ALL_KNOWN_MS for one in self._tracked.values())

    def overdue(self, outlooks: list[ProjectOutlook], now_ms: int) -> int:
        """How many projects have waited for their turn for more than ten minutes."""
        return sum(max(one.due_ms, one.paused_until_ms) < now_ms - OVERDUE_MS for one in outlooks)

    def take(self, page: Page, sent_ms: int, now_ms: int) -> None:
        """Add a page of runs to the ledger, and what it means for the project's progress."""
        project_id = page.request.project_id
        tracked = self._tracked.get(project_id or "")
        if project_id is None or tracked is None:
            return
        runs = page.only(Run)
        if tracked.read is None and page.request.offset > 0:
            self._take_older(project_id, tracked, page, runs, now_ms)
        else:
            if project_id in self._turns and tracked.read is None:
                self._last_turn_ms = now_ms
            self._take_newest(project_id, tracked, page, runs, sent_ms, now_ms)
        self._observe(project_id, tracked, runs)

    def give_up(self, project_id: str) -> None:
        """Forget a read that did not come to its end; it starts again from the newest page."""
        if tracked := self._tracked.get(project_id):
            tracked.read = None
            tracked.known_runs = None

    def expect_run(self, project_id: str, started_ms: int) -> None:
        """A run of the project was started then: read the project when it should have ended."""
        if tracked := self._tracked.get(project_id):
            tracked.expected_runs.started(started_ms + self._habit(project_id).duration_ms)

    def refused(self, project_id: str, now_ms: int) -> None:
        """Have a project wait whose runs this token may not see, longer each time."""
        tracked = self._tracked.get(project_id)
        if tracked is None:
            return
        self.give_up(project_id)
        pause_ms = min(_REFUSED_MS * 2 ** min(tracked.progress.refusals, 10), _LONGEST_REFUSED_MS)
        progress = replace(tracked.progress, refused_until_ms=now_ms + pause_ms, refusals=tracked.progress.refusals + 1)
        self._ledger.record_runs(project_id, (), progress, now_ms)
        tracked.progress = progress

    def _follow(self, known: KnownProject, now_ms: int) -> _Tracked:
        project_id = known.project.project_id
        before = self._tracked.get(project_id)
        if before is None:
            active = self._active.get(project_id, {})
            return _Tracked(known, Firings.of(known.project, now_ms), known.progress, active)
        if before.known.project.published_ms != known.project.published_ms:
            before.progress = replace(before.progress, refused_until_ms=None, refusals=0)
        was, is_now = before.known.project, known.project
        if (was.schedules, was.state) != (is_now.schedules, is_now.state):
            before.firings = Firings.of(known.project, now_ms)
        before.known = known
        return before

    def _spread(self, listings_per_hour: float, details_left: int, now_ms: int) -> None:
        running = [one.known.project for one in self._tracked.values() if one.known.project.state == "published"]
        self._scheduled_per_hour = scheduled_requests_per_hour(running, now_ms)
        rates = {one.project_id: self._habit(one.project_id).unforeseen_per_hour for one in running}
        turns = turn_requests_per_hour(
            self._requests_per_hour,
            listings_per_hour,
            self._scheduled_per_hour,
            is_settled=self._is_all_read() and details_left <= self._requests_per_hour * (1 - SETTLED_SHARE),
        )
        rest = rest_intervals_ms(rates, turns, _SHORTEST_REST_MS)
        for project_id, one in self._tracked.items():
            # Archived and trashed projects no longer run; once a day shows whether one was brought back and ran.
            one.rest_ms = rest.get(project_id, 24 * HOUR_MS)
        self._turn_every_ms = int(_TURN_HASTE * HOUR_MS / max(self._turns_per_hour(), 1.0))

    def _is_all_read(self) -> bool:
        """Whether no history is left to be read; what is refused has none that could be."""
        return all(
            one.progress.known_from_ms == ALL_KNOWN_MS or one.progress.refusals for one in self._tracked.values()
        )

    def _turns_per_hour(self) -> float:
        return sum(HOUR_MS / one.rest_ms for one in self._tracked.values() if one.rest_ms)

    def _habit(self, project_id: str) -> Habits:
        return self._habits.get(project_id) or Habits()

    def _outlook(
        self, project_id: str, one: _Tracked, now_ms: int, paused_until_ms: Callable[[str], int]
    ) -> ProjectOutlook:
        project = one.known.project
        one.firings.advance(now_ms)
        expected_ms = one.expected_runs.due_ms
        starts = [one.known.first_seen_ms if start is None else start for start in one.active.values()]
        read_ms = one.progress.last_read_ms
        due = due_at(
            project,
            read_ms=None if read_ms is not None and read_ms > now_ms + OVERDUE_MS else read_ms,
            active_since_ms=min(starts, default=None),
            firings=one.firings,
            habits=self._habit(project_id),
            rest_ms=one.rest_ms,
            now_ms=now_ms,
            expected_end_ms=None if expected_ms is None else expected_ms + _EXPECTED_MARGIN_MS,
        )
        refused_until_ms = one.progress.refused_until_ms or 0
        if refused_until_ms - now_ms > _LONGEST_REFUSED_MS:
            refused_until_ms = 0
        seen = (project.results_updated_ms or 0, project.viewed_ms or 0, project.edited_ms or 0)
        return ProjectOutlook(
            project_id=project_id,
            due_ms=due.at_ms,
            due_reason=due.reason,
            paused_until_ms=max(refused_until_ms, paused_until_ms(project_id)),
            under_way=one.read.next if one.read is not None else None,
            older=self._older(project_id, one),
            known_from_ms=one.progress.known_from_ms,
            activity=max(seen),
        )

    def _older(self, project_id: str, one: _Tracked) -> ApiRequest | None:
        known_from_ms = one.progress.known_from_ms
        if one.read is not None or known_from_ms is None or known_from_ms == ALL_KNOWN_MS:
            return None
        if one.progress.is_unordered:
            return ApiRequest(endpoint=older_page(project_id, 0).endpoint, project_id=project_id)
        if one.known_runs is None:
            one.known_runs = sum(1 for _ in self._ledger.runs_between(known_from_ms - 1, None, project_id))
        return older_page(project_id, max(one.known_runs, 4))

    def _take_newest(
        self, project_id: str, one: _Tracked, page: Page, runs: Sequence[Run], sent_ms: int, now_ms: int
    ) -> None:
        if one.read is None or page.request.offset == 0:
            one.read = HeadRead(project_id, one.progress, one.active)
        one.read.add(page, sent_ms)
        if one.read.next is not None:
            self._ledger.record_runs(project_id, runs, one.progress, now_ms)
            return
        gone = one.read.gone_run_ids
        progress = one.read.progress()
        missed, progress = self._missed(one, progress, runs)
        self._ledger.record_runs(project_id, runs, progress, now_ms, missed_schedules=missed)
        if gone:
            self._ledger.record_gone_runs(project_id, gone)
            for run_id in gone:
                one.active.pop(run_id, None)
        one.progress = progress
        one.read = None
        one.known_runs = None
        if progress.last_read_ms is not None:
            one.expected_runs.read(progress.last_read_ms)

    def _take_older(self, project_id: str, one: _Tracked, page: Page, runs: Sequence[Run], now_ms: int) -> None:
        progress = extend_back(one.progress, page)
        self._ledger.record_runs(project_id, runs, progress or one.progress, now_ms)
        if progress is None:
            one.known_runs = max(0, page.request.offset - 100)
            return
        one.progress = progress
        one.known_runs = page.request.offset + page.size

    def _missed(self, one: _Tracked, progress: RunProgress, runs: Sequence[Run]) -> tuple[int, RunProgress]:
        """How many firings went unanswered since this was last judged; only where every run is known."""
        assert progress.known_until_ms is not None
        contact_ms = self._ledger.first_contact_ms
        if contact_ms is None:
            return 0, progress
        since_ms = max(progress.schedule_checked_ms or 0, contact_ms, one.known.schedules_since_ms)
        until_ms = progress.known_until_ms - ALLOWED_DELAY_MS
        if until_ms <= since_ms:
            return 0, progress
        due = project_firings(one.known.project, since_ms, until_ms)
        missed = 0
        if due:
            stored = self._ledger.runs_between(
                since_ms - ALLOWED_EARLY_MS, until_ms + ALLOWED_DELAY_MS + 1, one.known.project.project_id
            )
            # A run that got no kernel has no start, only an end soon after; it answered its firing all the same.
            starts = {
                run.run_id: run.ended_ms if run.start_ms is None else run.start_ms
                for run in (*stored, *runs)
                if run.trigger == "scheduled"
            }
            missed = missed_firings(due, [start for start in starts.values() if start is not None])
        return missed, replace(progress, schedule_checked_ms=until_ms)

    def _observe(self, project_id: str, one: _Tracked, runs: Sequence[Run]) -> None:
        newest: int | None = None
        for run in runs:
            if run.is_active:
                one.active[run.run_id] = run.start_ms
            else:
                one.active.pop(run.run_id, None)
            if run.trigger == "scheduled" and run.start_ms is not None:
                newest = max(newest or 0, run.start_ms)
        if newest is not None:
            habit = self._habit(project_id)
            if newest > (habit.last_scheduled_start_ms or 0):
                self._habits[project_id] = replace(habit, last_scheduled_start_ms=newest)
