"""`report` beside the server that keeps the ledger: one prints what the other serves, from the same files."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from helpers.running import SCRIPT, TOKEN, Exporter, Simulator, configuration, environment, wait_for
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.integration

Figures = dict[str, dict[tuple[str, ...], float]]

MONEY = """
week: {timezone: Asia/Kolkata, starts: wednesday}
budgets:
  - {name: weekly-runs, unit: runs, limit: 200}
  - {name: scheduled, unit: usd, limit: 5, match: {trigger: scheduled}}
  - {name: minutes, unit: compute_minutes, limit: 300, period: month}
  - {name: agents, unit: ai_credits, limit: 100, period: month}
prices:
  plan: team
  overrides: {team: {editor_month: 28, explorer_month: 10}}
  run_usd: 0.05
  warehouse_usd_per_minute: 0.01
compute:
  profiles:
    - {match: {title: "*"}, profile: large}
"""

BUDGET = {
    "hex_budget_used": "used",
    "hex_budget_limit": "limit",
    "hex_budget_forecast": "forecast",
    "hex_budget_previous_used": "previous_used",
    "hex_budget_period_end_timestamp_seconds": "resets_timestamp_seconds",
}
COMPONENT = {"hex_cost_week_usd": "usd", "hex_cost_previous_week_usd": "previous_usd"}
PROJECT = {
    "hex_project_week_runs": "runs",
    "hex_project_previous_week_runs": "previous_runs",
    "hex_project_cost_week_usd": "usd",
    "hex_project_cost_previous_week_usd": "previous_usd",
}
PLAN = {"hex_plan_month_usd": "month_usd"}
METRICS = {*BUDGET, *COMPONENT, *PROJECT, *PLAN}


def figures(page: str) -> Figures:
    """The figures on a page by metric, each by its labels without the workspace; those that are 0 left out."""
    found: Figures = {name: {} for name in METRICS}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name in found and sample.value:
                _, *labels = sample.labels.values()
                found[sample.name][tuple(labels)] = sample.value
    return found


def printed(exporter: Exporter) -> Figures:
    """The same from the report."""
    done = subprocess.run(
        [SCRIPT, "report", "--config.file", exporter.config, "--format", "json"],
        env=environment(HEX_API_TOKEN=TOKEN),
        capture_output=True,
        text=True,
        check=True,
    )
    (report,) = json.loads(done.stdout)
    found: Figures = {}
    for table, keys, columns in (
        ("budget", ("budget", "unit"), BUDGET),
        ("component", ("component",), COMPONENT),
        ("project", ("project",), PROJECT),
        ("plan", ("plan",), PLAN),
    ):
        for metric, column in columns.items():
            found[metric] = {tuple(row[key] for key in keys): row[column] for row in report[table] if row[column]}
    return found


def test_prints_the_same_figures_as_the_page_at_the_same_moment(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "hex-exporter.yml").write_text(configuration(simulator.base_url, tmp_path / "ledger.db", MONEY))
    with Exporter(tmp_path, simulator.base_url) as exporter:
        exporter.listening()
        wait_for(lambda: set(re.findall(r"(?m)^(\w+){", exporter.get().text)) >= METRICS)
        simulator.kill()

        def same_moment() -> tuple[Figures, Figures] | None:
            """The page and the report, if a page of before and one that was built afterwards say the same."""
            before, report, page = exporter.get().text, printed(exporter), exporter.get().text
            after = wait_for(lambda: later if (later := exporter.get().text) != page else None)
            return (figures(before), report) if figures(before) == figures(after) else None

        moment = wait_for(same_moment)

    assert moment is not None
    page, report = moment
    assert report == page
    assert len(page["hex_budget_limit"]) == 4
    assert sum(page["hex_project_week_runs"].values()) == page["hex_budget_used"].get(("weekly-runs", "runs"), 0)
