"""What Hex's queries cost in the warehouse, and until when its query log is known."""

from collections import Counter
from collections.abc import Iterator, Mapping

from exporter.insight import MICRO
from exporter.ledger import WarehouseKey, WarehouseSums
from exporter.metrics.catalogue import METRICS
from exporter.metrics.families.warehouse_shares import answer_families, repeat_families, share_families
from exporter.metrics.page import Family, Sample
from exporter.view import Snapshot, span_of_logs


def warehouse_families(snapshot: Snapshot) -> Iterator[Family]:
    """The warehouses that are configured: each one's log, and the weeks' money once the log has reached the week."""
    stored = snapshot.stored
    names = [one.name for one in snapshot.config.warehouses_of(snapshot.name)]
    states = {name: stored.warehouse_states[name] for name in names if name in stored.warehouse_states}
    until_ms = {name: state.complete_until_ms for name, state in states.items() if state.complete_until_ms is not None}
    if not names:
        return
    yield Family(
        METRICS["hex_warehouse_log_success"],
        [((snapshot.name, name), int(state.failure is None)) for name, state in states.items()],
    )
    yield Family(
        METRICS["hex_warehouse_log_complete_until_timestamp_seconds"],
        [((snapshot.name, name), at_ms / 1000) for name, at_ms in until_ms.items()],
    )
    span = span_of_logs(names, states)
    for metric, (start_ms, needed_ms), week in (
        ("week", (stored.week[0], stored.week[0]), stored.warehouse_week),
        ("previous_week", stored.previous_week, stored.warehouse_previous_week),
    ):
        if span is not None and span[0] <= start_ms and span[1] >= needed_ms:
            known = {key: sums for key, sums in week.items() if key[0] in names}
            yield from _money(snapshot, metric, known)
            if metric == "week":
                yield from answer_families(snapshot, known)
                yield from repeat_families(snapshot, known)
                yield from share_families(snapshot, {key: sums for key, sums in known.items() if _is_priced(sums)})


def _money(snapshot: Snapshot, metric: str, week: Mapping[tuple[str, WarehouseKey], WarehouseSums]) -> Iterator[Family]:
    projects, parts = Counter[str](), Counter[tuple[str, str]]()
    for (warehouse, key), sums in week.items():
        if not _is_priced(sums):
            continue
        parts[warehouse, key.part] += sums.usd_micro
        if key.part == "query":
            projects[snapshot.series_of(key.project_id)] += sums.usd_micro
    of_projects: list[Sample] = [((snapshot.name, project_id), usd / MICRO) for project_id, usd in projects.items()]
    yield Family(METRICS[f"hex_project_warehouse_{metric}_usd"], of_projects)
    yield Family(
        METRICS[f"hex_warehouse_{metric}_usd"],
        [((snapshot.name, warehouse, part), usd / MICRO) for (warehouse, part), usd in parts.items()],
    )


def _is_priced(sums: WarehouseSums) -> bool:
    """Only of queries is it known whether they have a price; an hour as a whole has money or none."""
    return not sums.unpriced or sums.unpriced != sums.queries
