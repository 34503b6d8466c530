"""Rhythms: counts in closed form, office hours, and weeks that follow the local clock."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.simulator.event_times import DAY_MS, HOUR_MS, WEEK_MS, Calendar, Rhythm

NOW_MS = 1_795_000_000_000
ZURICH = Calendar("Europe/Zurich")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


class TestCalendar:
    def test_a_week_begins_on_monday_at_local_midnight(self):
        week = ZURICH.week_of(ms("2026-11-18T12:00:00+01:00"))

        assert ZURICH.start_of(week) == ms("2026-11-16T00:00:00+01:00")

    @pytest.mark.parametrize(
        ("inside", "hours"), [("2026-03-25T12:00:00+01:00", 167), ("2026-10-21T12:00:00+02:00", 169)]
    )
    def test_a_week_with_a_clock_change_has_its_own_length(self, inside, hours):
        week = ZURICH.week_of(ms(inside))

        assert ZURICH.start_of(week + 1) - ZURICH.start_of(week) == hours * HOUR_MS

    @given(st.integers(min_value=0, max_value=2_500_000_000_000))
    def test_every_instant_lies_in_its_week(self, at_ms):
        week = ZURICH.week_of(at_ms)

        assert ZURICH.start_of(week) <= at_ms < ZURICH.start_of(week + 1)


class TestRhythm:
    @settings(max_examples=40)
    @given(
        per_week=st.floats(min_value=0.02, max_value=80),
        start_ms=st.integers(min_value=NOW_MS - 60 * WEEK_MS, max_value=NOW_MS),
        length_ms=st.integers(min_value=0, max_value=5 * WEEK_MS),
    )
    def test_the_closed_form_counts_what_is_there(self, per_week, start_ms, length_ms):
        """However long ago a rhythm began, its count is the number of its instants."""
        rhythm = Rhythm(ZURICH, per_week, 1, "law", since_ms=NOW_MS - 80 * WEEK_MS)
        end_ms = start_ms + length_ms
        weeks = range(ZURICH.week_of(start_ms), ZURICH.week_of(end_ms) + 1)

        instants = [at_ms for week in weeks for at_ms in rhythm.of_week(week) if start_ms < at_ms <= end_ms]

        assert rhythm.count_between(start_ms, end_ms) == len(instants)
        assert instants == sorted(instants)

    def test_backwards_numbers_every_event_down_to_the_first(self):
        rhythm = Rhythm(ZURICH, 5.0, 1, "x", since_ms=NOW_MS - 10 * WEEK_MS)

        events = list(rhythm.backwards(NOW_MS))

        assert [ordinal for ordinal, _ in events] == list(range(len(events), 0, -1))
        assert rhythm.count(NOW_MS) == len(events)
        assert all(later > earlier for (_, later), (_, earlier) in pairwise(events))

    def test_it_keeps_its_rate_over_a_year(self):
        rhythm = Rhythm(ZURICH, 12.0, 1, "rate", since_ms=NOW_MS - 60 * WEEK_MS)

        assert rhythm.count_between(NOW_MS - 52 * WEEK_MS, NOW_MS) == pytest.approx(52 * 12, rel=0.03)

    def test_it_stops_when_told_to(self):
        rhythm = Rhythm(ZURICH, 50.0, 1, "end", since_ms=NOW_MS - 4 * WEEK_MS, until_ms=NOW_MS - WEEK_MS)

        assert rhythm.last(NOW_MS) <= NOW_MS - WEEK_MS
        assert rhythm.count(NOW_MS) == rhythm.count(NOW_MS - WEEK_MS)

    def test_nothing_happened_before_it_began(self):
        rhythm = Rhythm(ZURICH, 50.0, 1, "begin", since_ms=NOW_MS)

        assert rhythm.last(NOW_MS) is None
        assert rhythm.count(NOW_MS - DAY_MS) == 0

    def test_people_work_in_office_hours_and_most_on_mondays(self):
        rhythm = Rhythm(ZURICH, 200.0, 1, "office", since_ms=NOW_MS - 30 * WEEK_MS)
        zone = ZoneInfo("Europe/Zurich")
        local = [datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone) for _, at_ms in rhythm.backwards(NOW_MS)]
        by_day = [sum(1 for at in local if at.weekday() == day) for day in range(7)]

        assert sum(1 for at in local if 8 <= at.hour < 18) > 0.85 * len(local)
        assert by_day[0] == max(by_day)
        assert by_day[5] + by_day[6] < 0.05 * len(local)
