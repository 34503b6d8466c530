"""What the figures of a period leave out, a sentence each."""

from collections.abc import Iterator

from exporter.insight import Period
from exporter.view import Snapshot


def left_out_remarks(snapshot: Snapshot, period: Period) -> Iterator[str]:
    """Projects that cannot be read or are not followed, and runs of the period that cannot be read."""
    if snapshot.unreadable:
        yield f"{len(snapshot.unreadable)} projects are not included: Hex has never shown their runs"
    found = (one for one in snapshot.stored.unreadable_runs if one.since_ms < period[1] and one.until_ms >= period[0])
    if runs := sum(one.runs for one in found):
        yield f"{runs} runs that Hex lists are not included, because they cannot be read: figures are lower bounds"
    if left_out := snapshot.stored.excluded_projects:
        yield f"{left_out} projects are left out by collect.match or collect.except"
