"""Runs of which only the start is known: one read when they should have ended, however many they are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.polling.expected_runs import ExpectedRuns


def test_one_read_when_a_run_should_have_ended():
    expected = ExpectedRuns()
    expected.started(100)

    expected.read(99)
    assert expected.due_ms == 100
    expected.read(100)

    assert expected.due_ms is None


def test_later_starts_do_not_put_it_off_and_are_read_after():
    expected = ExpectedRuns()
    for expected_ms in (100, 150, 200):
        expected.started(expected_ms)

    assert expected.due_ms == 100
    expected.read(160)
    assert expected.due_ms == 200
    expected.read(200)
    assert expected.due_ms is None


@settings(max_examples=100)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=50), st.integers(0, 30))
def test_it_asks_at_most_once_a_start_and_forgets_none(gaps, duration):
    expected = ExpectedRuns()
    ends, reads, now = [], [], 0
    for gap in gaps:
        now += gap
        while expected.due_ms is not None and expected.due_ms <= now:
            reads.append(expected.due_ms)
            expected.read(expected.due_ms)
        expected.started(now + duration)
        ends.append(now + duration)
    while expected.due_ms is not None:
        reads.append(expected.due_ms)
        expected.read(expected.due_ms)

    assert len(reads) <= len(ends)
    assert reads == sorted(set(reads))
    assert all(any(end <= at <= end + duration for at in reads) for end in ends)
