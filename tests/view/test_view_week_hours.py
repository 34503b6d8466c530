"""The curve of the week, hour by hour, in the zone's own time."""

from datetime import datetime
from zoneinfo import ZoneInfo

from exporter.insight import week_bounds
from exporter.ledger import QUARTER_MS
from exporter.view.week_hours import previous_week_by_now, week_curve

BERLIN = "Europe/Berlin"


def ms(*moment: int, fold: int = 0) -> int:
    return round(datetime(*moment, tzinfo=ZoneInfo(BERLIN), fold=fold).timestamp() * 1000)


def curve(now_ms: int, *starts_ms: int):
    week = week_bounds(now_ms, BERLIN, 0)
    previous = week_bounds(week[0] - 1, BERLIN, 0)
    starts: dict[int, int] = {}
    for at_ms in starts_ms:
        starts[at_ms // QUARTER_MS] = starts.get(at_ms // QUARTER_MS, 0) + 1
    return week_curve(starts, week, previous, BERLIN, now_ms)


def test_it_grows_with_each_run_and_ends_with_the_hour_that_is_going_on():
    found = curve(ms(2026, 11, 18, 11, 6), ms(2026, 11, 16, 0, 5), ms(2026, 11, 16, 2), ms(2026, 11, 18, 11, 1))

    assert len(found.this) == 2 * 24 + 11 + 1
    assert (found.this[0], found.this[1], found.this[2], found.this[-2], found.this[-1]) == (1, 1, 2, 2, 3)
    assert found.previous == (0,) * 168


def test_last_week_is_compared_up_to_the_same_local_moment_across_a_clock_change():
    # Clocks go back on Sunday, 25 October 2026; Monday 26 to 1 November is a week of winter time.
    before, after = ms(2026, 10, 21, 10, 50), ms(2026, 10, 21, 11, 15)
    now_ms = ms(2026, 10, 28, 11, 7)
    found = curve(now_ms, before, after)

    week = week_bounds(now_ms, BERLIN, 0)
    starts = {("p", at_ms // QUARTER_MS): 1 for at_ms in (before, after)}
    assert previous_week_by_now(starts, week, week_bounds(week[0] - 1, BERLIN, 0), BERLIN, now_ms) == {"p": 1}
    assert (found.previous[2 * 24 + 10], found.previous[2 * 24 + 11]) == (1, 2)


def test_an_hour_that_comes_twice_is_one_hour_of_the_curve():
    first, second = ms(2026, 10, 25, 2, 30), ms(2026, 10, 25, 2, 30, fold=1)
    assert second - first == 3_600_000

    found = curve(ms(2026, 10, 25, 23), first, second)

    assert len(found.this) == 168
    assert (found.this[6 * 24 + 1], found.this[6 * 24 + 2], found.this[-1]) == (0, 2, 2)


def test_an_hour_that_is_skipped_adds_nothing():
    found = curve(ms(2026, 3, 29, 12), ms(2026, 3, 29, 1, 30), ms(2026, 3, 29, 3, 30))

    assert (found.this[6 * 24 + 1], found.this[6 * 24 + 2], found.this[6 * 24 + 3]) == (1, 1, 2)
