"""How a budget stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from exporter.config import Budget, Week
from exporter.insight.budgets import budget_status
from exporter.insight.forecast import forecast
from exporter.insight.run_usage import Tally

ZONE = ZoneInfo("Europe/Zurich")
WEEK = Week(timezone="Europe/Zurich")
RUNS = Budget(name="runs", unit="runs", limit=500)


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


@dataclass
class Spent:
    tally: Tally
    known_from_ms: int = 0
    born_ms: int = 0

    def between(self, start_ms, end_ms):
        return self.tally.between(start_ms, end_ms)

    def is_known_from(self, start_ms):
        return start_ms >= self.known_from_ms

    def existed_by(self, at_ms):
        return self.born_ms <= at_ms


def runs(*starts: str, **known: int) -> Spent:
    return Spent(Tally((ms(start), 1) for start in starts), **known)


NOW = ms("2026-11-18T12:00")
THIS_WEEK = ms("2026-11-16")


class TestUsed:
    def test_counts_from_the_first_instant_of_the_period_to_its_last(self):
        spent = runs("2026-11-15T23:59", "2026-11-16T00:00", "2026-11-18T12:01", "2026-11-22T23:59", "2026-11-23T00:00")

        assert budget_status(RUNS, spent, WEEK, NOW).used == 3

    def test_starts_again_with_the_period(self):
        spent = runs("2026-11-22T23:59")

        assert budget_status(RUNS, spent, WEEK, ms("2026-11-22T23:59:59")).used == 1
        assert budget_status(RUNS, spent, WEEK, ms("2026-11-23T00:00")).used == 0
        assert budget_status(RUNS, spent, WEEK, ms("2026-11-23T00:00")).previous_used == 1

    def test_is_in_the_unit_of_the_budget(self):
        budget = Budget(name="m", unit="compute_minutes", limit=5)

        assert budget_status(budget, Spent(Tally([(NOW, 90_000)])), WEEK, NOW).used == 1.5

    def test_months_are_calendar_months(self):
        budget = Budget(name="m", unit="runs", limit=5, period="month")

        now = budget_status(budget, runs("2026-10-31T23:00", "2026-11-01T00:00", "2026-11-02T00:00"), WEEK, NOW)

        assert (now.used, now.previous_used, now.period) == (2, 1, (ms("2026-11-01"), ms("2026-12-01")))


class TestKnowledge:
    def test_nothing_is_said_of_a_period_that_is_not_wholly_known(self):
        now = budget_status(RUNS, runs("2026-11-17T00:00", known_from_ms=THIS_WEEK + 1), WEEK, NOW)

        assert (now.used, now.previous_used, now.forecast, now.recent) == (None, None, None, ())

    def test_each_figure_needs_its_own_time_alone(self):
        now = budget_status(RUNS, runs("2026-11-17T00:00", known_from_ms=THIS_WEEK), WEEK, NOW)

        assert (now.used, now.previous_used, now.forecast) == (1, None, None)
        assert now.windows["1h"] == (0, None)
        assert now.windows["7d"] == (None, None)

    def test_without_prices_there_is_a_period_and_no_figure(self):
        now = budget_status(RUNS, None, WEEK, NOW)

        assert (now.used, now.forecast, now.period[0]) == (None, None, THIS_WEEK)
        assert set(now.windows) == {"1h", "6h", "7d"}

    def test_a_week_before_anything_existed_tells_nothing(self):
        spent = runs("2026-11-17T00:00", "2026-11-12T00:00", born_ms=ms("2026-11-11"))

        assert budget_status(RUNS, spent, WEEK, NOW).forecast is None
        assert budget_status(RUNS, spent, WEEK, NOW).previous_used == 1


class TestForecast:
    def test_is_used_plus_the_median_of_what_was_added(self):
        assert forecast(10, [5]) == 15
        assert forecast(10, [5, 100]) == 62.5
        assert forecast(10, [5, 6, 1000]) == 16
        assert forecast(10, [5, 6, 8, 1000]) == 17

    def test_without_an_earlier_week_there_is_none(self):
        assert forecast(10, []) is None

    def test_adds_what_four_weeks_had_after_this_moment(self):
        """Weeks 1 to 4 ago had 1, 2, 3 and 40 runs on Wednesday afternoon, all of them ten in the morning."""
        starts = ["2026-11-17T09:00"]
        for back, count in enumerate((1, 2, 3, 40), start=1):
            wednesday = datetime.fromisoformat("2026-11-18") - timedelta(weeks=back)
            starts += [f"{wednesday.date()}T13:00"] * count + [f"{wednesday.date()}T11:00"] * 10

        assert budget_status(RUNS, runs(*starts), WEEK, NOW).forecast == 1 + 2.5

    def test_takes_the_weeks_that_are_known(self):
        spent = runs("2026-11-11T13:00", "2026-11-04T13:00", "2026-11-04T13:00", known_from_ms=ms("2026-11-09"))

        assert budget_status(RUNS, spent, WEEK, NOW).forecast == 1

    @pytest.mark.parametrize("now", ["2026-10-26T09:00:01", "2026-10-26T09:30", "2026-10-26T09:59"])
    def test_goes_by_the_wall_clock_in_the_week_after_a_clock_change(self, now):
        """Runs at nine, local time: once this Monday's is there, last Monday's is no longer to come."""
        starts = [f"2026-10-{day}T09:00" for day in range(19, 27)]
        spent = runs(*starts, known_from_ms=ms("2026-10-19"))

        assert budget_status(RUNS, spent, WEEK, ms(now)).forecast == 7

    @pytest.mark.slow
    def test_raises_no_alarm_in_a_healthy_office_hours_week(self):
        starts = [
            f"{(datetime(2026, 10, 5) + timedelta(days=day)).date()}T{hour:02}:15"
            for day in range(49)
            if day % 7 < 5
            for hour in range(8, 18)
        ]
        budget = Budget(name="runs", unit="runs", limit=52)

        for hours in range(1, 168):
            at_ms = THIS_WEEK + hours * 3_600_000
            seen = Spent(Tally((ms(start), 1) for start in starts if ms(start) < at_ms))
            now = budget_status(budget, seen, WEEK, at_ms)
            assert now.forecast == 50


class TestWindows:
    def test_roll_and_look_a_week_back(self):
        spent = runs("2026-11-18T11:30", "2026-11-18T07:00", "2026-11-11T11:30", "2026-11-11T12:00", "2026-11-04T12:00")

        windows = budget_status(RUNS, spent, WEEK, NOW).windows

        assert windows["1h"] == (1, 1)
        assert windows["6h"] == (2, 1)
        assert windows["7d"] == (3, 2)

    @pytest.mark.parametrize(
        ("now", "before"),
        [
            ("2026-11-18T12:00", "2026-11-11T11:30"),
            ("2026-10-28T12:00", "2026-10-21T11:30"),  # the clocks went back on the 25th
            ("2026-04-01T12:00", "2026-03-25T11:30"),  # and forward on 29 March
        ],
    )
    def test_look_back_to_the_same_local_hour(self, now, before):
        """A schedule of the zone is as it was a week ago, also in the week after a clock change."""
        at = datetime.fromisoformat(now)
        spent = runs((at - timedelta(minutes=30)).isoformat(), before)

        windows = budget_status(RUNS, spent, WEEK, ms(now)).windows

        assert (windows["1h"], windows["6h"]) == ((1, 1), (1, 1))


def test_recent_periods_are_told_the_latest_first():
    spent = runs("2026-11-10T00:00", "2026-11-11T00:00", "2026-11-03T00:00", known_from_ms=ms("2026-11-02"))

    assert budget_status(RUNS, spent, WEEK, NOW).recent == (2, 1)


@pytest.mark.parametrize("unit", ["runs", "usd", "compute_minutes", "ai_credits"])
def test_every_unit_has_a_size(unit):
    assert budget_status(Budget(name="a", unit=unit, limit=1), runs(), WEEK, NOW).used == 0
