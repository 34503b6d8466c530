"""Which observed runs repeated an unchanged source."""

from itertools import count, pairwise
from typing import NamedTuple

import pytest
from helpers.sizes import size
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.facts import Run
from exporter.insight.redundancy import Repeats, count_repeats


class Span(NamedTuple):
    first_finished_ms: int
    last_began_ms: int


NUMBERS = count()


def run(start, *, end=None, status="completed", trigger="scheduled"):
    """A run that takes one millisecond."""
    end = start + 1 if end is None and start is not None else end
    return Run(run_id=str(next(NUMBERS)), project_id="p", status=status, trigger=trigger, start_ms=start, end_ms=end)


def judge(runs, spans, *, since=0, until=1000, gap=10):
    return count_repeats(runs, spans, since_ms=since, until_ms=until, longest_gap_ms=gap)


def test_a_run_within_the_span_of_the_run_before_repeated_it():
    assert judge([run(20), run(30), run(40)], [Span(10, 50)]) == {"scheduled": Repeats(2, 2)}


def test_a_run_after_a_change_is_checked_and_did_not_repeat():
    assert judge([run(20), run(70)], [Span(10, 50), Span(60, 90)]) == {"scheduled": Repeats(1, 0)}


def test_a_run_while_the_state_was_changing_is_taken_for_changed():
    spans = [Span(10, 50), Span(60, 90)]

    assert judge([run(20), run(55)], spans) == {"scheduled": Repeats(1, 0)}
    assert judge([run(55), run(70)], spans) == {"scheduled": Repeats(1, 0)}
    assert judge([run(52), run(58)], spans) == {"scheduled": Repeats(1, 0)}


def test_a_state_that_comes_back_is_another_span():
    assert judge([run(20), run(110)], [Span(10, 50), Span(60, 90), Span(100, 120)]) == {"scheduled": Repeats(1, 0)}


def test_the_edges_of_a_span_belong_to_it():
    assert judge([run(10), run(50)], [Span(10, 50)]) == {"scheduled": Repeats(1, 1)}


@pytest.mark.parametrize(
    ("starts", "spans"),
    [
        ((20, 60), [Span(10, 50)]),
        ((5, 20), [Span(10, 50)]),
        ((20, 30), []),
        ((20, 60), [Span(10, 50), Span(90, 99)]),
        ((60, 95), [Span(10, 50), Span(90, 99)]),
    ],
    ids=["after the last probe", "before the first", "no probes", "in a long gap", "the run before in a long gap"],
)
def test_a_run_of_which_probes_do_not_tell_is_not_checked(starts, spans):
    assert judge([run(start) for start in starts], spans) == {}


def test_the_first_run_has_none_to_repeat():
    assert judge([run(20)], [Span(10, 50)]) == {}


def test_only_a_completed_run_can_be_repeated():
    spans = [Span(10, 50)]

    assert judge([run(20, status="errored"), run(30)], spans) == {}
    assert judge([run(20), run(25, status="killed"), run(30)], spans)["scheduled"] == Repeats(2, 2)


def test_a_run_is_compared_with_the_last_one_that_had_ended():
    spans = [Span(0, 50), Span(60, 90)]

    assert judge([run(20), run(30, end=75), run(70)], spans)["scheduled"] == Repeats(2, 1)
    assert judge([run(65), run(40, end=68), run(70)], spans)["scheduled"].unchanged == 1


def test_runs_that_are_active_got_no_kernel_or_have_no_start_are_left_out():
    left_out = [run(30, status="running"), run(31, status="unable_to_allocate_kernel"), run(None, end=32)]

    assert judge([run(20), *left_out], [Span(10, 50)]) == {}


def test_each_trigger_has_its_own_count():
    runs = [run(20), run(30, trigger="api"), run(40, trigger="app_refresh", status="errored"), run(70, trigger="api")]

    assert judge(runs, [Span(10, 50), Span(60, 90)]) == {
        "api": Repeats(2, 1),
        "app_refresh": Repeats(1, 1),
    }


def test_only_runs_within_the_bounds_are_judged_and_earlier_ones_can_be_repeated():
    runs, spans = [run(20), run(30), run(40)], [Span(10, 50)]

    assert judge(runs, spans, since=30, until=40) == {"scheduled": Repeats(1, 1)}
    assert judge(runs, spans, since=41) == {}


SPANS = st.lists(st.integers(0, 200), max_size=12, unique=True).map(
    lambda edges: [Span(*pair) for pair in zip(*[iter(sorted(edges))] * 2, strict=False)]
)
RUNS = st.lists(
    st.builds(
        run,
        st.integers(0, 200),
        end=st.none() | st.integers(200, 220),
        status=st.sampled_from(["completed", "errored", "running", "unable_to_allocate_kernel"]),
        trigger=st.sampled_from(["api", "scheduled"]),
    ),
    max_size=12,
)


@pytest.mark.slow
@settings(max_examples=size(60, 500), deadline=None)
@given(RUNS, SPANS, st.lists(st.integers(0, 200), max_size=3))
def test_judging_in_parts_comes_to_the_same_as_judging_at_once(runs, spans, cuts):
    edges = [0, *sorted(cuts), 201]
    parts = [judge(runs, spans, since=since, until=until) for since, until in pairwise(edges)]

    together: dict[str, Repeats] = {}
    for part in parts:
        for trigger, one in part.items():
            before = together.get(trigger, Repeats(0, 0))
            together[trigger] = Repeats(before.checked + one.checked, before.unchanged + one.unchanged)

    assert together == judge(runs, spans, until=201)
    assert all(one.unchanged <= one.checked for one in together.values())
