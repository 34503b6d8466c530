"""Fingerprints: two run requests have the same one if, and only if, one run answers both."""

import hashlib

from exporter import strict_json
from exporter.gateway.cache.run_request import RunRequest


def request_digest(project_id: str, version: str, request: RunRequest) -> str:
    """What is requested, as 64 hexadecimal digits: project, published version, the request after its policy.

    Key order and number forms do not matter, the query does. A trial never has the digest of a full run, even with
    the same body.
    """
    parts = ("request", project_id, version, request.is_sampled, request.meaning)
    return _digest(*parts, request.query) if request.query else _digest(*parts)


def fingerprint(request_digest: str, source_digest: str | None) -> str:
    """What is requested and the state of its source, None where that is not known, as 64 hexadecimal digits."""
    return _digest("fingerprint", request_digest, source_digest)


def _digest(*parts: object) -> str:
    """The hash of a JSON array: its text says where each part ends, so no two lists of parts have the same."""
    return hashlib.sha256(strict_json.canonical(list(parts))).hexdigest()
