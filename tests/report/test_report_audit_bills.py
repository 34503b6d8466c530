"""What a finding saves of the warehouse's bill stands in the audit's short table, where it ranks by it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from audited_workspace import CONFIG, record

from exporter.config import load_config
from exporter.ledger import open_ledger
from exporter.report import AUDIT_FORMS, FindingFilter, audit_reports


def _table(manual_clock: Any, other_micro: int) -> str:
    ledger = open_ledger("sqlite://", clock=manual_clock)
    record(ledger, round(manual_clock.now() * 1000))
    config = load_config(CONFIG, source="test", environ={"A": "x", "B": "y"}, state_dir=Path())
    [report] = audit_reports(ledger, config, manual_clock, FindingFilter(workspace="acme"))
    ledger.close()
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


def test_without_one_there_is_no_such_column(manual_clock: Any) -> None:
    assert "warehouse" not in _table(manual_clock, 0).partition("\nnote")[0]
