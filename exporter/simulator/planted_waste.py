"""What was planted to be found: the waste in the simulated workspace, and what only looks like it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from typing import NamedTuple

from exporter.simulator.ai_threads import CREDITS_MEAN, ROUTINES, Talks
from exporter.simulator.connections import Link
from exporter.simulator.event_times import WEEK_MS
from exporter.simulator.people import Person
from exporter.simulator.population import SimulatedProject
from exporter.simulator.project_mix import KILLED_SHARE, MISSED_SHARE, NO_KERNEL_SHARE, SORTS, SPREAD
from exporter.simulator.project_settings import (
    BRIEF_CACHE_SORT,
    COMPONENT_SORT,
    NEITHER_SORT,
    PAID_USD,
    RERUN_SORT,
    SQL_ONLY_SORTS,
    UNCACHED_QUERIES,
    queried,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """One thing that could be switched off.

    `subjects` are ids of projects, users or connections, or plans, or a user's id and a thread's title;
    `runs_per_week` and `seconds_per_week` would be saved with it on average, or `credits_per_week`, or the difference
    of the seat of `role` to a free one, or what `profile` costs for so many seconds. With `is_waste` false it is a near
    miss: it looks like its kind, and must stay.
    """

    kind: str
    subjects: tuple[str, ...]
    because: str
    runs_per_week: float = 0.0
    seconds_per_week: float = 0.0
    credits_per_week: float = 0.0
    role: str | None = None
    profile: str | None = None
    is_waste: bool = True


class Published(NamedTuple):
    """A published project: the compute profile and the runs of its last four weeks, each trigger with its time.

    `runs` are trigger, outcome and milliseconds of those that ended with a kernel.
    """

    project: SimulatedProject
    profile: str | None
    runs: tuple[tuple[str, str, int], ...]


_BECAUSE = {
    "abandoned_project": "hourly, never viewed or edited, its owner has no seat",
    "failing_schedule": "every scheduled run fails",
    "unviewed_schedule": "no one has ever viewed it",
    "over_refreshed": "refreshed every three hours, viewed about once a week, its source changes as rarely",
    "over_scheduled": "refreshed every six hours, as its source changes, but viewed about twice a week",
}

_REPLACEABLE = "replaceable_schedule"
_OFTEN = {"over_refreshed": True, "over_scheduled": False, "office": False}
"""The sorts whose schedules fire often, and whether they do so without need."""

_WEEKS = 4
_FEWEST_RUNS = 5
_SHORT_MS = 10 * 60_000
"""Runs within this time, at twice the time for each size down to the included medium, need no larger profile."""

_SIZES_ABOVE_MEDIUM = {"large": 1, "xl": 2, "2xl": 3, "4xl": 4}

_PLANS = (
    ("enterprise", "team", "Team has all that is in use, unless somebody reads queried tables", True),
    ("team", "professional", "Professional costs less, and has no API", False),
)


def planted(
    projects: Iterable[SimulatedProject],
    people: Iterable[Person],
    links: Iterable[Link],
    talks: Talks,
    published: Iterable[Published] = (),
) -> tuple[Waste, ...]:
    """Everything planted in a workspace, near misses included.

    That on plans is there for a workspace that is billed on the first of its subjects.
    """
    projects, published = tuple(projects), tuple(published)
    return (
        *_projects(projects),
        *_replaceable(projects),
        *_pairs(projects),
        *_collisions(projects),
        *_seats(people),
        *_links(tuple(links)),
        *_routines(talks),
        *_plans(),
        *_compute(published),
        *_caches(published),
        *_repeated(published),
    )


def _projects(projects: tuple[SimulatedProject, ...]) -> Iterator[Waste]:
    for project in projects:
        sort = SORTS[project.sort]
        for kind, is_waste in ((sort.waste, True), (sort.near, False)):
            if kind in _BECAUSE:
                yield _of_project(kind, project, is_waste)


def _of_project(kind: str, project: SimulatedProject, is_waste: bool) -> Waste:
    because = _BECAUSE[kind] if is_waste else f"looks so, but is of the sort {project.sort!r}"
    return _of_runs(kind, project, (project.project_id,), because, is_waste=is_waste)


def _of_runs(
    kind: str, project: SimulatedProject, subjects: tuple[str, ...], because: str, *, is_waste: bool = True
) -> Waste:
    runs = _runs_per_week(project)
    sort = SORTS[project.sort]
    # What is not needed is all but one run for each change, or for each view.
    needed_by_kind = {
        "over_refreshed": sort.source_changes,
        "over_scheduled": sort.views,
        _REPLACEABLE: sort.source_changes,
    }
    needed = needed_by_kind.get(kind, 0.0)
    saved = max(0.0, runs - needed) if is_waste else runs
    return Waste(
        kind=kind,
        subjects=subjects,
        because=because,
        runs_per_week=saved,
        seconds_per_week=saved * _mean_seconds(project),
        is_waste=is_waste,
    )


def _replaceable(projects: tuple[SimulatedProject, ...]) -> Iterator[Waste]:
    """Schedules that fire far more often than the source changes; one that fires as often only looks so."""
    for project in projects:
        if project.sort in _OFTEN:
            is_waste = _OFTEN[project.sort]
            because = "its source changes about once a week" if is_waste else "its source changes as often as it fires"
            yield _of_runs(_REPLACEABLE, project, (project.project_id,), because, is_waste=is_waste)


def _pairs(projects: tuple[SimulatedProject, ...]) -> Iterator[Waste]:
    kind = "duplicate_projects"
    for original, other in pairwise(projects):
        subjects = (original.project_id, other.project_id)
        if other.sort == "copy":
            yield _of_runs(kind, other, subjects, "the same tables, the same schedule, nearly the same title")
        elif other.sort == "sibling":
            yield _of_runs(
                kind, other, subjects, "the same tables and nearly the same title, for another country", is_waste=False
            )


def _collisions(projects: tuple[SimulatedProject, ...]) -> Iterator[Waste]:
    kind = "colliding_schedules"
    subjects = tuple(project.project_id for project in projects if project.sort == "six")
    if len(subjects) > 1:
        yield Waste(kind=kind, subjects=subjects, because="all start at 06:00 on one connection")
    for original, other in pairwise(projects):
        if other.sort == "copy":
            because = "two start at 05:40 on one connection, which can handle them"
            yield Waste(kind=kind, subjects=(original.project_id, other.project_id), because=because, is_waste=False)


def _seats(people: Iterable[Person]) -> Iterator[Waste]:
    for person in people:
        seat = (person.user_id,)
        if person.is_idle_paid:
            yield Waste(kind="idle_paid_seat", subjects=seat, because="no login for a long time", role=person.role)
        elif person.habit == "long_session":
            because = "logged in long ago, but its projects are edited"
            yield Waste(kind="idle_paid_seat", subjects=seat, because=because, role=person.role, is_waste=False)
        elif person.habit == "reader":
            because = "an author's seat that owns and edits nothing"
            yield Waste(kind="costly_role", subjects=seat, because=because, role=person.role)
        elif person.role == "explorer":
            because = "owns and edits nothing, on the seat that is made for it"
            yield Waste(kind="costly_role", subjects=seat, because=because, role=person.role, is_waste=False)


def _links(links: tuple[Link, ...]) -> Iterator[Waste]:
    for link in links:
        if link.use == "unused":
            yield Waste(kind="unused_connection", subjects=(link.connection_id,), because="no project queries it")
        elif link.details is None:
            because = "where it leads is not known, but projects query it"
            yield Waste(kind="unused_connection", subjects=(link.connection_id,), because=because, is_waste=False)
    pairs = (("overlapping_connections", "overlap", True), ("overlapping_connections", "near_overlap", False))
    for kind, use, is_waste in pairs:
        second = next(link for link in links if link.use == use)
        first = next(link for link in links if link.connection_type == second.connection_type)
        because = "the same account and database" if is_waste else "the same host and database, on another port"
        subjects = (first.connection_id, second.connection_id)
        yield Waste(kind=kind, subjects=subjects, because=because, is_waste=is_waste)


def _routines(talks: Talks) -> Iterator[Waste]:
    for routine in ROUTINES:
        weekly = len(routine.weekdays) * routine.threads * CREDITS_MEAN * 0.9  # three messages, 0.3 of the mean each
        yield Waste(
            kind="recurring_threads",
            subjects=(talks.user_of(routine).user_id, routine.title),
            because="asked each morning by hand" if routine.is_by_hand else "begun by the clock",
            credits_per_week=weekly,
            is_waste=not routine.is_by_hand,
        )


def _plans() -> Iterator[Waste]:
    for plan, other, because, is_waste in _PLANS:
        yield Waste(kind="costly_plan", subjects=(plan, other), because=because, is_waste=is_waste)


def _compute(published: tuple[Published, ...]) -> Iterator[Waste]:
    for project, profile, runs in published:
        is_sql = project.sort in SQL_ONLY_SORTS
        if not runs or (profile not in PAID_USD and not is_sql):
            continue
        completed = [ms for _, outcome, ms in runs if outcome == "completed"]
        times = 2 ** _SIZES_ABOVE_MEDIUM.get(profile or "", 0)
        is_short = len(completed) >= _FEWEST_RUNS and max(completed) * times <= _SHORT_MS
        if is_sql:
            kind, is_waste, because = "sql_on_paid_compute", profile in PAID_USD, "nothing but SQL"
        else:
            kind, is_waste, because = "oversized_compute", is_short, "short runs" if is_short else "long or few runs"
        yield Waste(
            kind=kind,
            subjects=(project.project_id,),
            because=f"{because} on {profile}",
            seconds_per_week=sum(ms for _, _, ms in runs) / 1000 / _WEEKS,
            profile=profile,
            is_waste=is_waste,
        )


def _caches(published: tuple[Published, ...]) -> Iterator[Waste]:
    for project, _, _ in published:
        subject, sort = (project.project_id,), project.sort
        if sort == RERUN_SORT:
            yield Waste(kind="uncached_app", subjects=subject, because="runs for each viewer and keeps no result")
        elif sort == NEITHER_SORT:
            because = "keeps no result, but runs only when somebody wants it"
            yield Waste(kind="uncached_app", subjects=subject, because=because, is_waste=False)
        if sort in UNCACHED_QUERIES:
            yield Waste(kind="query_cache_off", subjects=subject, because="its query cache is switched off")
        elif sort == BRIEF_CACHE_SORT:
            because = "its query results are kept, though only for a minute"
            yield Waste(kind="query_cache_off", subjects=subject, because=because, is_waste=False)


def _repeated(published: tuple[Published, ...]) -> Iterator[Waste]:
    """What scheduled projects have in common, copies apart; a sibling has its own queries of the same tables."""
    kind = "repeated_queries"
    users: dict[tuple[str, str], list[str]] = {}
    for project, _, runs in published:
        is_scheduled = any(trigger == "scheduled" for trigger, *_ in runs)
        if is_scheduled and project.sort != "copy":
            parts = [(project.connection.connection_id, query) for query in queried(project)]
            parts += [("component", "")] if project.sort == COMPONENT_SORT else []
            for part in parts:
                users.setdefault(part, []).append(project.project_id)
    together = {tuple(sorted(with_it)) for with_it in users.values() if len(with_it) > 1}
    for subjects in sorted(together):
        yield Waste(kind=kind, subjects=subjects, because="the same SQL, or the same component")
    by_id = {one.project.project_id: one.project for one in published}
    for original, other in pairwise(by_id.values()):
        pair = tuple(sorted((original.project_id, other.project_id)))
        if other.sort in ("copy", "sibling") and pair not in together:
            because = "a copy, which is a finding of its own" if other.sort == "copy" else "the same tables, other SQL"
            yield Waste(kind=kind, subjects=pair, because=because, is_waste=False)


def _runs_per_week(project: SimulatedProject) -> float:
    """Runs of the enabled schedules in an average week, those left out that are missed or get no kernel."""
    weeks = 52
    due = sum(sum(1 for _ in cadence.due(0, weeks * WEEK_MS)) for cadence in project.schedules if cadence.is_enabled)
    return due / weeks * (1 - MISSED_SHARE) * (1 - NO_KERNEL_SHARE)


def _mean_seconds(project: SimulatedProject) -> float:
    """Of the runs that got a kernel; a few are killed after thrice the time, those that fail take half of it."""
    killed = KILLED_SHARE / (1 - NO_KERNEL_SHARE)
    others = (1 - killed) * (1 - project.failure_share * 0.5)
    return project.median_seconds * exp(SPREAD**2 / 2) * (3 * killed + others)
