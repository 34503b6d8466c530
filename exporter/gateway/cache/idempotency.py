"""Idempotency keys of run requests (draft-ietf-httpapi-idempotency-key-header): who repeats one gets the same run."""

import hashlib
import re
from dataclasses import dataclass

from exporter import strict_json
from exporter.gateway.cache.run_request import RunRequest, RunRequestError
from exporter.gateway.upstream.reply import RawHeaders

HEADER = b"idempotency-key"

_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"\Z')
_BARE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]{1,255}\Z")
"""Without quotes, as many clients send it: no space, comma, semicolon or quote."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key, as a hash, and the digest of what was requested with it."""

    name: str
    request: str


def idempotency_key(
    headers: RawHeaders, caller: str, project_id: str, request: RunRequest, *, is_trial: bool
) -> IdempotencyKey | None:
    """The key of a caller's request, which is as the caller sent it; None if it has none.

    Raises RunRequestError for more than one key, and for one that is no string.
    """
    values = [value.decode("latin-1").strip() for name, value in headers if name.lower() == HEADER]
    if not values:
        return None
    written = _QUOTED.match(values[0])
    if len(values) > 1 or (written is None and not _BARE.match(values[0])):
        raise RunRequestError(
            "found an Idempotency-Key that is no string; send one, of 1 to 255 printable ASCII characters in quotes"
        )
    text = re.sub(r'\\(["\\])', r"\1", written[1]) if written is not None else values[0]
    requested: list[object] = [project_id, request.query, is_trial, dict(request.fields)]
    return IdempotencyKey(_digest([caller, text]), _digest(requested))


def _digest(parts: list[object]) -> str:
    return hashlib.sha256(strict_json.canonical(parts)).hexdigest()
