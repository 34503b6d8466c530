"""The triggers as they are now; what they did is counted in the ledger."""

from collections.abc import Iterator

from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family, Sample
from exporter.view import Snapshot, can_run


def trigger_families(snapshot: Snapshot) -> Iterator[Family]:
    """Whether the trigger of each project that has one is stopped."""
    config, stored = snapshot.config, snapshot.stored
    if not config.triggers:
        return
    stopped: list[Sample] = []
    for known in filter(can_run, stored.projects):
        project = known.project
        if known.has_series and config.trigger_of(snapshot.name, project) is not None:
            state = stored.triggers.get(project.project_id)
            is_stopped = state is not None and state.phase == "stopped"
            stopped.append(((snapshot.name, project.project_id), int(is_stopped)))
    yield Family(METRICS["hex_trigger_stopped"], stopped)
