"""The next request: facts, clock and request budget in, one request and its reason out. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from exporter.hexapi import ApiRequest, Endpoint
from exporter.polling.due_times import NEVER_MS
from exporter.polling.reasons import Reason

BACKFILL_TURN = 5
"""Every so many requests one goes to this week and the last, where they are still to be read, however busy the present
is."""

REST_TURN = 10
"""The same for the time before: nothing that is shown first waits for it."""

_STAGES = (Reason.HISTORY_THIS_WEEK, Reason.HISTORY_LAST_WEEK, Reason.HISTORY_REST)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingOutlook:
    """One listing: from when it is worth reading again, and the page to go on with if a read is under way."""

    endpoint: Endpoint
    due_ms: int
    under_way: ApiRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectOutlook:
    """One project that can have runs.

    `due_ms` from when its newest runs are worth a request, `due_reason` what makes them so;
    `paused_until_ms` before that nothing of it may be requested, `older_paused_until_ms` nothing of its past;
    `under_way` the page to go on with if a read of it has begun; `older` the page behind what is known, None if all is
    known; `known_from_ms` how far back it is known; `activity` orders projects that wait for the same thing.
    """

    project_id: str
    due_ms: int
    due_reason: Reason = Reason.SCHEDULE
    paused_until_ms: int = 0
    older_paused_until_ms: int = 0
    under_way: ApiRequest | None = None
    older: ApiRequest | None = None
    known_from_ms: int | None = None
    activity: int = 0

    @property
    def is_turn(self) -> bool:
        """Whether nothing but its turn makes its runs worth a request."""
        return self.due_reason is Reason.TURN


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """The request to send now, and why this one."""

    request: ApiRequest
    reason: Reason


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing is worth a request before this instant."""

    until_ms: int


def plan(
    listings: Sequence[ListingOutlook],
    projects: Sequence[ProjectOutlook],
    *,
    now_ms: int,
    weeks_ms: tuple[int, int],
    turn: int,
    runs_paused_until_ms: int = 0,
    next_turn_ms: int = 0,
    next_past_ms: int = 0,
) -> PlannedRequest | Idle:
    """The request to send now, or how long nothing is worth one.

    The project listing goes first: one page covers a hundred projects and shows what changed. Then the other listings
    and the newest runs take turns, each the most overdue first; then history, breadth first: this week of every
    project, last week (`weeks_ms`: where the two start), the rest. While one of the two weeks is missing, one request
    in five is spent on it, then one in ten on the rest. Where nothing is left, there is time for `plan_detail`. No
    project has its turn before `next_turn_ms`, and no page of the past is requested before `next_past_ms`: neither may
    use up the requests of the hour, and with them those for runs that are expected.
    """
    first = _due_listing((one for one in listings if one.endpoint is Endpoint.PROJECTS), now_ms)
    if first is not None:
        return first
    open_projects = [] if runs_paused_until_ms > now_ms else [one for one in projects if one.paused_until_ms <= now_ms]
    other = _due_listing((one for one in listings if one.endpoint is not Endpoint.PROJECTS), now_ms)
    newest = _newest_runs((one for one in open_projects if not one.is_turn or next_turn_ms <= now_ms), now_ms)
    past = [one for one in open_projects if max(one.older_paused_until_ms, next_past_ms) <= now_ms]
    older = _older_runs(past, weeks_ms)
    if older is not None and turn % (REST_TURN if older.reason is Reason.HISTORY_REST else BACKFILL_TURN) == 0:
        return older
    present = (other, newest) if turn % 2 else (newest, other)
    for planned in (*present, older):
        if planned is not None:
            return planned
    return Idle(_wake_ms(listings, projects, now_ms, runs_paused_until_ms, next_turn_ms))


def plan_detail(
    projects: Iterable[ProjectOutlook], detail: Callable[[str], ApiRequest | None], *, now_ms: int
) -> PlannedRequest | None:
    """The request about a project's queried tables, the most active first; None if nothing is to be learned.

    `detail` returns the request for a project's id, None for nothing.
    """
    waiting = [one for one in projects if one.paused_until_ms <= now_ms]
    waiting.sort(key=lambda one: (one.activity, one.project_id), reverse=True)
    requests = (detail(one.project_id) for one in waiting)
    return next((PlannedRequest(one, Reason.DETAILS_UNKNOWN) for one in requests if one is not None), None)


def _due_listing(listings: Iterable[ListingOutlook], now_ms: int) -> PlannedRequest | None:
    due = [one for one in listings if one.due_ms <= now_ms]
    if not due:
        return None
    chosen = min(due, key=lambda one: (one.under_way is None, one.due_ms))
    if chosen.under_way is not None:
        return PlannedRequest(chosen.under_way, Reason.NEXT_PAGE)
    return PlannedRequest(ApiRequest(chosen.endpoint), Reason.LISTING_DUE)


def _newest_runs(projects: Iterable[ProjectOutlook], now_ms: int) -> PlannedRequest | None:
    due = [one for one in projects if one.due_ms <= now_ms or one.under_way is not None]
    if not due:
        return None
    chosen = min(due, key=lambda one: (one.under_way is None, one.due_ms, -one.activity, one.project_id))
    if chosen.under_way is not None:
        return PlannedRequest(chosen.under_way, Reason.NEXT_PAGE)
    return PlannedRequest(ApiRequest(Endpoint.RUNS, chosen.project_id), chosen.due_reason)


def _older_runs(projects: Sequence[ProjectOutlook], weeks_ms: tuple[int, int]) -> PlannedRequest | None:
    this_week_ms, last_week_ms = weeks_ms

    def stage(one: ProjectOutlook) -> int:
        known_from_ms = NEVER_MS if one.known_from_ms is None else one.known_from_ms
        return (known_from_ms <= this_week_ms) + (known_from_ms <= last_week_ms)

    behind = [
        ((stage(one), -(one.known_from_ms or 0), -one.activity, one.project_id), one.older)
        for one in projects
        if one.older is not None
    ]
    if not behind:
        return None
    (first_stage, *_), request = min(behind, key=lambda one: one[0])
    return PlannedRequest(request, _STAGES[first_stage])


def _wake_ms(
    listings: Sequence[ListingOutlook],
    projects: Sequence[ProjectOutlook],
    now_ms: int,
    runs_paused_until_ms: int,
    next_turn_ms: int,
) -> int:
    nearest = [one.due_ms for one in listings]
    nearest += [
        max(one.due_ms, one.paused_until_ms, runs_paused_until_ms, next_turn_ms if one.is_turn else 0)
        for one in projects
    ]
    return max(min(nearest, default=NEVER_MS), now_ms + 1)
