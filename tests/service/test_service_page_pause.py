"""How long a page waits for the next: for what it worked, not for what it waited."""

import pytest

from exporter.service.page_pause import pause_seconds


@pytest.mark.parametrize(
    ("worked", "taken", "pause"),
    [
        (0.01, 0.02, 1.0),
        (0.5, 0.6, 6.0),
        (4.0, 4.1, 40.0),
        (0.05, 14.0, 10.0),
    ],
)
def test_a_page_that_waited_for_a_database_that_was_cut_off_is_followed_soon(worked, taken, pause):
    assert pause_seconds(worked, taken) == pause
