"""The counters of runs as they would have grown from the start of the span."""

from array import array
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate

from exporter.history.past import DURATION, Past, hour_of
from exporter.history.series import Track, track
from exporter.metrics import Distribution


def run_counts(past: Past) -> Iterator[Track]:
    """Runs that had ended, by project, trigger and status."""
    for (series, trigger, status), ended in past.ended.items():
        growth = [0] * len(past.span.hours)
        for end_ms in ended.end_ms:
            growth[hour_of(past.span, end_ms)] += 1
        labels = (past.name, series, trigger, status)
        yield track("hex_runs_total", labels, past.span.hours, list(accumulate(growth)))


def workspace_runs(past: Past) -> Iterator[Track]:
    """The same of all projects together."""
    growths: dict[tuple[str, str], array[int]] = defaultdict(lambda: array("q", bytes(8 * len(past.span.hours))))
    for (_, trigger, status), ended in past.ended.items():
        growth = growths[trigger, status]
        for end_ms in ended.end_ms:
            growth[hour_of(past.span, end_ms)] += 1
    for labels, growth in growths.items():
        yield track("hex_workspace_runs_total", (past.name, *labels), past.span.hours, list(accumulate(growth)))


def run_seconds(past: Past) -> Iterator[Track]:
    """The time of those runs, by project and trigger."""
    growths: dict[tuple[str, str], array[int]] = defaultdict(lambda: array("q", bytes(8 * len(past.span.hours))))
    for (series, trigger, _), ended in past.ended.items():
        growth = growths[series, trigger]
        for end_ms, duration_ms in zip(ended.end_ms, ended.duration_ms, strict=True):
            growth[hour_of(past.span, end_ms)] += duration_ms
    for (series, trigger), growth in growths.items():
        values = [total / 1000 for total in accumulate(growth)]
        yield track("hex_run_seconds_total", (past.name, series, trigger), past.span.hours, values)


def run_durations(past: Past) -> Iterator[Track]:
    """How long those runs took, by trigger and status."""
    for (trigger, status), rows in past.durations.items():
        sums = [0] * len(rows[0])
        values: list[Distribution] = []
        for row in rows:
            sums = [one + more for one, more in zip(sums, row, strict=True)]
            values.append(Distribution(tuple(sums[:-1]), sums[-1] / 1000))
        yield track(DURATION, (past.name, trigger, status), past.span.hours, values)
