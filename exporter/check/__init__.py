"""What is wrong with a configuration, a token or a workspace, found by asking before `serve` does."""

from exporter.check.gateway_check import gateway_faults, gateway_notes, gateway_web_file
from exporter.check.money_check import budget_notes, price_notes
from exporter.check.source_check import source_faults, source_figure, source_notes
from exporter.check.workspace_probe import SCOPES, Findings, probe

__all__ = [
    "SCOPES",
    "Findings",
    "budget_notes",
    "gateway_faults",
    "gateway_notes",
    "gateway_web_file",
    "price_notes",
    "probe",
    "source_faults",
    "source_figure",
    "source_notes",
]
