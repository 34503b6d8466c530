"""The closing in the running process: one period after the other, whatever becomes of the ledger meanwhile."""

import asyncio
from typing import Any

import pytest
from helpers.workspace_world import World

from exporter.errors import LedgerError
from exporter.service.period_closing import PeriodClosing
from exporter.view import PeriodCloser

DAY_MS = 86_400_000


class Watched:
    """A clock that ends the process when it has slept so often."""

    def __init__(self, clock: Any, sleeps: int) -> None:
        self._clock = clock
        self.left = sleeps
        self.slept: list[float] = []

    def now(self) -> float:
        return float(self._clock.now())

    def monotonic(self) -> float:
        return float(self._clock.monotonic())

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._clock.advance(seconds)
        self.left -= 1
        if not self.left:
            raise asyncio.CancelledError


@pytest.fixture
def world(manual_clock: Any) -> Any:
    made = World(manual_clock)
    made.list_projects(made.published())
    made.acme.record_collector("export", False, made.now_ms, 403)  # no version will come
    made.read_runs("p1", *(made.run(f"r{weeks}", weeks * 7 * DAY_MS) for weeks in range(4)))
    yield made
    made.ledger.close()


def test_what_is_over_is_closed_at_once_and_then_it_waits(world: Any) -> None:
    clock = Watched(world.clock, 6)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(PeriodClosing(PeriodCloser(world.ledger, "acme", world.config), clock).run())

    assert len(world.acme.closings.periods()) == 4  # three weeks and October
    assert clock.slept == [0.1, 0.1, 0.1, 0.1, 10.0, 10.0]


@pytest.mark.slow
def test_trouble_of_the_ledger_is_survived(world: Any, monkeypatch: Any) -> None:
    closer = PeriodCloser(world.ledger, "acme", world.config)
    troubles = [LedgerError("the disk is full"), ValueError("a flaw")]
    look = closer.look

    def troubled(now_ms: int) -> bool:
        if troubles:
            raise troubles.pop()
        return look(now_ms)

    monkeypatch.setattr(closer, "look", troubled)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(PeriodClosing(closer, Watched(world.clock, 8)).run())

    assert len(world.acme.closings.periods()) == 4
