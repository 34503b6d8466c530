"""A cheaper plan is proposed only if it has everything that is in use."""

from dataclasses import replace

import pytest
from helpers.auditing import NOW_MS, boss, finding, project, seat, tables, world

from exporter.config import Prices, SeatPrices
from exporter.facts import Schedule
from exporter.insight.savings.ranking import audit
from exporter.insight.tariffs import tariff


def on(plan, **overrides):
    """Two people who work, and a project with one daily schedule, on a plan at these prices of an editor."""
    mine = project(owner="u@x.example", viewed_ms=NOW_MS, views_30d=90)
    prices = Prices(
        plan=plan,
        overrides={name: SeatPrices(editor_month_micro_usd=dollars * 10**6) for name, dollars in overrides.items()},
    )
    return world(mine, seats=(boss(), seat(last_login_ms=NOW_MS)), tariff=tariff(prices))


def proposed(evidence):
    return {one.subjects for one in audit(evidence).findings if one.kind == "costly_plan"}


def test_enterprise_with_nothing_of_its_own_in_use():
    audited = audit(on("enterprise", enterprise=100))

    one = finding(audited, "costly_plan")
    assert (one.subjects, one.subject_type) == (("enterprise", "team"), "plan")
    assert one.saving.micro == one.counted.micro == 2 * (100 - 75) * 10**6
    assert one.cost.micro == audited.costs["enterprise"] == 200 * 10**6


def test_a_plan_without_the_api_is_never_proposed_however_cheap():
    assert proposed(on("team", team=75, professional=1, community=0)) == set()


def test_a_plan_that_costs_as_much_is_not_proposed():
    assert proposed(on("enterprise", enterprise=75)) == set()


def test_a_plan_whose_price_is_not_known_is_not_proposed():
    assert proposed(on("team", team=900)) == set()


def test_queried_tables_in_use_need_enterprise_and_cells_do_not():
    evidence = on("enterprise", enterprise=100)

    assert proposed(replace(evidence, tables={"p": tables("orders")})) == set()
    assert proposed(replace(evidence, tables={"p": tables("")})) == {("enterprise", "team")}


def test_explorers_cron_and_many_apps_stay_possible_on_team():
    evidence = on("enterprise", enterprise=100, team=75)
    cron = Schedule(cadence="custom", enabled=True, cron="*/20 * * * *")
    many = tuple(project(f"p{number}", schedules=(cron,)) for number in range(9))

    assert proposed(replace(evidence, projects=many, uses={})) == {("enterprise", "team")}


@pytest.mark.parametrize(
    ("evidence", "needs"),
    [
        (on(None), "prices.plan"),
        (on("enterprise"), "prices.overrides.enterprise"),
        (replace(on("team"), seats=None), "read users"),
        (replace(on("enterprise", enterprise=100), projects=None), "read projects"),
    ],
)
def test_where_the_bill_or_what_is_in_use_is_not_known_it_is_not_judged(evidence, needs):
    audited = audit(evidence)

    assert "costly_plan" not in audited.totals
    assert [needs in one.needs for one in audited.not_judged if one.kind == "costly_plan"] == [True]
