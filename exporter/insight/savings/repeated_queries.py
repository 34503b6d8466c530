"""The same query, or the same component, in several scheduled projects: each of them sends it to the warehouse."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from exporter.facts import Project, ProjectVersion
from exporter.insight.savings.audit_context import AuditContext
from exporter.insight.savings.candidate import Candidate, Found, unready, unsettled
from exporter.insight.savings.duplicates import duplicates
from exporter.insight.savings.finding import Fact, Finding
from exporter.insight.savings.pricing import Claim

REPEATED = "repeated_queries"

_FEWEST = 2
_MOST_NAMED = 5


class _Part(NamedTuple):
    """What projects may have in common; `identity` is a digest of SQL, or the id of a component, empty if not known."""

    what: str
    connection_id: str
    identity: str


def repeated_queries(context: AuditContext) -> Found:
    """One finding for all parts that the same projects share. Copies are left out: that they are is a finding."""
    if reason := unready(context, REPEATED) or unsettled(context, REPEATED):
        yield reason
    if not context.are_runs_known:
        return
    copies = {one.finding.subject for one in duplicates(context) if isinstance(one, Candidate)}
    scheduled = {project.project_id for project in context.scheduled_projects} - copies
    parts = {
        project.project_id: tuple(_parts(settings))
        for project, settings in context.settled_projects
        if project.project_id in scheduled
    }
    users: dict[_Part, list[str]] = defaultdict(list)
    for project_id, own in parts.items():
        for part in dict.fromkeys(own):
            if part.identity:
                users[part].append(project_id)
    shared: dict[tuple[str, ...], list[_Part]] = defaultdict(list)
    for part, with_it in users.items():
        if len(with_it) >= _FEWEST:
            shared[tuple(sorted(with_it))].append(part)
    for project_ids, common in shared.items():
        yield _candidate(context, [context.projects[one] for one in project_ids], sorted(common), parts)


def _parts(settings: ProjectVersion) -> Iterator[_Part]:
    """What a version queries, cell by cell."""
    for cell in settings.cells or ():
        if cell.component_id is not None:
            yield _Part("component", "", cell.component_id)
        elif cell.queries:
            yield _Part("SQL", cell.connection_id or "", cell.source or "")


def _candidate(
    context: AuditContext, projects: list[Project], common: list[_Part], parts: Mapping[str, tuple[_Part, ...]]
) -> Candidate:
    """All but the project that runs most often could read what that one has queried."""
    first, *others = sorted(projects, key=lambda one: (-context.week_runs(one), one.project_id))
    claims = {
        one.project_id: Claim(0, _share(context.claim(one).ms, common, parts[one.project_id]), is_queries=True)
        for one in others
    }
    teams = {context.input.teams.get(one.project_id, "") for one in projects}
    titles = [one.title or one.project_id for one in (first, *others)]
    more = f" and {len(titles) - _MOST_NAMED} more" if len(titles) > _MOST_NAMED else ""
    components = [part.identity for part in common if part.what == "component"]
    evidence = (
        Fact("projects", f"{', '.join(titles[:_MOST_NAMED])}{more}"),
        Fact("SQL cells in common", len(common) - len(components)),
        *((Fact("components in common", ", ".join(components[:_MOST_NAMED])),) if components else ()),
        Fact("scheduled runs", round(sum(context.week_runs(one) for one in projects), 1), "a week"),
    )
    return Candidate(
        finding=Finding(
            kind=REPEATED,
            subject=common[0].identity,
            subject_type="queries",
            subject_name=f"{titles[0]} and {len(others)} more",
            subjects=(common[0].identity, *sorted(one.project_id for one in projects)),
            team=teams.pop() if len(teams) == 1 else "",
            evidence=evidence,
            saving=context.pricing.months(claims),
            cost=context.pricing.months({one.project_id: context.claim(one) for one in projects}),
            confidence="estimated",
            why="the text and the connection are the same; money as if all queries of a project took alike",
            action="let one project write the result to a table for the others, or their schedules use cached results",
            where="Hex: these projects, side by side",
        ),
        claims=claims,
    )


def _share(ms: int, common: list[_Part], own: tuple[_Part, ...]) -> int:
    """The part of a project's run time that goes into what it has in common."""
    wanted = set(common)
    return ms * sum(part in wanted for part in own) // len(own)
