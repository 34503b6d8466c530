"""Runs by project in the current and the previous week of the configuration, past and to come."""

from collections.abc import Iterator, Mapping

from exporter.insight import scheduled_week_runs
from exporter.ledger import OTHER
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family, Sample
from exporter.view import Snapshot


def week_families(snapshot: Snapshot) -> Iterator[Family]:
    """The weekly gauges whose week is known whole; projects without their own series add up in `other`."""
    stored = snapshot.stored
    for metric, start_ms, counts in (
        ("hex_project_week_runs", stored.week[0], stored.week_counts),
        ("hex_project_previous_week_runs_by_now", stored.previous_week[0], stored.previous_week_by_now),
        ("hex_project_previous_week_runs", stored.previous_week[0], stored.previous_week_counts),
    ):
        if snapshot.is_complete_from(start_ms):
            yield Family(METRICS[metric], _by_series(snapshot, counts))
    for week, start_ms, hours in (
        ("this", stored.week[0], stored.curve.this),
        ("previous", stored.previous_week[0], stored.curve.previous),
    ):
        if snapshot.is_complete_from(start_ms):
            samples = [((snapshot.name, week, f"{hour:03}"), runs) for hour, runs in enumerate(hours)]
            yield Family(METRICS["hex_week_runs_by_hour"], samples)
    if snapshot.listed:
        yield Family(METRICS["hex_project_scheduled_week_runs"], _by_series(snapshot, _scheduled(snapshot)))


def _scheduled(snapshot: Snapshot) -> Mapping[str, int]:
    return {
        known.project.project_id: scheduled_week_runs(known.project, snapshot.stored.week[0])
        for known in snapshot.listed
        if known.project.schedules
    }


def _by_series(snapshot: Snapshot, counts: Mapping[str, int]) -> list[Sample]:
    totals = {snapshot.series_of(known.project.project_id): 0 for known in snapshot.awaited}
    for project_id, count in counts.items():
        series = snapshot.series_of(project_id)
        if count or series == OTHER:
            totals[series] = totals.get(series, 0) + count
    return [((snapshot.name, series), count) for series, count in totals.items()]
