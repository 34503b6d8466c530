"""One series over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from exporter.metrics import METRICS, Distribution, Metric

Value = float | Distribution


@dataclass(frozen=True, slots=True)
class Track:
    """A series: its label values in the order of the metric's labels, and its value at each of the instants.

    NaN: not known then. A histogram's values are distributions.
    """

    metric: Metric
    labels: tuple[str, ...]
    at_ms: Sequence[int]
    values: Sequence[Value]

    @property
    def samples_from(self) -> int | None:
        """The index of the last sample before the series leaves 0, so that its first increase is seen as one.

        None if it never does.
        """
        for index, value in enumerate(self.values):
            if value.buckets[-1] if isinstance(value, Distribution) else value and not isnan(value):
                return max(0, index - 1)
        return None


def track(metric: str, labels: tuple[str, ...], at_ms: Sequence[int], values: Sequence[Value]) -> Track:
    """The series of a metric by its name."""
    return Track(METRICS[metric], labels, at_ms, values)
