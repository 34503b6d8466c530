"""When a source is probed next."""

import random

import pytest

from exporter.sources.probe_schedule import ProbeSchedule


@pytest.fixture
def timetable():
    return ProbeSchedule(random.Random(7))


def test_a_source_that_was_never_probed_is_due_at_once(timetable):
    assert timetable.due("k") is None

    timetable.begin("k", 300, 1000.0, None)

    assert timetable.due("k") == 1000.0


def test_the_next_probe_begins_before_the_state_is_too_old_and_not_in_step(timetable):
    waits = []
    for _ in range(200):
        timetable.succeeded("k", 300, 1000.0)
        waits.append(timetable.due("k") - 1000.0)

    assert all(200 <= wait < 270 for wait in waits)
    assert len(set(waits)) > 150


def test_after_a_restart_a_fresh_state_is_left_alone_and_an_old_one_is_not(timetable):
    timetable.begin("fresh", 300, 1000.0, 100.0)
    timetable.begin("old", 300, 1000.0, 290.0)
    timetable.begin("from the future", 300, 1000.0, -5.0)

    assert 1100.0 <= timetable.due("fresh") <= 1155.0
    assert timetable.due("old") == timetable.due("from the future") == 1000.0


def test_failures_back_off_within_bounds_and_a_success_ends_that(timetable):
    waits = []
    for _ in range(40):
        timetable.failed("k", 300, 0.0)
        waits.append(timetable.due("k"))

    assert timetable.has_failed("k")
    assert 24 <= waits[0] <= 30
    assert 48 <= waits[1] <= 60
    assert 720 <= waits[-1] <= 900
    timetable.succeeded("k", 300, 0.0)
    assert not timetable.has_failed("k")
    timetable.failed("k", 300, 0.0)
    assert timetable.due("k") <= 30


@pytest.mark.parametrize(("every", "first", "last"), [(1.0, 0.5, 900), (86_400.0, 60, 3600)])
def test_very_short_and_very_long_intervals_are_retried_sensibly(timetable, every, first, last):
    timetable.failed("k", every, 0.0)
    assert first * 0.8 <= timetable.due("k") <= first

    for _ in range(20):
        timetable.failed("k", every, 0.0)
    assert last * 0.8 <= timetable.due("k") <= last


def test_what_is_forgotten_begins_afresh(timetable):
    timetable.failed("k", 300, 0.0)
    timetable.forget("k")

    assert timetable.due("k") is None
    assert not timetable.has_failed("k")
