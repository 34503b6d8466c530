"""Firings of a project's schedules that no run answered."""

from collections.abc import Sequence
from dataclasses import replace

from exporter.facts import Run
from exporter.insight import ALLOWED_DELAY_MS, ALLOWED_EARLY_MS, missed_firings, project_firings
from exporter.ledger import KnownProject, RunProgress, WorkspaceLedger


def missed_schedules(
    ledger: WorkspaceLedger, known: KnownProject, progress: RunProgress, runs: Sequence[Run]
) -> tuple[int, RunProgress]:
    """How many firings went unanswered since this was last judged; only where every run is known."""
    assert progress.known_until_ms is not None
    contact_ms = ledger.first_contact_ms
    if contact_ms is None:
        return 0, progress
    since_ms = max(
        progress.schedule_checked_ms or 0, contact_ms, known.schedules_since_ms, progress.complete_from_ms or 0
    )
    until_ms = progress.known_until_ms - ALLOWED_DELAY_MS
    if until_ms <= since_ms:
        return 0, progress
    due = project_firings(known.project, since_ms, until_ms)
    missed = 0
    if due:
        stored = ledger.runs_between(
            since_ms - ALLOWED_EARLY_MS, until_ms + ALLOWED_DELAY_MS + 1, known.project.project_id
        )
        # A run that got no kernel has no start, only an end soon after; it answered its firing all the same.
        starts = {
            run.run_id: run.ended_ms if run.start_ms is None else run.start_ms
            for run in (*stored, *runs)
            if run.trigger == "scheduled"
        }
        missed = missed_firings(due, [start for start in starts.values() if start is not None])
    return missed, replace(progress, schedule_checked_ms=until_ms)
