"""When credits were used: between two looks, shared out evenly, and every division adds up."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.facts import Thread
from exporter.insight.credit_use import CreditGrowth, CreditUse, growth_span

DAY = 86_400_000
NOW = 1_795_000_000_000


def growth(from_ms: int, until_ms: int, milli: int, user: str = "u") -> CreditGrowth:
    return CreditGrowth("t", user, "hex", "thread", "m", from_ms, until_ms, until_ms, milli)


def thread(created_ms: int | None = None, updated_ms: int | None = None) -> Thread:
    return Thread(thread_id="t", created_ms=created_ms, updated_ms=updated_ms, credits_milli=1)


class TestSpan:
    @pytest.mark.parametrize(
        ("seen", "looked", "previous", "expected"),
        [
            pytest.param(thread(NOW - 9 * DAY), NOW - DAY, NOW - DAY, (NOW - DAY, NOW), id="since the last look"),
            pytest.param(
                thread(NOW - 9 * DAY, NOW - 50), NOW - 100, NOW - 100, (NOW - 100, NOW - 50), id="until its last change"
            ),
            pytest.param(
                thread(NOW - 9 * DAY, NOW - 200),
                NOW - 100,
                NOW - 100,
                (NOW - 100, NOW),
                id="a change before it says nothing",
            ),
            pytest.param(thread(NOW - 40), None, NOW - 100, (NOW - 40, NOW), id="made since the last look"),
            pytest.param(
                thread(NOW - 40, NOW - 10), None, NOW - 100, (NOW - 40, NOW - 10), id="made and changed since"
            ),
            pytest.param(
                thread(NOW - 9 * DAY, NOW - DAY), None, None, (NOW - 9 * DAY, NOW - DAY), id="first contact: its life"
            ),
            pytest.param(thread(NOW - 9 * DAY), None, None, (NOW - 9 * DAY,) * 2, id="first contact, no change named"),
            pytest.param(thread(None, NOW - DAY), None, None, (NOW - DAY,) * 2, id="only a change"),
            pytest.param(thread(), None, NOW - 100, (NOW - 100, NOW), id="undated, new since the last look"),
            pytest.param(thread(), None, None, None, id="undated at first contact"),
            pytest.param(thread(NOW + DAY, NOW + DAY), None, None, (NOW, NOW), id="from the future"),
            pytest.param(thread(NOW - DAY), NOW + DAY, NOW + DAY, (NOW, NOW), id="looked at in the future"),
        ],
    )
    def test_growth_lies_between_what_is_known(self, seen, looked, previous, expected):
        assert growth_span(seen, looked, previous, NOW) == expected


class TestUse:
    def test_a_missed_look_is_shared_out_by_time(self):
        use = CreditUse([growth(0, 4 * DAY, 10)])

        assert [use.between(day * DAY, (day + 1) * DAY) for day in range(5)] == [2, 3, 2, 3, 0]

    def test_what_was_used_at_once_counts_from_its_instant_on(self):
        use = CreditUse([growth(100, 100, 7)])

        assert [use.between(0, 100), use.between(100, 101), use.between(101, 200)] == [0, 7, 0]

    @pytest.mark.slow
    @given(
        spans=st.lists(
            st.tuples(st.integers(0, 9 * DAY), st.integers(0, 4 * DAY), st.integers(0, 10**7), st.sampled_from("ab")),
            max_size=20,
        ),
        cuts=st.lists(st.integers(0, 14 * DAY), max_size=8),
    )
    def test_parts_add_up_by_time_and_by_user(self, spans, cuts):
        use = CreditUse(growth(start, start + length, milli, user) for start, length, milli, user in spans)
        edges = [0, *sorted(cuts), 14 * DAY]
        whole = sum(milli for _, _, milli, _ in spans)

        parts = [use.between(*pair) for pair in itertools.pairwise(edges)]

        assert use.total == use.between(0, 14 * DAY) == sum(parts) == whole
        for pair, part in zip(itertools.pairwise(edges), parts, strict=True):
            by_user = use.by(lambda one: one.user_id, *pair)
            assert sum(by_user.values()) == part
            for user, amount in by_user.items():
                assert use.of(lambda one, user=user: one.user_id == user).between(*pair) == amount
