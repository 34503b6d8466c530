"""The data behind the projects: whether its sources can be read, and when it last changed."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from exporter.ledger import SourceState
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family, Sample
from exporter.view import Snapshot, can_run

_STATES = ("known", "unknown")


def source_families(snapshot: Snapshot) -> Iterator[Family]:
    """How each configured source fares, by the last probe of each of its keys, and when each project's data changed.

    A project has a source only if it can run, since no other is probed.
    """
    if not snapshot.config.sources:
        return
    keys: dict[str, set[str]] = defaultdict(set)
    projects: Counter[tuple[str, str]] = Counter()
    changed: list[Sample] = []
    for known in filter(can_run, snapshot.stored.projects):
        project = known.project
        source = snapshot.config.source_of(snapshot.name, project)
        if source is None:
            continue
        key = source.key(project.project_id)
        state = snapshot.stored.sources.get(key)
        keys[source.name].add(key)
        projects[source.name, _standing(state)] += 1
        changed_ms = None if state is None else snapshot.past(state.changed_ms)
        if known.has_series and changed_ms is not None:
            changed.append(((snapshot.name, project.project_id), changed_ms / 1000))

    for name, of_source in keys.items():
        yield from _health(snapshot, name, [snapshot.stored.sources.get(key) for key in of_source])
    if snapshot.listed:
        yield Family(
            METRICS["hex_source_projects"],
            [((snapshot.name, name, state), projects[name, state]) for name in keys for state in _STATES],
        )
    yield Family(METRICS["hex_source_changed_timestamp_seconds"], changed)


def _standing(state: SourceState | None) -> str:
    return "known" if state is not None and state.digest is not None and state.failure is None else "unknown"


def _health(snapshot: Snapshot, name: str, states: Sequence[SourceState | None]) -> Iterator[Family]:
    probed = [state for state in states if state is not None]
    if probed:
        succeeded = all(state.failure is None for state in probed)
        yield Family(METRICS["hex_source_success"], [((snapshot.name, name), int(succeeded))])
    read_ms = [state.finished_ms for state in probed if state.digest is not None]
    if read_ms and len(read_ms) == len(states):
        samples: list[Sample] = [((snapshot.name, name), min(read_ms) / 1000)]
        yield Family(METRICS["hex_source_last_success_timestamp_seconds"], samples)
