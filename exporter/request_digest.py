"""What is requested as a digest: the gateway and the Python client have the same one for the same request."""

import hashlib
from collections.abc import Mapping

from exporter import strict_json


def request_digest(
    project_id: str, version: str, meaning: Mapping[str, object], *, is_sampled: bool = False, query: str = ""
) -> str:
    """What is requested, as 64 hexadecimal digits: project, published version, and what the request means.

    `meaning` has the fields of the request that are not at their default, as `strict_json` reads them. Key order and
    number forms do not matter, the query does. A trial (`is_sampled`) never has the digest of a full run.
    """
    parts = ("request", project_id, version, is_sampled, dict(meaning))
    return digest(*parts, query) if query else digest(*parts)


def digest(*parts: object) -> str:
    """The hash of a JSON array: its text says where each part ends, so no two lists of parts have the same."""
    return hashlib.sha256(strict_json.canonical(list(parts))).hexdigest()
