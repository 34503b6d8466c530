"""The week's runs from the `/metrics` of an exporter."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from exporter.client.cost_monitor import WeeklyReport

_SECONDS = 30.0  # the page is ready-made, the network may be far


def metrics_report(url: str, workspace: str | None, budget: str) -> WeeklyReport:
    """The report of one workspace, by default the only one. Raises ValueError where the page does not have it."""
    answer = httpx.get(url, timeout=_SECONDS, headers={"Accept": "text/plain"}, trust_env=False)
    answer.raise_for_status()
    samples = [one for family in text_string_to_metric_families(answer.text) for one in family.samples]
    names = sorted({one.labels["workspace"] for one in samples if one.name == "hex_up"})
    if workspace is None and len(names) == 1:
        (workspace,) = names
    if workspace not in names:
        raise ValueError(f"{url} has the workspaces {', '.join(names) or '(none)'}; name one of them as workspace")

    mine = [one for one in samples if one.labels.get("workspace") == workspace]
    of_budget = {
        one.name: one.value for one in mine if one.labels.get("budget") == budget and one.labels.get("unit") == "runs"
    }
    by_project = {
        one.labels["project_id"]: int(one.value) for one in mine if one.name == "hex_project_week_runs" and one.value
    }
    limit, used = of_budget.get("hex_budget_limit"), of_budget.get("hex_budget_used")
    return WeeklyReport(
        total_runs=sum(by_project.values()),
        by_project=dict(sorted(by_project.items(), key=lambda item: -item[1])),
        budget=limit,
        left=None if limit is None or used is None else limit - used,
        forecast=of_budget.get("hex_budget_forecast"),
    )
