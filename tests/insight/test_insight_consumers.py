"""Who used a budget, and who is named."""

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


def test_who_grew_is_named_before_who_is_large():
    used = {("steady", SCHEDULED): 300, ("loop", API): 200}
    grown = {"loop": Growth(200, 1), "steady": Growth(4, 1)}
    found = largest_consumers(used, {"steady": 300}, lambda key: grown[key], 1)

    assert culprit(found, 500).key == "loop"
    assert culprit(found, 50_000).key == "steady"
    assert culprit((), 500) is None
