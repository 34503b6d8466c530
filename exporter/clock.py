"""Time as a parameter: the clock that every room reads and waits with."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time, steady time and waiting, so that a test can live through a year in a second."""

    def now(self) -> float:
        """Seconds since the epoch by the wall clock; it may step in either direction."""

    def monotonic(self) -> float:
        """Seconds by a clock that never steps; only differences mean anything."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many steady seconds, at once for zero or less."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Seconds since the epoch by the machine's wall clock."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds by the machine's steady clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running event loop."""
        await asyncio.sleep(max(0.0, seconds))


class UnsteppedClock:
    """Another clock whose wall time runs by the steady clock from now on: setting the machine's clock moves nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.now() - clock.monotonic()

    def now(self) -> float:
        """Seconds since the epoch, if the wall clock was right when this one was made."""
        return self._offset + self._clock.monotonic()

    def monotonic(self) -> float:
        """Seconds by the steady clock."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait as the other clock does."""
        await self._clock.sleep(seconds)
