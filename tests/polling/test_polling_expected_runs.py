"""Runs of which only the start was told: one read when they should have ended, however many they are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.polling.expected_runs import ExpectedRuns


def test_one_read_when_a_run_should_have_ended():
    expect_run = ExpectedRuns()
    expect_run.started(100)

    expect_run.read(99)
    assert expect_run.due_ms == 100
    expect_run.read(100)

    assert expect_run.due_ms is None


def test_later_starts_do_not_put_it_off_and_are_read_after():
    expect_run = ExpectedRuns()
    for expected_ms in (100, 150, 200):
        expect_run.started(expected_ms)

    assert expect_run.due_ms == 100
    expect_run.read(160)
    assert expect_run.due_ms == 200
    expect_run.read(200)
    assert expect_run.due_ms is None


@settings(max_examples=100)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=50), st.integers(0, 30))
def test_it_asks_at_most_once_a_start_and_forgets_none(gaps, duration):
    expect_run = ExpectedRuns()
    ends, reads, now = [], [], 0
    for gap in gaps:
        now += gap
        while expect_run.due_ms is not None and expect_run.due_ms <= now:
            reads.append(expect_run.due_ms)
            expect_run.read(expect_run.due_ms)
        expect_run.started(now + duration)
        ends.append(now + duration)
    while expect_run.due_ms is not None:
        reads.append(expect_run.due_ms)
        expect_run.read(expect_run.due_ms)

    assert len(reads) <= len(ends)
    assert reads == sorted(set(reads))
    assert all(any(end <= at <= end + duration for at in reads) for end in ends)
