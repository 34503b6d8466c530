"""Projects that run although everybody has left them, and schedules that only fail."""

from exporter.facts import Project
from exporter.insight.savings.app_views import are_views_told, is_unviewed, view_facts
from exporter.insight.savings.audit_context import SCHEDULED, AuditContext, plain
from exporter.insight.savings.candidate import Found, project_candidate, unready
from exporter.insight.savings.finding import Fact

ABANDONED = "abandoned_project"
FAILING = "failing_schedule"

WHERE = "Hex: the project, Schedule"

_FAILED = frozenset({"errored", "killed"})


def abandoned(scene: AuditContext) -> Found:
    """Projects that nobody edited, viewed, published or ran by hand for long, of owners who are idle or gone."""
    if reason := unready(scene, ABANDONED, seats=True):
        yield reason
        return
    for project in scene.scheduled_projects:
        if is_abandoned(scene, project):
            yield project_candidate(
                scene,
                ABANDONED,
                project,
                scene.claim(project),
                evidence=(
                    *view_facts(scene, project),
                    Fact("last edited", project.edited_ms, "ms"),
                    Fact("last published", project.published_ms, "ms"),
                    Fact("owner", _owner(scene, project)),
                ),
                confidence="measured",
                why="nobody edited, viewed, published or started it, by what Hex tells of each",
                action="archive it, or switch its schedule off",
                where=WHERE,
            )


def is_abandoned(scene: AuditContext, project: Project) -> bool:
    """Whether a project with a running schedule is left by everybody. Needs the users to be known."""
    span_ms = scene.evidence.unused_after_ms
    starts = [at for trigger, at in scene.use(project.project_id).last_ms.items() if trigger != SCHEDULED]
    touched = (project.created_ms, project.edited_ms, project.published_ms, *starts)
    return (
        scene.evidence.seats is not None
        and are_views_told(project)
        and is_unviewed(scene, project)
        and all(scene.is_quiet_since(at_ms, span_ms) for at_ms in touched)
        and all(scene.is_idle(seat) for seat in scene.seats_by_address.get(plain(project.owner), ()))
    )


def failing(scene: AuditContext) -> Found:
    """Schedules whose last runs all failed: the failed runs are what they cost without result."""
    if reason := unready(scene, FAILING):
        yield reason
        return
    asked = scene.evidence.failed_runs
    for project in scene.scheduled_projects:
        last = scene.use(project.project_id).last_scheduled[:asked]
        if len(last) == asked and set(last) <= _FAILED and "errored" in last:
            failed, scheduled = scene.scheduled(project.project_id, *_FAILED), scene.scheduled(project.project_id)
            yield project_candidate(
                scene,
                FAILING,
                project,
                scene.claim(project, 1.0, *_FAILED),
                evidence=(
                    Fact("failed in a row", asked, "scheduled runs or more"),
                    Fact("failed in the window", failed.runs, f"of {scheduled.runs} scheduled runs"),
                ),
                confidence="measured",
                why=f"each of the last {asked} scheduled runs ended without a result",
                action="repair it, or switch its schedule off until somebody does",
                where=WHERE,
            )


def _owner(scene: AuditContext, project: Project) -> str:
    if not plain(project.owner):
        return "none"
    return "has not been seen for long" if scene.seats_by_address.get(plain(project.owner)) else "has no account"
