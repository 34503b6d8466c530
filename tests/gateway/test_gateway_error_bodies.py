"""The gateway's refusals look like Hex's."""

import json

import pytest

from exporter.gateway.routing.error_bodies import refusal, unauthorized
from exporter.simulator.refusals import RefusalError, Shape


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500, 502, 503, 504])
def test_a_refusal_has_the_newer_shape(status: int) -> None:
    made = refusal(status, "found x, expected y")

    assert made.status == status
    assert json.loads(made.body) == RefusalError(status, "found x, expected y").body(Shape.NEWER, "")
    assert made.headers == ((b"content-type", b"application/json; charset=utf-8"),)


@pytest.mark.parametrize(("seconds", "shown"), [(0.0, b"1"), (0.2, b"1"), (7, b"7"), (7.01, b"8")])
def test_retry_after_is_in_whole_seconds(seconds: float, shown: bytes) -> None:
    assert (b"retry-after", shown) in refusal(429, "busy", retry_after_seconds=seconds).headers


def test_no_token_is_answered_as_the_edge_does() -> None:
    none, wrong = unauthorized(), unauthorized(token_sent=True)

    assert none.status == wrong.status == 401
    assert none.body == wrong.body == b"Unauthorized"
    assert dict(none.headers)[b"www-authenticate"] == b"Bearer"
    assert dict(wrong.headers)[b"www-authenticate"] == b'Bearer error="invalid_token"'
