"""The runs of this week and of the last one, hour by hour: how the week's use grew, as a curve."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from zoneinfo import ZoneInfo

from exporter.insight import same_moment
from exporter.ledger import QUARTER_MS

HOURS = 168
"""The local hours of a week, whatever the clocks did in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekCurve:
    """Runs since the week's start, at the end of each local hour of the week.

    `this` ends with the hour that is going on; `previous` has all 168. Both count runs as `Stored.week_counts` does.
    """

    this: tuple[int, ...]
    previous: tuple[int, ...]


def week_curve(
    starts: Mapping[int, int], week: tuple[int, int], previous: tuple[int, int], timezone: str, now_ms: int
) -> WeekCurve:
    """The curve of these runs; `starts` counts them by the quarter of an hour, since the epoch, of their start.

    An hour that the clocks repeat is one hour of the curve, one that they skip adds nothing: the same hour of both
    weeks is the same time of the same weekday.
    """
    this, before = [0] * HOURS, [0] * HOURS
    for quarter, count in starts.items():
        at_ms = quarter * QUARTER_MS
        for hours, (start_ms, end_ms) in ((this, week), (before, previous)):
            if start_ms <= at_ms < end_ms:
                hours[_hour_of_week(at_ms, start_ms, timezone)] += count
    last = _hour_of_week(min(max(now_ms, week[0]), week[1] - 1), week[0], timezone)
    return WeekCurve(this=tuple(accumulate(this[: last + 1])), previous=tuple(accumulate(before)))


def previous_week_by_now(
    starts: Mapping[tuple[str, int], int], week: tuple[int, int], previous: tuple[int, int], timezone: str, now_ms: int
) -> Mapping[str, int]:
    """The runs of each project in the previous week up to the same local moment, to the quarter of an hour.

    `starts` counts them by project and the quarter of an hour of their start; a project without any is absent.
    """
    then_ms = same_moment(now_ms, week, previous, timezone)
    found: Counter[str] = Counter()
    for (project_id, quarter), count in starts.items():
        if previous[0] <= quarter * QUARTER_MS < then_ms:
            found[project_id] += count
    return found


def _hour_of_week(at_ms: int, start_ms: int, timezone: str) -> int:
    zone = ZoneInfo(timezone)
    at, start = (datetime.fromtimestamp(one / 1000, zone) for one in (at_ms, start_ms))
    return (at.date() - start.date()).days * 24 + at.hour
