"""Weeks and months of a zone, and the same local moment in an earlier one."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import Week
from exporter.insight.calendar_period import days_in_month, days_of, period_at, period_before, same_moment

ZURICH = Week(timezone="Europe/Zurich")
HOUR_MS = 3_600_000


def ms(text: str, zone: str = "Europe/Zurich") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def test_a_month_begins_and_ends_at_local_midnight():
    assert period_at(ms("2026-10-31T23:59"), "month", ZURICH) == (ms("2026-10-01"), ms("2026-11-01"))


def test_december_ends_with_the_year():
    assert period_at(ms("2026-12-31T12:00"), "month", ZURICH) == (ms("2026-12-01"), ms("2027-01-01"))


def test_the_period_before_ends_where_this_one_starts():
    march = period_at(ms("2027-03-15"), "month", ZURICH)

    assert period_before(march, "month", ZURICH) == (ms("2027-02-01"), ms("2027-03-01"))


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-10-28T14:30", "2026-10-21T14:30"),  # the week of the 19th ended with an hour more
        ("2026-10-25T01:30", "2026-10-18T01:30"),
        ("2026-04-01T09:00", "2026-03-25T09:00"),  # the week of 23 March lost an hour on its Sunday
        ("2027-01-01T00:00", "2026-12-25T00:00"),
    ],
)
def test_the_same_moment_is_the_same_weekday_and_wall_clock(now, then):
    week = period_at(ms(now), "week", ZURICH)

    assert same_moment(ms(now), week, period_before(week, "week", ZURICH), "Europe/Zurich") == ms(then)


def test_the_same_moment_of_a_month_leaves_as_many_days():
    march, february = (period_at(ms(day), "month", ZURICH) for day in ("2027-03-20", "2027-02-01"))

    assert same_moment(ms("2027-03-20T08:00"), march, february, "Europe/Zurich") == ms("2027-02-17T08:00")


def test_a_month_that_is_too_short_is_taken_whole():
    march, february = (period_at(ms(day), "month", ZURICH) for day in ("2027-03-01", "2027-02-01"))

    assert same_moment(ms("2027-03-01T08:00"), march, february, "Europe/Zurich") == february[0]


def test_the_days_of_a_week_with_a_clock_change_are_seven():
    week = period_at(ms("2026-10-25T12:00"), "week", ZURICH)

    assert (week[1] - week[0]) / HOUR_MS == 169
    assert list(days_of(week, "Europe/Zurich")) == [date(2026, 10, day) for day in range(19, 26)]


@pytest.mark.parametrize(("day", "days"), [("2027-02-14", 28), ("2028-02-29", 29), ("2026-12-01", 31)])
def test_months_have_their_days(day, days):
    assert days_in_month(date.fromisoformat(day)) == days


@settings(max_examples=150, deadline=None)
@given(
    now=st.integers(ms("2020-01-01"), ms("2035-01-01")),
    zone=st.sampled_from(["UTC", "Europe/Zurich", "America/St_Johns", "Pacific/Apia"]),
    kind=st.sampled_from(["week", "month"]),
)
def test_the_same_moment_lies_in_its_period_and_moves_with_the_time(now, zone, kind):
    week = Week(timezone=zone)
    period = period_at(now, kind, week)
    earlier = period_before(period, kind, week)

    then = same_moment(now, period, earlier, zone)

    assert earlier[0] <= then <= earlier[1]
    assert then <= same_moment(min(now + 3 * HOUR_MS, period[1] - 1), period, earlier, zone) + HOUR_MS
