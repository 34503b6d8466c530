"""A poller on a simulated workspace or on a hand-made one, driven by a clock that moves only when it waits."""

from pathlib import Path

import pytest
from helpers.following import NOW, Following, HandMadeHex

from exporter.config import Collect, RateLimit
from exporter.hexapi import TokenSource


@pytest.fixture
def clock(manual_clock):
    manual_clock.step(NOW - manual_clock.now())
    return manual_clock


@pytest.fixture
def hand_made(clock) -> HandMadeHex:
    return HandMadeHex(clock)


@pytest.fixture
def follow(clock, tmp_path: Path):
    """A function that follows what is behind a transport; in memory unless it must survive a restart.

    A request a minute is enough for one to three projects; a test of how much is requested has a larger limit.
    """
    opened: list[Following] = []

    def start(
        transport,
        *,
        durable: bool = False,
        per_minute: int = 10,
        per_hour: int = 60,
        collect: Collect | None = None,
        token: TokenSource | None = None,
    ) -> Following:
        url = f"sqlite:///{tmp_path / 'ledger.db'}" if durable else "sqlite://"
        limit = RateLimit(per_minute=per_minute, per_hour=per_hour, share=1.0)
        following = Following(
            clock,
            transport,
            url,
            limit,
            collect or Collect(exports=False),
            token or TokenSource(value="hxtw_" + "ab" * 48),
        )
        opened.append(following)
        return following

    yield start
    for following in opened:
        following.ledger.close()
