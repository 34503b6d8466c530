"""Projects that do the same as another: the same tables, and nearly the same title or the same schedules."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from exporter.facts import Project
from exporter.insight.savings.audit_context import AuditContext, has_schedule
from exporter.insight.savings.candidate import (
    TABLES_NEEDED,
    TABLES_UNKNOWN,
    Candidate,
    Found,
    not_judged,
    project_candidate,
    unready,
)
from exporter.insight.savings.finding import Fact

DUPLICATES = "duplicate_projects"

_NEAR = 0.9
"""How alike two titles are, of 1, once marks of a copy are gone."""

_MOST_COMPARED = 50
"""Titles are compared one by one among so many projects of the same tables; beyond it only equal ones are found."""

_FEWEST_TABLES = 2
"""Equal schedules by themselves show nothing about two projects on one table: many run at a round hour."""

_COPY_MARKS = re.compile(r"\b(copy of|copy|kopie|old|new|backup|v?\d+)\b|[^\w\s]")


def duplicates(context: AuditContext) -> Found:
    """The later made of each two; a project is named once, as the copy of the earliest that it is like."""
    if reason := unready(context, DUPLICATES):
        yield reason
        return
    if context.input.tables is None:
        yield not_judged(context, DUPLICATES, "queried_tables", TABLES_UNKNOWN, TABLES_NEEDED)
        return
    nameless = 0
    groups: dict[frozenset[tuple[str, str]], list[Project]] = defaultdict(list)
    for project_id, tables in context.input.tables.items():
        project = context.projects.get(project_id)
        if project is not None and project.state == "published" and tables:
            if all(table.table for table in tables):
                groups[frozenset((table.connection_id, table.table.lower()) for table in tables)].append(project)
            else:
                nameless += 1
    for same, projects in groups.items():
        if len(projects) > 1:
            yield from _among(context, projects, len(same))
    if nameless:
        why = f"of {nameless} projects only the connections are known, not the tables"
        yield not_judged(context, DUPLICATES, "queried_tables", why, TABLES_NEEDED, is_partial=True)


def _among(context: AuditContext, projects: list[Project], tables: int) -> Iterator[Candidate]:
    projects = sorted(projects, key=lambda project: (project.created_ms or 0, project.project_id))
    earlier: list[tuple[Project, str]] = []
    by_title: dict[str, Project] = {}
    by_schedules: dict[frozenset[tuple[str | None, str]], Project] = {}
    for project in projects:
        title, schedules = _title(project), _schedules(project)
        first = by_title.get(title)
        if first is None and tables >= _FEWEST_TABLES and schedules:
            first = by_schedules.get(schedules)
        if first is None and len(projects) <= _MOST_COMPARED:
            first = _nearest(title, earlier)
        if first is None:
            earlier.append((project, title))
            by_title.setdefault(title, project)
            by_schedules.setdefault(schedules, project)
        elif context.scheduled(project.project_id).runs and has_schedule(project):
            yield _candidate(context, project, first, tables)


def _candidate(context: AuditContext, project: Project, first: Project, tables: int) -> Candidate:
    return project_candidate(
        context,
        DUPLICATES,
        project,
        context.claim(project),
        others=(first.project_id,),
        evidence=(
            Fact("like", first.title),
            Fact("tables, the same of both", tables),
            Fact("views", project.views_30d, "in 30 days"),
            Fact("views of the other", first.views_30d, "in 30 days"),
        ),
        confidence="estimated",
        why="the queried tables are the same, and the title or the schedules; the queries themselves are not compared",
        action="keep the one that is viewed more, and archive the other",
        where="Hex: both projects, side by side",
    )


def _nearest(title: str, earlier: Sequence[tuple[Project, str]]) -> Project | None:
    if not title:
        return None
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(title)
    for project, other in earlier:
        matcher.set_seq1(other)
        if matcher.quick_ratio() >= _NEAR and matcher.ratio() >= _NEAR:
            return project
    return None


def _title(project: Project) -> str:
    """The title as it is compared: without marks of a copy, numbers and punctuation; the whole if nothing is left."""
    bare = " ".join(_COPY_MARKS.sub(" ", project.title.lower()).split())
    return bare or project.title.lower().strip() or project.project_id


def _schedules(project: Project) -> frozenset[tuple[str | None, str]]:
    return frozenset((schedule.cron, schedule.timezone) for schedule in project.schedules if schedule.enabled)
