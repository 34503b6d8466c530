"""Rhythms: events that people cause, by absolute time, with office hours and Mondays.

A rhythm's count has a closed form, so that "how many until now" costs nothing however long ago it began, and each week
can be computed without the weeks before it.
"""

from bisect import bisect, bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from zoneinfo import ZoneInfo

from exporter.simulator.seeded_random import chance, share

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS

_DAY_WEIGHTS = (1.45, 1.1, 1.0, 1.0, 0.8, 0.08, 0.05)
"""Monday to Sunday: reports are read at the start of the week, and hardly anybody works on its end."""

_HOUR_WEIGHTS = (0.01,) * 6 + (0.15, 0.6, 1.4, 1.8, 1.7, 1.3, 0.7, 1.1, 1.5, 1.4, 1.1, 0.6, 0.25) + (0.05,) * 5
"""Midnight to 23:00: a peak after the first coffee, a dip at noon, almost nothing at night."""

OFFICE_HOURS: Sequence[float] = tuple(accumulate(day * hour for day in _DAY_WEIGHTS for hour in _HOUR_WEIGHTS))
"""Cumulated weights of the 168 hours of a week, from Monday 00:00 local time."""

_UNEVENNESS = 0.6
"""How far (in weeks) chance may move work between weeks: a week has 0.4 to 1.6 times the usual number."""

_FIRST_MONDAY = datetime(1970, 1, 5)
_KEPT_WEEKS = 64


class Calendar:
    """The weeks of a workspace: Monday 00:00 to Monday 00:00 in its time zone, clock changes included."""

    def __init__(self, timezone: str) -> None:
        self.zone = ZoneInfo(timezone)
        self.start_of = lru_cache(maxsize=4096)(self._start_of)

    def week_of(self, at_ms: int) -> int:
        """The number of the week that the instant lies in, counted from January 1970."""
        week = (at_ms - 4 * DAY_MS) // WEEK_MS
        if at_ms < self.start_of(week):
            return week - 1
        return week + 1 if at_ms >= self.start_of(week + 1) else week

    def _start_of(self, week: int) -> int:
        monday = (_FIRST_MONDAY + timedelta(weeks=week)).replace(tzinfo=self.zone)
        return int(monday.astimezone(UTC).timestamp() * 1000)


class Rhythm:
    """Events at `per_week` a week on average, from `since_ms` to `until_ms` (None: no end)."""

    def __init__(
        self,
        calendar: Calendar,
        per_week: float,
        *key: object,
        since_ms: int,
        until_ms: int | None = None,
        weights: Sequence[float] = OFFICE_HOURS,
    ) -> None:
        self.per_week = per_week
        self.since_ms = since_ms
        self.until_ms = until_ms
        self._calendar = calendar
        self._weights = weights
        self._key = key
        self._phase = share(*key, "phase")
        self._weeks: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._before = self._ordinal(since_ms)

    def count(self, until_ms: int) -> int:
        """How many events there were from the beginning up to and including the instant."""
        if self.until_ms is not None:
            until_ms = min(until_ms, self.until_ms)
        return max(0, self._ordinal(until_ms) - self._before)

    def count_between(self, start_ms: int, end_ms: int) -> int:
        """How many events lie after `start_ms`, up to and including `end_ms`."""
        return self.count(end_ms) - self.count(start_ms)

    def of_week(self, week: int) -> list[int]:
        """The instants (ms, ascending) of one week of the calendar."""
        end_ms = self.until_ms
        return [at_ms for at_ms in self._week(week)[1] if at_ms > self.since_ms and (end_ms is None or at_ms <= end_ms)]

    def backwards(self, until_ms: int) -> Iterator[tuple[int, int]]:
        """(ordinal, instant) of each event up to and including the instant, the latest first."""
        week = self._calendar.week_of(until_ms)
        ordinal = self.count(until_ms)
        while ordinal > 0:
            for at_ms in reversed(self.of_week(week)):
                if at_ms <= until_ms:
                    yield ordinal, at_ms
                    ordinal -= 1
            week -= 1

    def last(self, until_ms: int) -> int | None:
        """The latest event up to and including the instant, None if there was none."""
        return next((at_ms for _, at_ms in self.backwards(until_ms)), None)

    def _ordinal(self, at_ms: int) -> int:
        before, instants = self._week(self._calendar.week_of(at_ms))
        return before + bisect_right(instants, at_ms)

    def _total(self, week: int) -> int:
        """Events before the week: the straight line, bent by chance, never falling."""
        return int(self.per_week * (week + _UNEVENNESS * share(*self._key, week)) + self._phase)

    def _week(self, week: int) -> tuple[int, tuple[int, ...]]:
        """How many events there were before a week, and the instants of those in it."""
        found = self._weeks.get(week)
        if found is None:
            if len(self._weeks) >= _KEPT_WEEKS:
                self._weeks.clear()
            found = self._weeks[week] = (self._total(week), self._draw(week))
        return found

    def _draw(self, week: int) -> tuple[int, ...]:
        number = self._total(week + 1) - self._total(week)
        if not number:
            return ()
        dice = chance(*self._key, "instants", week)
        start_ms, end_ms = self._calendar.start_of(week), self._calendar.start_of(week + 1)
        weights = self._weights
        instants = []
        for _ in range(number):
            hour = bisect(weights, dice.random() * weights[-1])
            instants.append(min(start_ms + hour * HOUR_MS + int(dice.random() * HOUR_MS), end_ms - 1))
        return tuple(sorted(instants))
