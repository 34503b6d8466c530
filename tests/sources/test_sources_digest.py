"""Digests are equal for equal data alone."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from helpers.sizes import size
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.sources.digest import digest, encoded_row


@pytest.mark.slow
@settings(max_examples=size(60, 500), deadline=None)
@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_no_two_lists_of_parts_share_a_digest(first, second):
    assert (digest(*first) == digest(*second)) == (first == second)


def test_what_is_no_unicode_has_a_digest_too():
    assert len(digest("a\udcff")) == 32
    assert digest("a\udcff") != digest("a\udcfe")


VALUES = [
    None,
    True,
    False,
    0,
    1,
    1.0,
    Decimal("1.5"),
    float("nan"),
    Decimal("NaN"),
    "1",
    "None",
    "",
    b"1",
    datetime(2026, 11, 23, 1, 2, 3),
    datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC),
    date(2026, 11, 23),
    time(1, 2, 3),
    timedelta(seconds=1),
    UUID(int=1),
    [1],
    ["1"],
    {"a": 1},
    {"a": "1"},
]


def test_values_of_different_kinds_are_told_apart():
    assert len({encoded_row([value]) for value in VALUES}) == len(VALUES)
    assert encoded_row(["a", "b"]) != encoded_row(["a,b"])
    assert encoded_row([]) != encoded_row([None])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Decimal("1.50"), Decimal("1.5")),
        (Decimal("100"), 100),
        (datetime(2026, 11, 23, 12, tzinfo=UTC), datetime(2026, 11, 23, 13, tzinfo=timezone(timedelta(hours=1)))),
        (memoryview(b"ab"), b"ab"),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        ((1, 2), [1, 2]),
    ],
)
def test_the_same_value_from_another_driver_or_session_is_the_same(first, second):
    assert encoded_row([first]) == encoded_row([second])
