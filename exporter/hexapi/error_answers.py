"""Answers other than 200: the error to raise, with a reason that is safe to log."""

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
from exporter.redaction import redact

_LONGEST_TRACE_ID = 64


def api_error(endpoint: str, status: int, body: bytes, trace_header: str | None, secret: Secret) -> ApiError:
    """The error for an answer with any status but 200.

    Reads Hex's two error shapes, bare text, HTML and nothing at all; neither the reason nor the trace id ever holds
    the token, even when the server sends it back.
    """
    text, trace_id = _read(body)
    reason = redact(text, [secret.reveal()]) or _phrase(status)
    trace = redact(trace_id or trace_header or "", [secret.reveal()], longest=_LONGEST_TRACE_ID) or None
    return _kind(status)(endpoint, reason, status=status, trace_id=trace)


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
    """The text of the body and the trace id in it."""
    try:
        answer = parse_json(body)
    except ValueError:
        return _plain_text(body), None
    fields = mapping(answer)
    parts = [fields.get(name) for name in ("reason", "message", "details")]
    trace_id = fields.get("traceId")
    text = ": ".join(part for part in parts if isinstance(part, str) and part)
    return text, trace_id if isinstance(trace_id, str) else None


def _plain_text(body: bytes) -> str:
    text = body.decode("utf-8", "replace").strip()
    return "HTML instead of a reason" if text.startswith("<") else text


def _phrase(status: int) -> str:
    if 300 <= status < 400:
        return "a redirect, which is never followed; is the base URL right?"
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "a status that HTTP does not know"
