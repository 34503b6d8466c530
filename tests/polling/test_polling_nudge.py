"""Runs of which only the start was told: one read when they should have ended, however many they are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.polling.run_hints import Nudge


def test_one_read_when_a_run_should_have_ended():
    nudge = Nudge()
    nudge.started(100)

    nudge.read(99)
    assert nudge.due_ms == 100
    nudge.read(100)

    assert nudge.due_ms is None


def test_later_starts_do_not_put_it_off_and_are_read_after():
    nudge = Nudge()
    for expected_ms in (100, 150, 200):
        nudge.started(expected_ms)

    assert nudge.due_ms == 100
    nudge.read(160)
    assert nudge.due_ms == 200
    nudge.read(200)
    assert nudge.due_ms is None


@settings(max_examples=100)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=50), st.integers(0, 30))
def test_it_asks_at_most_once_a_start_and_forgets_none(gaps, duration):
    nudge = Nudge()
    ends, reads, now = [], [], 0
    for gap in gaps:
        now += gap
        while nudge.due_ms is not None and nudge.due_ms <= now:
            reads.append(nudge.due_ms)
            nudge.read(nudge.due_ms)
        nudge.started(now + duration)
        ends.append(now + duration)
    while nudge.due_ms is not None:
        reads.append(nudge.due_ms)
        nudge.read(nudge.due_ms)

    assert len(reads) <= len(ends)
    assert reads == sorted(set(reads))
    assert all(any(end <= at <= end + duration for at in reads) for end in ends)
