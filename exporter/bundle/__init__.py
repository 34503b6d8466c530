"""What goes with the exporter, with one set of addresses: dashboards, rules, and configuration of their programs."""

from exporter.bundle.addresses import Addresses, Cluster
from exporter.bundle.kubernetes_exporter import ADVERTISE_VARIABLE, CLUSTER_FOLDER, LEDGER_VARIABLE
from exporter.bundle.writing import write_bundle

__all__ = ["ADVERTISE_VARIABLE", "CLUSTER_FOLDER", "LEDGER_VARIABLE", "Addresses", "Cluster", "write_bundle"]
