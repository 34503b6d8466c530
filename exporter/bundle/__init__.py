"""What goes with the exporter, with one set of addresses: dashboards, rules, and configuration of their programs."""

from exporter.bundle.addresses import Addresses, Cluster
from exporter.bundle.writing import write_bundle

__all__ = ["Addresses", "Cluster", "write_bundle"]
