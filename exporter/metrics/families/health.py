"""Whether the exporter sees the workspace: listings, collectors, completeness, the token."""

from collections.abc import Iterator

from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family
from exporter.view import Snapshot


def health_families(snapshot: Snapshot) -> Iterator[Family]:
    """What shows whether the rest can be trusted."""
    name, stored = snapshot.name, snapshot.stored
    listing = stored.collectors.get("projects")
    yield Family(
        METRICS["hex_feature_state"],
        [((name, feature, state, needs), 1) for feature, (state, needs) in snapshot.features.items()],
    )
    yield Family(METRICS["hex_up"], [((name,), int(listing is not None and listing.success))])
    yield Family(
        METRICS["hex_collector_success"],
        [((name, collector), int(state.success)) for collector, state in stored.collectors.items()],
    )
    yield Family(
        METRICS["hex_collector_last_success_timestamp_seconds"],
        [
            ((name, collector), at_ms / 1000)
            for collector, state in stored.collectors.items()
            if (at_ms := snapshot.past(state.last_success_ms)) is not None
        ],
    )

    if snapshot.listed_ms is not None:
        unreadable = len(snapshot.unreadable) + stored.unknown_projects
        yield Family(METRICS["hex_exporter_unreadable_projects"], [((name,), unreadable)])
        left_out = sum(one.runs for one in stored.unreadable_runs)
        yield Family(METRICS["hex_exporter_unreadable_runs"], [((name,), left_out)])

    for metric, at_ms in (
        ("hex_last_successful_poll_timestamp_seconds", snapshot.past(snapshot.listed_ms)),
        ("hex_runs_complete_until_timestamp_seconds", snapshot.complete_until_ms),
        (
            "hex_token_expiry_timestamp_seconds",
            None if stored.identity is None else stored.identity.token_expires_ms,
        ),
    ):
        if at_ms is not None:
            yield Family(METRICS[metric], [((name,), at_ms / 1000)])
