"""What people, credits and runs cost, and that the parts add up to the whole."""

from datetime import date
from typing import Any

import pytest
from helpers.sizes import size
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.config import Budget, BudgetMatch, Prices, SeatPrices
from exporter.facts import Seat, Thread
from exporter.insight.tariffs import MICRO

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def people(world: Any, *roles: str) -> None:
    world.acme.record_seats([Seat(user_id=str(n), role=role) for n, role in enumerate(roles)], world.now_ms)


class TestSeats:
    def test_a_week_costs_its_share_of_the_month(self, world: Any) -> None:
        world.configure(price_lists=(Prices(plan="team"),))
        people(world, "editor", "admin", "member")

        figures = world.figures()

        assert figures["hex_cost_week_usd"] == {("seats",): 35}  # 150 dollars, seven days of thirty
        assert figures["hex_seat_month_usd"][("editor",)] == 75
        assert figures["hex_seat_month_usd"][("member",)] == 0
        assert ("explorer",) not in figures["hex_seat_month_usd"]

    def test_a_role_in_use_without_a_price_leaves_the_component_out(self, world: Any) -> None:
        world.configure(price_lists=(Prices(plan="team"),))
        people(world, "editor", "explorer")

        figures = world.figures()

        assert {"hex_cost_week_usd", "hex_plan_month_usd"}.isdisjoint(figures)

    def test_a_price_from_the_configuration_brings_it_back(self, world: Any) -> None:
        contract = {"team": SeatPrices(editor_month_micro_usd=28 * MICRO, explorer_month_micro_usd=2 * MICRO)}
        world.configure(price_lists=(Prices(plan="team", overrides=contract),))
        people(world, "editor", "explorer")

        figures = world.figures()

        assert figures["hex_cost_week_usd"] == {("seats",): 7}
        assert figures["hex_plan_month_usd"] == {("team",): 30}

    def test_without_a_plan_seats_have_no_price(self, world: Any) -> None:
        people(world, "editor")

        figures = world.figures()

        assert {"hex_cost_week_usd", "hex_seat_month_usd"}.isdisjoint(figures)
        assert figures["hex_plan_month_usd"] == {("community",): 0, ("professional",): 36, ("team",): 75}

    def test_an_old_listing_of_users_is_no_bill(self, world: Any) -> None:
        world.configure(price_lists=(Prices(plan="team"),))
        people(world, "editor")
        world.clock.advance(6 * 3600 + 1)

        assert {"hex_cost_week_usd", "hex_seat_month_usd", "hex_plan_month_usd"}.isdisjoint(world.figures())


def test_a_seat_costs_from_the_day_on_which_it_was_first_seen(world: Any) -> None:
    world.configure(price_lists=(Prices(plan="team"),))
    people(world, "editor")
    world.clock.advance(86_400)
    people(world, "editor", "editor")  # on a Thursday: it has four of the week's seven days

    figures = world.figures()

    assert figures["hex_cost_week_usd"] == {("seats",): 27.5}  # 75 dollars, eleven days of thirty
    assert figures["hex_cost_previous_week_usd"] == {("seats",): 17.5}  # seven days of thirty


def test_a_price_applies_from_its_day_on(world: Any) -> None:
    """The week goes from Monday the 16th to Sunday the 22nd; the new prices apply from Wednesday on."""
    old = Prices(plan="team", run_micro_usd=MICRO, compute_hour_micro_usd={"medium": 60 * MICRO})
    new = Prices(
        valid_from=date(2026, 11, 18),
        run_micro_usd=3 * MICRO,
        compute_hour_micro_usd={"medium": 120 * MICRO},
        overrides={"team": SeatPrices(editor_month_micro_usd=30 * MICRO)},
    )
    world.configure(price_lists=(old, new), budgets=(Budget(name="b", unit="usd", limit=100),))
    people(world, "editor")
    world.list_projects(world.published())
    world.read_runs("p1", world.run("today"), world.run("monday", 2 * DAY_MS), world.run("last", 7 * DAY_MS))

    figures = world.figures()

    assert figures["hex_cost_week_usd"] == {("seats",): 10, ("compute",): 3, ("own_estimate",): 4}
    assert figures["hex_cost_previous_week_usd"] == {("seats",): 17.5, ("compute",): 1, ("own_estimate",): 1}
    assert figures["hex_budget_used"][("b", "usd")] == 7
    assert figures["hex_seat_month_usd"][("editor",)] == 30


def test_credits_cost_what_is_beyond_the_seats_grants(world: Any) -> None:
    world.configure(price_lists=(Prices(plan="team"),))
    people(world, "editor")
    threads = [
        Thread(thread_id="1", user_id="0", created_ms=world.now_ms - 9 * DAY_MS, credits_milli=39_000),
        Thread(thread_id="2", user_id="0", created_ms=world.now_ms - DAY_MS, credits_milli=5_000),
    ]
    world.acme.record_threads(threads, world.now_ms)
    world.acme.record_collector("threads", True, world.now_ms)

    figures = world.figures()

    assert figures["hex_cost_week_usd"][("ai_credits",)] == 2
    assert figures["hex_cost_previous_week_usd"][("ai_credits",)] == 0


@settings(max_examples=size(10, 100), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    runs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10 * DAY_MS), st.integers(0, 10**8)), max_size=25),
    run_usd=st.integers(0, 10**7),
    minute_usd=st.integers(0, 10**7),
    hour_usd=st.integers(0, 10**7),
)
@pytest.mark.slow
def test_the_parts_add_up_to_the_whole(world: Any, runs: Any, run_usd: int, minute_usd: int, hour_usd: int) -> None:
    """By project, by component and by budget it is the same money, to a millionth of a dollar."""
    world = type(world)(world.clock)
    projects = [f"p{number}" for number in range(6)]
    prices = Prices(
        run_micro_usd=run_usd, warehouse_minute_micro_usd=minute_usd, compute_hour_micro_usd={"medium": hour_usd}
    )
    budgets = [Budget(name=one, unit="usd", limit=1, match=BudgetMatch(project_id=one)) for one in projects]
    world.configure(price_lists=(prices,), budgets=(Budget(name="all", unit="usd", limit=1), *budgets))
    world.list_projects(*(world.published(one) for one in projects), members=4)
    for number, project_id in enumerate(projects):
        mine = [(ago, lasts) for project, ago, lasts in runs if project == number]
        made = [world.run(f"{number}-{n}", ago, lasts, project_id=project_id) for n, (ago, lasts) in enumerate(mine)]
        world.read_runs(project_id, *made)

    figures = world.figures()
    world.ledger.close()

    for week, used in (("week", "used"), ("previous_week", "previous_used")):
        in_all, *by_budget = (round(value * MICRO) for value in figures[f"hex_budget_{used}"].values())
        assert sum(by_budget) == in_all
        assert sum(round(value * MICRO) for value in figures[f"hex_project_cost_{week}_usd"].values()) == in_all
        assert sum(round(value * MICRO) for value in figures[f"hex_cost_{week}_usd"].values()) == in_all
