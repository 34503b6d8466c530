"""Answers other than 200: the error to raise, with a reason that is safe to log."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

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
from exporter.hexapi.rate_limit_headers import LONGEST_WINDOW_SECONDS
from exporter.hexapi.retry_after import retry_after_seconds
from exporter.hexapi.token import Secret
from exporter.redaction import redact

API_PATH = "/api/v1"
"""How the address of Hex's API ends, whichever the host."""

_LONGEST_TRACE_ID = 64


def api_error(
    endpoint: str, status: int, body: bytes, headers: Mapping[str, str], secret: Secret, now: float
) -> ApiError:
    """The error for an answer with any status but 200 that arrived at `now` (epoch seconds).

    Reads Hex's two error shapes, bare text, HTML and nothing at all; neither the reason nor the trace id ever holds
    the token, even when the server sends it back. `headers` are found in any case.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    text, trace_id = _read(body)
    reason = redact(text, [secret.reveal()]) or _phrase(status)
    trace = redact(trace_id or lower.get("x-trace-id", ""), [secret.reveal()], longest=_LONGEST_TRACE_ID) or None
    wait = retry_after_seconds(lower.get("retry-after"), lower, now)
    return _kind(status)(
        endpoint,
        reason,
        status=status,
        trace_id=trace,
        retry_after_seconds=None if wait is None else min(wait, LONGEST_WINDOW_SECONDS),
        is_from_hex=_is_from_hex(status, body),
    )


def not_hex_api(error: ApiError, base_url: str) -> ApiError:
    """The same error, saying that what answers is not Hex's API and how the address of that looks."""
    parts = urlsplit(base_url)
    advice = f"this answers, but it is not Hex's API: expected {parts.scheme}://{parts.netloc}{API_PATH}"
    if base_url.endswith(API_PATH):
        advice += " of a Hex deployment; is the host right, or is this the page of a proxy?"
    return type(error)(
        error.endpoint,
        f"{error.reason}; {advice}",
        status=error.status,
        trace_id=error.trace_id,
        retry_after_seconds=error.retry_after_seconds,
        is_from_hex=False,
    )


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


def _is_from_hex(status: int, body: bytes) -> bool:
    """Whether Hex's API can have given it: a redirect and a refusal without one of Hex's error shapes are of another.

    A 401 is bare text at Hex's edge; a 429 and what is 500 and above can come from anything on the way.
    """
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS) or not 300 <= status < 500:
        return True
    try:
        fields = mapping(parse_json(body))
    except ValueError:
        return False
    return any(isinstance(fields.get(name), str) for name in ("reason", "message"))


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
