"""A simulated quarter, and weeks with everything going wrong: every run is accounted for, in the end and exactly."""

import asyncio
import logging
import random
from contextlib import contextmanager

import pytest
import structlog
from helpers.accounting import (
    BROKEN_PAGES,
    DAY,
    HOUR,
    MINUTE,
    assert_all_is_accounted_for,
    ended_since_contact,
    follow,
    runs_of_week,
    settle,
    troubled_week,
    workspace_of,
)
from helpers.following import NOW
from helpers.sizes import size

from exporter.ledger.store import Store
from exporter.simulator import Fault, Faults, Simulation

REFUSALS = ("400", "401", "403", "422", "429", "502", "504")


@pytest.mark.integration
@pytest.mark.timeout(900)  # a busy machine may take its time for a simulated quarter
@pytest.mark.parametrize(("engine", "weeks"), [("sqlite", size(5, 13)), ("postgresql", 2)])
def test_every_run_of_a_quarter_is_accounted_for(engine, weeks, request, manual_clock):
    """The exporter's machine is on for two hours of a weekday; the workspace is always.

    Five weeks have four ends of a week and one of a month; that all is accounted for at the end needs each of them.
    """
    url = "sqlite://" if engine == "sqlite" else request.getfixturevalue("postgres_ledgers").empty()
    manual_clock.step(NOW - manual_clock.now())
    simulation = Simulation(5, 6, clock=manual_clock)
    following = follow(manual_clock, workspace_of(simulation), url, per_hour=8)

    async def quarter() -> None:
        for day in range(weeks * 7):
            morning = NOW + day * DAY + 9 * HOUR
            if day % 7 < 5:
                manual_clock.advance(morning - manual_clock.now())
                following.restart()
                await following.until(morning + 2 * HOUR)
        await settle(simulation, following)

    asyncio.run(quarter())

    assert_all_is_accounted_for(simulation, following)
    assert sum(following.counted().values()) > 80 * weeks
    following.ledger.close()


@pytest.mark.integration
@pytest.mark.parametrize("seed", range(size(1, 3)))  # each week meets every trouble, in its own order
def test_week_is_exact_whatever_goes_wrong_in_it(seed, manual_clock, tmp_path):
    """Kills, 429s, errors, pages that are broken, shifted or out of order, and a machine whose clock jumps."""
    manual_clock.step(NOW - manual_clock.now())
    simulation, following = troubled_week(seed, manual_clock, f"sqlite:///{tmp_path / 'ledger.db'}")

    assert_all_is_accounted_for(simulation, following)
    following.ledger.close()


@pytest.mark.integration
@pytest.mark.parametrize("seed", [5, 6][: size(1, 2)])
def test_week_is_exact_while_the_database_comes_and_goes(seed, manual_clock, postgres_ledgers, monkeypatch):
    """The same, with the ledger in a database that ends connections in the middle of anything."""
    rng = random.Random(seed)
    begin = Store.transaction

    @contextmanager
    def transaction(self, workspace):
        with begin(self, workspace) as one:
            yield one
            if rng.random() < 0.02:
                postgres_ledgers.end_connections()

    monkeypatch.setattr(Store, "transaction", transaction)
    manual_clock.step(NOW - manual_clock.now())
    simulation, following = troubled_week(seed, manual_clock, postgres_ledgers.empty())

    assert_all_is_accounted_for(simulation, following)
    following.ledger.close()


@pytest.mark.slow
def test_a_day_with_a_fault_a_minute_is_exact_and_says_nothing_false(manual_clock):
    """One answer in each minute is broken or refused, of a random kind, in a random place.

    Eight hours have 480 of them: each kind in each place a dozen times.
    """
    hours = size(8, 24)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    manual_clock.step(NOW + 8 * HOUR - manual_clock.now())
    rng = random.Random(7)
    simulation, faults = Simulation(3, 4, clock=manual_clock), Faults()
    following = follow(manual_clock, workspace_of(simulation, faults), "sqlite://", per_hour=30)
    said = []

    def judge() -> None:
        page = following.figures()
        counted = sum(page.get("hex_runs_total", {}).values())
        assert counted <= ended_since_contact(simulation, following).total()
        used = page.get("hex_budget_used", {}).get(("weekly-runs", "runs"))
        if used is not None:
            until_ms = page["hex_runs_complete_until_timestamp_seconds"][()] * 1000
            start_ms = page["hex_budget_period_start_timestamp_seconds"][("weekly-runs", "runs")] * 1000
            most = runs_of_week(simulation, round(start_ms), simulation.now_ms).total()
            assert runs_of_week(simulation, round(start_ms), round(until_ms) - 1000).total() <= used <= most
            said.append(simulation.now_ms - until_ms)

    async def day() -> None:
        await following.run_for(HOUR)
        for minute in range(hours * 60):
            faults.clear()
            kind, endpoint = rng.choice((*BROKEN_PAGES, *REFUSALS)), rng.choice(("projects", "runs"))
            faults.add(Fault(kind=kind, endpoint=endpoint, count=1, retry_after=rng.choice((5, 90, None))))
            await following.run_for(MINUTE)
            if minute % 30 == 0:
                judge()
        faults.clear()
        await settle(simulation, following)

    asyncio.run(day())

    assert_all_is_accounted_for(simulation, following)
    assert len(said) > hours, "most of the day the page says what was used"
    following.ledger.close()
