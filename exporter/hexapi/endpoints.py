"""The endpoints of Hex's API that are read; one request as a value, its address and query."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote


class Endpoint(StrEnum):
    """What is read from Hex; the values are the `endpoint` and `collector` labels of the metrics."""

    PROJECTS = "projects"
    RUNS = "runs"
    USERS = "users"
    ME = "me"
    GROUPS = "groups"
    CONNECTIONS = "connections"
    THREADS = "threads"
    QUERIED_TABLES = "queried_tables"
    CELLS = "cells"
    EXPORT = "export"


OF_ONE_PROJECT = frozenset({Endpoint.RUNS, Endpoint.QUERIED_TABLES, Endpoint.CELLS, Endpoint.EXPORT})
"""The endpoints that are read project by project."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request: one page of one endpoint.

    `after` is the cursor of the page before (None: the first page); `offset` applies to runs only, which have no
    cursors, `version` to exports only. Raises ValueError when an endpoint of one project comes without its project.
    """

    endpoint: Endpoint
    project_id: str | None = None
    after: str | None = None
    offset: int = 0
    version: str | None = None

    def __post_init__(self) -> None:
        if (self.endpoint in OF_ONE_PROJECT) != (self.project_id is not None):
            raise ValueError(f"{self.endpoint} was requested with project_id {self.project_id!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Where an endpoint is and how its pages look.

    `path` continues the base URL, `array` is the key of the items in the answer (empty: the answer is the one item),
    `limit` the largest page Hex gives (0: the endpoint has no pages), `fixed` the query sent with every page.
    `method` is how it is requested. `optional` names parameters of that query by age, the newest first: not every
    server knows them.
    """

    path: str
    array: str = "values"
    limit: int = 100
    method: str = "GET"
    fixed: Mapping[str, str] = field(default_factory=dict)
    optional: tuple[tuple[str, ...], ...] = ()


SHAPES: Mapping[Endpoint, Shape] = {
    Endpoint.PROJECTS: Shape(
        path="projects",
        fixed=dict.fromkeys(("includeArchived", "includeTrashed", "includeSharing", "includeUnlisted"), "true"),
        optional=(("includeUnlisted",), ("includeArchived", "includeTrashed", "includeSharing")),
    ),
    Endpoint.RUNS: Shape(
        path="projects/{project_id}/runs",
        array="runs",
        fixed={"runTriggerFilter": "ALL"},
        optional=(("runTriggerFilter",),),
    ),
    Endpoint.USERS: Shape(path="users", limit=500),
    Endpoint.ME: Shape(path="users/me", array="", limit=0),
    Endpoint.GROUPS: Shape(path="groups", limit=500),
    Endpoint.CONNECTIONS: Shape(path="data-connections"),
    Endpoint.THREADS: Shape(path="threads", array="threads"),
    Endpoint.QUERIED_TABLES: Shape(path="projects/{project_id}/queriedTables"),
    Endpoint.CELLS: Shape(path="cells"),
    Endpoint.EXPORT: Shape(path="projects/export", array="", limit=0, method="POST"),
}
"""Every endpoint's shape."""


def address(base_url: str, request: ApiRequest) -> str:
    """The URL of `request` without its query; `base_url` may end with a slash or not."""
    path = SHAPES[request.endpoint].path.format(project_id=quote(request.project_id or "", safe=""))
    return f"{base_url.rstrip('/')}/{path}"


def body(request: ApiRequest) -> dict[str, object] | None:
    """The JSON that is sent with `request`: an export is a read, in spite of its method. None for no body."""
    if request.endpoint is not Endpoint.EXPORT:
        return None
    version = request.version or "latest"
    is_number = version.isascii() and version.isdecimal()
    return {"projectId": request.project_id, "version": int(version) if is_number else version}


def query(request: ApiRequest, left_out: Collection[str] = ()) -> dict[str, str]:
    """The query of `request` without the optional parameters that are left out."""
    shape = SHAPES[request.endpoint]
    parameters = {name: value for name, value in shape.fixed.items() if name not in left_out}
    if request.endpoint is Endpoint.CELLS and request.project_id is not None:
        parameters["projectId"] = request.project_id
    if shape.limit:
        parameters["limit"] = str(shape.limit)
    if request.endpoint is Endpoint.RUNS:
        parameters["offset"] = str(request.offset)
    elif request.after is not None:
        parameters["after"] = request.after
    return parameters
