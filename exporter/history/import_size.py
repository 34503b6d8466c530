"""How much an import will be, before it is written."""

from collections.abc import Sequence

from exporter.history.past import Past
from exporter.insight import WINDOWS_MS
from exporter.metrics import METRICS

_BYTES_A_SAMPLE = 150
_SAMPLES_A_SECOND = 60_000
"""As measured on one busy core, for the text; promtool takes about as long again."""

_BUDGET_SERIES = 9 + 2 * len(WINDOWS_MS)
_WORKSPACE_SERIES = 5


def expected_samples(pasts: Sequence[Past]) -> int:
    """About how many samples, as series that begin late or are never known have fewer."""
    return sum(map(_samples, pasts))


def expected_size(samples: int) -> str:
    """What that comes to, as a sentence."""
    megabytes = max(1, round(samples * _BYTES_A_SAMPLE / 1e6))
    minutes = max(1, round(samples / _SAMPLES_A_SECOND / 60))
    return f"About {samples:,} samples: up to {megabytes:,} MB of text, in about {minutes} min."


def _samples(past: Past) -> int:
    projects = len(past.started)
    by_project = 3 + (2 + 2 * len(past.run_money) if past.run_money else 0)
    buckets = len(METRICS["hex_run_duration_seconds"].bounds) + 3
    hourly = (
        projects * by_project
        + len(past.ended)
        + len({(series, trigger) for series, trigger, _ in past.ended})
        + len({(series, status) for series, _, status in past.ended})
        + len(past.durations) * buckets
    )
    frequent = len(past.budgets) * _BUDGET_SERIES + _WORKSPACE_SERIES
    return hourly * len(past.span.hours) + frequent * len(past.span.steps)
