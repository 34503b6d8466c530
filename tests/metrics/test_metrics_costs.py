"""The cost gauges: what each part is made of, what is absent, and that the parts add up to the whole."""

from typing import Any

import pytest

from exporter.config import Compute, Match, Prices, Profile
from exporter.facts import Seat
from exporter.insight.tariffs import MICRO

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
OWN = Prices(run_micro_usd=50_000, warehouse_minute_micro_usd=10_000)
ML = (Compute(profiles=(Profile(match=Match(title="ML *"), profile="4xl"),)),)


@pytest.fixture
def priced(world: Any) -> Any:
    """Two projects, one of them on paid compute, with a run each this week and the week before."""
    world.configure(price_lists=(OWN,), compute_lists=ML)
    world.list_projects(world.published("p1", title="ML churn"), world.published("p2"))
    for project_id in ("p1", "p2"):
        runs = [
            world.run(f"{project_id}-{ago}", ago, 30 * 60_000, project_id=project_id) for ago in (HOUR_MS, 7 * DAY_MS)
        ]
        world.read_runs(project_id, *runs)
    return world


def people(world: Any, *roles: str) -> None:
    world.acme.record_seats([Seat(user_id=str(n), role=role) for n, role in enumerate(roles)], world.now_ms)


def test_a_project_costs_its_compute_and_the_own_estimate(priced: Any) -> None:
    figures = priced.figures()

    # Half an hour at 2.58 an hour; a run at 0.05 and thirty minutes at 0.01 each.
    assert figures["hex_project_cost_week_usd"] == {("p1",): 1.64, ("p2",): 0.35}
    assert figures["hex_project_cost_previous_week_usd"] == figures["hex_project_cost_week_usd"]
    assert figures["hex_cost_week_usd"] == {("compute",): 1.29, ("own_estimate",): 0.7}


def test_own_estimate_is_never_part_of_another_component(priced: Any) -> None:
    before = priced.figures()["hex_cost_week_usd"]
    priced.configure(price_lists=(Prices(run_micro_usd=90 * MICRO),))

    after = priced.figures()["hex_cost_week_usd"]

    assert after[("own_estimate",)] == 180
    assert after[("compute",)] == before[("compute",)]


def test_without_any_price_for_runs_projects_have_no_cost(priced: Any) -> None:
    priced.configure(price_lists=(Prices(),), compute_lists=(Compute(),))

    figures = priced.figures()

    assert "hex_project_cost_week_usd" not in figures
    assert figures["hex_cost_week_usd"] == {("compute",): 0}


def test_nothing_costs_anything_until_the_week_is_known(priced: Any) -> None:
    priced.list_projects(priced.published("p1"), priced.published("p2"), priced.published("p3"))

    figures = priced.figures()

    assert {"hex_project_cost_week_usd", "hex_cost_week_usd"}.isdisjoint(figures)


def test_projects_without_series_cost_together(world: Any) -> None:
    world.configure(price_lists=(OWN,))
    world.list_projects(world.published("p1"), world.published("p2"), world.published("p3"), members=1)
    for project_id in ("p1", "p2", "p3"):
        world.read_runs(project_id, world.run(f"r-{project_id}", project_id=project_id))

    costs = world.figures()["hex_project_cost_week_usd"]

    assert sorted(costs.values()) == [0.06, 0.12]
    assert costs[("other",)] == 0.12


def test_each_kind_of_money_has_its_own_series(priced: Any) -> None:
    people(priced, "editor")
    priced.configure(price_lists=(Prices(plan="team", run_micro_usd=50_000),), compute_lists=ML)
    priced.acme.record_threads([], priced.now_ms)
    priced.acme.record_collector("threads", True, priced.now_ms)

    figures = priced.figures()

    # A seat of 75 dollars for seven days of thirty, and half an hour of 4XL; two runs at five cents.
    assert figures["hex_cost_week_money_usd"] == {("billed",): 17.5 + 1.29, ("estimate",): 0.1}
    assert figures["hex_cost_previous_week_money_usd"] == figures["hex_cost_week_money_usd"]
    assert figures["hex_project_cost_week_money_usd"] == {
        ("p1", "billed"): 1.29,
        ("p1", "estimate"): 0.05,
        ("p2", "billed"): 0,
        ("p2", "estimate"): 0.05,
    }


def test_a_kind_in_which_no_run_has_a_price_is_absent(priced: Any) -> None:
    priced.configure(price_lists=(Prices(run_micro_usd=50_000),), compute_lists=(Compute(),))

    assert {labels[1] for labels in priced.figures()["hex_project_cost_week_money_usd"]} == {"estimate"}


def test_the_bill_is_absent_until_the_week_is_known(priced: Any) -> None:
    priced.configure(price_lists=(Prices(plan="team"),))
    people(priced, "editor")
    priced.list_projects(priced.published("p1"), priced.published("p2"), priced.published("p3"))

    figures = priced.figures()

    assert figures["hex_cost_week_usd"] == {("seats",): 17.5}
    assert "hex_cost_week_money_usd" not in figures
