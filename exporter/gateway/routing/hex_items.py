"""Reading runs and projects in Hex's answers as the exporter's own polling does."""

from functools import lru_cache

from exporter.facts import Project, Run
from exporter.hexapi import ApiRequest, Endpoint, parse_json, read_item

_REMEMBERED = 256
_REMEMBERED_BYTES = 8 * 1024
"""What was read last is kept, 2 MB at most: callers ask again and again, and get the same bytes."""


def read_run(body: bytes, project_id: str) -> Run | None:
    """The run that a JSON text describes, None if it is none."""
    run = _read(body, ApiRequest(Endpoint.RUNS, project_id))
    return run if isinstance(run, Run) else None


def read_project(body: bytes) -> Project | None:
    """The project that a JSON text describes, None if it is none."""
    project = _read(body, ApiRequest(Endpoint.PROJECTS))
    return project if isinstance(project, Project) else None


def _read(body: bytes, request: ApiRequest) -> object:
    return _read_again(body, request) if len(body) <= _REMEMBERED_BYTES else _parsed(body, request)


@lru_cache(_REMEMBERED)
def _read_again(body: bytes, request: ApiRequest) -> object:
    return _parsed(body, request)


def _parsed(body: bytes, request: ApiRequest) -> object:
    try:
        item = parse_json(body)
    except ValueError:
        return None
    return read_item(item, request) if isinstance(item, dict) else None
