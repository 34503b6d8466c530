"""From facts to a ready answer: the catalogue, the figures and the page that `/metrics` serves."""

from exporter.metrics.catalogue import CATALOGUE, METRICS, Metric
from exporter.metrics.collector import Collector, collect
from exporter.metrics.families.exporter_metrics import exporter_families
from exporter.metrics.families.projects import project_families
from exporter.metrics.labels import written
from exporter.metrics.page import Distribution, Family, Page, Publisher
from exporter.metrics.page_builder import PageBuilder, build_page
from exporter.view import GatewayState, Status

__all__ = [
    "CATALOGUE",
    "METRICS",
    "Collector",
    "Distribution",
    "Family",
    "GatewayState",
    "Metric",
    "Page",
    "PageBuilder",
    "Publisher",
    "Status",
    "build_page",
    "collect",
    "exporter_families",
    "project_families",
    "written",
]
