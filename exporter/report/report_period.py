"""Which period a report is of: a week, a month, or some days in a row, and which it is compared with."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from exporter.config import PeriodKind, Week
from exporter.errors import ConfigError, ConfigProblem
from exporter.insight import Period, local_day, midnight_ms, period_at, period_before

_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_NOON_MS = 43_200_000  # days begin at midnight, and clocks change before noon

_A_WEEK = "write a week such as 2026-W47 or a day such as 2026-11-18"
_A_MONTH = "write a month such as 2026-10"
_A_DAY = "write a day such as 2026-11-18"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPeriod:
    """What was requested, as it was written: at most one of a week, a month, and a first day (with a last one).

    Nothing: the current week, or with `wants_whole` the last period that is over.
    """

    week: str | None = None
    month: str | None = None
    first: str | None = None
    until: str | None = None
    wants_whole: bool = False


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """A period, the one it is compared with, and what both are called: `week`, `month` or `period`."""

    period: Period
    before: Period
    noun: str


def report_period(wanted: WantedPeriod, week: Week, now_ms: int) -> ReportPeriod:
    """The period in the zone of the configured week. Raises ConfigError for one that is not, or has not begun."""
    if wanted.first is not None or wanted.until is not None:
        return _days(wanted, week, now_ms)
    if wanted.month is not None:
        found = _MONTH.fullmatch(wanted.month)
        day = None if found is None else _day_of(f"{wanted.month}-01")
        period = _holding(day, "--month", wanted.month, _A_MONTH, "month", week)
        _refuse_future(period, "--month", wanted.month, "this month", now_ms)
        return ReportPeriod(period, period_before(period, "month", week), "month")
    if wanted.week is None:
        period = period_at(now_ms, "week", week)
        period = period_before(period, "week", week) if wanted.wants_whole else period
    else:
        iso = _WEEK.fullmatch(wanted.week)
        day = _monday(int(iso[1]), int(iso[2])) if iso else _day_of(wanted.week)
        period = _holding(day, "--week", wanted.week, _A_WEEK, "week", week)
        _refuse_future(period, "--week", wanted.week, "this week", now_ms)
    return ReportPeriod(period, period_before(period, "week", week), "week")


def _days(wanted: WantedPeriod, week: Week, now_ms: int) -> ReportPeriod:
    """From the first day to the last, both included, beside as many days before them."""
    if wanted.first is None:
        raise ConfigError(ConfigProblem("--to", f"there is no first day; add --from, {_A_DAY}"))
    zone = ZoneInfo(week.timezone)
    today = local_day(now_ms, week.timezone)
    first, last = _given_day("--from", wanted.first), today
    if wanted.until is not None:
        last = _given_day("--to", wanted.until)
    if first > today:
        raise ConfigError(ConfigProblem("--from", f"{wanted.first!r} has not begun; write today or an earlier day"))
    if last < first:
        problem = f"{wanted.until!r} is before --from {wanted.first}; write that day or a later one"
        raise ConfigError(ConfigProblem("--to", problem))
    if last > today:
        raise ConfigError(ConfigProblem("--to", f"{wanted.until!r} has not begun; write today or an earlier day"))
    start, end = midnight_ms(first, zone), midnight_ms(last + timedelta(days=1), zone)
    length = (last - first).days + 1
    return ReportPeriod((start, end), (midnight_ms(first - timedelta(days=length), zone), start), "period")


def _given_day(option: str, text: str) -> date:
    day = _day_of(text)
    if day is None or day < date(1971, 1, 1):
        raise ConfigError(ConfigProblem(option, f"{text!r} is not valid; {_A_DAY}"))
    return day


def _holding(day: date | None, option: str, text: str, remedy: str, kind: PeriodKind, week: Week) -> Period:
    """The period that holds the day: an ISO week stands for the one that holds its Monday."""
    invalid = ConfigError(ConfigProblem(option, f"{text!r} is not valid; {remedy}"))
    if day is None:
        raise invalid
    try:
        period = period_at(midnight_ms(day, ZoneInfo(week.timezone)) + _NOON_MS, kind, week)
    except (ValueError, OverflowError):
        raise invalid from None
    if period[0] < 0:
        early = f"{text!r} is before 1970, when timestamps begin; {remedy.split(' or ')[0]}"
        raise ConfigError(ConfigProblem(option, early))
    return period


def _refuse_future(period: Period, option: str, text: str, this: str, now_ms: int) -> None:
    if period[0] > now_ms:
        raise ConfigError(ConfigProblem(option, f"{text!r} has not begun; write {this} or an earlier one"))


def _day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _monday(year: int, number: int) -> date | None:
    try:
        return date.fromisocalendar(year, number, 1)
    except ValueError:
        return None
