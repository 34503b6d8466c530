"""Which operations the API has, where they are, and what Hex says about each."""

from collections.abc import Callable
from dataclasses import dataclass, field

from exporter.simulator import directory_operations, project_operations
from exporter.simulator.api_call import Answer, Call
from exporter.simulator.rate_limits import Group
from exporter.simulator.refusals import Shape
from exporter.simulator.tokens import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation: where it is, what its errors look like, what it counts against and what it asks of a token.

    `endpoint` is its name in faults and counts; `july_shape` is the shape its errors had before September 2026, where
    it was another. `kept` are the keys that the fault `nulls` leaves on its items.
    """

    endpoint: str
    path: str
    answer: Callable[[Call], Answer]
    scope: Scope | None = None
    method: str = "GET"
    group: Group = Group.DEFAULT
    shape: Shape = Shape.NEWER
    july_shape: Shape | None = None
    kept: frozenset[str] = field(default=frozenset({"id"}))

    def shape_in(self, state: str) -> Shape:
        """The shape of its errors in a state of the API."""
        return self.july_shape if state == "july" and self.july_shape else self.shape


_RUNS = "/v1/projects/{project_id}/runs"
_RUN = "/v1/projects/{project_id}/runs/{run_id}"
_SINGULAR_RUNS = "/v1/project/{project_id}/runs"
_SINGULAR_RUN = "/v1/project/{project_id}/runs/{run_id}"
_OLD_RUNS = "/v1/project/{project_id}/run"
_OLD_RUN = "/v1/project/{project_id}/run/{run_id}"
_KEPT_PROJECT = frozenset({"id", "lastPublishedAt"})
_KEPT_RUN = frozenset({"runId", "status", "startTime"})


def _projects() -> tuple[Operation, ...]:
    read = Scope.READ_PROJECTS
    return (
        Operation(
            endpoint="projects",
            path="/v1/projects",
            answer=project_operations.list_projects,
            scope=read,
            group=Group.NONE,
            shape=Shape.OLDER,
            kept=_KEPT_PROJECT,
        ),
        Operation(
            endpoint="project",
            path="/v1/projects/{project_id}",
            answer=project_operations.get_project,
            scope=read,
            kept=_KEPT_PROJECT,
        ),
        Operation(
            endpoint="export",
            path="/v1/projects/export",
            method="POST",
            answer=project_operations.export_project,
            scope=Scope.EXPORT_PROJECTS,
            kept=frozenset(),
        ),
        Operation(
            endpoint="queried_tables",
            path="/v1/projects/{project_id}/queriedTables",
            answer=project_operations.list_queried_tables,
            scope=Scope.READ_QUERIED_TABLES,
            group=Group.NONE,
            shape=Shape.OLDER,
            kept=frozenset({"dataConnectionId", "tableName"}),
        ),
        Operation(
            endpoint="cells",
            path="/v1/cells",
            answer=directory_operations.list_cells,
            scope=Scope.READ_CELLS,
            group=Group.SLOWER,
            kept=frozenset({"id", "dataConnectionId"}),
        ),
    )


def _runs(runs: str, run: str) -> tuple[Operation, ...]:
    return (
        Operation(
            endpoint="runs",
            path=runs,
            answer=project_operations.list_runs,
            scope=Scope.READ_PROJECTS,
            july_shape=Shape.OLDER,
            kept=_KEPT_RUN,
        ),
        Operation(
            endpoint="run_status",
            path=run,
            answer=project_operations.get_run,
            scope=Scope.READ_PROJECTS,
            july_shape=Shape.OLDER,
            kept=_KEPT_RUN,
        ),
        Operation(
            endpoint="run_project",
            path=runs,
            method="POST",
            answer=project_operations.start_run,
            scope=Scope.RUN_PROJECTS,
            group=Group.RUN,
            july_shape=Shape.OLDER,
        ),
        Operation(
            endpoint="cancel_run",
            path=run,
            method="DELETE",
            answer=project_operations.cancel_run,
            scope=Scope.RUN_PROJECTS,
            group=Group.NONE,
            shape=Shape.OLDER,
        ),
    )


def _directory() -> tuple[Operation, ...]:
    groups, collections, connections = Scope.READ_GROUPS, Scope.READ_COLLECTIONS, Scope.READ_CONNECTIONS
    none, slower, older = Group.NONE, Group.SLOWER, Shape.OLDER
    return (
        Operation(endpoint="me", path="/v1/users/me", answer=directory_operations.get_me, group=slower),
        Operation(
            endpoint="users",
            path="/v1/users",
            answer=directory_operations.list_users,
            scope=Scope.READ_USERS,
            group=slower,
        ),
        Operation(
            endpoint="groups",
            path="/v1/groups",
            answer=directory_operations.list_groups,
            scope=groups,
            group=none,
            shape=older,
        ),
        Operation(
            endpoint="group",
            path="/v1/groups/{group_id}",
            answer=directory_operations.get_group,
            scope=groups,
            group=none,
            shape=older,
        ),
        Operation(
            endpoint="collections",
            path="/v1/collections",
            answer=directory_operations.list_collections,
            scope=collections,
            group=none,
            shape=older,
        ),
        Operation(
            endpoint="collection",
            path="/v1/collections/{collection_id}",
            answer=directory_operations.get_collection,
            scope=collections,
            group=none,
            shape=older,
        ),
        Operation(
            endpoint="connections",
            path="/v1/data-connections",
            answer=directory_operations.list_connections,
            scope=connections,
            july_shape=older,
        ),
        Operation(
            endpoint="connection",
            path="/v1/data-connections/{connection_id}",
            answer=directory_operations.get_connection,
            scope=connections,
            july_shape=older,
        ),
        Operation(
            endpoint="threads", path="/v1/threads", answer=directory_operations.list_threads, scope=Scope.READ_THREADS
        ),
        Operation(
            endpoint="thread",
            path="/v1/threads/{thread_id}",
            answer=directory_operations.get_thread,
            scope=Scope.READ_THREADS,
        ),
        Operation(
            endpoint="topics",
            path="/v1/context/topics",
            answer=directory_operations.list_topics,
            scope=Scope.READ_THREADS,
        ),
    )


OPERATIONS: tuple[Operation, ...] = (
    *_projects(),
    *_runs(_RUNS, _RUN),
    *_runs(_SINGULAR_RUNS, _SINGULAR_RUN),
    *_runs(_OLD_RUNS, _OLD_RUN),
    *_directory(),
)
"""Every operation; those on runs also under the singular paths that older clients call."""
