"""The status of a project's source at this moment, by which the gateway decides."""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.config import Config, Source
from exporter.facts import Project
from exporter.ledger import SourceState


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """The source of a project, its key and its state, each None where there is none.

    `is_known`: the last probe found the state. `is_fresh`: it did, and began no longer ago than the source's `every`.
    """

    source: Source | None = None
    key: str | None = None
    state: SourceState | None = None
    is_known: bool = False
    is_fresh: bool = False


def source_status(
    config: Config, workspace_name: str, project: Project, states: Mapping[str, SourceState], now_ms: int
) -> SourceStatus:
    """The status of the project's source, by the states that the ledger has of all sources."""
    source = config.source_of(workspace_name, project)
    return SourceStatus() if source is None else status_of(source, source.key(project.project_id), states, now_ms)


def status_of(source: Source, key: str, states: Mapping[str, SourceState], now_ms: int) -> SourceStatus:
    """The status of a source by its key."""
    state = states.get(key)
    is_known = state is not None and state.digest is not None and state.failure is None
    # A probe from the future is one from before the clock was put back: of unknown age.
    age_ms = -1 if state is None else now_ms - state.began_ms
    is_fresh = is_known and 0 <= age_ms <= source.every_seconds * 1000
    return SourceStatus(source=source, key=key, state=state, is_known=is_known, is_fresh=is_fresh)
