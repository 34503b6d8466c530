"""A simulated quarter, and weeks with everything going wrong: every run is accounted for, in the end and exactly."""

import asyncio

import pytest
from helpers.accounting import DAY, HOUR, assert_all_is_accounted_for, follow, settle, troubled_week, workspace_of
from helpers.following import NOW

from exporter.simulator import Simulation


@pytest.mark.integration
@pytest.mark.timeout(900)  # a busy machine may take its time for a simulated quarter
def test_every_run_of_a_quarter_is_accounted_for(manual_clock):
    """The exporter's machine is on for two hours of a weekday; the workspace is always."""
    manual_clock.step(NOW - manual_clock.now())
    simulation = Simulation(5, 6, clock=manual_clock)
    following = follow(manual_clock, workspace_of(simulation), "sqlite://", per_hour=8)

    async def quarter() -> None:
        for day in range(13 * 7):
            morning = NOW + day * DAY + 9 * HOUR
            if day % 7 < 5:
                manual_clock.advance(morning - manual_clock.now())
                following.restart()
                await following.until(morning + 2 * HOUR)
        await settle(simulation, following)

    asyncio.run(quarter())

    assert_all_is_accounted_for(simulation, following)
    assert sum(following.counted().values()) > 1000
    following.ledger.close()


@pytest.mark.integration
@pytest.mark.parametrize("seed", range(7))  # each week meets every trouble, in its own order
def test_week_is_exact_whatever_goes_wrong_in_it(seed, manual_clock, tmp_path):
    """Kills, 429s, errors, pages that are broken, shifted or out of order, and a machine whose clock jumps."""
    manual_clock.step(NOW - manual_clock.now())
    simulation, following = troubled_week(seed, manual_clock, f"sqlite:///{tmp_path / 'ledger.db'}")

    assert_all_is_accounted_for(simulation, following)
    following.ledger.close()
