"""The week's queries of Hex in the warehouses: who answered them, and the money by context, connection and cell."""

from collections import Counter
from collections.abc import Iterator, Mapping

from exporter.insight import MICRO
from exporter.ledger import WarehouseKey, WarehouseSums
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family
from exporter.view import Snapshot, cell_url

_MOST_CONTEXTS = 10
_MOST_CELLS = 10


def answer_families(snapshot: Snapshot, week: Mapping[tuple[str, WarehouseKey], WarehouseSums]) -> Iterator[Family]:
    """How many queries of Hex there were, by who answered them as far as the log says it, and whose comment is lost."""
    queries, unattributed, unpriced = Counter[tuple[str, str]](), Counter[str](), Counter[str]()
    for (warehouse, key), sums in week.items():
        if key.part in ("query", "unattributed"):
            queries[warehouse, "cache"] += sums.cache_hits
            queries[warehouse, "warehouse"] += sums.cache_judged - sums.cache_hits
            queries[warehouse, "not_judged"] += sums.queries - sums.cache_judged
            unattributed[warehouse] += sums.queries if key.part == "unattributed" else 0
            unpriced[warehouse] += sums.unpriced
    yield Family(
        METRICS["hex_warehouse_week_queries"],
        [((snapshot.name, *labels), amount) for labels, amount in queries.items()],
    )
    for metric, amounts in (
        ("hex_warehouse_unattributed_week_queries", unattributed),
        ("hex_warehouse_unpriced_week_queries", unpriced),
    ):
        yield Family(METRICS[metric], [((snapshot.name, warehouse), amount) for warehouse, amount in amounts.items()])


def repeat_families(snapshot: Snapshot, week: Mapping[tuple[str, WarehouseKey], WarehouseSums]) -> Iterator[Family]:
    """What Hex's comment costs at the warehouses whose cache needs an equal text."""
    names = [one.name for one in snapshot.config.warehouses_of(snapshot.name) if one.kind == "bigquery"]
    sums = {name: [one for (warehouse, _), one in week.items() if warehouse == name] for name in names}
    is_priced = {name for name, found in sums.items() if any(one.usd_micro for one in found)}
    for metric, amounts in (
        ("queries", {name: sum(one.repeated for one in found) for name, found in sums.items()}),
        ("bytes", {name: sum(one.repeated_bytes for one in found) for name, found in sums.items()}),
        ("usd", {name: sum(one.repeated_usd_micro for one in sums[name]) / MICRO for name in is_priced}),
    ):
        yield Family(
            METRICS[f"hex_warehouse_repeated_week_{metric}"],
            [((snapshot.name, name), amount) for name, amount in sorted(amounts.items())],
        )


def share_families(snapshot: Snapshot, week: Mapping[tuple[str, WarehouseKey], WarehouseSums]) -> Iterator[Family]:
    """Of queries that have a price. Contexts beyond the ten largest share a series, as do unknown connections."""
    name = snapshot.name
    listing = snapshot.stored.connections
    ids = {} if listing is None else {one.name: one.connection_id for one in listing.items}
    contexts, connections, cells = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for (_, key), sums in week.items():
        if key.part == "query":
            contexts[key.context] += sums.usd_micro
            connections[ids.get(key.connection, "unknown")] += sums.usd_micro
            if key.cell_id and sums.usd_micro:
                cells[key.project_id, key.cell_id] += sums.usd_micro
    largest = dict(contexts.most_common(_MOST_CONTEXTS))
    if rest := contexts.total() - sum(largest.values()):
        largest["other"] = largest.get("other", 0) + rest
    yield Family(
        METRICS["hex_warehouse_context_week_usd"],
        [((name, context), usd / MICRO) for context, usd in largest.items()],
    )
    yield Family(
        METRICS["hex_warehouse_connection_week_usd"],
        [((name, connection_id), usd / MICRO) for connection_id, usd in connections.items()],
    )
    yield Family(
        METRICS["hex_warehouse_cell_week_usd"],
        [
            ((name, project_id, cell_id, cell_url(snapshot, project_id, cell_id)), usd / MICRO)
            for (project_id, cell_id), usd in cells.most_common(_MOST_CELLS)
        ],
    )
