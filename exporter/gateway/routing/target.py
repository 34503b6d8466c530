"""What a request is for: its path checked segment by segment, and the operation of Hex's API that it names.

A path that passes is made of unreserved characters only (RFC 3986, section 2.3): it is its own decoding, so no one on
the way can read another address in it than the one that was checked.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

_PREFIX = b"/api/v1/"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SEGMENT = re.compile(rb"[A-Za-z0-9._~-]{1,200}\Z")
_DOTS = re.compile(rb"\.+\Z")
_QUERY = re.compile(rb"[\x21\x22\x24-\x5b\x5d-\x7e]{0,8000}\Z")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_SHOWN = 60


class TargetError(Exception):
    """Nothing may be sent to this target; the message is a sentence for the caller."""


class Operation(StrEnum):
    """What the gateway treats in its own way, and `other` for what it only passes on; also the `endpoint` label."""

    RUN_PROJECT = "run_project"
    CANCEL_RUN = "cancel_run"
    RUN_STATUS = "run_status"
    RUNS = "runs"
    PROJECT = "project"
    CHART_IMAGE = "chart_image"
    START_THREAD = "start_thread"
    SEMANTIC_INGEST = "semantic_ingest"
    OTHER = "other"


OWN_LIMITS = {Operation.CHART_IMAGE: 20, Operation.START_THREAD: 20, Operation.SEMANTIC_INGEST: 3}
"""How many requests a minute Hex documents for what has a limit of its own, beside RunProject; that of threads is one
with RunProject's, of which the last figure that Hex has published is 20."""


@dataclass(frozen=True, slots=True)
class Target:
    """A target that was checked.

    `path` is as the caller wrote it and begins with `/v1/`; `query` has no question mark. The ids are those of the
    path, UUIDs in lower case; None for operations that have none, and for `other`.
    """

    path: str
    query: str
    operation: Operation
    project_id: str | None = None
    run_id: str | None = None

    def upstream_url(self, base_url: str) -> str:
        """Where the request goes on to: the configured address (`https://.../api/v1`) and the path as it came."""
        address = base_url.rstrip("/") + self.path.removeprefix("/v1")
        return f"{address}?{self.query}" if self.query else address


def parse_target(method: str, raw_path: bytes, query: bytes) -> Target:
    """The target of a request: `raw_path` as it stands in the request line, `query` without the question mark.

    Raises TargetError for everything but a path under `/api/v1/` whose segments can be read in one way only.
    """
    if method not in _METHODS:
        raise TargetError(f"found the method {method[:_SHOWN]!r}; use one of {', '.join(sorted(_METHODS))}")
    if not raw_path.startswith(_PREFIX):
        raise TargetError(f"found the path {_shown(raw_path)}; send requests to a path that begins with /api/v1/")
    segments = raw_path.removeprefix(_PREFIX).split(b"/")
    for segment in segments:
        if not _SEGMENT.match(segment) or _DOTS.match(segment):
            raise TargetError(
                f"found {_shown(segment)} in the path; write between slashes 1 to 200 letters, digits or -._~, "
                "not encoded, and not only dots"
            )
    if not _QUERY.match(query):
        raise TargetError(
            "found a query with other than printable ASCII, or too long; encode it, and send at most 8000 characters"
        )
    words = tuple(segment.decode("ascii") for segment in segments)
    operation, project_id, run_id = _operation(method, words)
    return Target("/v1/" + "/".join(words), query.decode("ascii"), operation, project_id, run_id)


def _operation(method: str, words: tuple[str, ...]) -> tuple[Operation, str | None, str | None]:
    """The operation and its ids. A run must not slip past the queue by its spelling: servers may ignore the case."""
    match (method, *words):
        case ("GET", kind, project_id) if _is_project(kind):
            return Operation.PROJECT, _identifier(project_id), None
        case ("GET" | "POST", kind, project_id, runs) if _is_project(kind) and _is_run(runs):
            operation = Operation.RUNS if method == "GET" else Operation.RUN_PROJECT
            return operation, _identifier(project_id), None
        case ("GET" | "DELETE", kind, project_id, runs, run_id) if _is_project(kind) and _is_run(runs):
            operation = Operation.RUN_STATUS if method == "GET" else Operation.CANCEL_RUN
            return operation, _identifier(project_id), _identifier(run_id)
        case ("GET", *_, "cells", _, "image"):
            return Operation.CHART_IMAGE, None, None
        case ("POST", "threads", *_):
            return Operation.START_THREAD, None, None
        case ("POST", *_, "ingest"):
            return Operation.SEMANTIC_INGEST, None, None
        case _:
            return Operation.OTHER, None, None


def _is_project(word: str) -> bool:
    return word.lower() in {"projects", "project"}


def _is_run(word: str) -> bool:
    return word.lower() in {"runs", "run"}


def _identifier(word: str) -> str:
    return word.lower() if _UUID.match(word) else word


def _shown(text: bytes) -> str:
    """What was found, safe to send back and to log: ASCII, cut to a length."""
    return repr(text[:_SHOWN].decode("ascii", "backslashreplace"))
