"""The ledger's stored sums as counters and histograms."""

from collections import defaultdict
from collections.abc import Iterator

from exporter.metrics.catalogue import METRICS, Metric
from exporter.metrics.page import Distribution, Family, Sample
from exporter.view import Snapshot

_HISTOGRAMS = {
    f"{metric.name}_{part}": (metric, part)
    for metric in METRICS.values()
    if metric.kind == "histogram"
    for part in ("bucket", "sum", "count")
}


def counter_families(snapshot: Snapshot) -> Iterator[Family]:
    """Every stored sum that the catalogue knows, in the unit of its metric."""
    sums: dict[Metric, list[Sample]] = defaultdict(list)
    parts: dict[Metric, dict[tuple[str, ...], dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for name, labels, value in snapshot.stored.counters:
        metric = METRICS.get(name)
        if metric is not None:
            if len(labels) + 1 == len(metric.labels):
                sums[metric].append(((snapshot.name, *labels), _in_unit(metric, value)))
        elif name in _HISTOGRAMS:
            metric, part = _HISTOGRAMS[name]
            if part == "bucket":
                *labels_without_le, part = labels
                labels = tuple(labels_without_le)
            if len(labels) + 1 == len(metric.labels):
                parts[metric][snapshot.name, *labels][part] = value

    for metric, samples in sums.items():
        yield Family(metric, samples)
    for metric, by_labels in parts.items():
        yield Family(metric, [(labels, _distribution(metric, found)) for labels, found in by_labels.items()])


def _in_unit(metric: Metric, value: int) -> float:
    return value if metric.divisor == 1 else value / metric.divisor


def _distribution(metric: Metric, found: dict[str, int]) -> Distribution:
    """The histogram of its stored parts; a bound that an older ledger lacks has the count of the bound below."""
    buckets: list[int] = []
    for bound in metric.bounds:
        buckets.append(found.get(repr(bound), buckets[-1] if buckets else 0))
    buckets.append(found.get("count", buckets[-1]))
    return Distribution(tuple(buckets), _in_unit(metric, found.get("sum", 0)))
