"""What the gateway shows of a project's source: its state as a digest and since when; never where it is."""

from datetime import UTC, datetime

import msgspec

from exporter.gateway.routing.answers import Answer
from exporter.sources import SourceStatus


def source_answer(project_id: str, status: SourceStatus, *, shows_failure: bool) -> Answer:
    """The answer of `GET /gateway/v1/projects/{id}/source`; times as Hex writes them, null for what is not known.

    Why the last probe failed is null unless it is to be shown; that it did is seen by `known`.
    """
    source, state = status.source, status.state
    found = {
        "project_id": project_id,
        "source": None if source is None else source.name,
        "state": None if state is None else state.digest,
        "known": status.is_known,
        "fresh": status.is_fresh,
        "changed_at": None if state is None else _instant(state.changed_ms),
        "probed_at": None if state is None else _instant(state.finished_ms or None),
        "every_seconds": None if source is None else source.every_seconds,
        "failure": None if state is None or not shows_failure else state.failure,
    }
    return Answer(200, body=msgspec.json.encode(found))


def _instant(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
