"""`report --explain`: who used a budget, in words that a page uses, and figures that the metrics have."""

from typing import Any

import pytest
from helpers.workspace_world import world

from exporter.config import Budget, BudgetMatch, Week
from exporter.errors import ConfigError
from exporter.report import TABLE_FORMS, TableReport, budget_explanations

HOUR_MS = 3_600_000
ADS = Budget(name="ads", unit="runs", limit=100, match=BudgetMatch(owner="*@m.example"))


__all__ = ["world"]


@pytest.fixture
def wednesday(world: Any) -> Any:
    """Wednesday, 18 November 2026, 11:06:40 UTC."""
    world.configure(budgets=(ADS,), weeks=(Week(timezone="Europe/Zurich"),))
    world.list_projects(world.published("p1", title="Ad `spend`", owner="a@m.example"), world.published("p2"))
    return world


def explain(world: Any, budget: str = "ads", **options: Any) -> TableReport:
    (report,) = budget_explanations(world.ledger, world.config, world.clock, budget=budget, **options)
    return report


def test_names_who_did_it_by_what_since_when_and_what_to_do(wednesday: Any) -> None:
    loop = [wednesday.run(f"l{n}", n * 60_000, trigger="api") for n in range(1, 121)]
    wednesday.read_runs("p1", *loop, wednesday.run("s", 3 * HOUR_MS))
    wednesday.read_runs("p2", *[wednesday.run(f"o{n}", n * 1000, project_id="p2") for n in range(500)])

    report = explain(wednesday)

    assert report.title == (
        "`Ad 'spend'` ran 121 times this week, 0 last week; 120 by API, since Wed 18 Nov 09:06 UTC (2h 0m 0s ago). "
        "Find the caller (`hex-exporter gateway log`, or the project's run log in Hex) and stop it, or brake it at the "
        "gateway: `min_interval` of its policy."
    )
    assert report.remarks == (
        "121 of 100 runs used, 121 expected by the reset, 0 in the whole period before",
        "resets: Mon 23 Nov 00:00 Europe/Zurich, Sun 22 Nov 23:00 UTC",
    )
    for form in TABLE_FORMS.values():
        assert "p2" not in form([report])


def test_has_the_figures_of_the_metrics(wednesday: Any) -> None:
    wednesday.read_runs("p1", *[wednesday.run(f"l{n}", n * 60_000, trigger="api") for n in range(1, 9)])
    wednesday.read_runs("p2")

    report, figures = explain(wednesday), wednesday.figures()

    assert report.facts["used"] == figures["hex_budget_used"]["ads", "runs"]
    ways = next(table for table in report.tables if table.name == "way")
    assert [row[-1] for row in ways.rows] == list(figures["hex_budget_project_used"].values())


def test_nothing_used_is_said(wednesday: Any) -> None:
    wednesday.read_runs("p1")
    wednesday.read_runs("p2")

    assert explain(wednesday).title == "Budget ads of acme: nothing is used."


def test_a_budget_that_is_not_there_is_refused_with_those_that_are(wednesday: Any) -> None:
    with pytest.raises(ConfigError, match="'ad' is not a budget; write one of ads"):
        explain(wednesday, "ad")
