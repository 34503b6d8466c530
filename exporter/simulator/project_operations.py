"""The operations on projects and their runs: each takes a call and returns a status and its JSON, or refuses."""

from collections.abc import Callable
from functools import partial

import msgspec

from exporter.simulator import hex_json
from exporter.simulator.api_call import Answer, Call
from exporter.simulator.hex_json import Json
from exporter.simulator.paging import cursor_page, offset_page
from exporter.simulator.population import COLLECTIONS, SimulatedProject
from exporter.simulator.project_export import export
from exporter.simulator.project_settings import Version
from exporter.simulator.refusals import RefusalError
from exporter.simulator.seeded_random import identifier
from exporter.simulator.timeline import PlannedRun, version_at

_STATUSES = ("PENDING", "RUNNING", "ERRORED", "COMPLETED", "KILLED", "UNABLE_TO_ALLOCATE_KERNEL")
_TRIGGERS = ("SCHEDULED", "API", "APP_REFRESH", "ALL")
_DIRECTIONS = ("ASC", "DESC")


class RunRequest(msgspec.Struct, frozen=True):
    """What RunProject takes; everything is optional, and what is unknown is ignored."""

    inputParams: dict[str, object] | None = None  # noqa: N815 - Hex's own names
    dryRun: bool = False  # noqa: N815
    updateCache: bool | None = None  # noqa: N815
    updatePublishedResults: bool | None = None  # noqa: N815
    useCachedSqlResults: bool | None = None  # noqa: N815
    viewId: str | None = None  # noqa: N815
    notifications: list[dict[str, object]] | None = None


class ExportRequest(msgspec.Struct, frozen=True):
    """What ExportProject takes."""

    projectId: str  # noqa: N815 - Hex's own names
    version: int | str


def list_projects(call: Call) -> Answer:
    """ListProjects: the viewable projects, the most recently created first unless sorted otherwise."""
    query, simulation, now_ms = call.query, call.simulation, call.now_ms
    archived, components, trashed = map(query.flag, ("includeArchived", "includeComponents", "includeTrashed"))
    with_sharing = query.flag("includeSharing")
    unlisted = True
    if call.state == "october":
        unlisted = query.flag("includeUnlisted")
    elif query.text("includeUnlisted") is not None:
        raise RefusalError(400, "Unknown query parameter includeUnlisted")
    statuses, categories = query.words("statuses"), query.words("categories")
    owner, creator, collection_id = map(query.text, ("ownerEmail", "creatorEmail", "collectionId"))
    names = {identifier(simulation.seed, "collection", number): name for number, name in enumerate(COLLECTIONS)}

    def is_wanted(project: SimulatedProject) -> bool:
        return (
            call.can_see(project)
            and (archived or project.archived_ms is None)
            and (trashed or project.trashed_ms is None)
            and (components or not project.is_component)
            and (unlisted or not project.is_unlisted)
            and (not statuses or project.status_name in statuses)
            and (not categories or any(name in categories for name, _ in project.categories))
            and owner in (None, project.owner_email)
            and creator in (None, project.creator_email)
            and (collection_id is None or names.get(collection_id) in project.collection_names)
        )

    projects = [project for project in simulation.listed(now_ms) if is_wanted(project)]
    sort_by = query.choice("sortBy", ("CREATED_AT", "LAST_EDITED_AT", "LAST_PUBLISHED_AT"), "CREATED_AT")
    is_falling = query.choice("sortDirection", _DIRECTIONS, "DESC") == "DESC"
    moments: dict[str, Callable[[SimulatedProject], int]] = {
        "CREATED_AT": lambda project: project.created_ms,
        "LAST_EDITED_AT": lambda project: simulation.edited_ms(project, now_ms),
        "LAST_PUBLISHED_AT": lambda project: simulation.published_ms(project, now_ms) or 0,
    }
    if sort_by != "CREATED_AT" or not is_falling:
        projects.sort(key=moments[str(sort_by)], reverse=is_falling)

    def render(project: SimulatedProject) -> Json:
        return hex_json.project(simulation, project, now_ms, with_sharing)

    return 200, cursor_page(projects, lambda project: project.project_id, render, query, call.kinds)


def get_project(call: Call) -> Answer:
    """GetProject."""
    with_sharing = call.query.flag("includeSharing")
    return 200, hex_json.project(call.simulation, call.project(), call.now_ms, with_sharing)


