"""What the workspace as a whole ran and spent, every five minutes.

Seats and credits are billed by who has a seat, which is known of today only: their costs have no past.
"""

from collections.abc import Iterator
from math import nan

from exporter.history.past import Past
from exporter.history.series import Track, track
from exporter.insight import MICRO


def active_runs(past: Past) -> Iterator[Track]:
    """Runs that had started and not ended; how long they waited before that is not known."""
    values = [past.active.between(past.load_from_ms, at_ms) for at_ms in past.span.steps]
    yield track("hex_runs_active", (past.name, "running"), past.span.steps, values)


def week_costs(past: Past) -> Iterator[Track]:
    """What the runs of the week so far cost, by component."""
    return _costs(past, "hex_cost_week_usd", is_previous=False)


def previous_week_costs(past: Past) -> Iterator[Track]:
    """What the runs of the week before cost."""
    return _costs(past, "hex_cost_previous_week_usd", is_previous=True)


def _costs(past: Past, metric: str, *, is_previous: bool) -> Iterator[Track]:
    since_ms = past.known_since_ms()
    if since_ms is None:
        return
    for component, slots in (("compute", past.compute), ("own_estimate", past.own)):
        values: list[float] = []
        for at_ms in past.span.steps:
            week, before = past.weeks_at(at_ms)
            start_ms, end_ms = before if is_previous else (week[0], at_ms)
            values.append(nan if start_ms < since_ms else slots.between(start_ms, end_ms) / MICRO)
        yield track(metric, (past.name, component), past.span.steps, values)
