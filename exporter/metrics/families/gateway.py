"""The run gateway as it is now; what it did is counted in the ledger."""

from collections.abc import Iterator

from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family
from exporter.view import Snapshot


def gateway_families(snapshot: Snapshot) -> Iterator[Family]:
    """Its queue, its runs and their limits, for the workspace whose gateway is configured; no other has them."""
    gateway = snapshot.config.gateway
    if gateway is None or snapshot.config.gateway_workspace.name != snapshot.name:
        return
    state = snapshot.status.gateway
    figures = {"hex_gateway_queue_limit": gateway.queue.length, "hex_gateway_active_runs_limit": gateway.concurrency}
    if state is not None:
        figures |= {"hex_gateway_queue_length": state.queue_length, "hex_gateway_active_runs": state.active_runs}
    for metric, figure in figures.items():
        yield Family(METRICS[metric], [((snapshot.name,), figure)])
