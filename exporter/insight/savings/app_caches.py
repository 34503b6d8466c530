"""Caches that Hex offers and a project does not use: the results of an app, and those of its queries."""

from dataclasses import replace

from exporter.facts import Project, ProjectVersion
from exporter.insight.savings.app_views import week_views
from exporter.insight.savings.audit_context import AuditContext
from exporter.insight.savings.candidate import Candidate, Found, project_candidate, unready, unsettled
from exporter.insight.savings.finding import MONTH_MS, Fact, Saving
from exporter.insight.savings.pricing import Claim
from exporter.insight.schedule_firings import WEEK_MS

UNCACHED = "uncached_app"
CACHE_OFF = "query_cache_off"

_FEWEST_VIEWS = 1.0
"""Views a week: who comes more rarely is better served by a fresh run than by an old result."""

_FEWEST_COMPARED = 5
_OFF = "disabled"


def uncached_apps(context: AuditContext) -> Found:
    """Apps that run again for each viewer, and keep no result that the next one could be shown."""
    if reason := unready(context, UNCACHED, runs=False) or unsettled(context, UNCACHED):
        yield reason
    for project, settings in context.settled_projects:
        views = week_views(context, project)
        is_rerun = settings.auto_rerun_app is True and settings.cache_published_app is False
        if is_rerun and views is not None and views >= _FEWEST_VIEWS:
            yield _uncached(context, project, views)


def _uncached(context: AuditContext, project: Project, views: float) -> Candidate:
    runs, ms = context.completed(project.project_id)
    a_month = views * MONTH_MS / WEEK_MS
    mean_ms = ms // runs if runs else 0
    saving = context.pricing.views(project.project_id, a_month, mean_ms)
    found = project_candidate(
        context,
        UNCACHED,
        project,
        Claim(0, 0),
        evidence=(
            Fact("views", project.views_30d, "in 30 days"),
            Fact("usual run", round(mean_ms / 60_000, 1) if runs else None, "minutes"),
            Fact("runs for viewers", round(a_month), "a month"),
        ),
        confidence="estimated",
        why="the published version runs again for every viewer and keeps no result to show; these runs are in no list "
        "of Hex's API: their number is that of views, their time that of its other runs",
        action="show the results of a scheduled or published run, and let viewers rerun it when they need to",
        where="Hex: the project, App, Run settings",
    )
    return Candidate(finding=replace(found.finding, saving=saving, counted=saving))


def query_caches(context: AuditContext) -> Found:
    """Projects that query a warehouse, run or are viewed, and use no result of a query twice."""
    if reason := unready(context, CACHE_OFF) or unsettled(context, CACHE_OFF):
        yield reason
    for project, settings in context.settled_projects if context.are_runs_known else ():
        places = [
            place
            for place, timeout in (("app", settings.published_cache), ("notebook", settings.logic_cache))
            if timeout == _OFF
        ]
        is_used = context.all_runs(project.project_id).runs or week_views(context, project)
        if places and is_used and any(cell.queries for cell in settings.cells or ()):
            yield _cache_off(context, project, settings, " and ".join(places))


def _cache_off(context: AuditContext, project: Project, settings: ProjectVersion, places: str) -> Candidate:
    """Priced by runs whose source had not changed, where probes show them: their queries brought what was known."""
    source = context.input.sources.get(project.project_id)
    claim = Claim(0, 0, is_queries=True)
    facts = [
        Fact("query cache off", f"in the {places}"),
        Fact("cells that query a warehouse", sum(cell.queries is True for cell in settings.cells or ())),
        Fact("runs", round(context.pricing.month(project.project_id, context.going_on(project)).runs), "a month"),
        Fact("views", project.views_30d, "in 30 days"),
    ]
    if source is not None and source.checked_runs >= _FEWEST_COMPARED:
        share = source.unchanged_runs / source.checked_runs
        claim = Claim(0, context.claim(project, share).ms, is_queries=True)
        facts.append(Fact("repeated an unchanged source", source.unchanged_runs, f"of {source.checked_runs} runs"))
    found = project_candidate(
        context,
        CACHE_OFF,
        project,
        claim,
        evidence=tuple(facts),
        confidence="estimated",
        why="each run and each view sends every query to the warehouse, also the one that has just been answered",
        action="switch the query cache on, as long as its data may be old",
        where="Hex: the project, Data, Query caching",
    )
    if claim.ms:
        return found
    return Candidate(finding=replace(found.finding, saving=Saving(), counted=Saving()))
