"""Schedules that a trigger could replace: they fire far more often than the data changes, as probes have measured."""

import json
from collections.abc import Iterator

from exporter.facts import Project
from exporter.insight.savings.abandonment import WHERE, is_abandoned
from exporter.insight.savings.app_views import are_views_known, is_unviewed
from exporter.insight.savings.audit_context import AuditContext, has_schedule
from exporter.insight.savings.candidate import Candidate, Found, project_candidate, unready
from exporter.insight.savings.finding import Fact, NotJudged
from exporter.insight.savings.frequency import beyond_source, source_use
from exporter.insight.schedule_firings import WEEK_MS
from exporter.redaction import redact

REPLACEABLE = "replaceable_schedule"

_FEWEST_WEEK_RUNS = 2.0
_TITLE_LENGTH = 60
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000))


def replaceable_schedules(context: AuditContext) -> Found:
    """One finding at the most for each scheduled project: replaced by a trigger, or fired beside one that is on."""
    if reason := unready(context, REPLACEABLE):
        yield reason
        return
    unwatched = 0
    for project in context.scheduled_projects:
        mode = context.input.triggers.get(project.project_id)
        if mode == "on":
            yield _both_on(context, project)
            continue
        unwatched += source_use(context, project) is None
        is_unseen = are_views_known(project) and is_unviewed(context, project)
        # What no one looks at is better switched off than run on change, unless a dry run says that it is wanted.
        if mode == "dry" or not (is_unseen or is_abandoned(context, project)):
            yield from _replaced(context, project, is_dry=mode == "dry")
    if unwatched:
        why = f"{unwatched} scheduled projects have no source that was probed for a week"
        yield NotJudged(kind=REPLACEABLE, why=why, needs="sources", is_partial=True)


def trigger_text(project: Project, week_firings: float, *, is_dry: bool = True) -> str:
    """The trigger in the place of the project's schedules, as an entry of `triggers` in YAML, to be pasted.

    It is a dry run first; with `is_dry` False it runs, and needs a token.
    """
    interval_ms = round(WEEK_MS / max(week_firings, 1.0))
    unit, length_ms = next((one for one in _UNITS if interval_ms >= one[1]), _UNITS[-1])
    interval = f"{max(1, interval_ms // length_ms)}{unit}"
    title = redact(project.title, longest=_TITLE_LENGTH)
    # A comment ends with its line; what a title holds besides has been made one printable line.
    return (
        f"- match: {{project_id: {json.dumps(project.project_id)}}}  # {title}\n"
        f"  settle: 5m\n  min_interval: {interval}\n"
        + ("  dry_run: true" if is_dry else "  dry_run: false\n  token_file: trigger-token  # may run projects")
    )


def _replaced(context: AuditContext, project: Project, *, is_dry: bool) -> Iterator[Candidate]:
    source, week_firings = source_use(context, project), context.week_runs(project)
    excess = None if source is None or week_firings < _FEWEST_WEEK_RUNS else beyond_source(source, week_firings)
    if excess is None:
        return
    action = "let a trigger run it when its data changes, and switch its schedule off"
    if is_dry:
        action = "write dry_run: false for its trigger, which is a dry run, and switch its schedule off"
    yield project_candidate(
        context,
        REPLACEABLE,
        project,
        context.claim(project, excess.share),
        evidence=(Fact("schedule", round(week_firings, 1), "runs a week"), *excess.facts),
        confidence="measured",
        why="its schedule fires whether or not its source has changed, by probes of it",
        action=action,
        where=WHERE,
        paste=trigger_text(project, week_firings, is_dry=not is_dry),
    )


def _both_on(context: AuditContext, project: Project) -> Candidate:
    """Its trigger runs it after each change, so that what its schedule starts is not needed."""
    assert has_schedule(project)
    return project_candidate(
        context,
        REPLACEABLE,
        project,
        context.claim(project),
        evidence=(Fact("schedule", round(context.week_runs(project), 1), "runs a week"),),
        confidence="measured",
        why="its trigger is on as well, and runs it when its data changes",
        action="switch its schedule off: its trigger and its schedule both run it",
        where=WHERE,
    )
