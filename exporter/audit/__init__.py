"""The input of the audit, read from the ledger, and the hourly audit of each workspace."""

from exporter.audit.auditor import Auditor, audit_of
from exporter.audit.costs_by_team import TeamCost, team_costs
from exporter.audit.input_reader import read_audit_input

__all__ = [
    "Auditor",
    "TeamCost",
    "audit_of",
    "read_audit_input",
    "team_costs",
]
