"""Waiting after failures."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.polling.back_off import BackOff

FIRST, LONGEST = 5_000, 300_000


def pauses() -> BackOff:
    return BackOff(FIRST, LONGEST, random.Random(1))


@settings(max_examples=50)
@given(st.integers(1, 60))
def test_pause_grows_and_is_bounded(failures):
    paused = pauses()
    for _ in range(failures):
        until = paused.failed("runs", 0)

    expected = min(FIRST * 2 ** (failures - 1), LONGEST)
    assert 0.8 * expected <= until <= expected


def test_success_forgets_the_failures():
    paused = pauses()
    paused.failed("runs", 0)

    assert paused.succeeded("runs")
    assert not paused.succeeded("runs")
    assert paused.until_ms("runs") == 0


def test_keys_wait_on_their_own():
    paused = pauses()
    paused.failed("runs", 0)

    assert paused.until_ms("users") == 0


def test_pause_lasts_as_long_where_the_time_is_set():
    paused = pauses()
    until = paused.failed("runs", 10 * LONGEST)

    paused.shift(-7 * LONGEST)

    assert paused.until_ms("runs") == until - 7 * LONGEST
