"""Runs in progress, runs by hour, and the last run of each project."""

from collections import Counter
from collections.abc import Iterator, Mapping

from exporter.facts import ACTIVE_STATUSES
from exporter.insight import WEEK_MS, project_firings
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family
from exporter.view import SPAN_MS, Snapshot, WeekHour, by_week_hour


def run_families(snapshot: Snapshot) -> Iterator[Family]:
    """The gauges of runs that are not about a week."""
    yield from _active(snapshot)
    yield Family(
        METRICS["hex_project_last_run_timestamp_seconds"],
        [
            ((snapshot.name, project_id, status), start_ms / 1000)
            for (project_id, status), start_ms in snapshot.stored.last_runs.items()
            if project_id in snapshot.members and snapshot.past(start_ms) is not None
        ],
    )
    if snapshot.is_complete_from(snapshot.now_ms - SPAN_MS):
        yield _week_hours("hex_week_hour_runs", snapshot, snapshot.stored.recent.hours)
    if snapshot.listed:
        yield _week_hours("hex_week_hour_scheduled_runs", snapshot, _scheduled(snapshot))


def _active(snapshot: Snapshot) -> Iterator[Family]:
    states = Counter(dict.fromkeys(ACTIVE_STATUSES, 0))
    oldest: dict[str, int] = {}
    for run in snapshot.stored.active_runs:
        states[run.status] += 1
        if run.start_ms is not None and snapshot.past(run.start_ms) is not None:
            series = snapshot.series_of(run.project_id)
            oldest[series] = min(run.start_ms, oldest.get(series, run.start_ms))
    yield Family(METRICS["hex_runs_active"], [((snapshot.name, state), count) for state, count in states.items()])
    yield Family(
        METRICS["hex_runs_active_oldest_start_timestamp_seconds"],
        [((snapshot.name, series), start_ms / 1000) for series, start_ms in oldest.items()],
    )


def _scheduled(snapshot: Snapshot) -> Mapping[WeekHour, int]:
    start_ms = snapshot.stored.week[0]
    firings = (
        at_ms for known in snapshot.listed for at_ms in project_firings(known.project, start_ms, start_ms + WEEK_MS)
    )
    return by_week_hour(firings, snapshot.config.week(snapshot.name).timezone)


def _week_hours(metric: str, snapshot: Snapshot, counts: Mapping[WeekHour, int]) -> Family:
    return Family(METRICS[metric], [((snapshot.name, *when), count) for when, count in counts.items()])
