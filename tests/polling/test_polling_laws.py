"""The law of reading: whatever Hex answers, a figure is exact, older than it says, or absent; never false."""

import logging

import pytest
import structlog
from helpers.reading_law import STEPS_OF_A_WORLD, no_figure_is_ever_false
from hypothesis import settings

pytestmark = pytest.mark.slow


def test_no_figure_is_ever_false_in_ten_thousand_steps():
    """`tests/benchmarks/bench_laws.py` takes a million, others each time."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    settings(max_examples=10_000 // STEPS_OF_A_WORLD, derandomize=True, deadline=None)(no_figure_is_ever_false)()
