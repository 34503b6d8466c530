"""When each source is to be probed next."""

import random

_SHORTEST_SECONDS = 0.5
_FIRST_RETRY_SECONDS = 60.0
_LONGEST_RETRY_SECONDS = (900.0, 3600.0)
_EARLY = (0.7, 0.85)


class ProbeSchedule:
    """When each key is due, by a steady clock in seconds.

    A state must not become older than its source's `every`, so probes come a little more often than that, each time
    by another little, so that those of many sources do not stay in step. After a failure the wait doubles: from a
    tenth of `every`, at most a minute, to `every`, within a quarter of an hour and an hour.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def due(self, key: str) -> float | None:
        """When the key is due, None if it is not in the schedule."""
        return self._due.get(key)

    def has_failed(self, key: str) -> bool:
        """Whether the last probe of the key failed."""
        return key in self._failures

    def begin(self, key: str, every_seconds: float, now: float, age_seconds: float | None) -> float:
        """Take up a key whose last good probe began so long ago (None: there was none); when it is due."""
        wait = 0.0 if age_seconds is None or age_seconds < 0 else max(0.0, self._interval(every_seconds) - age_seconds)
        self._due[key] = now + wait
        return self._due[key]

    def succeeded(self, key: str, every_seconds: float, began: float) -> None:
        """A probe that began then found the state."""
        self._failures.pop(key, None)
        self._due[key] = began + self._interval(every_seconds)

    def failed(self, key: str, every_seconds: float, now: float) -> None:
        """A probe has failed."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        first = max(_SHORTEST_SECONDS, min(every_seconds / 10, _FIRST_RETRY_SECONDS))
        shortest, longest = _LONGEST_RETRY_SECONDS
        wait = min(first * 2 ** min(failures - 1, 20), max(shortest, min(every_seconds, longest)))
        self._due[key] = now + wait * (1 - 0.2 * self._rng.random())

    def forget(self, key: str) -> None:
        """Take the key out of the schedule."""
        self._due.pop(key, None)
        self._failures.pop(key, None)

    def _interval(self, every_seconds: float) -> float:
        return max(_SHORTEST_SECONDS, every_seconds * self._rng.uniform(*_EARLY))
