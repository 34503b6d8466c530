"""The next request: facts, clock and request budget in, one request out. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exporter.hexapi import Ask, Endpoint
from exporter.polling.outlook import NEVER_MS

BACKFILL_TURN = 5
"""Every so many requests one goes to history that is still to be read, however busy the present is."""

_THIS_WEEK, _LAST_WEEK, _REST = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingOutlook:
    """One listing: from when it is worth reading again, and the page to go on with if a read is under way."""

    endpoint: Endpoint
    due_ms: int
    under_way: Ask | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectOutlook:
    """One project that can have runs.

    `due_ms` from when its newest runs are worth a request; `paused_until_ms` before that nothing of it may be asked;
    `under_way` the page to go on with if a read of it has begun; `older` the page behind what is known, None if all is
    known; `known_from_ms` how far back it is known; `activity` orders projects that wait for the same thing;
    `detail` what is still to be asked about its queried tables, None for nothing.
    """

    project_id: str
    due_ms: int
    paused_until_ms: int = 0
    under_way: Ask | None = None
    older: Ask | None = None
    known_from_ms: int | None = None
    activity: int = 0
    detail: Ask | None = None


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
) -> Ask | Idle:
    """The request to send now, or how long nothing is worth one.

    The project listing goes first: one page covers a hundred projects and tells what changed. Then the other listings
    and the newest runs take turns, each the most overdue first; then history, breadth first: this week of every
    project, last week (`weeks_ms`: where the two start), the rest; then queried tables. While history is missing, one
    request in five is spent on it.
    """
    first = _due_listing((one for one in listings if one.endpoint is Endpoint.PROJECTS), now_ms)
    if first is not None:
        return first
    open_projects = [] if runs_paused_until_ms > now_ms else [one for one in projects if one.paused_until_ms <= now_ms]
    other = _due_listing((one for one in listings if one.endpoint is not Endpoint.PROJECTS), now_ms)
    newest = _newest_runs(open_projects, now_ms)
    older = _older_runs(open_projects, weeks_ms)
    if older is not None and turn % BACKFILL_TURN == 0:
        return older
    present = (other, newest) if turn % 2 else (newest, other)
    for ask in (*present, older, _detail(projects, now_ms)):
        if ask is not None:
            return ask
    return Idle(_wake_ms(listings, projects, now_ms, runs_paused_until_ms))


def _due_listing(listings: Iterable[ListingOutlook], now_ms: int) -> Ask | None:
    due = [one for one in listings if one.due_ms <= now_ms]
    if not due:
        return None
    chosen = min(due, key=lambda one: (one.under_way is None, one.due_ms))
    return chosen.under_way or Ask(endpoint=chosen.endpoint)


def _newest_runs(projects: Sequence[ProjectOutlook], now_ms: int) -> Ask | None:
    due = [one for one in projects if one.due_ms <= now_ms or one.under_way is not None]
    if not due:
        return None
    chosen = min(due, key=lambda one: (one.under_way is None, one.due_ms, -one.activity, one.project_id))
    return chosen.under_way or Ask(endpoint=Endpoint.RUNS, project_id=chosen.project_id)


def _older_runs(projects: Sequence[ProjectOutlook], weeks_ms: tuple[int, int]) -> Ask | None:
    this_week_ms, last_week_ms = weeks_ms

    def stage(one: ProjectOutlook) -> int:
        known_from_ms = NEVER_MS if one.known_from_ms is None else one.known_from_ms
        if known_from_ms > this_week_ms:
            return _THIS_WEEK
        return _LAST_WEEK if known_from_ms > last_week_ms else _REST

    behind = [one for one in projects if one.older is not None]
    if not behind:
        return None
    chosen = min(behind, key=lambda one: (stage(one), -(one.known_from_ms or 0), -one.activity, one.project_id))
    return chosen.older


def _detail(projects: Sequence[ProjectOutlook], now_ms: int) -> Ask | None:
    waiting = [one for one in projects if one.detail is not None and one.paused_until_ms <= now_ms]
    return max(waiting, key=lambda one: (one.activity, one.project_id)).detail if waiting else None


def _wake_ms(
    listings: Sequence[ListingOutlook], projects: Sequence[ProjectOutlook], now_ms: int, runs_paused_until_ms: int
) -> int:
    nearest = [one.due_ms for one in listings]
    nearest += [max(one.due_ms, one.paused_until_ms, runs_paused_until_ms) for one in projects]
    return max(min(nearest, default=NEVER_MS), now_ms + 1)
