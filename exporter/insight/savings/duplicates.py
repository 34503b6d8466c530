"""Projects that do the same as another: copies by their title, and those whose queries are equal.

Siblings (`Revenue EU` and `Revenue US`, `Shop 12` and `Shop 13`) query the same tables for different things: what they
are for is in their title and their inputs, so they are no duplicates unless their queries are known to be equal.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from exporter.facts import Project
from exporter.insight.savings.audit_context import AuditContext, has_schedule
from exporter.insight.savings.candidate import (
    TABLES_NEEDED,
    TABLES_UNKNOWN,
    Candidate,
    Found,
    not_judged,
    project_candidate,
    unread_tables,
    unready,
)
from exporter.insight.savings.finding import Fact

DUPLICATES = "duplicate_projects"

_MOST_COMPARED = 50
"""Schedules are compared with so many projects of the same tables: this is quadratic, and titles find the others."""

_FEWEST_TABLES = 2
"""Equal schedules by themselves show nothing about two projects on one table: many run at a round hour."""

_WORD = re.compile(r"\w+")
_COPY_MARK = re.compile(r"copy|kopie|old|backup|v\d+")
_COPY_NUMBERS = frozenset("23456789")
"""Numbers that Hex, or a person, puts behind the title of a copy; larger ones name something."""

_BY_TITLE = "the queried tables are the same, and but for marks of a copy the title; the queries are not compared"
_BY_SCHEDULES = "the queried tables and the schedules are the same; the queries are not compared"
_BY_QUERIES = "all queries and code of both drafts are the same, and no query has an input"

_Words = tuple[str, ...]


def duplicates(context: AuditContext) -> Found:
    """The later made of each two; a project is named once, as the copy of the earliest that it is like."""
    if reason := unready(context, DUPLICATES):
        yield reason
        return
    if context.input.tables is None:
        yield not_judged(context, DUPLICATES, "queried_tables", TABLES_UNKNOWN, TABLES_NEEDED)
        return
    nameless = 0
    groups: dict[frozenset[tuple[str, str, str]], list[Project]] = defaultdict(list)
    for project_id, tables in context.input.tables.items():
        project = context.projects.get(project_id)
        if project is not None and project.state == "published" and tables:
            if all(table.table or table.queries for table in tables):
                key = frozenset((table.connection_id, table.table.lower(), table.queries) for table in tables)
                groups[key].append(project)
            else:
                nameless += 1
    for same, projects in groups.items():
        if len(projects) > 1:
            yield from _among(context, projects, len(same), are_queries_equal=all(queries for _, _, queries in same))
    if nameless:
        why = f"of {nameless} projects only the connections are known, not the tables, nor queries without inputs"
        yield not_judged(context, DUPLICATES, "queried_tables", why, TABLES_NEEDED, is_partial=True)
    published = (project for project in context.projects.values() if project.state == "published")
    if reason := unread_tables(context, DUPLICATES, published):
        yield reason


def _among(
    context: AuditContext, projects: list[Project], tables: int, *, are_queries_equal: bool
) -> Iterator[Candidate]:
    projects = sorted(projects, key=lambda project: (project.created_ms or 0, project.project_id))
    by_title: dict[_Words, Project] = {}
    by_schedules: dict[frozenset[tuple[str | None, str]], list[tuple[Project, frozenset[str]]]] = defaultdict(list)
    for project in projects:
        words, schedules = _words(project), _schedules(project)
        first, why = by_title.get(words) or _numbered(words, by_title), _BY_TITLE
        if first is None and are_queries_equal and project is not projects[0]:
            first, why = projects[0], _BY_QUERIES
        if first is None and tables >= _FEWEST_TABLES and schedules:
            first, why = _unlike(by_schedules[schedules], frozenset(words)), _BY_SCHEDULES
        if first is None:
            by_title.setdefault(words, project)
            by_schedules[schedules].append((project, frozenset(words)))
        elif context.scheduled(project.project_id).runs and has_schedule(project):
            yield _candidate(context, project, first, tables, _BY_QUERIES if are_queries_equal else why)


def _candidate(context: AuditContext, project: Project, first: Project, tables: int, why: str) -> Candidate:
    return project_candidate(
        context,
        DUPLICATES,
        project,
        context.claim(project),
        others=(first.project_id,),
        evidence=(
            Fact("like", first.title),
            Fact("connections" if why == _BY_QUERIES else "tables, the same of both", tables),
            Fact("views", project.views_30d, "in 30 days"),
            Fact("views of the other", first.views_30d, "in 30 days"),
        ),
        confidence="estimated",
        why=why,
        action="keep the one that is viewed more, and archive the other",
        where="Hex: both projects, side by side",
    )


def _words(project: Project) -> _Words:
    """The words of the title without marks of a copy at its ends; the whole if nothing is left."""
    words = whole = _WORD.findall(project.title.lower())
    if words[:1] in (["copy"], ["kopie"]):
        words = words[2:] if words[1:2] in (["of"], ["von"]) else words[1:]
    while words and (_COPY_MARK.fullmatch(words[-1]) or (words[-1].isdecimal() and _is_mark(words[-2:-1]))):
        words = words[:-1]
    return tuple(words or whole) or (project.title.strip() or project.project_id,)


def _is_mark(words: list[str]) -> bool:
    return bool(words) and _COPY_MARK.fullmatch(words[0]) is not None


def _numbered(words: _Words, by_title: dict[_Words, Project]) -> Project | None:
    """The project that has this title without the number behind it: `Sales` for `Sales 2`."""
    return by_title.get(words[:-1]) if words[-1] in _COPY_NUMBERS else None


def _unlike(earlier: Sequence[tuple[Project, frozenset[str]]], words: frozenset[str]) -> Project | None:
    """The first whose title shares no word with this one: titles that share some name things beside each other."""
    return next((project for project, other in earlier[:_MOST_COMPARED] if not words & other), None)


def _schedules(project: Project) -> frozenset[tuple[str | None, str]]:
    return frozenset((schedule.cron, schedule.timezone) for schedule in project.schedules if schedule.enabled)
