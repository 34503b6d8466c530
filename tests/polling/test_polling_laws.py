"""The law of reading: whatever Hex answers, a figure is exact, older than it says, or absent; never false."""

import logging

import pytest
import structlog
from helpers.reading_law import STEPS_OF_A_WORLD, no_figure_is_ever_false
from helpers.sizes import size
from hypothesis import settings

pytestmark = pytest.mark.slow


def test_no_figure_is_ever_false():
    """The same steps each time; `tests/benchmarks/bench_laws.py` takes a million others."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    steps = size(2_500, 10_000)
    settings(max_examples=steps // STEPS_OF_A_WORLD, derandomize=True, deadline=None)(no_figure_is_ever_false)()
