"""How long `Retry-After` asks to wait."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.hexapi.retry_after import retry_after_seconds

NOW = 1_795_521_600.0  # Tue, 24 Nov 2026 12:00:00 GMT
DATE = "Tue, 24 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 30 ", 30.0),
        ("1.5", 1.5),
        ("Tue, 24 Nov 2026 12:02:00 GMT", 120.0),
        (None, None),
        ("", None),
        ("0", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("soon", None),
        ("Tue, 24 Nov 2026 11:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, {}, NOW) == seconds


def test_a_date_counts_from_the_servers_clock() -> None:
    """A local clock that is an hour off makes the wait neither shorter nor longer."""
    for skew in (-3600, 3600):
        assert retry_after_seconds("Tue, 24 Nov 2026 12:02:00 GMT", {"DATE": DATE}, NOW + skew) == 120


@given(st.text(max_size=30), st.text(max_size=30) | st.integers().map(str) | st.floats().map(str))
@settings(max_examples=100)
def test_no_header_can_raise(value: str, date: str) -> None:
    seconds = retry_after_seconds(value, {"Date": date}, NOW)

    assert seconds is None or (seconds > 0 and math.isfinite(seconds))
