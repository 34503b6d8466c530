"""Answers that are no answer: which error, with which words."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import (
    ApiError,
    BadAnswerError,
    RateLimitedError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
)
from exporter.hexapi import Secret
from exporter.hexapi.error_answers import api_error

TOKEN = "a-token-of-another-shape-0001"
SECRET = Secret(TOKEN)


NOW = 1_795_521_600.0  # Tue, 24 Nov 2026 12:00:00 GMT


def make(status: int, body: Any, trace: str | None = None, **headers: str) -> ApiError:
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return api_error("users", status, written, sent if trace is None else {"X-Trace-Id": trace, **sent}, SECRET, NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError),
        (401, UnauthorizedError),
        (403, RefusedError),
        (404, RefusedError),
        (410, RefusedError),
        (422, RefusedError),
        (408, UnavailableError),
        (429, RateLimitedError),
        (500, UnavailableError),
        (502, UnavailableError),
        (503, UnavailableError),
        (204, BadAnswerError),
        (205, BadAnswerError),
        (206, BadAnswerError),
        (302, BadAnswerError),
        (304, BadAnswerError),
        (999, BadAnswerError),
    ],
)
def test_the_status_decides_the_error(status: int, kind: type[ApiError]) -> None:
    found = make(status, b"")

    assert type(found) is kind
    assert (found.endpoint, found.status) == ("users", status)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"reason": "No access", "traceId": "t-1"}, "users: 403 No access (trace t-1)"),
        ({"reason": "No access", "details": "ask an admin"}, "users: 403 No access: ask an admin"),
        ({"reason": "No access", "details": [{"path": "x"}]}, "users: 403 No access"),
        ({"message": "No access", "code": "FORBIDDEN", "issues": [{"message": "x"}]}, "users: 403 No access"),
        ({"error": "?"}, "users: 403 Forbidden"),
        ({"reason": None, "message": 5, "traceId": {}}, "users: 403 Forbidden"),
        ([], "users: 403 Forbidden"),
        (b"", "users: 403 Forbidden"),
        (b"Not for you\n", "users: 403 Not for you"),
        (b"<html><body>nginx", "users: 403 HTML instead of a reason"),
        (b'{"reason": "half', 'users: 403 {"reason": "half'),
        (b"\xff\xfe\x00", "users: 403 \ufffd\ufffd"),
        ({"reason": "a\r\nb\x1b[31m\u202e" + "c" * 500}, "users: 403 a b [31m " + "c" * 190 + "…"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_the_reason_is_short_and_safe(body: Any, message: str) -> None:
    assert str(make(403, body)) == message


def test_the_trace_id_comes_from_the_body_or_else_from_the_header() -> None:
    assert make(500, {"message": "x", "traceId": "body"}, "header").trace_id == "body"
    assert make(500, {"message": "x"}, "header").trace_id == "header"
    assert make(500, b"", "x" * 500).trace_id == "x" * 63 + "…"
    assert make(500, b"").trace_id is None


def test_a_redirect_points_at_the_base_url() -> None:
    assert str(make(301, b"")) == "users: 301 a redirect, which is never followed; is the base URL right?"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 422, 429, 500, 502, 503, 302])
def test_any_status_carries_how_long_to_wait(status: int) -> None:
    assert make(status, b"", Retry_After="3").retry_after_seconds == 3
    assert make(status, b"").retry_after_seconds is None


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("Tue, 24 Nov 2026 12:02:00 GMT", 120),
        ("Tue, 24 Nov 2026 11:00:00 GMT", None),
        ("86400", 3600),
        ("1e300", 3600),
        ("Fri, 24 Nov 2028 12:00:00 GMT", 3600),
        ("-3", None),
        ("soon", None),
    ],
)
def test_how_long_to_wait_is_an_hour_at_most(written: str, seconds: float | None) -> None:
    assert make(403, b"", retry_after=written).retry_after_seconds == seconds


def test_a_date_to_wait_for_is_taken_from_the_servers_clock() -> None:
    found = make(503, b"", Retry_After="Tue, 24 Nov 2026 13:00:30 GMT", Date="Tue, 24 Nov 2026 13:00:00 GMT")

    assert found.retry_after_seconds == 30


@pytest.mark.parametrize(
    ("status", "body", "is_from_hex"),
    [
        (403, {"reason": "No access"}, True),
        (404, {"message": "not found", "code": "NOT_FOUND"}, True),
        (401, b"Unauthorized", True),
        (429, b"<html>slow down", True),
        (503, b"<html>maintenance", True),
        (403, b"<html>blocked", False),
        (404, b"Cannot GET /api/projects", False),
        (404, {"error": "no such page"}, False),
        (302, b"", False),
    ],
)
def test_what_hex_does_not_say_so_is_not_from_hex(status: int, body: Any, is_from_hex: bool) -> None:
    assert make(status, body).is_from_hex is is_from_hex


@pytest.mark.parametrize("token", [TOKEN, "hxtp_0123456789abcdef", "HXTW_ABCDEF"])
def test_a_token_that_the_server_sends_back_is_not_repeated(token: str) -> None:
    for body in ({"reason": f"the token {token} is wrong", "traceId": token}, f"bad {token}".encode()):
        found = make(401, body, token)

        assert token not in str(found)
        assert token not in repr(vars(found))
        assert "***" in found.reason


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
@settings(max_examples=100)
def test_any_body_gives_one_printable_line(body: bytes) -> None:
    found = make(400, body)

    assert found.reason
    assert found.reason.isprintable()
    assert len(found.reason) <= 200
