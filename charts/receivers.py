"""The receivers and routes of the chart: those of the bundle, with office hours that the chart puts into a zone."""

from exporter.bundle.alertmanager_resource import alertmanager_spec
from exporter.bundle.packaged_files import read_packaged_files
from exporter.bundle.yaml_text import yaml_text
from exporter.config import Week


def receivers_text() -> str:
    """The spec of the AlertmanagerConfig as the chart's file has it."""
    packaged = read_packaged_files()
    spec = alertmanager_spec(packaged.alertmanager, packaged.templates, Week(timezone="UTC"))
    return yaml_text(spec, comment="Written by `make chart` from alerts/.")
