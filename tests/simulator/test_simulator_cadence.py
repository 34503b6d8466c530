"""Schedules: what is listed, and when they fall due; checked against cron."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.simulator.cadence import Cadence, cadences
from exporter.simulator.event_times import DAY_MS, WEEK_MS

MONDAY_MS = int(datetime(2026, 11, 16, tzinfo=UTC).timestamp() * 1000)

EXPRESSIONS = {
    "HOURLY": "{minute} * * * *",
    "DAILY": "{minute} {hour} * * *",
    "WEEKLY": "{minute} {hour} * * {cron_day}",
    "MONTHLY": "{minute} {hour} {day} * *",
}


def by_cron(expression: str, offset_minutes: int, start_ms: int, end_ms: int) -> list[int]:
    zone = timezone(timedelta(minutes=offset_minutes))
    found = []
    for firing in CronSim(expression, datetime.fromtimestamp(start_ms / 1000 - 1, zone)):
        at_ms = int(firing.timestamp() * 1000)
        if at_ms >= end_ms:
            return found
        if at_ms >= start_ms:
            found.append(at_ms)
    return found


class TestDue:
    @settings(max_examples=60)
    @given(
        kind=st.sampled_from(sorted(EXPRESSIONS)),
        minute=st.integers(0, 59),
        hour=st.integers(0, 23),
        weekday=st.integers(0, 6),
        day=st.integers(1, 28),
        offset_minutes=st.sampled_from([-480, -300, 0, 60, 330, 765]),
        shift_ms=st.integers(0, 60 * DAY_MS),
    )
    def test_each_cadence_falls_due_when_cron_says_so(self, kind, minute, hour, weekday, day, offset_minutes, shift_ms):
        cadence = Cadence(kind=kind, minute=minute, hour=hour, weekday=weekday, day=day, offset_minutes=offset_minutes)
        expression = EXPRESSIONS[kind].format(minute=minute, hour=hour, day=day, cron_day=(weekday + 1) % 7)
        start_ms = MONDAY_MS + shift_ms
        end_ms = start_ms + (40 * DAY_MS if kind == "MONTHLY" else 2 * WEEK_MS if kind == "WEEKLY" else 3 * DAY_MS)

        assert list(cadence.due(start_ms, end_ms)) == by_cron(expression, offset_minutes, start_ms, end_ms)

    def test_custom_cron_is_due_in_its_own_zone(self):
        cadence = Cadence(kind="CUSTOM", cron="30 6 * * 1-5", offset_minutes=-300)

        due = [datetime.fromtimestamp(at_ms / 1000, UTC) for at_ms in cadence.due(MONDAY_MS, MONDAY_MS + WEEK_MS)]

        assert [(at.weekday(), at.hour, at.minute) for at in due] == [(day, 11, 30) for day in range(5)]

    def test_the_start_belongs_to_the_range_and_the_end_does_not(self):
        cadence = Cadence(kind="DAILY", hour=6)
        six_ms = MONDAY_MS + 6 * 3_600_000

        assert list(cadence.due(six_ms, six_ms + DAY_MS)) == [six_ms]


class TestEntry:
    @pytest.mark.parametrize(
        ("kind", "used"),
        [
            ("HOURLY", {"timezone": "+05:30", "minute": 7}),
            ("DAILY", {"timezone": "+05:30", "minute": 7, "hour": 8}),
            ("WEEKLY", {"timezone": "+05:30", "minute": 7, "hour": 8, "dayOfWeek": "TUESDAY"}),
            ("MONTHLY", {"timezone": "+05:30", "minute": 7, "hour": 8, "day": 9}),
            ("CUSTOM", {"timezone": "+05:30", "cron": "1 2 * * *"}),
        ],
    )
    def test_only_the_part_in_use_is_filled(self, kind, used):
        entry = Cadence(kind=kind, minute=7, hour=8, weekday=1, day=9, cron="1 2 * * *", offset_minutes=330).entry()

        parts = {name: entry[name] for name in ("hourly", "daily", "weekly", "monthly", "custom")}
        assert entry["cadence"] == kind
        assert parts.pop(kind.lower()) == used
        assert set(parts.values()) == {None}

    @pytest.mark.parametrize(("minutes", "text"), [(0, "+00:00"), (60, "+01:00"), (-300, "-05:00"), (-210, "-03:30")])
    def test_the_zone_is_an_offset(self, minutes, text):
        assert Cadence(kind="DAILY", offset_minutes=minutes).designator == text


class TestPlans:
    def test_a_plan_may_have_several_schedules(self):
        first, second = cadences("daily@07:15;!weekly", 20, 3, 60)

        assert (first.kind, first.hour, first.minute, first.is_enabled) == ("DAILY", 7, 15, True)
        assert (second.kind, second.minute, second.is_enabled) == ("WEEKLY", 20, False)

    def test_cron_may_contain_an_asterisk_and_spaces(self):
        (cadence,) = cadences("cron:20 */3 * * *", 0, 0, 0)

        assert (cadence.kind, cadence.cron) == ("CUSTOM", "20 */3 * * *")

    def test_no_plan_is_no_schedule(self):
        assert cadences("", 0, 0, 0) == ()
