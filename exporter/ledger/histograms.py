"""Histograms as counters: the bounds, and the sums that one observation adds to."""

from collections.abc import Iterable

RUN_DURATION_BOUNDS_MS = (1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000)
"""Upper bounds of hex_run_duration_seconds in milliseconds, +Inf not among them."""

REQUEST_DURATION_BOUNDS_MS = (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)
"""Upper bounds of hex_api_request_duration_seconds in milliseconds, +Inf not among them."""

QUEUE_BOUNDS_MS = (100, 500, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000)
"""Upper bounds of hex_gateway_queue_seconds in milliseconds, +Inf not among them."""

TRIGGER_LAG_BOUNDS_MS = (60_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 43_200_000, 86_400_000)
"""Upper bounds of hex_trigger_lag_seconds in milliseconds, +Inf not among them."""

BOUNDS_MS = {
    "hex_run_duration_seconds": RUN_DURATION_BOUNDS_MS,
    "hex_api_request_duration_seconds": REQUEST_DURATION_BOUNDS_MS,
    "hex_gateway_queue_seconds": QUEUE_BOUNDS_MS,
    "hex_trigger_lag_seconds": TRIGGER_LAG_BOUNDS_MS,
}
"""The bounds of each histogram that the ledger keeps, by metric."""

Amounts = dict[tuple[str, tuple[str, ...]], int]
"""What to add to each series, a series being a metric and its label values."""


def le(bound_ms: int) -> str:
    """The bound as the text of the label `le`, in seconds: `0.25`, `1.0`, `14400.0`."""
    return repr(bound_ms / 1000)


def observed(metric: str, labels: tuple[str, ...], value_ms: int | None) -> Amounts:
    """The sums of the histogram and what one observation adds to each; all zeros for None.

    Buckets are cumulative, `le` is their last label; `_sum` is in milliseconds.
    """
    is_observed = value_ms is not None
    value = value_ms or 0
    amounts: Amounts = {
        (f"{metric}_bucket", (*labels, le(bound))): int(is_observed and value <= bound) for bound in BOUNDS_MS[metric]
    }
    amounts[f"{metric}_bucket", (*labels, "+Inf")] = int(is_observed)
    amounts[f"{metric}_sum", labels] = value
    amounts[f"{metric}_count", labels] = int(is_observed)
    return amounts


def combined(parts: Iterable[Amounts]) -> Amounts:
    """The amounts of all parts, added up by series."""
    total: Amounts = {}
    for part in parts:
        for series, amount in part.items():
            total[series] = total.get(series, 0) + amount
    return total
