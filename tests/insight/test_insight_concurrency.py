"""How many things happened at one time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.insight.concurrency import peak


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([], 0),
        ([(0, 10)], 1),
        ([(0, 10), (10, 20)], 1),
        ([(0, 10), (9, 20)], 2),
        ([(0, 100), (10, 20), (30, 40), (15, 35)], 3),
        ([(5, 5)], 0),
        ([(10, 5)], 0),
        ([(0, 10)] * 4, 4),
    ],
)
def test_the_peak_counts_what_shares_an_instant(intervals: list[tuple[int, int]], expected: int) -> None:
    assert peak(intervals) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=12))
def test_it_is_the_most_that_any_instant_holds(intervals: list[tuple[int, int]]) -> None:
    assert peak(intervals) == max(sum(start <= at < end for start, end in intervals) for at in range(31))
