"""When the window of a rate limit ends, by the headers of an answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.hexapi.rate_limit_headers import reset_seconds

NOW = 1_795_521_600.0  # Tue, 24 Nov 2026 12:00:00 GMT
DATE = "Tue, 24 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "42"}, 42),
        ({"x-ratelimit-remaining": "0", "X-RATELIMIT-RESET": "42"}, 42),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 42)}, 42),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW + 42) * 1000)}, 42),
        ({"RateLimit": "limit=100, remaining=0, reset=42"}, 42),
        ({"RateLimit": '"minute";r=0;t=42, "hour";r=7;t=3000'}, 42),
        (
            {
                "RateLimit-Remaining": "0",
                "RateLimit-Reset": "5",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "9",
            },
            9,
        ),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "42000"}, 42),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30000"}, 30),
        ({"RateLimit": '"minute";r=0;t=42000'}, 42),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "Tue, 24 Nov 2026 12:00:42 GMT"}, 42),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-11-24T12:00:42Z"}, 42),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3600"}, 3600),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "999999999"}, 3600),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 86_400)}, 3600),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 17}, 3600),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "Fri, 24 Nov 2028 12:00:42 GMT"}, 3600),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) - 42)}, 0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "-42"}, None),
        ({"RateLimit-Remaining": "1", "RateLimit-Reset": "42"}, None),
        ({"RateLimit-Remaining": "0"}, None),
        ({"RateLimit-Reset": "42"}, None),
        ({"RateLimit-Remaining": "none", "RateLimit-Reset": "42"}, None),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "soon"}, None),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "nan"}, None),
        ({}, None),
    ],
    ids=repr,
)
def test_a_window_without_requests_left_lasts_until_its_reset(headers: dict[str, str], seconds: float | None) -> None:
    assert reset_seconds(headers, NOW) == seconds


def test_after_a_429_the_reset_counts_whatever_remains() -> None:
    assert reset_seconds({"X-RateLimit-Reset": "42"}, NOW, even_if_some_remain=True) == 42


def test_an_epoch_reset_counts_from_the_servers_clock() -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 42), "Date": DATE}

    assert reset_seconds(headers, NOW - 900) == 42


@given(
    st.dictionaries(
        st.sampled_from(["RateLimit", "RateLimit-Remaining", "RateLimit-Reset", "X-RateLimit-Reset", "Date"]),
        st.text(max_size=30) | st.integers().map(str) | st.floats().map(str),
    ),
)
@settings(max_examples=100)
def test_no_header_can_raise(headers: dict[str, str]) -> None:
    seconds = reset_seconds(headers, NOW, even_if_some_remain=True)

    assert seconds is None or 0 <= seconds <= 3600
