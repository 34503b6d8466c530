"""What is wrong with a configuration, a token or a workspace, found by asking before `serve` does."""

from exporter.check.gateway_check import gateway_faults, gateway_web_file
from exporter.check.ignore_check import ignore_notes
from exporter.check.source_check import source_answers, source_faults
from exporter.check.warehouse_check import warehouse_answers, warehouse_grants
from exporter.check.workspace_check import (
    ENDPOINT_GIVES,
    duration_text,
    workspace_faults,
    workspace_figures,
    workspace_notes,
)
from exporter.check.workspace_findings import Findings
from exporter.check.workspace_probe import probe

__all__ = [
    "ENDPOINT_GIVES",
    "Findings",
    "duration_text",
    "gateway_faults",
    "gateway_web_file",
    "ignore_notes",
    "probe",
    "source_answers",
    "source_faults",
    "warehouse_answers",
    "warehouse_grants",
    "workspace_faults",
    "workspace_figures",
    "workspace_notes",
]