def list_runs(call: Call) -> Answer:
    """GetProjectRuns: the latest first."""
    project, now_ms = call.project(), call.now_ms
    status = call.query.choice("statusFilter", _STATUSES)
    trigger = call.query.choice("runTriggerFilter", _TRIGGERS, "ALL")
    if project.published_ms is None:
        raise RefusalError(422, "Project has not been published")
    runs = call.simulation.newest(project.project_id, now_ms)
    if status is not None:
        wanted = status.lower()
        runs = (run for run in runs if run.status(now_ms) == wanted)
    if trigger != "ALL":
        wanted_trigger = str(trigger).lower()
        runs = (run for run in runs if run.trigger == wanted_trigger)
    if "unordered" in call.kinds:
        runs = iter(sorted(runs, key=lambda run: run.run_id))
    address = f"{call.base}/api/v1/projects/{project.project_id}/runs"
    page = offset_page(runs, partial(_render_run, call), call.query, address, call.kinds)
    return 200, {**page, "traceId": identifier(project.project_id, now_ms)}


def get_run(call: Call) -> Answer:
    """GetRunStatus."""
    run = _run(call)
    found = _render_run(call, run)
    if call.wants_events:
        found["stateEvents"] = hex_json.state_events(run, call.now_ms)
    return 200, found


def start_run(call: Call) -> Answer:
    """RunProject."""
    project = call.project()
    try:
        request = msgspec.json.decode(call.body, type=RunRequest) if call.body.strip() else RunRequest()
    except msgspec.DecodeError as error:
        raise RefusalError(400, f"Invalid body: {error}") from None
    if not project.is_runnable:
        raise RefusalError(422, "Project is not published")
    if call.kernels is not None and call.simulation.kernels_of(call.token.account) >= call.kernels:
        raise RefusalError(503, "Kernel limit reached: too many runs are active")

    if request.dryRun:
        run_id, version = identifier("dry", project.project_id, call.now_ms), 1
    else:
        updates = bool(request.updateCache or request.updatePublishedResults)
        run = call.simulation.start_run(project, caller=call.token.account, updates_results=updates)
        run_id, version = run.run_id, run.version
    return 201, {
        "projectId": project.project_id,
        "runId": run_id,
        "runUrl": f"{call.base}/app/{project.project_id}/runs/{run_id}",
        "runStatusUrl": f"{call.base}/api/v1/projects/{project.project_id}/runs/{run_id}",
        "traceId": run_id.replace("-", ""),
        "projectVersion": version if call.state == "july" else str(version),
        "notifications": request.notifications or [],
    }


def cancel_run(call: Call) -> Answer:
    """CancelRun: 204, or 400 for a run that is over."""
    if not call.simulation.cancel_run(_run(call)):
        raise RefusalError(400, "Run is not active")
    return 204, None


def export_project(call: Call) -> Answer:
    """ExportProject: the draft, the latest published version, or one by its number."""
    try:
        wanted = msgspec.json.decode(call.body, type=ExportRequest)
    except msgspec.DecodeError as error:
        raise RefusalError(400, f"Invalid body: {error}") from None
    project, simulation = call.project(wanted.projectId), call.simulation
    version: Version = wanted.version
    if version != "draft":
        latest = version_at(project, call.now_ms) if project.published_ms is not None else 0
        version = latest if version == "latest" else version
        if not isinstance(version, int) or not 1 <= version <= latest:
            raise RefusalError(404, "Version not found")
    return 200, export(simulation, project, version)


def list_queried_tables(call: Call) -> Answer:
    """GetQueriedTables: of the Enterprise plan, and of published projects."""
    if not call.is_enterprise:
        raise RefusalError(403, "Queried tables are part of the Enterprise plan")
    project = call.project()
    if project.published_ms is None:
        raise RefusalError(422, "Project has not been published")

    def render(table: str) -> Json:
        link = project.connection
        return {"dataConnectionId": link.connection_id, "dataConnectionName": link.name, "tableName": table}

    page = cursor_page(project.tables, lambda table: table, render, call.query, call.kinds)
    return 200, {**page, "traceId": identifier(project.project_id, call.now_ms)}


def _run(call: Call) -> PlannedRun:
    project = call.project()
    run = call.simulation.find_run(project.project_id, call.path["run_id"])
    if run is None:
        raise RefusalError(404, "Run not found")
    return run


def _render_run(call: Call, run: PlannedRun) -> Json:
    return hex_json.run(run, call.now_ms, call.base, call.state == "july")
