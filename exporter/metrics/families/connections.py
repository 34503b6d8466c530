"""Data connections, and which projects put how much load on them, where that can be known."""

from collections import Counter
from collections.abc import Iterator, Mapping

from exporter.insight import MICRO, UNBILLED
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family, Sample
from exporter.view import SPAN_MS, Snapshot, users_of_connections


def connection_families(snapshot: Snapshot) -> Iterator[Family]:
    """The connections of the last listing while it is fresh; their use, if any project's tables could be read."""
    listing = snapshot.stored.connections
    if listing is None or not snapshot.is_fresh(listing.at_ms):
        return

    name, connections = snapshot.name, listing.items
    types = Counter(connection.connection_type for connection in connections)
    yield Family(METRICS["hex_connections"], [((name, kind), count) for kind, count in types.items()])
    yield Family(
        METRICS["hex_connection_info"],
        [((name, each.connection_id, each.name, each.connection_type), 1) for each in connections],
    )
    if snapshot.stored.tables:
        yield from _use(snapshot, [connection.connection_id for connection in connections])


def _use(snapshot: Snapshot, connection_ids: list[str]) -> Iterator[Family]:
    name = snapshot.name
    users = users_of_connections(snapshot.stored.tables)
    yield Family(
        METRICS["hex_connection_projects"],
        [((name, each), len(users.get(each, ()))) for each in connection_ids],
    )

    last_start_ms: dict[str, int] = {}
    for (project_id, _), start_ms in snapshot.stored.last_runs.items():
        last_start_ms[project_id] = max(start_ms, last_start_ms.get(project_id, start_ms))
    yield Family(
        METRICS["hex_connection_last_run_timestamp_seconds"],
        [
            ((name, each), max(starts) / 1000)
            for each in connection_ids
            if (starts := [last_start_ms[user] for user in users.get(each, ()) if user in last_start_ms])
        ],
    )

    yield Family(METRICS["hex_connection_cost_week_money_usd"], list(_costs(snapshot, connection_ids, users)))
    if snapshot.is_complete_from(snapshot.now_ms - SPAN_MS):
        runs: Counter[str] = Counter()
        for (project_id, _, status), amount in snapshot.stored.last_7d.items():
            runs[project_id] += amount.runs if status != UNBILLED else 0
        yield Family(
            METRICS["hex_connection_runs_7d"],
            [((name, each), sum(runs[user] for user in users.get(each, ()))) for each in connection_ids],
        )
        peaks = snapshot.stored.recent.peaks
        yield Family(
            METRICS["hex_connection_peak_runs"], [((name, each), peaks.get(each, 0)) for each in connection_ids]
        )


def _costs(snapshot: Snapshot, connection_ids: list[str], users: Mapping[str, set[str]]) -> Iterator[Sample]:
    """What the runs of the week through each connection cost, by kind of money; nothing where runs have no price."""
    accounts = snapshot.accounts
    if accounts is None or accounts.week.totals is None:
        return
    for kind in accounts.run_money:
        costs: Counter[str] = Counter()
        for (project_id, _, _), total in accounts.week.totals.items():
            costs[project_id] += total.money(kind)
        for each in connection_ids:
            yield (snapshot.name, each, kind), sum(costs[user] for user in users.get(each, ())) / MICRO
