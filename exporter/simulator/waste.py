"""What was planted to be found: the waste in the simulated workspace, and what only looks like it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from exporter.simulator.mixture import SORTS
from exporter.simulator.people import Person
from exporter.simulator.population import SimulatedProject
from exporter.simulator.rhythm import WEEK_MS
from exporter.simulator.warehouse import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """One thing that could be switched off.

    `subjects` are ids of projects, users or connections; `runs_per_week` and `seconds_per_week` would be saved with
    it, or the seat of `role`. With `is_waste` false it is a near miss: it looks like its kind, and must stay.
    """

    kind: str
    subjects: tuple[str, ...]
    because: str
    runs_per_week: float = 0.0
    seconds_per_week: float = 0.0
    role: str | None = None
    is_waste: bool = True


_BECAUSE = {
    "abandoned_project": "hourly, never viewed or edited, its owner has no seat",
    "failing_schedule": "every scheduled run fails",
    "unviewed_schedule": "nobody has ever viewed it",
    "over_refreshed": "refreshed every three hours, viewed about once a week, its source changes as rarely",
}


def planted(projects: Iterable[SimulatedProject], people: Iterable[Person], links: Iterable[Link]) -> tuple[Waste, ...]:
    """Everything planted in a workspace, near misses included."""
    projects = tuple(projects)
    return (*_projects(projects), *_pairs(projects), *_collisions(projects), *_seats(people), *_links(links))


def _projects(projects: tuple[SimulatedProject, ...]) -> Iterable[Waste]:
    for project in projects:
        sort = SORTS[project.sort]
        for kind, is_waste in ((sort.waste, True), (sort.near, False)):
            if kind in _BECAUSE:
                yield _of_project(kind, project, is_waste)


def _of_project(kind: str, project: SimulatedProject, is_waste: bool) -> Waste:
    runs = _runs_per_week(project)
    return Waste(
        kind=kind,
        subjects=(project.project_id,),
        because=_BECAUSE[kind] if is_waste else f"looks so, but is of the sort {project.sort!r}",
        runs_per_week=runs,
        seconds_per_week=runs * project.median_seconds,
        is_waste=is_waste,
    )


def _pairs(projects: tuple[SimulatedProject, ...]) -> Iterable[Waste]:
    for original, copy in pairwise(projects):
        if copy.sort == "copy":
            runs = _runs_per_week(copy)
            yield Waste(
                kind="duplicate_projects",
                subjects=(original.project_id, copy.project_id),
                because="the same tables, the same schedule, nearly the same title",
                runs_per_week=runs,
                seconds_per_week=runs * copy.median_seconds,
            )


def _collisions(projects: tuple[SimulatedProject, ...]) -> Iterable[Waste]:
    subjects = tuple(project.project_id for project in projects if project.sort == "six")
    if len(subjects) > 1:
        yield Waste(
            kind="colliding_schedules",
            subjects=subjects,
            because="all start at 06:00 on one connection",
        )


def _seats(people: Iterable[Person]) -> Iterable[Waste]:
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


def _links(links: Iterable[Link]) -> Iterable[Waste]:
    links = tuple(links)
    for link in links:
        if link.use == "unused":
            yield Waste(kind="unused_connection", subjects=(link.connection_id,), because="no project queries it")
    pairs = (("overlapping_connections", "overlap", True), ("overlapping_connections", "near_overlap", False))
    for kind, use, is_waste in pairs:
        second = next(link for link in links if link.use == use)
        first = next(link for link in links if link.connection_type == second.connection_type)
        because = "the same account and database" if is_waste else "the same host, but another database"
        subjects = (first.connection_id, second.connection_id)
        yield Waste(kind=kind, subjects=subjects, because=because, is_waste=is_waste)


def _runs_per_week(project: SimulatedProject) -> float:
    """Firings of the enabled schedules in an average week."""
    weeks = 52
    due = sum(sum(1 for _ in cadence.due(0, weeks * WEEK_MS)) for cadence in project.schedules if cadence.is_enabled)
    return due / weeks
