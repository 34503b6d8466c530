"""Reading the runs of every project: what is due, what is being read, and what each page adds to the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from exporter.facts import Project, Run
from exporter.hexapi import ApiRequest, Page
from exporter.ledger import KnownProject, WorkspaceLedger
from exporter.polling.agreed_clock import DATE_STEP_MS
from exporter.polling.due_times import HOUR_MS, MINUTE_MS, Firings, Habits, due_at, rest_intervals_ms
from exporter.polling.expected_runs import ExpectedRuns
from exporter.polling.history_reading import ALL_KNOWN_MS, HeadRead, extend_back, older_page
from exporter.polling.missed_schedules import missed_schedules
from exporter.polling.planner import ProjectOutlook
from exporter.polling.request_estimate import (
    SETTLED_SHARE,
    SHORTEST_REST_MS,
    scheduled_requests_per_hour,
    turn_requests_per_hour,
)
from exporter.polling.run_habits import HABIT_DAYS_MS, habits_of
from exporter.polling.tracked_project import RunsTaken, TrackedProject, active_runs
from exporter.polling.turn_pacing import TurnPacing
from exporter.polling.unlisted_runs import UnlistedRuns
from exporter.polling.unreadable_runs import UnreadableRunsWatch

OVERDUE_MS = 10 * MINUTE_MS
"""A project whose runs are due for longer than this is overdue."""

_MOST_STUCK_PAGES = 3
"""So many older pages in a row that add nothing lead nowhere; runs that come meanwhile move a page now and then."""

_EXPECTED_MARGIN_MS = 2 * DATE_STEP_MS  # a read is taken for one step of the Date header older than it is
_HABITS_EVERY_MS = 30 * MINUTE_MS
_NEW_HABITS_EVERY_MS = 5 * MINUTE_MS  # while the past comes in, what it says of a project is new
_FIRST_PAST_MS = 14 * 24 * HOUR_MS
"""So much of the past is worth slower turns: it holds this week and the last."""


class RunReader:
    """The run histories of one workspace's published projects."""

    def __init__(
        self, ledger: WorkspaceLedger, requests_per_hour: int, is_polled: Callable[[Project], bool] = lambda _: True
    ) -> None:
        self._ledger = ledger
        self._is_polled = is_polled
        self._requests_per_hour = requests_per_hour
        self._tracked: dict[str, TrackedProject] = {}
        self._expected: dict[str, ExpectedRuns] = {}
        self._habits: dict[str, Habits] = {}
        self._habits_at_ms: int | None = None
        self._scheduled_per_hour = 0.0
        self._turns_in_an_hour = 0.0
        self.pacing = TurnPacing(requests_per_hour)
        self._active: dict[str, dict[str, int | None]] = {}
        self._unlisted = UnlistedRuns(ledger)
        self._unreadable = UnreadableRunsWatch(ledger)
        self._outlooks_at: tuple[int, int] = (0, 0)

    def load(self) -> None:
        """Have the next `refresh` go on from what the ledger knows; forgets reads under way. Raises LedgerError."""
        self._active = active_runs(self._ledger)
        self._expected = {project_id: one.expected_runs for project_id, one in self._tracked.items()}
        self._tracked = {}
        self._habits_at_ms = None
        self._unreadable.load()

    def refresh(self, now_ms: int, listings_per_hour: float, *, details_left: int = 0) -> None:
        """Follow the projects that the ledger lists now; reads under way go on.

        `details_left` is how many of them still wait for a request about their connections.
        """
        listed = (one for one in self._ledger.projects() if self._is_polled(one.project))
        projects = [one for one in listed if one.project.published_ms is not None]
        every_ms = _NEW_HABITS_EVERY_MS if self.behind else _HABITS_EVERY_MS
        if self._habits_at_ms is None or abs(now_ms - self._habits_at_ms) > every_ms:
            recent = self._ledger.uses_between(now_ms - HABIT_DAYS_MS, now_ms)
            self._habits = habits_of((one.project for one in projects), recent, now_ms)
            self._habits_at_ms = now_ms
        active = {**self._active, **{project_id: one.active for project_id, one in self._tracked.items()}}
        self._active |= self._unlisted.end(active, {one.project.project_id for one in projects}, now_ms)
        if back := {one.project.project_id for one in projects} - self._tracked.keys():
            # Some of their runs may have been taken for gone before they came back.
            self._active |= {one: runs for one, runs in active_runs(self._ledger).items() if one in back}
        self._tracked = {one.project.project_id: self._follow(one, now_ms) for one in projects}
        self._expected = {}
        self._spread(listings_per_hour, details_left, now_ms)

    @property
    def running(self) -> frozenset[str]:
        """The projects that Hex may start runs of."""
        return frozenset(name for name, one in self._tracked.items() if one.known.project.state == "published")

    @property
    def refused_projects(self) -> list[str]:
        """The projects whose runs Hex refused when they were last requested."""
        return [project_id for project_id, one in self._tracked.items() if one.progress.refusals]

    def was_readable(self, project_id: str) -> bool:
        """Whether the project's runs have ever been read."""
        tracked = self._tracked.get(project_id)
        return tracked is not None and tracked.progress.known_until_ms is not None

    def outlooks(
        self, now_ms: int, paused_until_ms: Callable[[str], tuple[int, int]], pauses_revision: int = 0
    ) -> list[ProjectOutlook]:
        """What the planner goes by, of every project that can have runs.

        `paused_until_ms` returns until when a project waits, and until when its past does; what it returns changes only
        with `pauses_revision`. An outlook is made again only when what it is made of has changed.
        """
        last_ms, last_revision = self._outlooks_at
        is_anew = now_ms < last_ms or pauses_revision != last_revision
        self._outlooks_at = now_ms, pauses_revision
        outlooks = []
        for project_id, one in self._tracked.items():
            if is_anew or one.outlook is None or one.outlook_until_ms <= now_ms:
                one.outlook = self._outlook(project_id, one, now_ms, paused_until_ms)
                one.outlook_until_ms = one.firings.changes_ms(self._habit(project_id).lag_ms, now_ms)
            outlooks.append(one.outlook)
        return outlooks

    def sent(self, request: ApiRequest, now_ms: int) -> None:
        """A request leaves: pages of the past have a share of the hour."""
        tracked = self._tracked.get(request.project_id or "")
        if request.offset and tracked is not None and tracked.read is None:
            self.pacing.past_sent(now_ms)

    def requests_per_hour(self) -> float:
        """What following the projects costs once all history is read."""
        return self._turns_in_an_hour + self._scheduled_per_hour

    @property
    def behind(self) -> int:
        """How many projects have history that is still to be read."""
        return sum(one.progress.known_from_ms != ALL_KNOWN_MS for one in self._tracked.values())

    def overdue(self, outlooks: list[ProjectOutlook], now_ms: int) -> int:
        """How many projects have waited for their turn for more than ten minutes."""
        return sum(max(one.due_ms, one.paused_until_ms) < now_ms - OVERDUE_MS for one in outlooks)

    def take(self, page: Page, sent_ms: int, now_ms: int) -> RunsTaken:
        """Add a page of runs to the ledger, and what it means for the project's progress."""
        project_id = page.request.project_id
        tracked = self._tracked.get(project_id or "")
        if project_id is None or tracked is None:
            return RunsTaken.WELL
        runs = page.only(Run)
        if tracked.read is None and page.request.offset > 0:
            taken = self._take_older(project_id, tracked, page, runs, sent_ms, now_ms)
        else:
            if tracked.outlook is not None and tracked.outlook.is_turn and tracked.read is None:
                self.pacing.turn_taken(now_ms)
            taken = self._take_newest(project_id, tracked, page, runs, sent_ms, now_ms)
        tracked.outlook = None
        self._note_scheduled(project_id, tracked.observe(runs, now_ms))
        return taken

    def give_up(self, project_id: str) -> None:
        """Forget a read that did not come to its end; it starts again from the newest page."""
        if tracked := self._tracked.get(project_id):
            tracked.give_up()

    def expect_run(self, project_id: str, started_ms: int) -> None:
        """A run of the project was started then: read the project when it should have ended."""
        if tracked := self._tracked.get(project_id):
            tracked.expected_runs.started(started_ms + self._habit(project_id).duration_ms)
            tracked.outlook = None

    def refused_older(self, request: ApiRequest, now_ms: int) -> bool:
        """Whether what Hex refuses is a page of the project's past: what has been read before it stays known then."""
        project_id = request.project_id or ""
        tracked = self._tracked.get(project_id)
        if request.offset == 0 or tracked is None:
            return False
        read = tracked.read
        if read is None:
            return True
        if not read.has_begun or not read.cut_off():
            return False
        self._finish(project_id, tracked, read, (), now_ms)
        tracked.outlook = None
        return True

    def refused(self, project_id: str, status: int | None, now_ms: int) -> None:
        """Remember that Hex refuses the project's newest runs."""
        tracked = self._tracked.get(project_id)
        if tracked is None:
            return
        self.give_up(project_id)
        progress = replace(tracked.progress, refusals=tracked.progress.refusals + 1, refused_status=status)
        self._ledger.record_runs(project_id, (), progress, now_ms)
        tracked.progress = progress

    def _follow(self, known: KnownProject, now_ms: int) -> TrackedProject:
        project_id = known.project.project_id
        before = self._tracked.get(project_id)
        if before is None:
            active = self._active.pop(project_id, {})
            expected = self._expected.get(project_id, ExpectedRuns())
            return TrackedProject(
                known, Firings.of(known.project, now_ms), known.progress, active, expected_runs=expected
            )
        before.outlook = None
        was, is_now = before.known.project, known.project
        if (was.schedules, was.state) != (is_now.schedules, is_now.state):
            before.firings = Firings.of(known.project, now_ms)
        before.known = known
        return before

    def _spread(self, listings_per_hour: float, details_left: int, now_ms: int) -> None:
        running = [one.known.project for one in self._tracked.values() if one.known.project.state == "published"]
        self._scheduled_per_hour = scheduled_requests_per_hour(running, now_ms)
        rates = {one.project_id: self._habit(one.project_id).unforeseen_per_hour for one in running}
        are_read = all(one.is_read_since(0) for one in self._tracked.values())
        are_weeks_known = all(one.is_read_since(now_ms - _FIRST_PAST_MS) for one in self._tracked.values())
        turns = turn_requests_per_hour(
            self._requests_per_hour,
            listings_per_hour,
            self._scheduled_per_hour,
            is_settled=are_read and details_left <= self._requests_per_hour * (1 - SETTLED_SHARE),
            are_weeks_known=are_weeks_known,
        )
        rest = rest_intervals_ms(rates, turns, SHORTEST_REST_MS)
        for project_id, one in self._tracked.items():
            # Archived and trashed projects no longer run; once a day shows whether one was brought back and ran.
            one.rest_ms = rest.get(project_id, 24 * HOUR_MS)
            one.outlook = None
        self._turns_in_an_hour = sum(HOUR_MS / one.rest_ms for one in self._tracked.values() if one.rest_ms)
        self.pacing.plan(self._turns_in_an_hour, listings_per_hour + self.requests_per_hour())

    def _habit(self, project_id: str) -> Habits:
        return self._habits.get(project_id) or Habits()

    def _outlook(
        self, project_id: str, one: TrackedProject, now_ms: int, paused_until_ms: Callable[[str], tuple[int, int]]
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
        until_ms, older_until_ms = paused_until_ms(project_id)
        seen = (project.results_updated_ms or 0, project.viewed_ms or 0, project.edited_ms or 0)
        return ProjectOutlook(
            project_id=project_id,
            due_ms=due.at_ms,
            due_reason=due.reason,
            paused_until_ms=until_ms,
            older_paused_until_ms=older_until_ms,
            under_way=one.read.next if one.read is not None else None,
            older=self._older(project_id, one),
            known_from_ms=one.progress.known_from_ms,
            activity=max(seen),
        )

    def _older(self, project_id: str, one: TrackedProject) -> ApiRequest | None:
        known_from_ms = one.progress.known_from_ms
        if one.read is not None or known_from_ms is None or known_from_ms == ALL_KNOWN_MS:
            return None
        if one.progress.is_unordered:
            return ApiRequest(endpoint=older_page(project_id, 0).endpoint, project_id=project_id)
        if one.known_runs is None:
            one.known_runs = self._ledger.count_runs_since(known_from_ms - 1, project_id)
        return older_page(project_id, max(one.known_runs, 4))

    def _take_newest(
        self, project_id: str, one: TrackedProject, page: Page, runs: Sequence[Run], sent_ms: int, now_ms: int
    ) -> RunsTaken:
        if one.read is None or page.request.offset == 0:
            one.begin_read(project_id, sent_ms)
        read = one.read
        assert read is not None
        behind = read.behind_what_is_known(runs)
        read.is_deep = read.is_deep or not behind <= self._ledger.known_run_ids(behind)
        self._unreadable.look_at_newest(project_id, page, read, one.progress, sent_ms)
        read.add(page, sent_ms)
        if read.next is not None or read.flaw is not None:
            self._ledger.record_runs(project_id, runs, one.progress, now_ms)
        if read.flaw is not None:
            self.give_up(project_id)
            return RunsTaken(flaw=read.flaw)
        if read.next is None:
            self._finish(project_id, one, read, runs, now_ms)
        return RunsTaken.WELL

    def _finish(self, project_id: str, one: TrackedProject, read: HeadRead, runs: Sequence[Run], now_ms: int) -> None:
        """The newest runs have been read down to what was known, or as far as Hex lets them be read."""
        gone = read.gone_run_ids
        progress = read.progress()
        missed, progress = missed_schedules(self._ledger, one.known, progress, runs)
        self._ledger.record_runs(project_id, runs, progress, now_ms, missed_schedules=missed)
        if gone:
            self._ledger.record_gone_runs(project_id, gone)
            for run_id in gone:
                one.active.pop(run_id, None)
        one.end_read(read, progress)

    def _take_older(
        self, project_id: str, one: TrackedProject, page: Page, runs: Sequence[Run], sent_ms: int, now_ms: int
    ) -> RunsTaken:
        part = self._unreadable.readable_part(project_id, page, one.progress, sent_ms)
        progress = extend_back(one.progress, part or page)
        self._ledger.record_runs(project_id, runs, progress or one.progress, now_ms)
        if part is not None:
            one.progress, one.known_runs = progress or one.progress, None
            return RunsTaken(older_flaw="a run cannot be read")
        if progress is None:
            one.known_runs = max(0, page.request.offset - 100)
        else:
            one.known_runs = page.request.offset + page.size
        one.older_came(frozenset(run.run_id for run in runs), progress)
        one.progress = progress or one.progress
        if one.stuck_pages < _MOST_STUCK_PAGES:
            return RunsTaken(is_older=one.stuck_pages == 0)
        one.stuck_pages, one.known_runs = 0, None
        return RunsTaken(older_flaw="page after page adds nothing to what is known")

    def _note_scheduled(self, project_id: str, start_ms: int | None) -> None:
        """The newest scheduled run of a page started then."""
        habit = self._habit(project_id)
        if start_ms is not None and start_ms > (habit.last_scheduled_start_ms or 0):
            self._habits[project_id] = replace(habit, last_scheduled_start_ms=start_ms)
