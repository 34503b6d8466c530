"""The course of a budget through its period, against sums over single runs."""

import msgspec
import pytest
from test_insight_budgets import NOW, RUNS, THIS_WEEK, WEEK, Spent, ms, runs

from exporter.insight.budget_by_hour import budget_curve
from exporter.insight.budgets import budget_status
from exporter.insight.run_usage import Tally

HOUR_MS = 3_600_000


def test_it_adds_up_by_the_hour_and_ends_with_what_is_used():
    spent = runs("2026-11-16T00:59", "2026-11-16T01:00", "2026-11-18T12:00", "2026-11-18T12:01")

    found = budget_curve(RUNS, spent, WEEK, NOW).this

    assert list(found) == list(range(2 * 24 + 12 + 1))
    assert [found[hour] for hour in (0, 1, 2, 59, 60)] == [1, 2, 2, 2, 4]
    assert found[60] == budget_status(RUNS, spent, WEEK, NOW).used


def test_the_period_before_is_whole_and_at_the_same_moments():
    spent = runs("2026-11-09T00:30", "2026-11-15T23:59", "2026-11-16T00:00")

    found = budget_curve(RUNS, spent, WEEK, NOW).previous

    assert list(found) == list(range(168))
    assert (found[0], found[166], found[167]) == (1, 1, 2)


def test_what_is_expected_leads_from_what_is_used_to_the_forecast():
    starts = ("2026-11-11T12:30", "2026-11-11T18:00", "2026-11-14T09:00", "2026-11-17T09:00")
    spent = runs(*starts, born_ms=ms("2026-11-08"))

    found = budget_curve(RUNS, spent, WEEK, NOW).expected

    assert list(found) == list(range(60, 168))
    assert [found[hour] for hour in (60, 65, 66, 130)] == [2, 2, 3, 4]
    assert found[167] == budget_status(RUNS, spent, WEEK, NOW).forecast


@pytest.mark.parametrize(
    ("known", "empty"),
    [
        ({"known_from_ms": THIS_WEEK + 1}, {"this", "previous", "expected"}),
        ({"known_from_ms": THIS_WEEK}, {"previous", "expected"}),
        ({"born_ms": THIS_WEEK}, {"expected"}),
    ],
)
def test_what_is_not_known_is_empty(known, empty):
    found = budget_curve(RUNS, runs("2026-11-17T09:00", **known), WEEK, NOW)

    assert {name for name in ("this", "previous", "expected") if not getattr(found, name)} == empty


def test_an_hour_that_comes_twice_is_one_and_one_that_is_skipped_adds_nothing():
    first = ms("2026-10-25T02:30")
    twice = Spent(Tally([(first, 1), (first + HOUR_MS, 1)]))
    skipped = runs("2026-03-29T01:30", "2026-03-29T03:30")

    autumn = budget_curve(RUNS, twice, WEEK, ms("2026-10-25T23:30")).this
    spring = budget_curve(RUNS, skipped, WEEK, ms("2026-03-29T23:30")).this

    assert [autumn[6 * 24 + hour] for hour in (1, 2, 3, 23)] == [0, 2, 2, 2]
    assert [spring[6 * 24 + hour] for hour in (1, 2, 3, 23)] == [1, 1, 2, 2]
    assert len(autumn) == len(spring) == 168


def test_of_a_month_each_sixth_hour_with_as_many_days_to_come_as_the_month_before():
    monthly = msgspec.structs.replace(RUNS, period="month")
    spent = runs("2026-10-31T23:00", "2026-10-02T03:00")

    found = budget_curve(monthly, spent, WEEK, NOW)

    assert list(found.previous) == list(range(5, 30 * 24, 6))
    assert (found.previous[5], found.previous[30 * 24 - 1]) == (1, 2)
    assert max(found.this) == 17 * 24 + 17


def test_of_the_bill_a_point_a_day_with_seats_from_the_first_moment_on():
    bill = msgspec.structs.replace(RUNS, unit="bill_usd")
    spent = Spent(Tally([(ms("2026-11-17T09:00"), 2_000_000)]))

    found = budget_curve(bill, spent, WEEK, NOW, ahead=5_000_000, previous_ahead=3_000_000)

    assert found.this == {23: 5, 47: 7, 71: 7}
    assert set(found.previous.values()) == {3}
    assert found.expected[167] == 7
