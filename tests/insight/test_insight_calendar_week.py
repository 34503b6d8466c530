"""The week that budgets and weekly gauges are counted in."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.insight.calendar_week import previous_week_bounds, week_bounds

HOUR_MS = 3_600_000


def ms(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def test_week_starts_on_the_configured_day_at_local_midnight():
    start, end = week_bounds(ms("2026-11-18T10:00", "Europe/Zurich"), "Europe/Zurich", 0)

    assert start == ms("2026-11-16T00:00", "Europe/Zurich")
    assert end == ms("2026-11-23T00:00", "Europe/Zurich")


def test_sunday_weeks_start_on_sunday():
    assert week_bounds(ms("2026-11-18T10:00"), "UTC", 6)[0] == ms("2026-11-15T00:00")


@pytest.mark.parametrize(("day", "hours"), [("2026-10-22", 169), ("2026-03-25", 167), ("2026-11-18", 168)])
def test_week_with_a_clock_change_has_167_or_169_hours(day, hours):
    start, end = week_bounds(ms(f"{day}T12:00", "Europe/Zurich"), "Europe/Zurich", 0)

    assert (end - start) / HOUR_MS == hours


def test_week_crosses_the_turn_of_the_year():
    start, end = week_bounds(ms("2026-12-31T23:59"), "UTC", 0)

    assert datetime.fromtimestamp(start / 1000, UTC).date().isoformat() == "2026-12-28"
    assert datetime.fromtimestamp(end / 1000, UTC).date().isoformat() == "2027-01-04"


ZONES = st.sampled_from(["UTC", "Europe/Zurich", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"])


@settings(max_examples=200, deadline=None)
@given(now=st.integers(ms("2000-01-01"), ms("2037-12-01")), zone=ZONES, starts=st.integers(0, 6))
def test_weeks_hold_their_instant_and_join_without_a_gap(now, zone, starts):
    start, end = week_bounds(now, zone, starts)

    assert start <= now < end
    assert previous_week_bounds(now, zone, starts)[1] == start
