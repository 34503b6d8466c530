"""The clock that setting the machine's clock does not move, and what is held by it."""

import pytest

from exporter.clock import UnsteppedClock
from exporter.ledger import open_ledger


@pytest.mark.parametrize("step", [3600, -3600, 800 * 86_400])
def test_a_new_series_is_held_for_90_seconds_whatever_the_machines_clock_is_set_to(manual_clock, step):
    clock = UnsteppedClock(manual_clock)
    ledger = open_ledger("sqlite://", clock=clock)
    workspace = ledger.workspace("w")
    workspace.count("hex_gateway_absorbed_total", ("429",))

    def served() -> set[int]:
        workspace.release_holds(round(clock.now() * 1000))
        return {one.value for one in workspace.counters() if one.metric == "hex_gateway_absorbed_total"}

    manual_clock.step(step)
    manual_clock.advance(85)
    assert served() == {0}
    manual_clock.advance(10)
    assert served() == {1}
    ledger.close()
