"""How turns and pages of the past share what is left of the hour: neither uses it up for what happens now."""

from collections import deque

from exporter.polling.due_times import HOUR_MS, MINUTE_MS

_HASTE = 0.8  # turns that fell behind catch up
_USED_SHARE = 0.95  # what is planned is an estimate
_LEAST_PAST_SHARE = 0.1


class TurnPacing:
    """When the next turn and the next page of the past may be requested. Times are epoch milliseconds.

    For one thread at a time.
    """

    def __init__(self, requests_per_hour: int) -> None:
        self._requests_per_hour = requests_per_hour
        self._turn_every_ms = 0
        self._next_turn_ms = 0
        self._past_per_hour = requests_per_hour
        self._past: deque[int] = deque()

    def plan(self, turns_per_hour: float, planned_per_hour: float) -> None:
        """Go by so many turns an hour, which are part of what is planned; the past has what is left of the hour."""
        self._turn_every_ms = int(_HASTE * HOUR_MS / max(turns_per_hour, 1.0))
        left = self._requests_per_hour * _USED_SHARE - planned_per_hour
        self._past_per_hour = max(1, int(max(left, self._requests_per_hour * _LEAST_PAST_SHARE)))

    def turn_taken(self, now_ms: int) -> None:
        """A project had its turn. A minute's worth may come at once: a rate limit lets requests out by the minute."""
        self._next_turn_ms = max(self.next_turn_ms(now_ms), now_ms - MINUTE_MS) + self._turn_every_ms

    def next_turn_ms(self, now_ms: int) -> int:
        """Before when no project is read only because it is its turn; a time that was set back does not hold it up."""
        return min(self._next_turn_ms, now_ms + self._turn_every_ms)

    def past_sent(self, now_ms: int) -> None:
        """A page of the past was requested."""
        self._past.append(now_ms)

    def next_past_ms(self, now_ms: int) -> int:
        """Before when no page of the past is requested."""
        while self._past and not 0 <= now_ms - self._past[0] < HOUR_MS:
            self._past.popleft()
        return 0 if len(self._past) < self._past_per_hour else self._past[-self._past_per_hour] + HOUR_MS
