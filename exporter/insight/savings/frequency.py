"""Schedules that run more often than anybody needs: never viewed, or faster than views or the source change."""

from typing import NamedTuple

from exporter.facts import Project
from exporter.insight.savings.abandonment import WHERE, is_abandoned
from exporter.insight.savings.app_views import (
    are_views_known,
    is_unviewed,
    is_younger_than_a_week,
    view_facts,
    week_views,
)
from exporter.insight.savings.audit_context import AuditContext
from exporter.insight.savings.audit_input import DAY_MS, SourceUse
from exporter.insight.savings.candidate import Candidate, Found, project_candidate, unready
from exporter.insight.savings.finding import Confidence, Fact, NotJudged
from exporter.insight.schedule_firings import WEEK_MS

UNVIEWED = "unviewed_schedule"
OVER_REFRESHED = "over_refreshed"
OVER_SCHEDULED = "over_scheduled"

TOO_OFTEN = 3
"""So many runs for each change, or each view, are too many: two a change still come from chance and from weekends."""

_FEWEST_WEEK_RUNS = 2.0
_FEWEST_COMPARED = 5
_SHORTEST_WATCH_MS = 7 * DAY_MS


class Excess(NamedTuple):
    """The part of the scheduled runs that is not needed, and what shows it."""

    kind: str
    share: float
    facts: tuple[Fact, ...]
    confidence: Confidence
    why: str
    action: str


def frequency(context: AuditContext) -> Found:
    """One finding at the most for each project: unviewed, else faster than its source, else faster than its views.

    Without a source it is compared with how often it is viewed, and then with when it was: many views may all come on
    one morning. Abandoned projects are left out: theirs is the stronger finding.
    """
    if reason := unready(context, UNVIEWED):
        for kind in (UNVIEWED, OVER_REFRESHED, OVER_SCHEDULED):
            yield NotJudged(kind=kind, why=reason.why, needs=reason.needs)
        return
    unseen = unwatched = young = 0
    for project in context.scheduled_projects:
        young += is_younger_than_a_week(context, project)
        unseen += not are_views_known(project)
        unwatched += source_use(context, project) is None
        if are_views_known(project) and is_unviewed(context, project):
            if not is_abandoned(context, project):
                yield _unviewed(context, project)
        elif excess := _excess(context, project):
            yield _candidate(context, project, excess)
    yield from _blind_spots(unseen, unwatched, young)


def _unviewed(context: AuditContext, project: Project) -> Candidate:
    return project_candidate(
        context,
        UNVIEWED,
        project,
        context.claim(project),
        evidence=view_facts(context, project),
        confidence="measured",
        why="no one has opened its app, by Hex's own count; who reads results in mail or Slack is not counted there",
        action="switch its schedule off",
        where=WHERE,
    )


def _candidate(context: AuditContext, project: Project, excess: Excess) -> Candidate:
    return project_candidate(
        context,
        excess.kind,
        project,
        context.claim(project, excess.share),
        evidence=(*view_facts(context, project), *excess.facts),
        confidence=excess.confidence,
        why=excess.why,
        action=excess.action,
        where=WHERE,
    )


def _excess(context: AuditContext, project: Project) -> Excess | None:
    firings = context.week_runs(project)
    if firings < _FEWEST_WEEK_RUNS:
        return None
    source = source_use(context, project)
    by_source = None if source is None else beyond_source(source, firings)
    # Views come before guesses at the source, so that a finding keeps its kind when a young ledger learns more.
    by_use = by_source or _beyond_views(context, project, firings)
    return by_use or (_beyond_last_views(context, project, firings) if source is None else None)


def beyond_source(source: SourceUse, firings: float) -> Excess | None:
    """What of so many firings a week repeats an unchanged source; None unless that is most of them."""
    changes = source.changes * WEEK_MS / (source.until_ms - source.since_ms)
    if firings < TOO_OFTEN * changes:
        return None
    share = 1 - changes / firings
    facts = [Fact("source changes", round(changes, 1), "a week"), Fact("source", source.name)]
    if source.checked_runs >= _FEWEST_COMPARED:
        share = min(share, source.unchanged_runs / source.checked_runs)
        facts.append(Fact("repeated an unchanged source", source.unchanged_runs, f"of {source.checked_runs} runs"))
        if share < 1 - 1 / TOO_OFTEN:
            return None
    return Excess(
        OVER_REFRESHED,
        share,
        tuple(facts),
        "measured",
        "by probes of its source",
        f"let it run {_times(changes)}, as often as its source changes, or through the gateway",
    )


def _beyond_last_views(context: AuditContext, project: Project, firings: float) -> Excess | None:
    unviewed, views = context.use(project.project_id).unviewed_week, week_views(context, project)
    share = min(1.0, unviewed / firings) if unviewed is not None else 0.0
    if unviewed is None or share < 1 - 1 / TOO_OFTEN:
        return None
    return Excess(
        OVER_REFRESHED,
        share,
        (Fact("refreshed again before anybody looked", round(unviewed, 1), "runs a week"),),
        "estimated",
        "by when its app was last viewed at each run; a source for it would measure it",
        f"let it run {_times(firings - unviewed if views is None else views)}, as often as it is viewed",
    )


def _beyond_views(context: AuditContext, project: Project, firings: float) -> Excess | None:
    views = week_views(context, project)
    if views is None or not views or firings < TOO_OFTEN * views:
        return None
    return Excess(
        OVER_SCHEDULED,
        1 - views / firings,
        (),
        "estimated",
        "by firings and views a week, as if views were spread evenly",
        f"let it run {_times(views)}, as often as it is viewed",
    )


def source_use(context: AuditContext, project: Project) -> SourceUse | None:
    """How the project's source was seen to change, None unless it was watched for a week."""
    source = context.input.sources.get(project.project_id)
    return source if source is not None and source.until_ms - source.since_ms >= _SHORTEST_WATCH_MS else None


def _times(week: float) -> str:
    if week < 2:
        return "weekly" if week >= 0.5 else "monthly"
    return "daily" if week <= 8 else f"{week:.0f} times a week"


def _blind_spots(unseen: int, unwatched: int, young: int) -> Found:
    if young:
        why = f"{young} scheduled projects are less than a week old"
        for kind in (UNVIEWED, OVER_SCHEDULED):
            yield NotJudged(kind=kind, why=why, needs="a week of their views", is_partial=True)
    if unseen:
        why = f"Hex shows no views of {unseen} scheduled projects"
        for kind in (UNVIEWED, OVER_SCHEDULED):
            yield NotJudged(kind=kind, why=why, needs="a token that may see their analytics", is_partial=True)
    if unwatched:
        why = f"{unwatched} scheduled projects have no source that was probed for a week; those are estimated by views"
        yield NotJudged(kind=OVER_REFRESHED, why=why, needs="sources", is_partial=True)
