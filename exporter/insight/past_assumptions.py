"""Sentences on what stands for the seats and the prices of a period that are not known."""

from collections.abc import Iterator

from exporter.insight.calendar_period import Period, local_day
from exporter.insight.seat_history import SeatHistory
from exporter.insight.tariffs import Tariffs

_GAP_MS = 86_400_000
"""Seats are charged by the day: a change between two looks within one is dated well enough."""


def unknown_past(period: Period, timezone: str, history: SeatHistory | None, tariffs: Tariffs) -> Iterator[str]:
    """What is assumed of this period, a sentence each; nothing if all of it is known."""
    if history is not None:
        since = local_day(history.since_ms, timezone)
        if local_day(period[0], timezone) < since:
            yield f"seats before {since} are those of that day, the first on which they were read"
        for gap in history.gaps(period, _GAP_MS):
            start, end = (local_day(at_ms, timezone) for at_ms in gap)
            yield f"seats were not read between {start} and {end}: what had changed by then is charged from {end} on"
    if local_day(period[0], timezone) < tariffs.known_since:
        yield f"prices before {tariffs.known_since} are not known: those of that day stand for them"
