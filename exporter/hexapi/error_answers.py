"""What Hex says when it does not give the answer: the error to raise, with a reason that is safe to log."""

import re
from http import HTTPStatus

from exporter.errors import (
    ApiError,
    BadAnswerError,
    RateLimitedError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
)
from exporter.hexapi.field_readers import mapping
from exporter.hexapi.pages import parse_json
from exporter.hexapi.token import Secret

_REASON_LIMIT = 200
_TRACE_LIMIT = 64
_HEX_TOKEN = re.compile(r"hxt[a-z]?_\w+", re.IGNORECASE)


def fault(endpoint: str, status: int, body: bytes, trace_header: str | None, secret: Secret) -> ApiError:
    """The error for an answer with any status but 200.

    Reads Hex's two error shapes, bare text, HTML and nothing at all; neither the reason nor the trace id ever holds
    the token, even when the server sends it back.
    """
    said, trace_id = _read(body)
    reason = safe(said, secret) or _phrase(status)
    trace = _short(safe(trace_id or trace_header or "", secret), _TRACE_LIMIT) or None
    return _kind(status)(endpoint, reason, status=status, trace_id=trace)


def safe(said: str, secret: Secret) -> str:
    """`said` as one short printable line without anything that is or looks like a token."""
    hidden = _HEX_TOKEN.sub(str(secret), said.replace(secret.reveal(), str(secret)))
    printable = "".join(character if character.isprintable() else " " for character in hidden)
    return _short(" ".join(printable.split()), _REASON_LIMIT)


def _kind(status: int) -> type[ApiError]:
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return UnauthorizedError
        case HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimitedError
        case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.TOO_EARLY:
            return UnavailableError
        case _ if 400 <= status < 500:
            return RefusedError
        case _ if 500 <= status < 600:
            return UnavailableError
        case _:
            return BadAnswerError


def _read(body: bytes) -> tuple[str, str | None]:
    """What the body says and the trace id in it."""
    try:
        answer = parse_json(body)
    except ValueError:
        return _bare(body), None
    fields = mapping(answer)
    parts = [fields.get(name) for name in ("reason", "message", "details")]
    trace_id = fields.get("traceId")
    said = ": ".join(part for part in parts if isinstance(part, str) and part)
    return said, trace_id if isinstance(trace_id, str) else None


def _bare(body: bytes) -> str:
    written = body.decode("utf-8", "replace").strip()
    return "HTML instead of a reason" if written.startswith("<") else written


def _phrase(status: int) -> str:
    if 300 <= status < 400:
        return "a redirect, which is never followed; is the base URL right?"
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "a status that HTTP does not know"


def _short(said: str, limit: int) -> str:
    return said if len(said) <= limit else said[: limit - 1] + "…"
