"""After a 429 nothing more of its kind is sent for as long as Hex says, or for a guessed time."""

import math
import random
from collections.abc import Callable

from exporter.clock import Clock

_LONGEST_SECONDS = 86_400.0
"""However long Hex asks to wait, another request is tried after a day."""

_FIRST_GUESS_SECONDS = 60.0
_LONGEST_GUESS_SECONDS = 3_600.0
"""How long nothing is sent after a 429 that does not say it: Hex's windows are a minute and an hour."""


class Hold:
    """Until when nothing of one kind is sent. Used on one event loop.

    `on_hold` receives the end of it, in epoch milliseconds, whenever that moves.
    """

    def __init__(self, clock: Clock, rng: random.Random, on_hold: Callable[[int], None] | None = None) -> None:
        self._clock = clock
        self._rng = rng
        self._on_hold = on_hold
        self._until = -math.inf
        self._guesses = 0

    @property
    def seconds(self) -> float:
        """For how many seconds nothing is sent still; 0: something may be."""
        return max(0.0, self._until - self._clock.monotonic())

    def restore(self, until_ms: int | None) -> None:
        """Take up until when an earlier process was to send nothing."""
        if until_ms is not None:
            seconds = min(until_ms / 1000 - self._clock.now(), _LONGEST_SECONDS)
            self._until = self._clock.monotonic() + seconds

    def accepted(self, reset_seconds: float = 0.0) -> None:
        """An answer that was no 429; no other is sent for so many seconds, where none remains in Hex's window."""
        self._guesses = 0
        self._hold(reset_seconds)

    def refused(self, announced_seconds: float) -> None:
        """A 429 that asks to wait so long; 0: it does not say, so that a minute is guessed, doubled with each in a row.

        Answers to requests that left together are one refusal, not several in a row.
        """
        self._guesses += 0 if self.seconds > 0 and self._guesses else 1
        self._hold(min(announced_seconds, _LONGEST_SECONDS) if announced_seconds > 0 else self._guess())

    def _guess(self) -> float:
        doubled = _FIRST_GUESS_SECONDS * 2.0 ** min(self._guesses - 1, 10)
        return min(doubled, _LONGEST_GUESS_SECONDS) * (1 + self._rng.random() / 2)

    def _hold(self, seconds: float) -> None:
        """Send nothing for so many seconds; never shortens a hold."""
        until = self._clock.monotonic() + seconds
        if seconds > 0 and until > self._until:
            self._until = until
            if self._on_hold is not None:
                self._on_hold(math.ceil((self._clock.now() + seconds) * 1000))
