"""The week, the digest, the bill and the audit as tables, and their forms: table, JSON, CSV, Markdown."""

from exporter.report.audit_forms import AUDIT_FORMS
from exporter.report.audit_report import FindingFilter, audit_reports
from exporter.report.audit_tables import not_judged_lines
from exporter.report.budget_explanation import budget_explanations
from exporter.report.escaping import for_terminal
from exporter.report.invoice_report import reconcile_report
from exporter.report.last_days import last_days_reports
from exporter.report.table_report import TABLE_FORMS, TableReport
from exporter.report.table_wording import local
from exporter.report.unused_ignores import ignore_name, ignores_over
from exporter.report.week_digest import digest
from exporter.report.week_forms import WEEK_FORMS
from exporter.report.week_report import WeekReport, week_reports

__all__ = [
    "AUDIT_FORMS",
    "TABLE_FORMS",
    "WEEK_FORMS",
    "FindingFilter",
    "TableReport",
    "WeekReport",
    "audit_reports",
    "budget_explanations",
    "digest",
    "for_terminal",
    "ignore_name",
    "ignores_over",
    "last_days_reports",
    "local",
    "not_judged_lines",
    "reconcile_report",
    "week_reports",
]
