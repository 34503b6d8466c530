"""After a 429 nothing more of its kind is sent for as long as Hex says, or for a guessed time."""

import math
import random

from exporter.clock import Clock
from exporter.hexapi.sliding_windows import HOUR_SECONDS, MINUTE_SECONDS

_LONGEST_SECONDS = 24 * HOUR_SECONDS
"""However long Hex asks to wait, another request is tried after a day."""

_FIRST_GUESS_SECONDS = MINUTE_SECONDS
_LONGEST_GUESS_SECONDS = HOUR_SECONDS
"""How long nothing is sent after a 429 that does not say it: Hex's windows are a minute and an hour."""

_JITTER = 0.5
"""By how much of itself a guess is longer at most, so that not all who were refused come back at once."""


class Hold:
    """Until when nothing of one kind is sent, by the steady clock. Not safe to share between threads.

    `until_ms` is when the last hold ends or ended, in epoch milliseconds; None if there was none. What may move it
    returns whether it did.
    """

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._until = -math.inf
        self._guesses = 0
        self.until_ms: int | None = None

    @property
    def seconds(self) -> float:
        """For how many seconds nothing is sent still; 0: something may be."""
        return max(0.0, self._until - self._clock.monotonic())

    def restore(self, until_ms: int) -> None:
        """Take up until when an earlier process was to send nothing."""
        self.until_ms = until_ms
        seconds = min(until_ms / 1000 - self._clock.now(), _LONGEST_SECONDS)
        self._until = max(self._until, self._clock.monotonic() + seconds)

    def accepted(self, reset_seconds: float = 0.0, arrived: float | None = None) -> bool:
        """An answer that was no 429; no other is sent for so many seconds, where none remains in Hex's window.

        `arrived` is when it came, in epoch seconds, by default this moment.
        """
        self._guesses = 0
        return self._hold(reset_seconds, arrived)

    def refused(self, announced_seconds: float, arrived: float | None = None) -> bool:
        """A 429 that asks to wait so long; 0: it does not say, so that a minute is guessed, doubled with each in a row.

        Answers to requests that left together are one refusal, not several in a row.
        """
        self._guesses += 0 if self.seconds > 0 and self._guesses else 1
        return self._hold(announced_seconds if announced_seconds > 0 else self._guess(), arrived)

    def _guess(self) -> float:
        doubled = _FIRST_GUESS_SECONDS * 2.0 ** min(self._guesses - 1, 10)
        return min(doubled, _LONGEST_GUESS_SECONDS / (1 + _JITTER)) * (1 + _JITTER * self._rng.random())

    def _hold(self, seconds: float, arrived: float | None) -> bool:
        """Send nothing for so many seconds; never shortens a hold."""
        seconds = min(seconds, _LONGEST_SECONDS)
        until = self._clock.monotonic() + seconds
        if seconds <= 0 or until <= self._until:
            return False
        self._until = until
        self.until_ms = math.ceil(((self._clock.now() if arrived is None else arrived) + seconds) * 1000)
        return True
