"""The exporter's use of Hex's rate limit; requests themselves are counters of the ledger."""

from collections.abc import Iterator

from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family
from exporter.view import Snapshot


def api_families(snapshot: Snapshot) -> Iterator[Family]:
    """How many requests are planned and allowed, and until when none may be sent."""
    yield Family(
        METRICS["hex_api_cooldown_until_timestamp_seconds"],
        [((snapshot.name,), (snapshot.stored.cool_down_until_ms or 0) / 1000)],
    )
    for metric, requests in (
        ("hex_api_planned_requests_per_hour", snapshot.status.planned_requests_per_hour),
        ("hex_api_allowed_requests_per_hour", snapshot.status.allowed_requests_per_hour),
    ):
        if requests is not None:
            yield Family(METRICS[metric], [((snapshot.name,), requests)])
