"""A clock for tests that live through hours in a second."""


class ManualClock:
    """A clock that moves only by `set` and `advance`: sleeping moves it, nothing else waits.

    Wall and steady time move together; `step` moves the wall alone, as a corrected machine clock does.
    """

    def __init__(self, now: float = 1_795_000_000.0) -> None:
        self._now = now
        self._monotonic = 1_000.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._monotonic += seconds

    def step(self, seconds: float) -> None:
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))
