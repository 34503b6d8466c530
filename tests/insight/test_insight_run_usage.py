"""Sums over spans of time."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.run_usage import Tally, Use

AMOUNTS = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 10**6)), max_size=30)


@given(amounts=AMOUNTS, start=st.integers(-5, 105), end=st.integers(-5, 105))
def test_a_tally_sums_what_lies_in_between(amounts, start, end):
    tally = Tally(amounts)

    assert tally.between(start, end) == sum(amount for at, amount in amounts if start <= at < end)
    assert tally.total == sum(amount for _, amount in amounts)


@given(amounts=AMOUNTS, cut=st.integers(0, 100))
def test_two_spans_that_meet_add_up(amounts, cut):
    tally = Tally(amounts)

    assert tally.between(0, cut) + tally.between(cut, 101) == tally.total


def test_amounts_beyond_64_bits_are_summed_all_the_same():
    assert Tally([(1, 2**70), (2, 1)]).total == 2**70 + 1


def test_an_empty_tally_has_nothing():
    assert (Tally([]).since_ms, Tally([]).total, Tally([]).between(0, 9)) == (None, 0, 0)


def test_a_run_that_got_no_kernel_does_not_count():
    assert not Use("p", "api", "unable_to_allocate_kernel", 0, 0).is_counted
    assert Use("p", "api", "running", 0, 0).is_counted
