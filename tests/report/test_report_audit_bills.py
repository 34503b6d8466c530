"""What a finding saves of the warehouse's bill stands in the audit's short table, where it ranks by it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from audited_workspace import CONFIG, record

from exporter.config import load_config
from exporter.insight.savings import Saving
from exporter.ledger import open_ledger
from exporter.report import AUDIT_FORMS, FindingFilter, audit_reports
from exporter.report.audit_report import AuditReport
from exporter.report.audit_tables import by_saving
from exporter.report.terminal_table import table_lines
from exporter.report.week_tables import Table


def _report(manual_clock: Any) -> AuditReport:
    ledger = open_ledger("sqlite://", clock=manual_clock)
    record(ledger, round(manual_clock.now() * 1000))
    config = load_config(CONFIG, source="test", environ={"A": "x", "B": "y"}, state_dir=Path())
    [report] = audit_reports(ledger, config, manual_clock, FindingFilter(workspace="acme"))
    ledger.close()
    return report


def _table(manual_clock: Any, other_micro: int) -> str:
    report = _report(manual_clock)
    first, *rest = report.findings
    total = report.totals[0]
    saving = replace(first.finding.saving, other_micro=other_micro)
    return AUDIT_FORMS["table"](
        [
            replace(
                report,
                findings=(replace(first, finding=replace(first.finding, saving=saving)), *rest),
                totals=(replace(total, saving=replace(total.saving, other_micro=other_micro)), *report.totals[1:]),
            )
        ]
    )


def test_a_saving_of_the_warehouses_bill_has_a_column_and_a_total(manual_clock: Any) -> None:
    found = _table(manual_clock, 1_234_500_000)

    assert "the warehouse's bill would be less: 1,234.50 USD a month" in " ".join(found.split())
    assert "1,234.50" in found.split("Savings a month:")[1]
    assert "warehouse" in found.split("Savings a month:")[1]


def test_a_finding_that_saves_only_there_keeps_its_rank(manual_clock: Any) -> None:
    report = _report(manual_clock)
    first, *rest = report.findings
    left_on = replace(first, finding=replace(first.finding, saving=Saving(other_micro=5_000_000)))

    assert by_saving(replace(report, findings=(left_on, *rest)))[0] is left_on


def test_without_one_there_is_no_such_column(manual_clock: Any) -> None:
    assert "warehouse" not in _table(manual_clock, 0).partition("\nnote")[0]


def test_projects_with_the_warehouses_bill_are_in_sight_at_80_columns() -> None:
    names = ("title", "team", "runs", "billed_usd", "estimate_usd", "previous_runs", "warehouse_usd")
    row = ("Deliveries health check", "operations", 1_135, 1_000.0, 1_000.0, 1_135, 1_186.27, 1_119.52)

    lines = list(table_lines(Table("project", (*names, "previous_warehouse_usd"), (row,)), "UTC", 80))

    assert max(map(len, lines)) <= 80
    assert "1,186.27" in "".join(lines)
