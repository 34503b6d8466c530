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


def make(status: int, body: Any, trace: str | None = None) -> ApiError:
    return api_error("users", status, body if isinstance(body, bytes) else json.dumps(body).encode(), trace, SECRET)


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
