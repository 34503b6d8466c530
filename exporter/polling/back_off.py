"""Waiting after failures: longer each time, per thing that failed, forgotten at the first success."""

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class BackOff:
    """Which keys (an endpoint, a project) must wait, and until when; times are epoch milliseconds.

    The wait doubles from `first_ms` to `longest_ms`, less up to a fifth at random so that a fleet does not return in
    step.
    """

    first_ms: int
    longest_ms: int
    rng: random.Random
    _failures: dict[str, int] = field(default_factory=dict)
    _until_ms: dict[str, int] = field(default_factory=dict)

    def failed(self, key: str, now_ms: int, longest_ms: int | None = None) -> int:
        """Note a failure; returns until when the key waits, `longest_ms` at the most if that is less."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        pause_ms = min(self.first_ms * 2 ** min(failures - 1, 20), longest_ms or self.longest_ms, self.longest_ms)
        until_ms = self._until_ms[key] = now_ms + int(pause_ms * (1 - 0.2 * self.rng.random()))
        return until_ms

    def end_pauses(self) -> None:
        """Let every key be tried once more now; the next failure of one makes it wait as long as it would have."""
        self._until_ms.clear()

    def succeeded(self, key: str) -> bool:
        """Forget the key's failures; whether there were any."""
        self._until_ms.pop(key, None)
        return self._failures.pop(key, 0) > 0

    def until_ms(self, key: str) -> int:
        """Until when the key waits, or waited last; 0 if it never did."""
        return self._until_ms.get(key, 0)

    def shift(self, by_ms: int) -> None:
        """The time was set on by so much: each pause lasts as long as it would have."""
        self._until_ms = {key: until_ms + by_ms for key, until_ms in self._until_ms.items()}

    def failures(self, key: str) -> int:
        """How often the key failed since its last success."""
        return self._failures.get(key, 0)
