"""Fingerprints: two run requests have the same one if, and only if, one run answers both."""

from functools import lru_cache

from exporter import request_digest as digests
from exporter.gateway.cache.run_request import RunRequest


def request_digest(project_id: str, version: str, request: RunRequest) -> str:
    """What is requested, as 64 hexadecimal digits: project, published version, the request after its policy."""
    return digests.request_digest(
        project_id, version, request.meaning, is_sampled=request.is_sampled, query=request.query
    )


@lru_cache(1_000)
def fingerprint(request_digest: str, source_digest: str | None) -> str:
    """What is requested and the state of its source, None where that is not known, as 64 hexadecimal digits."""
    return digests.digest("fingerprint", request_digest, source_digest)
