"""What Hex shows of who looks at a project's app, and the schedules that no one looks at."""

from exporter.facts import Project
from exporter.insight.savings.audit_context import AuditContext
from exporter.insight.savings.audit_input import DAY_MS
from exporter.insight.savings.finding import Fact

_WEEK_DAYS = 7
_REFRESH = "app_refresh"


def are_views_known(project: Project) -> bool:
    """Whether Hex shows anything of its views; a project of which it shows nothing is not one without views."""
    shown = (project.viewed_ms, project.views_30d, project.views_14d, project.views_7d, project.views_all)
    return any(value is not None for value in shown)


def is_unviewed(context: AuditContext, project: Project) -> bool:
    """Whether no one has opened or refreshed its app for long, although it has been there for as long."""
    span_ms = context.input.unused_after_ms
    refreshed_ms = context.use(project.project_id).last_ms.get(_REFRESH)
    return (
        context.has_been_there(project, span_ms)
        and not _recent_views(context, project)
        and all(context.is_quiet_since(at_ms, span_ms) for at_ms in (project.viewed_ms, refreshed_ms))
    )


def is_younger_than_a_week(context: AuditContext, project: Project) -> bool:
    """Whether it has not been there for as long as a week of views takes."""
    age_ms = context.age_ms(project)
    return age_ms is not None and age_ms < _WEEK_DAYS * DAY_MS


def week_views(context: AuditContext, project: Project) -> float | None:
    """How often its app is opened in a week, by the longest of Hex's windows that is shown, or by its life so far.

    None if no window is shown, or if it is younger than a week.
    """
    if is_younger_than_a_week(context, project):
        return None
    age_ms = context.age_ms(project)
    for views, days in ((project.views_30d, 30), (project.views_14d, 14), (project.views_7d, 7)):
        if views is not None:
            return max(0, views) * _WEEK_DAYS / (days if age_ms is None else min(days, age_ms / DAY_MS))
    return None


def view_facts(context: AuditContext, project: Project) -> tuple[Fact, ...]:
    """The figures that a finding on views shows."""
    return (
        Fact("scheduled runs", round(context.week_runs(project), 1), "a week"),
        Fact("views", project.views_30d, "in 30 days"),
        Fact("last viewed", project.viewed_ms, "ms"),
    )


def _recent_views(context: AuditContext, project: Project) -> int:
    """Views in the longest of Hex's windows that is not longer than what counts as long."""
    days = context.input.unused_after_ms / DAY_MS
    windows = ((project.views_30d, 30), (project.views_14d, 14), (project.views_7d, 7))
    return next((views for views, span in windows if views is not None and span <= days), 0)
