"""Start minutes that are moved: cadences stay, peaks never rise."""

from itertools import pairwise

import pytest
from helpers.sizes import size
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.facts import Schedule
from exporter.insight.savings.stagger import Slot, peak_of, stagger
from exporter.insight.schedule_firings import WEEK_MS, firings

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
START_MS = 1_794_999_600_000 // HOUR_MS * HOUR_MS
END_MS = START_MS + WEEK_MS

MINUTES = st.integers(0, 59)
CRONS = st.one_of(
    st.builds("{} * * * *".format, MINUTES),
    st.builds("{} {} * * *".format, st.sampled_from((0, 0, 0, 30)), st.sampled_from((6, 6, 6, 7, 23))),
    st.builds("{} {} * * {}".format, MINUTES, st.integers(0, 23), st.integers(0, 6)),
    st.builds("{} 8-18 * * 1-5".format, MINUTES),
    st.builds("{} */3 * * *".format, MINUTES),
    st.builds("{} 6 {} * *".format, MINUTES, st.integers(1, 28)),
    st.sampled_from(("*/15 * * * *", "0,30 6 * * *", "nonsense", "61 6 * * *")),
)
SLOTS = st.lists(
    st.builds(
        Slot,
        st.builds(
            Schedule,
            cadence=st.just("custom"),
            enabled=st.just(True),
            cron=st.one_of(CRONS, CRONS, st.none()),
            timezone=st.sampled_from(("UTC", "UTC", "+01:00", "+05:30", "-05:00")),
        ),
        st.integers(1, 90 * MINUTE_MS),
    ),
    max_size=12,
)


def daily(hour: int, minute: int, minutes: int) -> Slot:
    schedule = Schedule(cadence="daily", enabled=True, cron=f"{minute} {hour} * * *")
    return Slot(schedule, minutes * MINUTE_MS)


def after(slots, moved):
    return [slot._replace(schedule=moved.get(number, slot.schedule)) for number, slot in enumerate(slots)]


@pytest.mark.slow
@settings(max_examples=size(30, 200), deadline=None)
@given(slots=SLOTS, limit=st.integers(1, 4))
def test_no_peak_rises_and_what_is_told_is_true(slots, limit):
    before, reported, moved, meeting = stagger(slots, limit, START_MS, END_MS)

    assert before == peak_of(slots, START_MS, END_MS)
    assert reported == peak_of(after(slots, moved), START_MS, END_MS)
    assert reported < before if moved else reported == before
    assert set(moved) <= set(meeting)
    assert bool(meeting) == (before > limit)


@pytest.mark.slow
@settings(max_examples=size(30, 200), deadline=None)
@given(slots=SLOTS, limit=st.integers(1, 3))
def test_every_cadence_stays(slots, limit):
    for number, schedule in stagger(slots, limit, START_MS, END_MS).moved.items():
        old = slots[number].schedule
        shift = (int(schedule.cron.split()[0]) - int(old.cron.split()[0])) * MINUTE_MS
        # A day more on either side, so that no firing is cut off by the border of the week.
        moved = firings(schedule, START_MS - WEEK_MS + shift, END_MS + shift)

        assert (old.cadence, old.timezone, old.enabled) == (schedule.cadence, schedule.timezone, schedule.enabled)
        assert old.cron.split()[1:] == schedule.cron.split()[1:]
        assert shift != 0
        assert moved == tuple(at_ms + shift for at_ms in firings(old, START_MS - WEEK_MS, END_MS))
        assert [late - early for early, late in pairwise(moved)] == [
            late - early for early, late in pairwise(firings(old, START_MS - WEEK_MS, END_MS))
        ]


def test_four_at_six_are_spread_so_that_one_runs_at_a_time():
    slots = [daily(6, 0, 4) for _ in range(4)]

    staggered = stagger(slots, 1, START_MS, END_MS)

    assert (staggered.before, staggered.after) == (4, 1)
    assert sorted(int(schedule.cron.split()[0]) for schedule in staggered.moved.values()) == [4, 8, 12]


def test_only_as_many_move_as_it_takes():
    staggered = stagger([daily(6, 0, 4) for _ in range(4)], 3, START_MS, END_MS)

    assert (staggered.before, staggered.after, len(staggered.moved)) == (4, 3, 1)


def test_those_that_do_not_meet_stay_where_they_are():
    slots = [daily(6, 0, 4), daily(6, 0, 4), daily(9, 0, 4)]

    staggered = stagger(slots, 1, START_MS, END_MS)

    assert staggered.meeting == (0, 1)
    assert len(staggered.moved) == 1


def test_what_runs_for_longer_than_the_hour_cannot_be_spread_within_it():
    staggered = stagger([daily(6, 0, 70) for _ in range(3)], 1, START_MS, END_MS)

    assert (staggered.before, staggered.after, staggered.moved) == (3, 3, {})


def test_a_peak_that_is_borne_moves_nothing():
    assert stagger([daily(6, 0, 4) for _ in range(3)], 3, START_MS, END_MS) == (3, 3, {}, ())
