"""When the next run may be sent: Hex's own limits of RunProject, and pauses for callers whose kernels are all taken."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.hexapi import MARGIN_SECONDS, SlidingWindows

RUNS_PER_MINUTE = 20
RUNS_PER_HOUR = 60
"""What Hex allows of RunProject, by the last figures that it has published."""

_FIRST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 60.0
_MOST_PAUSES = 1_000
"""Callers that are paused at once; more are let through, which Hex refuses again."""


@dataclass(slots=True)
class _Pause:
    """How long nothing is sent for a caller, and how often in a row its kernels were all taken."""

    until: float
    times: int


class RunLimits:
    """Keeps RunProject's windows and the callers' pauses. Used on one event loop.

    A run whose turn it is holds a slot of the windows, from `reserve` until it is sent (`use`) or not (`release`).
    """

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._windows = SlidingWindows(
            per_minute=RUNS_PER_MINUTE, per_hour=RUNS_PER_HOUR, margin_seconds=MARGIN_SECONDS
        )
        self._reserved: set[object] = set()
        self._pauses: dict[str, _Pause] = {}

    def restore(self, ages_seconds: Iterable[float]) -> None:
        """Take up how long ago an earlier process sent its runs."""
        now = self._clock.monotonic()
        self._windows.restore(now - age for age in ages_seconds)

    def wait_seconds(self) -> float:
        """Seconds until another run may be sent, after those that hold a slot."""
        return self._windows.wait_seconds(self._clock.monotonic(), len(self._reserved))

    def reserve(self, holder: object) -> None:
        """Hold a slot."""
        self._reserved.add(holder)

    def release(self, holder: object) -> None:
        """Hold no slot any more."""
        self._reserved.discard(holder)

    def use(self, holder: object) -> None:
        """A run is sent in the slot of this holder."""
        self._reserved.discard(holder)
        self._windows.record(self._clock.monotonic())

    def pause(self, queue_key: str) -> float:
        """Send nothing for a caller whose kernels are all taken, each time longer; for how many seconds."""
        now = self._clock.monotonic()
        times = self._pauses[queue_key].times + 1 if queue_key in self._pauses else 1
        seconds = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(times - 1, 10), _LONGEST_PAUSE_SECONDS)
        seconds *= 1 + self._rng.random() / 4
        self._pauses = {key: pause for key, pause in self._pauses.items() if now - pause.until < _LONGEST_PAUSE_SECONDS}
        if len(self._pauses) < _MOST_PAUSES:
            self._pauses[queue_key] = _Pause(now + seconds, times)
        return seconds

    def resume(self, queue_key: str) -> None:
        """A run of the caller was not refused for its kernels: the next pause is a short one again."""
        self._pauses.pop(queue_key, None)

    def paused(self) -> dict[str, float]:
        """The callers that are paused, and for how many seconds still."""
        now = self._clock.monotonic()
        return {key: pause.until - now for key, pause in self._pauses.items() if pause.until > now}
