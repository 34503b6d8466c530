"""The last 7 x 24 hours from the ledger: whole on the first day, whatever Prometheus has seen."""

from collections.abc import Callable, Iterator, Mapping

from exporter.facts import ACTIVE_STATUSES, TERMINAL_STATUSES
from exporter.insight import UNBILLED
from exporter.ledger import OTHER
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family
from exporter.view import FAILED_STATUSES, SPAN_MS, Snapshot

_STATUSES = (*sorted(ACTIVE_STATUSES), *TERMINAL_STATUSES)

_SCHEDULED = "scheduled"

_OF_WORKSPACE = {
    "hex_cache_lookups_total": "hex_gateway_lookups_7d",
    "hex_cache_hits_total": "hex_gateway_hits_7d",
    "hex_unviewed_runs_total": "hex_unviewed_runs_7d",
    "hex_missed_schedules_total": "hex_missed_schedules_7d",
    "hex_source_checked_runs_total": "hex_source_checked_runs_7d",
    "hex_source_unchanged_runs_total": "hex_source_unchanged_runs_7d",
    "hex_sql_cells_expected_total": "hex_sql_cells_expected_7d",
    "hex_sql_cells_seen_total": "hex_sql_cells_seen_7d",
    "hex_sql_cells_unjudged_runs_total": "hex_sql_cells_unjudged_runs_7d",
}

_OF_PROJECTS = {
    "hex_cache_lookups_total": "hex_project_gateway_lookups_7d",
    "hex_cache_hits_total": "hex_project_gateway_hits_7d",
    "hex_cache_saved_seconds_total": "hex_project_gateway_saved_seconds_7d",
    "hex_sql_cells_expected_total": "hex_project_sql_cells_expected_7d",
    "hex_sql_cells_seen_total": "hex_project_sql_cells_seen_7d",
    "hex_unviewed_runs_total": "hex_project_unviewed_runs_7d",
    "hex_missed_schedules_total": "hex_project_missed_schedules_7d",
    "hex_source_unchanged_runs_total": "hex_project_source_unchanged_runs_7d",
}

_BASES = {"hex_sql_cells_seen_total": "hex_sql_cells_expected_total"}
"""Where the base of a rate is known, none seen is 0: Hex's cache answered them all."""


def last_seven_days_families(snapshot: Snapshot) -> Iterator[Family]:
    """Of runs nothing until all of that time is known; projects without their own series add up in `other`."""
    yield from _counted(snapshot)
    if not snapshot.is_complete_from(snapshot.now_ms - SPAN_MS):
        return
    name, amounts = snapshot.name, snapshot.stored.last_7d
    by_status = dict.fromkeys(_STATUSES, 0)
    scheduled = dict.fromkeys(_STATUSES, 0)
    for (_, trigger, status), amount in amounts.items():
        by_status[status] = by_status.get(status, 0) + amount.runs
        scheduled[status] = scheduled.get(status, 0) + (amount.runs if trigger == _SCHEDULED else 0)
    yield Family(METRICS["hex_runs_7d"], [((name, status), runs) for status, runs in by_status.items()])
    yield Family(METRICS["hex_scheduled_runs_7d"], [((name, status), runs) for status, runs in scheduled.items()])
    billed_ms = sum(amount.ms for (_, _, status), amount in amounts.items() if status != UNBILLED)
    yield Family(METRICS["hex_run_seconds_7d"], [((name,), billed_ms / 1000)])

    def by_project(metric: str, is_meant: Callable[[str, str], bool], *, of_ms: bool = False) -> Family:
        sums = _by_project(snapshot, is_meant, of_ms=of_ms)
        divisor = 1000 if of_ms else 1
        return Family(METRICS[metric], [((name, series), total / divisor) for series, total in sums.items()])

    yield by_project("hex_project_runs_7d", lambda trigger, status: status != UNBILLED)
    yield by_project("hex_project_ended_runs_7d", lambda trigger, status: status not in ACTIVE_STATUSES)
    yield by_project("hex_project_failed_runs_7d", lambda trigger, status: status in FAILED_STATUSES)
    yield by_project(
        "hex_project_scheduled_failed_runs_7d",
        lambda trigger, status: trigger == _SCHEDULED and status in FAILED_STATUSES,
    )
    yield by_project("hex_project_run_seconds_7d", lambda trigger, status: status != UNBILLED, of_ms=True)


def _counted(snapshot: Snapshot) -> Iterator[Family]:
    """What counters grew by: of the workspace wherever the counter exists, of projects that have any."""
    name, counted = snapshot.name, snapshot.stored.counted_7d
    existing = {one.metric for one in snapshot.stored.counters}
    for counter, metric in _OF_WORKSPACE.items():
        if counter in existing or any(one == counter for one, _ in counted):
            total = sum(amount for (one, _), amount in counted.items() if one == counter)
            yield Family(METRICS[metric], [((name,), total)])
    for counter, metric in _OF_PROJECTS.items():
        sums: dict[str, int] = {}
        for (one, (project_id, *_)), amount in counted.items():
            if one in (counter, _BASES.get(counter)):
                series = snapshot.series_of(project_id)
                sums[series] = sums.get(series, 0) + (amount if one == counter else 0)
        divisor = METRICS[counter].divisor
        samples = [((name, series), total if divisor == 1 else total / divisor) for series, total in sums.items()]
        yield Family(METRICS[metric], samples)


def _by_project(snapshot: Snapshot, is_meant: Callable[[str, str], bool], *, of_ms: bool) -> Mapping[str, int]:
    totals = {snapshot.series_of(known.project.project_id): 0 for known in snapshot.awaited}
    for (project_id, trigger, status), amount in snapshot.stored.last_7d.items():
        series = snapshot.series_of(project_id)
        value = (amount.ms if of_ms else amount.runs) if is_meant(trigger, status) else 0
        if value or series == OTHER:
            totals[series] = totals.get(series, 0) + value
    return totals
