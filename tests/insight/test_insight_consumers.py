"""Who used a budget, and who is named."""

import pytest

from exporter.insight.consumers import TOP, culprit, largest_consumers
from exporter.insight.growth import Growth

API, SCHEDULED = ("api",), ("scheduled",)


def test_the_largest_come_first_with_their_ways_in_the_unit_of_the_budget():
    used = {("p1", API): 3_000, ("p1", SCHEDULED): 1_000, ("p2", API): 5_000}

    first, second = largest_consumers(used, {"p2": 2_000}, lambda key: Growth(), 1_000)

    assert (first.key, first.total, first.previous_used, first.growth) == ("p2", 5, 2, 0)
    assert (second.key, second.used, second.main_way) == ("p1", {API: 3, SCHEDULED: 1}, API)


def test_are_few_and_include_the_one_that_grew_most():
    used = {(f"p{number}", API): 1_000 + number for number in range(9)} | {("new", API): 30}
    before = {f"p{number}": 1_000 + number for number in range(9)}
    grown = {"new": Growth(30, 7)}

    found = largest_consumers(used, before, lambda key: grown.get(key, Growth()), 1)

    assert [one.key for one in found] == ["p8", "p7", "p6", "p5", "p4", "new"]
    assert len(found) == TOP + 1
    assert found[-1].since_ms == 7


def test_nothing_is_said_of_growth_while_the_period_before_is_not_known():
    (one,) = largest_consumers({("p1", API): 1}, None, lambda key: Growth(1, 5), 1)

    assert (one.previous_used, one.growth, one.since_ms) == (None, None, None)


def test_a_small_growth_of_a_large_consumer_has_no_beginning():
    (one,) = largest_consumers({("p1", API): 100}, {"p1": 91}, lambda key: Growth(9, 5), 1)

    assert (one.growth, one.since_ms) == (9, None)


def of(**amounts):
    """Consumers by their use and their growth."""
    used = {(key, API): total for key, (total, _) in amounts.items()}
    return largest_consumers(used, {}, lambda key: Growth(amounts[key][1], 1), 1)


@pytest.mark.parametrize(
    ("limit", "used", "named"),
    [
        pytest.param(500, 504, "loop", id="the budget would fit without the growth"),
        pytest.param(500, None, "loop", id="not all of the period is known"),
        pytest.param(200, 504, "loop", id="it would not, but the growth is more than half of the largest"),
        pytest.param(50_000, 504, "steady", id="the growth is nothing beside the limit"),
    ],
)
def test_who_grew_is_named_before_who_is_large(limit, used, named):
    assert culprit(of(steady=(300, 4), loop=(204, 200)), limit, used).key == named


def test_with_steady_overuse_a_small_riser_is_not_the_cause():
    found = of(large=(81.7, 3.3), second=(57.3, 4.8), riser=(13.9, 13.9))

    assert culprit(found, 100, 247.1).key == "large"
    assert culprit(found, 240, 247.1).key == "riser"


def test_without_consumers_no_one_is_named():
    assert culprit((), 500, 0) is None
