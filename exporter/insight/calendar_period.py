"""The calendar periods of a time zone, weeks and months, and the same moment in an earlier one."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from exporter.config import PeriodKind, Week
from exporter.insight.calendar_week import midnight_ms, week_bounds

Period = tuple[int, int]
"""Start and end (exclusive) in epoch milliseconds, both at a local midnight."""


def period_at(at_ms: int, kind: PeriodKind, week: Week) -> Period:
    """The week or month that holds this instant; `week` gives the zone, and where a week starts."""
    if kind == "week":
        return week_bounds(at_ms, week.timezone, week.starts)
    zone = ZoneInfo(week.timezone)
    first = _day(at_ms, zone).replace(day=1)
    return midnight_ms(first, zone), midnight_ms(_next_month(first), zone)


def period_before(period: Period, kind: PeriodKind, week: Week) -> Period:
    """The period that ends where this one starts."""
    return period_at(period[0] - 1, kind, week)


def months_of(period: Period, week: Week) -> list[Period]:
    """The parts of a period that lie in one calendar month each, in order."""
    parts: list[Period] = []
    start_ms = period[0]
    while start_ms < period[1]:
        end_ms = min(period_at(start_ms, "month", week)[1], period[1])
        parts.append((start_ms, end_ms))
        start_ms = end_ms
    return parts


def same_moment(now_ms: int, period: Period, earlier: Period, timezone: str) -> int:
    """The instant in an earlier period that has as many local days, and the same time of day, before its end.

    In a week that is the same weekday and wall clock time, whatever the clocks did in between. In a month it leaves
    the same number of days to come; a month that is too short for that begins there.
    """
    zone = ZoneInfo(timezone)
    now = datetime.fromtimestamp(now_ms / 1000, zone)
    days_left = _day(period[1], zone) - now.date()
    then = datetime.combine(_day(earlier[1], zone) - days_left, now.timetz())
    return min(max(round(then.timestamp() * 1000), earlier[0]), earlier[1])


def week_earlier(at_ms: int, timezone: str) -> int:
    """The instant seven local days earlier, at the same time of day whatever the clocks did in between."""
    at = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(timezone))
    then = datetime.combine(at.date() - timedelta(days=7), at.timetz())
    return round(then.timestamp() * 1000)


def days_of(period: Period, timezone: str) -> Iterator[date]:
    """The local days of a period, the first to the last."""
    zone = ZoneInfo(timezone)
    day = _day(period[0], zone)
    while midnight_ms(day, zone) < period[1]:
        yield day
        day += timedelta(days=1)


def days_in_month(day: date) -> int:
    """How many days the month of this day has."""
    first = day.replace(day=1)
    return (_next_month(first) - first).days


def local_day(at_ms: int, timezone: str) -> date:
    """The date of the zone at this instant."""
    return _day(at_ms, ZoneInfo(timezone))


def _day(at_ms: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at_ms / 1000, zone).date()


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)
