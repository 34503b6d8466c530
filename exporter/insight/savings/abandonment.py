"""Projects that run although everybody has left them, and schedules that only fail."""

from exporter.facts import Project
from exporter.insight.savings.app_views import are_views_known, is_unviewed, view_facts
from exporter.insight.savings.audit_context import SCHEDULED, AuditContext, plain
from exporter.insight.savings.candidate import Found, project_candidate, unready
from exporter.insight.savings.finding import Fact

ABANDONED = "abandoned_project"
FAILING = "failing_schedule"

WHERE = "Hex: the project, Schedule"

_FAILED = frozenset({"errored", "killed"})


def abandoned(context: AuditContext) -> Found:
    """Projects that no one edited, viewed, published or ran by hand for long, of owners who are idle or gone."""
    if reason := unready(context, ABANDONED, seats=True):
        yield reason
        return
    for project in context.scheduled_projects:
        if is_abandoned(context, project):
            yield project_candidate(
                context,
                ABANDONED,
                project,
                context.claim(project),
                evidence=(
                    *view_facts(context, project),
                    Fact("last edited", project.edited_ms, "ms"),
                    Fact("last published", project.published_ms, "ms"),
                    Fact("owner", _owner(context, project)),
                ),
                confidence="measured",
                why="no one edited, viewed, published or started it, by what Hex shows of each",
                action="archive it, or switch its schedule off",
                where=WHERE,
            )


def is_abandoned(context: AuditContext, project: Project) -> bool:
    """Whether a project with a running schedule is left by everybody. Needs the users to be known."""
    span_ms = context.input.unused_after_ms
    starts = [at for trigger, at in context.use(project.project_id).last_ms.items() if trigger != SCHEDULED]
    touched = (project.created_ms, project.edited_ms, project.published_ms, *starts)
    return (
        context.input.seats is not None
        and are_views_known(project)
        and is_unviewed(context, project)
        and all(context.is_quiet_since(at_ms, span_ms) for at_ms in touched)
        and all(context.is_idle(seat) for seat in context.seats_by_address.get(plain(project.owner), ()))
    )


def failing(context: AuditContext) -> Found:
    """Schedules whose last runs all failed: the failed runs are what they cost without result."""
    if reason := unready(context, FAILING):
        yield reason
        return
    wanted = context.input.failed_runs
    for project in context.scheduled_projects:
        last = context.use(project.project_id).last_scheduled[:wanted]
        if len(last) == wanted and set(last) <= _FAILED and "errored" in last:
            failed, scheduled = context.scheduled(project.project_id, *_FAILED), context.scheduled(project.project_id)
            yield project_candidate(
                context,
                FAILING,
                project,
                context.claim(project, 1.0, *_FAILED),
                evidence=(
                    Fact("failed in a row", wanted, "scheduled runs or more"),
                    Fact("failed in the window", failed.runs, f"of {scheduled.runs} scheduled runs"),
                ),
                confidence="measured",
                why=f"each of the last {wanted} scheduled runs ended without a result",
                action="repair it, or switch its schedule off until somebody does",
                where=WHERE,
            )


def _owner(context: AuditContext, project: Project) -> str:
    if not plain(project.owner):
        return "none"
    return "has not been seen for long" if context.seats_by_address.get(plain(project.owner)) else "has no account"
