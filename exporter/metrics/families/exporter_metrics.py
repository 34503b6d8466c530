"""The exporter's figures about itself: the process, its ledger, its page, and how far it is with each workspace."""

from collections.abc import Iterator

from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family
from exporter.view import ProcessStatus, Snapshot


def ledger_families(created_ms: int, read_ms: int, is_durable: bool) -> Iterator[Family]:
    """Since when there are facts, how old those of the page may be, and whether new ones reach the disk."""
    yield Family(METRICS["hex_exporter_ledger_created_timestamp_seconds"], [((), created_ms / 1000)])
    yield Family(METRICS["hex_exporter_ledger_read_timestamp_seconds"], [((), read_ms / 1000)])
    yield Family(METRICS["hex_exporter_ledger_durable"], [((), int(is_durable))])


def exporter_families(status: ProcessStatus) -> Iterator[Family]:
    """Which program this is, and how it fares."""
    yield Family(METRICS["hex_exporter_build_info"], [((status.version, status.python_version), 1)])
    figures: tuple[tuple[str, float | None], ...] = (
        ("hex_exporter_config_last_reload_successful", int(status.is_last_reload_successful)),
        ("hex_exporter_config_last_reload_success_timestamp_seconds", _seconds(status.last_reload_success_ms)),
        ("hex_exporter_loop_heartbeat_timestamp_seconds", _seconds(status.heartbeat_ms)),
        ("hex_exporter_page_build_seconds", status.page_build_seconds),
        ("hex_exporter_page_series", status.page_series),
        ("hex_exporter_page_duplicate_series", status.page_duplicates),
    )
    if status.cluster is not None:
        figures += (
            ("hex_exporter_replicas", status.cluster.replicas),
            ("hex_exporter_replica_configurations", status.cluster.configurations),
        )
    for metric, figure in figures:
        if figure is not None:
            yield Family(METRICS[metric], [((), figure)])


def lease_families(snapshot: Snapshot) -> Iterator[Family]:
    """Which replica follows the workspace; nothing where one process is alone with its ledger."""
    lease = snapshot.status.lease
    if lease is None:
        return
    figures: tuple[tuple[str, float], ...] = (
        ("hex_exporter_lease_owner", int(lease.is_mine)),
        ("hex_exporter_lease_epoch", lease.epoch),
        ("hex_exporter_lease_changes_total", max(0, lease.epoch - 1)),
        ("hex_exporter_page_lag_seconds", lease.page_lag_seconds),
    )
    for metric, figure in figures:
        yield Family(METRICS[metric], [((snapshot.name,), figure)])


def progress_families(snapshot: Snapshot) -> Iterator[Family]:
    """How far the exporter is with one workspace."""
    awaited = snapshot.awaited
    reads = [known.progress.last_read_ms for known in awaited if known.progress.last_read_ms is not None]
    figures: tuple[tuple[str, float | None], ...] = (
        ("hex_exporter_overdue_projects", snapshot.status.overdue_projects),
        ("hex_exporter_excluded_projects", None if snapshot.listed_ms is None else snapshot.stored.excluded_projects),
        ("hex_exporter_clock_skew_seconds", snapshot.status.clock_skew_seconds),
        ("hex_exporter_oldest_poll_timestamp_seconds", _seconds(snapshot.past(min(reads, default=None)))),
        ("hex_exporter_history_projects", len(awaited)),
        (
            "hex_exporter_history_projects_complete",
            sum(known.progress.known_from_ms == 0 for known in awaited),
        ),
        (
            "hex_exporter_projects_without_own_series",
            sum(known.gone_since_ms is None and not known.has_series for known in snapshot.stored.projects),
        ),
    )
    for metric, figure in figures:
        if figure is not None:
            yield Family(METRICS[metric], [((snapshot.name,), figure)])


def _seconds(at_ms: int | None) -> float | None:
    return None if at_ms is None else at_ms / 1000
