"""The week's runs from the ledger of an exporter, as `hex-exporter report` counts them."""

from collections.abc import Mapping
from pathlib import Path

from exporter.client.cost_monitor import WeeklyReport
from exporter.client.quiet_logs import keep_output_clean
from exporter.clock import SystemClock
from exporter.config import read_config_file
from exporter.ledger import open_ledger
from exporter.report import week_reports


def ledger_report(config_file: Path, workspace: str | None, environ: Mapping[str, str]) -> WeeklyReport:
    """The report of one workspace, by default the first. Raises ConfigError and LedgerError."""
    keep_output_clean()
    config, clock = read_config_file(config_file, environ), SystemClock()
    name = workspace or config.workspaces[0].name
    ledger = open_ledger(config.storage.url, clock=clock, read_only=True)
    try:
        (report,) = week_reports(ledger, config, clock, workspace=name)
    finally:
        ledger.close()
    tables = {table.name: table for table in report.tables}
    totals = tables["total"].records[0]
    budget = next((one for one in tables["budget"].records if (one["unit"], one["period"]) == ("runs", "week")), {})
    limit, used, forecast = (_number(budget.get(one)) for one in ("limit", "used", "forecast"))
    return WeeklyReport(
        total_runs=int(totals["runs"] or 0),
        by_project={str(one["project"]): int(one["runs"]) for one in tables["project"].records if one["runs"]},
        budget=limit,
        left=None if limit is None or used is None else limit - used,
        forecast=forecast,
    )


def _number(cell: object) -> float | None:
    return float(cell) if isinstance(cell, int | float) else None
