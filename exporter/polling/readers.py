"""What is read of one workspace: its listings, its projects' runs and their details, page by page into the ledger.

Each reader remembers in memory what it has under way; all of them begin with what the ledger knows.
"""

from collections.abc import Callable

import structlog

from exporter.config import Config
from exporter.errors import ApiError, BadAnswerError, RefusedError, UnauthorizedError
from exporter.facts import Project
from exporter.hexapi import ApiRequest, Endpoint, Page
from exporter.ledger import KnownProject, WorkspaceLedger
from exporter.polling.availability import Availability
from exporter.polling.due_times import NEVER_MS
from exporter.polling.export_reading import ExportReader
from exporter.polling.listings import ListingReader, enabled_listings
from exporter.polling.planner import ListingOutlook, PlannedRequest, ProjectOutlook, plan_detail
from exporter.polling.poll_report import PollReport
from exporter.polling.project_details import DetailReader
from exporter.polling.reasons import Reason
from exporter.polling.request_estimate import listing_requests_per_hour
from exporter.polling.run_reading import RunReader

_log = structlog.get_logger()


class Readers:
    """The readers of one workspace. What they take in raises LedgerError if it cannot be written.

    Times are epoch milliseconds by Hex's clock. For one thread at a time.
    """

    def __init__(
        self, ledger: WorkspaceLedger, config: Config, availability: Availability, requests_per_hour: int
    ) -> None:
        """Reads nothing; `requests_per_hour` is how many the whole workspace may cost."""
        collect = config.collect
        wants_details = collect.queried_tables is not False
        self._ledger = ledger
        self._availability = availability
        self._projects_with_series = config.limits.projects_with_series
        self._requests_per_hour = requests_per_hour
        self._listings = ListingReader(ledger, enabled_listings(collect), requests_per_hour, collect.max_age_seconds)
        self._runs = RunReader(ledger, requests_per_hour, self._is_polled) if collect.runs else None
        self._details = DetailReader(ledger, wants_tables=wants_details, wants_cells=wants_details)
        has_exports = collect.exports or config.exports.paths
        self._exports = ExportReader(ledger, requests_per_hour) if has_exports else None
        self._known: dict[str, KnownProject] = {}
        self._collect = collect
        self._excluded = 0

    def load(self, now_ms: int) -> None:
        """Begin with what the ledger knows."""
        self._listings.load(now_ms)
        self._details.load(now_ms)
        if self._exports is not None:
            self._exports.load()
        if self._ledger.projects():
            self._choose_members(now_ms)  # a kill or a failed write after the last listing may have left it undone
        self._know_projects()
        if self._runs is not None:
            self._runs.load()
            if self._known:
                self._runs.refresh(now_ms, self._listings_per_hour())
                self._availability.follow(self._runs.running, self._runs.refused_projects)

    def listing_outlooks(self, now_ms: int) -> list[ListingOutlook]:
        """What the planner goes by, of every listing that is read."""
        return self._listings.outlooks(lambda one: self._availability.endpoint_until_ms(one, now_ms))

    def project_outlooks(self, now_ms: int) -> list[ProjectOutlook]:
        """What the planner goes by, of every project whose runs are read."""
        if self._runs is None:
            return []
        availability = self._availability
        return self._runs.outlooks(
            now_ms,
            lambda one: (availability.project_until_ms(one), availability.older_until_ms(one)),
            availability.revision,
        )

    def next_turn_ms(self, now_ms: int) -> int:
        """Before when no project is read only because it is its turn."""
        return 0 if self._runs is None else self._runs.pacing.next_turn_ms(now_ms)

    def next_past_ms(self, now_ms: int) -> int:
        """Before when no page of any project's past is requested."""
        return 0 if self._runs is None else self._runs.pacing.next_past_ms(now_ms)

    def plan_detail(self, projects: list[ProjectOutlook], now_ms: int) -> PlannedRequest | None:
        """The request to send while nothing else is due; None if nothing is to be learned."""
        return plan_detail(projects, self._detail(now_ms), now_ms=now_ms)

    def plan_preferred_export(self, now_ms: int) -> PlannedRequest | None:
        """The version that the gateway waits for, before anything else is due; at most a fifth of all requests."""
        exports = self._exports if self._collect.exports else None
        if exports is None or self._availability.endpoint_until_ms(Endpoint.EXPORT, now_ms) > now_ms:
            return None
        request = exports.next_preferred(self._known, now_ms)
        return None if request is None else PlannedRequest(request, Reason.VERSION_REQUESTED)

    def plan_export(self, since_ms: int, now_ms: int) -> PlannedRequest | None:
        """The version to request while nothing else is due, of those published last or with runs since then."""
        if self._exports is None:
            return None
        self._exports.look(self._known.values(), since_ms, now_ms)
        if not self._collect.exports or self._availability.endpoint_until_ms(Endpoint.EXPORT, now_ms) > now_ms:
            return None
        request = self._exports.next_request(self._known.values(), now_ms)
        return None if request is None else PlannedRequest(request, Reason.VERSION_UNKNOWN)

    def export_wake_ms(self, now_ms: int) -> int:
        """When the next version of a project may be requested."""
        if self._exports is None or not self._collect.exports:
            return NEVER_MS
        return max(self._exports.wake_ms, self._availability.endpoint_until_ms(Endpoint.EXPORT, now_ms))

    def figures(self, projects: list[ProjectOutlook], now_ms: int) -> PollReport:
        """How far the reading is."""
        runs = self._runs
        return PollReport(
            planned_requests_per_hour=self._listings_per_hour() + (0.0 if runs is None else runs.requests_per_hour()),
            allowed_requests_per_hour=self._requests_per_hour,
            overdue_projects=0 if runs is None else runs.overdue(projects, now_ms),
            projects_with_older_history=0 if runs is None else runs.behind,
            excluded_projects=self._excluded,
        )

    def expect_run(self, project_id: str, started_ms: int) -> None:
        """A run of the project was started then: read the project when it should have ended, and its version next."""
        if self._exports is not None:
            self._exports.prefer(project_id)
        if self._runs is not None:
            self._runs.expect_run(project_id, started_ms)

    def sent(self, request: ApiRequest, now_ms: int) -> None:
        """A request leaves; some have a daily allowance."""
        self._details.sent(request, now_ms)
        if self._exports is not None:
            self._exports.sent(request, now_ms)
        if self._runs is not None:
            self._runs.sent(request, now_ms)

    def take(self, page: Page, sent_ms: int, now_ms: int) -> None:
        """Take a page in that was requested then."""
        request = page.request
        project_id = request.project_id
        if request.endpoint is Endpoint.RUNS and self._runs is not None:
            self._take_runs(self._runs, page, sent_ms, now_ms)
        elif project_id is not None:
            if known := self._known.get(project_id):
                if request.endpoint is not Endpoint.EXPORT:
                    self._details.take(known, page, sent_ms)
                elif self._exports is not None:
                    self._exports.take(known, page, now_ms)
            self._availability.answered(request, now_ms)
        else:
            flaw = self._listings.take(page, sent_ms, now_ms)
            is_over = not self._listings.is_under_way(request.endpoint)
            if flaw is not None:
                self._availability.broken_off(request.endpoint, flaw, now_ms)
            elif is_over:
                self._availability.answered(request, now_ms)
            if request.endpoint is Endpoint.PROJECTS and is_over:
                self._availability.listed(self._ledger.unknown_projects)
                self._refresh(now_ms)

    def failed(self, request: ApiRequest, error: ApiError, now_ms: int) -> None:
        """The page did not come: what it belongs to starts again from its first page."""
        if request.project_id is None:
            self._listings.give_up(request.endpoint)
        elif self._runs is not None and request.endpoint is Endpoint.RUNS:
            self._runs.give_up(request.project_id)
        elif self._exports is not None and request.endpoint is Endpoint.EXPORT:
            self._exports.failed(request, str(error), now_ms)
            if isinstance(error, BadAnswerError):
                self._ledger.count("hex_exporter_bad_items_total", (request.endpoint.value,), 1, now_ms)
                return  # Hex answers: it is this version that cannot be read
        self._availability.failed(request, error, now_ms)

    def refused(self, request: ApiRequest, error: RefusedError | UnauthorizedError, now_ms: int) -> None:
        """This token, plan or project does not have it: what it belongs to waits for a while."""
        project_id = request.project_id
        was_readable = False
        if project_id is None:
            self._listings.give_up(request.endpoint)
        elif self._exports is not None and request.endpoint is Endpoint.EXPORT:
            published = sum(one.project.state == "published" for one in self._known.values())
            are_refused = self._exports.refused(request, error, published, now_ms)
            state = self._ledger.collectors().get(Endpoint.EXPORT.value)
            has_come = state is not None and state.last_success_ms is not None
            if not are_refused or (has_come and error.status not in (401, 402, 403)):
                return  # exports are there: only this version is not
        elif request.endpoint is not Endpoint.RUNS:
            if error.status != 403:
                self._details.skip(project_id, now_ms)
        elif self._runs is not None:
            if self._runs.refused_older(request, now_ms):
                self._availability.older_failed(request, str(error), now_ms)
                return
            was_readable = self._runs.was_readable(project_id)
            self._runs.refused(project_id, error.status, now_ms)
        self._availability.refused(request, error, now_ms, was_readable=was_readable)

    def _take_runs(self, runs: RunReader, page: Page, sent_ms: int, now_ms: int) -> None:
        request = page.request
        taken = runs.take(page, sent_ms, now_ms)
        if taken.flaw is not None:
            error = BadAnswerError(request.endpoint.value, taken.flaw, status=200)
            self._availability.failed(request, error, now_ms)
            return
        if taken.older_flaw is not None:
            self._availability.older_failed(request, taken.older_flaw, now_ms)
        elif taken.is_older and request.project_id is not None:
            self._availability.older_came(request.project_id)
        self._availability.answered(request, now_ms)

    def _refresh(self, now_ms: int) -> None:
        """Follow the projects of a new listing."""
        self._choose_members(now_ms)
        self._know_projects()
        if self._runs is not None:
            detail = self._detail(now_ms)
            details_left = sum(detail(project_id) is not None for project_id in self._known)
            self._runs.refresh(now_ms, self._listings_per_hour(), details_left=details_left)
            self._availability.follow(self._runs.running)

    def _choose_members(self, now_ms: int) -> None:
        """Decide which of the listed projects have series of their own."""
        projects = self._ledger.projects()
        left_out = frozenset(one.project.project_id for one in projects if not self._is_polled(one.project))
        self._ledger.choose_members(self._projects_with_series, now_ms, left_out=left_out)

    def _know_projects(self) -> None:
        """Look up the projects that are followed; how many are left out is logged where it has changed."""
        listed = self._ledger.projects()
        self._known = {one.project.project_id: one for one in listed if self._is_polled(one.project)}
        excluded = len(listed) - len(self._known)
        if excluded != self._excluded:
            _log.info(
                "Projects are left out by collect.match and collect.except",
                workspace=self._ledger.name,
                left_out=excluded,
                followed=len(self._known),
            )
        self._excluded = excluded

    def _is_polled(self, project: Project) -> bool:
        return self._collect.is_polled(self._ledger.name, project)

    def _detail(self, now_ms: int) -> Callable[[str], ApiRequest | None]:
        """A function that returns the request about a project's connections; None: nothing to learn, or refused."""
        tables_until_ms = self._availability.endpoint_until_ms(Endpoint.QUERIED_TABLES, now_ms)
        cells_until_ms = self._availability.endpoint_until_ms(Endpoint.CELLS, now_ms)
        if tables_until_ms > now_ms and cells_until_ms > now_ms:
            return lambda _: None
        return lambda project_id: self._details.next_request(self._known[project_id], now_ms, tables_until_ms)

    def _listings_per_hour(self) -> float:
        return listing_requests_per_hour(self._listings.pages, self._requests_per_hour, self._collect.max_age_seconds)
