"""The advice about budgets and prices, word for word."""

import pytest

from exporter.config import Budget, BudgetMatch, Prices, SeatPrices
from exporter.facts import Project
from exporter.insight.config_advice import fitting, fitting_schedules, unmatched, unpriced
from exporter.insight.tariffs import tariff

PROJECTS = [Project(project_id="1", title="Orders"), Project(project_id="2", title="ML churn")]
USD = Budget(name="money", unit="usd", limit=5)


def test_a_budget_that_matches_no_project_is_named():
    budgets = [
        Budget(name="a", unit="runs", limit=5, match=BudgetMatch(title="orders")),
        Budget(name="b", unit="runs", limit=5, match=BudgetMatch(title="Sales*")),
        Budget(name="c", unit="ai_credits", limit=5),
    ]

    assert list(unmatched(budgets, "acme", PROJECTS)) == ["budget 'b' matches no project"]


def test_before_any_project_is_known_no_budget_is_blamed():
    assert list(unmatched([Budget(name="b", unit="runs", limit=5, match=BudgetMatch(title="x"))], "acme", [])) == []


def test_missing_prices_are_named_by_their_keys():
    assert list(unpriced(tariff(Prices()), [USD], {"editor": 1}, has_paid_compute=False)) == [
        "the cost of seats, and of AI credits beyond those of the seats, is not known: set prices.plan",
        "projects are ranked by runs and minutes: prices.run_usd or prices.warehouse_usd_per_minute turns them into "
        "money",
        "budget 'money' counts dollars and no run costs any: set prices.run_usd or compute",
    ]
    assert list(
        unpriced(tariff(Prices(plan="team", run_micro_usd=1)), [], {"explorer": 2}, has_paid_compute=False)
    ) == ["the cost of seats is not known: set prices.overrides.team.explorer_month"]
    pro = tariff(
        Prices(plan="professional", run_micro_usd=1, overrides={"professional": SeatPrices(explorer_month_micro_usd=1)})
    )
    assert list(unpriced(pro, [], {"explorer": 2}, has_paid_compute=False)) == [
        "the cost of AI credits is not known: hex-2026-10 does not say how many come with professional"
    ]


def test_with_every_price_there_is_nothing_to_say():
    assert (
        list(unpriced(tariff(Prices(plan="team", run_micro_usd=0)), [USD], {"editor": 1}, has_paid_compute=True)) == []
    )


@pytest.mark.parametrize(
    ("weeks", "said"),
    [
        ((), None),
        (
            (370.0, 382.0),
            "the default budget is 500 runs a week, and the last full weeks had 370, 382: it fits",
        ),
        (
            (702.0, 655.0, 690.0, 1668.0),
            "the default budget is 500 runs a week, and the last full weeks had 702, 655, 690, 1,668; "
            "this would fit: budgets: [{name: weekly-runs, unit: runs, limit: 2100}]",
        ),
        (
            (3.0,),
            "the default budget is 500 runs a week, and the last full weeks had 3; "
            "this would fit: budgets: [{name: weekly-runs, unit: runs, limit: 10}]",
        ),
    ],
)
def test_the_default_budget_is_compared_with_the_last_weeks(weeks, said):
    assert fitting(weeks) == said


def test_the_block_that_is_printed_is_a_configuration_that_fits():
    import yaml

    (budget,) = yaml.safe_load(fitting((702.0, 640.0)).partition("this would fit: ")[2])["budgets"]

    assert Budget(**budget).limit >= 702 * 1.2


def test_without_a_week_the_schedules_are_compared():
    assert fitting_schedules(400) is None
    assert fitting_schedules(672).endswith("limit: 810}]")
