"""Times as Hex and HTTP write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.hexapi.timestamps import epoch_ms, http_date_ms, iso_ms

NOON_MS = 1_795_521_600_000  # 2026-11-24T12:00:00Z


@pytest.mark.parametrize(
    ("written", "expected_ms"),
    [
        ("2026-11-24T12:00:00Z", NOON_MS),
        ("2026-11-24T12:00:00.250Z", NOON_MS + 250),
        ("2026-11-24T12:00:00.123456789Z", NOON_MS + 123),
        ("2026-11-24T12:00:00.5Z", NOON_MS + 500),
        ("2026-11-24T20:00:00+08:00", NOON_MS),
        ("2026-11-24T20:00:00.000+0800", NOON_MS),
        ("2026-11-24T07:30-0430", NOON_MS),
        (" 2026-11-24 12:00:00z ", NOON_MS),
        ("2026-11-24T12:00:00", NOON_MS),
        ("2026-11-24T11:59:60Z", NOON_MS),
    ],
)
def test_an_iso_time_is_read_in_every_spelling(written: str, expected_ms: int) -> None:
    assert iso_ms(written) == expected_ms


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "2026-11-24",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-24T25:00:00Z",
        "2026-11-24T12:00:61Z",
        "2026-11-24T12:00:00+99:00",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        "12026-11-24T12:00:00Z",
        "٢٠٢٦-11-24T12:00:00Z",
        "2026-11-24T12:00:00Z; drop",
    ],
)
def test_what_is_no_time_or_stands_for_never_is_none(written: str) -> None:
    assert iso_ms(written) is None


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2199, 12, 31), timezones=st.just(UTC)))
@settings(max_examples=100)
def test_writing_then_reading_is_the_identity_to_the_millisecond(moment: datetime) -> None:
    expected_ms = int(moment.timestamp()) * 1000 + moment.microsecond // 1000

    assert iso_ms(moment.isoformat()) == expected_ms


@given(st.text(max_size=40))
@settings(max_examples=100)
def test_no_text_can_raise(written: str) -> None:
    assert iso_ms(written) is None or written.strip()[:2].isdigit()
    assert http_date_ms(written) is None or any(character.isdigit() for character in written)


@pytest.mark.parametrize(
    ("written", "expected_ms"),
    [
        ("Tue, 24 Nov 2026 12:00:00 GMT", NOON_MS),
        ("Tue, 24 Nov 2026 13:00:00 +0100", NOON_MS),
        ("Tuesday, 24-Nov-26 12:00:00 GMT", NOON_MS),
        ("soon", None),
        ("", None),
        ("Tue, 99 Nov 2026 12:00:00 GMT", None),
        ("Tue, 24 Nov 99999 12:00:00 GMT", None),
    ],
)
def test_an_http_date_is_read_or_none(written: str, expected_ms: int | None) -> None:
    assert http_date_ms(written) == expected_ms


def test_a_number_is_seconds_or_if_that_large_milliseconds() -> None:
    assert epoch_ms(NOON_MS / 1000) == NOON_MS
    assert epoch_ms(NOON_MS) == NOON_MS
    assert epoch_ms(1e14) is None
