"""When schedules fire, how many runs they start in a week, and which firings no run answered."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from exporter.facts import Project, Schedule

ALLOWED_DELAY_MS = 12 * 60_000
"""A scheduled run may start ten minutes late (Hex, scheduled runs); two more for clocks that differ."""

ALLOWED_EARLY_MS = 60_000
"""How much before its firing a run may seem to start, for clocks that differ."""

WEEK_MS = 7 * 24 * 3_600_000

_MOST_FIRINGS = 20_000
_OFFSET = re.compile(r"^(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?$")


def zone_of(name: str) -> tzinfo | None:
    """The time zone that Hex names, an offset such as `+08:00` or an IANA name; None if it is neither."""
    if name.upper() in {"", "Z", "UTC", "GMT"}:
        return UTC
    if offset := _OFFSET.match(name):
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes >= 24 * 60:
            return None
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=8192)
def firings(schedule: Schedule, start_ms: int, end_ms: int) -> tuple[int, ...]:
    """The instants, in epoch milliseconds, at which a schedule is due in [start, end), whether enabled or not.

    Empty for an expression or a zone that cannot be understood; at most 20,000 (a week of minutes is 10,080).
    """
    found: list[int] = []
    ticks = _ticks(schedule, start_ms - 1000)
    for tick in ticks:
        at_ms = round(tick.timestamp() * 1000)
        if at_ms >= end_ms or len(found) == _MOST_FIRINGS:
            break
        if at_ms >= start_ms:
            found.append(at_ms)
    return tuple(found)


def next_firing(schedule: Schedule, after_ms: int) -> int | None:
    """The first instant after this one at which an enabled schedule is due; None if there is none."""
    if not schedule.enabled:
        return None
    tick = next(iter(_ticks(schedule, after_ms)), None)
    return None if tick is None else round(tick.timestamp() * 1000)


def project_firings(project: Project, start_ms: int, end_ms: int) -> list[int]:
    """Every firing of the enabled schedules of a published project in [start, end), in order.

    Schedules of archived or unpublished projects do not run (Hex, scheduled runs).
    """
    if project.state != "published":
        return []
    return sorted(
        at_ms for schedule in project.schedules if schedule.enabled for at_ms in firings(schedule, start_ms, end_ms)
    )


def replaced_firings(project: Project, start_ms: int, end_ms: int) -> list[int]:
    """Every firing of the project's schedules in [start, end), enabled or not: what they would start if they were."""
    return sorted(at_ms for schedule in project.schedules for at_ms in firings(schedule, start_ms, end_ms))


def scheduled_week_runs(project: Project, week_start_ms: int) -> int:
    """How many runs the project's enabled schedules start in the 168 hours from this instant."""
    return len(project_firings(project, week_start_ms, week_start_ms + WEEK_MS))


def missed_firings(due_ms: Iterable[int], started_ms: Sequence[int]) -> int:
    """How many firings no run answered within the allowed delay; each run answers one firing at the most.

    Firings of several schedules at one instant count once: whether Hex starts one run then or several is not known.
    """
    starts = sorted(started_ms)
    missed = 0
    position = 0
    for due in sorted(set(due_ms)):
        position = bisect_left(starts, due - ALLOWED_EARLY_MS, lo=position)
        if position < len(starts) and starts[position] <= due + ALLOWED_DELAY_MS:
            position += 1
        else:
            missed += 1
    return missed


def _ticks(schedule: Schedule, after_ms: int) -> Iterable[datetime]:
    zone = zone_of(schedule.timezone)
    if schedule.cron is None or zone is None or len(schedule.cron.split()) != 5:
        return ()
    try:
        return CronSim(schedule.cron, datetime.fromtimestamp(after_ms / 1000, zone))
    except (CronSimError, ValueError, OverflowError):
        return ()
