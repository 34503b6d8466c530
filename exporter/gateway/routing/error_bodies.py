"""The gateway's own refusals, in the shapes that clients of Hex know."""

from http import HTTPStatus
from math import ceil

import msgspec

from exporter.gateway.routing.answers import JSON_HEADERS, Answer

_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    422: "UNPROCESSABLE_CONTENT",
    500: "INTERNAL_SERVER_ERROR",
    503: "SERVICE_UNAVAILABLE",
}
"""Those that Hex documents; others are named as HTTP names them."""


def refusal(status: int, message: str, *, retry_after_seconds: float | None = None) -> Answer:
    """A refusal in Hex's newer shape, with `Retry-After` in whole seconds, rounded up, where that is given."""
    code = _CODES.get(status) or HTTPStatus(status).name
    body = msgspec.json.encode({"message": message, "code": code, "issues": [{"message": message}]})
    headers: tuple[tuple[bytes, bytes], ...] = JSON_HEADERS
    if retry_after_seconds is not None:
        headers += ((b"retry-after", str(max(1, ceil(retry_after_seconds))).encode()),)
    return Answer(status, headers, body)


def unauthorized(*, token_sent: bool = False) -> Answer:
    """The 401 of Hex's edge: bare text, and a challenge that says whether a token was sent."""
    challenge = b'Bearer error="invalid_token"' if token_sent else b"Bearer"
    headers = ((b"content-type", b"text/plain; charset=utf-8"), (b"www-authenticate", challenge))
    return Answer(401, headers, b"Unauthorized")


def too_many(message: str, retry_after_seconds: float) -> Answer:
    """429 in Hex's shape, with an honest `Retry-After`."""
    return refusal(429, message, retry_after_seconds=retry_after_seconds)


def not_active() -> Answer:
    """What CancelRun answers for a run that is over, in the older of Hex's error shapes, as that operation has it."""
    return Answer(400, body=msgspec.json.encode({"reason": "Run is not active"}))
