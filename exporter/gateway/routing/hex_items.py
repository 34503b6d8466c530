"""Reading runs and projects in Hex's answers as the exporter's own polling does."""

from exporter.facts import Project, Run
from exporter.hexapi import ApiRequest, Endpoint, parse_json, read_item


def read_run(body: bytes, project_id: str) -> Run | None:
    """The run that a JSON text describes, None if it is none."""
    run = _read(body, ApiRequest(Endpoint.RUNS, project_id))
    return run if isinstance(run, Run) else None


def read_project(body: bytes) -> Project | None:
    """The project that a JSON text describes, None if it is none."""
    project = _read(body, ApiRequest(Endpoint.PROJECTS))
    return project if isinstance(project, Project) else None


def _read(body: bytes, request: ApiRequest) -> object:
    try:
        item = parse_json(body)
    except ValueError:
        return None
    return read_item(item, request) if isinstance(item, dict) else None
