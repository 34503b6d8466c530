"""What a finder hands over: a finding, and what it claims of the runs that totals share out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exporter.facts import Project
from exporter.insight.savings.audit_context import AuditContext
from exporter.insight.savings.finding import Confidence, Fact, Finding, NotJudged
from exporter.insight.savings.pricing import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A finding before totals are made. `claims` are by project id; what claims no runs counts as it is."""

    finding: Finding
    claims: Mapping[str, Claim] = field(default_factory=dict)


Found = Iterator[Candidate | NotJudged]
"""What a finder yields, in any order."""

RUNS_UNKNOWN = "the runs are not yet known for a week"
RUNS_NEEDED = "collect.runs, and a week of history"
PROJECTS_UNKNOWN = "the projects cannot be listed"
PROJECTS_NEEDED = "a token that may read projects"
SEATS_UNKNOWN = "the users cannot be listed"
SEATS_NEEDED = "a token that may read users (workspace token: scope read users)"
TABLES_UNKNOWN = "what projects query cannot be read"
TABLES_NEEDED = (
    "a token that may read queried tables (Enterprise; workspace token: scope read queried tables), or cells"
)

SETTINGS_UNKNOWN = "the settings of projects are not known"
SETTINGS_NEEDED = "collect.exports: true, and a token that may export projects"


def unready(context: AuditContext, kind: str, *, runs: bool = True, seats: bool = False) -> NotJudged | None:
    """Why a kind cannot be judged that needs projects, and maybe runs and seats; None if it can."""
    audit_input = context.input
    if audit_input.projects is None:
        return not_judged(context, kind, "projects", PROJECTS_UNKNOWN, PROJECTS_NEEDED)
    if seats and audit_input.seats is None:
        return not_judged(context, kind, "users", SEATS_UNKNOWN, SEATS_NEEDED)
    if runs and not context.are_runs_known:
        return not_judged(context, kind, "runs", RUNS_UNKNOWN, RUNS_NEEDED)
    return None


def unsettled(context: AuditContext, kind: str) -> NotJudged | None:
    """Why a kind cannot be judged, or not everywhere, that goes by the settings of projects; None if it can."""
    if context.input.settings is None:
        return not_judged(context, kind, "exports", SETTINGS_UNKNOWN, SETTINGS_NEEDED)
    published = sum(project.state == "published" for project in context.projects.values())
    unread = published - len(context.settled_projects)
    if not unread:
        return None
    why = f"the settings of {unread} of {published} published projects are not known"
    return not_judged(context, kind, "exports", why, SETTINGS_NEEDED, is_partial=len(context.settled_projects) > 0)


def unread_tables(context: AuditContext, kind: str, projects: Iterable[Project]) -> NotJudged | None:
    """That the kind is judged only in part, while what some of these projects query has not been read."""
    unread = sum(1 for project in projects if project.project_id not in (context.input.tables or {}))
    if not unread:
        return None
    why = f"what {unread} projects query is not known"
    return not_judged(context, kind, "queried_tables", why, TABLES_NEEDED, is_partial=True)


def not_judged(
    context: AuditContext, kind: str, collector: str, why: str, needs: str, *, is_partial: bool = False
) -> NotJudged:
    """That a kind could not be judged, with what the collector met if that is known."""
    met = context.input.missing.get(collector)
    return NotJudged(kind=kind, why=f"{why} ({met})" if met else why, needs=needs, is_partial=is_partial)


def project_candidate(
    context: AuditContext,
    kind: str,
    project: Project,
    claim: Claim,
    *,
    evidence: tuple[Fact, ...],
    confidence: Confidence,
    why: str,
    action: str,
    where: str,
    others: tuple[str, ...] = (),
    paste: str = "",
) -> Candidate:
    """A finding on one project's schedules that would save so much of its runs; `others` are concerned too.

    Of a project that is younger than the window it says when it was made: its month is drawn from so few days.
    """
    age_ms = context.age_ms(project)
    if age_ms is not None and age_ms < context.window_ms:
        evidence = (*evidence, Fact("made", project.created_ms, "ms"))
    return Candidate(
        finding=Finding(
            kind=kind,
            subject=project.project_id,
            subject_type="project",
            subject_name=project.title,
            subjects=(project.project_id, *others),
            team=context.input.teams.get(project.project_id, ""),
            owner=project.owner,
            evidence=evidence,
            saving=context.pricing.month(project.project_id, claim),
            cost=context.schedules_cost(project),
            confidence=confidence,
            why=why,
            action=action,
            where=where,
            paste=paste,
        ),
        claims={project.project_id: claim},
    )
