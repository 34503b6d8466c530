"""The calendar week of a time zone: 167, 168 or 169 hours from its first local midnight to the next one's."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


def week_bounds(now_ms: int, timezone: str, starts: int) -> tuple[int, int]:
    """Start and end (exclusive), in epoch milliseconds, of the week that holds this instant.

    `starts` is the first day of the week, Monday 0 to Sunday 6; `timezone` an IANA name.
    """
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    first = today - timedelta(days=(today.weekday() - starts) % 7)
    return midnight_ms(first, zone), midnight_ms(first + timedelta(days=7), zone)


def previous_week_bounds(now_ms: int, timezone: str, starts: int) -> tuple[int, int]:
    """Start and end (exclusive), in epoch milliseconds, of the week before the one that holds this instant."""
    start_ms, _ = week_bounds(now_ms, timezone, starts)
    return week_bounds(start_ms - 1, timezone, starts)


@lru_cache(maxsize=2_000)  # the same few weeks and months are wanted at each request, and at each step of the past
def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """When the day begins."""
    return round(datetime.combine(day, time(), zone).timestamp() * 1000)
