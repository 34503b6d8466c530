"""What goes with the exporter, fitted together: dashboards, rules, and configuration of the programs that use them."""

from exporter.bundle.kubernetes import kubernetes_files
from exporter.bundle.material import Material, read_material
from exporter.bundle.place import Place
from exporter.bundle.plain import plain_files

__all__ = ["Material", "Place", "kubernetes_files", "plain_files", "read_material"]
