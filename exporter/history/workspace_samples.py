"""What the workspace as a whole ran and spent, every five minutes.

Seats and credits are billed by who has a seat, which is known of today only: their costs have no past. That of the
warehouses goes back as far as their logs were read.
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
    """What the week so far cost, by component."""
    return _costs(past, "hex_cost_week_usd", is_previous=False)


def previous_week_costs(past: Past) -> Iterator[Track]:
    """What the week before cost."""
    return _costs(past, "hex_cost_previous_week_usd", is_previous=True)


def _costs(past: Past, metric: str, *, is_previous: bool) -> Iterator[Track]:
    since_ms, queries = past.known_since_ms(), past.queries
    components = [("warehouse", queries.total, queries.known)] if queries is not None else []
    if since_ms is not None:
        spent = ("compute", past.compute), ("own_estimate", past.own)
        components += [(component, slots, (since_ms, past.span.end_ms)) for component, slots in spent]
    for component, slots, known in components:
        values: list[float] = []
        for at_ms in past.span.steps:
            week, before = past.weeks_at(at_ms)
            start_ms, end_ms = before if is_previous else (week[0], at_ms)
            is_known = known[0] <= start_ms and end_ms <= known[1]
            values.append(slots.between(start_ms, end_ms) / MICRO if is_known else nan)
        yield track(metric, (past.name, component), past.span.steps, values)
