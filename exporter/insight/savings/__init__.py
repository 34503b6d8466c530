"""What need not be spent: findings made from what is known, priced, ranked and never added up twice."""

from exporter.insight.savings.audit_context import AuditContext
from exporter.insight.savings.audit_input import (
    WINDOW_MS,
    Amount,
    AuditInput,
    ProjectUse,
    QueryHour,
    SourceUse,
    WarehouseQueries,
)
from exporter.insight.savings.contract_findings import renewal_saving
from exporter.insight.savings.finding import Audit, Fact, Finding, NotJudged, Saving, Total
from exporter.insight.savings.known_finding import KnownFinding
from exporter.insight.savings.lifecycle import advance
from exporter.insight.savings.pricing import Claim, added
from exporter.insight.savings.ranking import audit, counted_elsewhere

__all__ = [
    "WINDOW_MS",
    "Amount",
    "Audit",
    "AuditContext",
    "AuditInput",
    "Claim",
    "Fact",
    "Finding",
    "KnownFinding",
    "NotJudged",
    "ProjectUse",
    "QueryHour",
    "Saving",
    "SourceUse",
    "Total",
    "WarehouseQueries",
    "added",
    "advance",
    "audit",
    "counted_elsewhere",
    "renewal_saving",
]
