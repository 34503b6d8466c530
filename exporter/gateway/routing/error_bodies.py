"""The gateway's own refusals, in the shapes that clients of Hex know."""

from dataclasses import dataclass
from http import HTTPStatus
from math import ceil

import msgspec

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


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is ready to be sent; `headers` include the content type."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


def refusal(status: int, message: str, *, retry_after_seconds: float | None = None) -> Refusal:
    """A refusal in Hex's newer shape, with `Retry-After` in whole seconds, rounded up, where that is given."""
    code = _CODES.get(status) or HTTPStatus(status).name
    body = msgspec.json.encode({"message": message, "code": code, "issues": [{"message": message}]})
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json; charset=utf-8"),)
    if retry_after_seconds is not None:
        headers += ((b"retry-after", str(max(1, ceil(retry_after_seconds))).encode()),)
    return Refusal(status, body, headers)


def unauthorized(*, token_sent: bool = False) -> Refusal:
    """The 401 of Hex's edge: bare text, and a challenge that says whether a token was sent."""
    challenge = b'Bearer error="invalid_token"' if token_sent else b"Bearer"
    headers = ((b"content-type", b"text/plain; charset=utf-8"), (b"www-authenticate", challenge))
    return Refusal(401, b"Unauthorized", headers)
