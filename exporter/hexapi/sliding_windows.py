"""How many requests have left lately, and when another may: sliding windows."""

import math
from collections import deque
from collections.abc import Iterable, Sequence

MINUTE_SECONDS = 60.0
HOUR_SECONDS = 3600.0


class SlidingWindows:
    """At most so many requests in so many seconds, for each of several windows. Not safe to share between threads.

    `margin_seconds` makes each window longer: a server counts requests as they arrive, and one may be slower on its
    way than a later one. Times are seconds of one steady clock, recorded in order.
    """

    def __init__(self, *, per_minute: int, per_hour: int, margin_seconds: float = 0.0) -> None:
        self._windows = ((MINUTE_SECONDS + margin_seconds, per_minute), (HOUR_SECONDS + margin_seconds, per_hour))
        # A window of N requests only ever looks at the Nth newest, so nothing older needs to be kept.
        self._sent: deque[float] = deque(maxlen=max(per_minute, per_hour))

    def record(self, moment: float) -> None:
        """Count a request that leaves now, allowed or not."""
        self._sent.append(moment)

    def restore(self, moments: Iterable[float]) -> None:
        """Count requests that left earlier, in any order."""
        self._sent = deque(sorted([*moments, *self._sent]), maxlen=self._sent.maxlen)

    def wait_seconds(self, moment: float, ahead: int = 0) -> float:
        """Seconds until a request may leave after `ahead` others, as far as that can be known now; 0 if at once.

        With more ahead than a window takes it is at least the window's length: look again by then.
        """
        return max(0.0, *(self._until(seconds, allowed, moment, ahead) for seconds, allowed in self._windows))

    def _until(self, seconds: float, allowed: int, moment: float, ahead: int) -> float:
        decisive = len(self._sent) - allowed + ahead
        if decisive < 0:
            return 0.0
        return (self._sent[decisive] if decisive < len(self._sent) else moment) + seconds - moment


def moments_of(sent: Sequence[tuple[int, int]], now: float, steady: float, most: int) -> list[float]:
    """When requests left that are known by the minute only, by the steady clock: as late as they can have.

    `sent` has (start of a minute in epoch milliseconds, requests in it), `now` is epoch seconds, `steady` the steady
    clock's at the same moment; of one minute at most `most` requests are returned.
    """
    return [
        steady - max(0.0, now - (minute_ms / 1000 + MINUTE_SECONDS))
        for minute_ms, count in sent
        for _ in range(min(count, most))
    ]


def whole_share(limit: float, share: float = 1.0) -> int:
    """A share of a limit in whole requests, rounded down but never below one."""
    return max(1, math.floor(limit * share))
