"""Parts add up to the whole, whatever the weights."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.insight.apportion import apportioned


@pytest.mark.slow
@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
@settings(max_examples=200)
def test_parts_add_up_and_are_off_by_less_than_one(amount: int, weights: list[int]) -> None:
    parts = apportioned(amount, weights)

    assert sum(parts) == amount
    assert min(parts) >= 0
    if whole := sum(weights):
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part * whole - amount * weight) < whole


def test_without_weights_all_get_the_same() -> None:
    assert apportioned(10, [0, 0, 0]) == [3, 3, 4]


def test_somebody_has_to_share() -> None:
    with pytest.raises(ValueError, match="found no weights"):
        apportioned(1, [])
