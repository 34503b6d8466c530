"""The figures of the process and its Python, as prometheus-client measures them."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family


class Process:
    """Measures this process; the registry is its own, so that nothing else is measured with it."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def families(self) -> Iterator[Family]:
        """Memory, processor time, file descriptors, garbage collection and the Python in use."""
        for measured in self._registry.collect():
            for sample in measured.samples:
                metric = METRICS.get(sample.name)
                if metric is not None:
                    labels = tuple(sample.labels.get(label, "") for label in metric.labels)
                    yield Family(metric, [(labels, sample.value)])
