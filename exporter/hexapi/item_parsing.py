"""Items of Hex's answers as facts, field by field: an unreadable optional field is None and costs nothing else."""

from collections.abc import Callable, Mapping

from exporter.facts import (
    UNKNOWN_TRIGGER,
    Cell,
    Connection,
    Group,
    Identity,
    Project,
    ProjectVersion,
    QueriedTable,
    Run,
    Schedule,
    Seat,
    Thread,
)
from exporter.hexapi.cell_source import cell_source
from exporter.hexapi.connection_target import target_of
from exporter.hexapi.endpoints import ApiRequest, Endpoint
from exporter.hexapi.field_readers import (
    Json,
    entries,
    enum,
    expiry,
    identifier,
    mapping,
    moment,
    text,
    thousandths,
    version,
    whole,
)
from exporter.hexapi.schedule_parsing import read_schedule

Fact = Project | Run | Seat | Identity | Group | Connection | Thread | QueriedTable | Cell | ProjectVersion
"""Whatever an answer can hold."""


def read_item(item: Json, request: ApiRequest) -> Fact | None:
    """The fact that one item of the answer to `request` holds, None if it has no usable id."""
    return _READERS[request.endpoint](item, request)


def written_id(item: Json, request: ApiRequest) -> str | None:
    """The id of an item that `read_item` cannot read, as far as it can be made out: a number, or spaces around it."""
    value = item.get("runId" if request.endpoint is Endpoint.RUNS else "id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return identifier(value.strip()) if isinstance(value, str) else None


def past_ms(fact: Fact) -> tuple[int | None, ...]:
    """The moments in a fact that had passed when Hex answered, in epoch milliseconds."""
    match fact:
        case Project():
            return (
                fact.created_ms,
                fact.edited_ms,
                fact.published_ms,
                fact.viewed_ms,
                fact.results_updated_ms,
                fact.archived_ms,
                fact.trashed_ms,
            )
        case Run():
            return (fact.start_ms, fact.end_ms)
        case Seat():
            return (fact.last_login_ms,)
        case Thread():
            return (fact.created_ms, fact.updated_ms)
        case _:
            return ()


def key(fact: Fact) -> tuple[str, ...]:
    """What makes the fact the same one when it is met again in its listing."""
    match fact:
        case Project(project_id=one) | Run(run_id=one) | Seat(user_id=one) | Group(group_id=one):
            return (one,)
        case Connection(connection_id=one) | Thread(thread_id=one) | Cell(cell_id=one):
            return (one,)
        case QueriedTable():
            return (fact.connection_id, fact.table)
        case ProjectVersion():
            return (fact.project_id, fact.version)
        case Identity():
            return ()


def _project(item: Json, _: ApiRequest) -> Project | None:
    project_id = identifier(item.get("id"))
    if project_id is None:
        return None
    analytics, sharing = mapping(item.get("analytics")), mapping(item.get("sharing"))
    views = mapping(analytics.get("appViews"))
    return Project(
        project_id=project_id,
        title=text(item.get("title")) or "",
        owner=text(mapping(item.get("owner")).get("email")),
        creator=text(mapping(item.get("creator")).get("email")),
        project_status=text(mapping(item.get("status")).get("name")),
        categories=_names(item.get("categories")),
        groups=_names(sharing.get("groups"), within="group"),
        collections=_names(sharing.get("collections"), within="collection"),
        created_ms=moment(item.get("createdAt")),
        edited_ms=moment(item.get("lastEditedAt")),
        published_ms=moment(item.get("lastPublishedAt")),
        viewed_ms=moment(analytics.get("lastViewedAt")),
        results_updated_ms=moment(analytics.get("publishedResultsUpdatedAt")),
        archived_ms=moment(item.get("archivedAt")),
        trashed_ms=moment(item.get("trashedAt")),
        views_7d=whole(views.get("lastSevenDays")),
        views_14d=whole(views.get("lastFourteenDays")),
        views_30d=whole(views.get("lastThirtyDays")),
        views_all=whole(views.get("allTime")),
        schedules=_schedules(item.get("schedules")),
    )


def _names(value: object, within: str | None = None) -> tuple[str, ...]:
    """The names of an array's entries, each once; `within` is the nested object of an entry that has been shared."""
    names: dict[str, None] = {}
    for entry in map(mapping, entries(value)):
        if enum(entry.get("access")) == "none":
            continue
        name = text(mapping(entry.get(within)).get("name") if within else entry.get("name"))
        if name:
            names[name] = None
    return tuple(names)


def _schedules(value: object) -> tuple[Schedule, ...]:
    return tuple(read_schedule(entry) for entry in map(mapping, entries(value)) if entry)


def _run(item: Json, request: ApiRequest) -> Run | None:
    run_id = identifier(item.get("runId"))
    if run_id is None or request.project_id is None:
        return None
    return Run(
        run_id=run_id,
        project_id=request.project_id,
        status=enum(item.get("status")) or "unknown",
        trigger=enum(item.get("runTrigger")) or UNKNOWN_TRIGGER,
        start_ms=moment(item.get("startTime")),
        end_ms=moment(item.get("endTime")),
        elapsed_ms=whole(item.get("elapsedTime")),
        version=version(item.get("projectVersion")),
    )


def _seat(item: Json, _: ApiRequest) -> Seat | None:
    user_id = identifier(item.get("id"))
    if user_id is None:
        return None
    return Seat(
        user_id=user_id,
        email=text(item.get("email")) or "",
        name=text(item.get("name")),
        role=enum(item.get("role")) or "unknown",
        last_login_ms=moment(item.get("lastLoginDate")),
    )


def _identity(item: Json, _: ApiRequest) -> Identity:
    return Identity(
        org_id=identifier(mapping(item.get("org")).get("id")),
        email=text(item.get("email")),
        role=enum(item.get("role")),
        token_expires_ms=expiry(mapping(item.get("token")).get("exp")),
    )


def _group(item: Json, _: ApiRequest) -> Group | None:
    group_id = identifier(item.get("id"))
    return None if group_id is None else Group(group_id=group_id, name=text(item.get("name")) or "")


def _connection(item: Json, _: ApiRequest) -> Connection | None:
    connection_id = identifier(item.get("id"))
    if connection_id is None:
        return None
    connection_type = enum(item.get("type")) or "unknown"
    return Connection(
        connection_id=connection_id,
        name=text(item.get("name")) or "",
        connection_type=connection_type,
        target=target_of(
            mapping(item.get("connectionDetails")), connection_type, is_by_ssh=item.get("connectViaSsh") is True
        ),
    )


def _thread(item: Json, _: ApiRequest) -> Thread | None:
    thread_id = identifier(item.get("id"))
    if thread_id is None:
        return None
    return Thread(
        thread_id=thread_id,
        source=enum(item.get("source")) or "unknown",
        thread_type=enum(item.get("type")) or "unknown",
        user_id=identifier(item.get("userId")),
        created_ms=moment(item.get("createdAt")),
        credits_milli=thousandths(item.get("creditsUsed")),
        updated_ms=moment(item.get("updatedAt")),
        title=text(item.get("title")),
        model=enum(item.get("effectiveModel")) or enum(item.get("model")) or "unknown",
    )


def _queried_table(item: Json, _: ApiRequest) -> QueriedTable | None:
    connection_id, table = identifier(item.get("dataConnectionId")), text(item.get("tableName"))
    if connection_id is None or not table:
        return None
    return QueriedTable(
        connection_id=connection_id, table=table, connection_name=text(item.get("dataConnectionName")) or ""
    )


def _cell(item: Json, _: ApiRequest) -> Cell | None:
    cell_id = identifier(item.get("id"))
    if cell_id is None:
        return None
    return Cell(cell_id=cell_id, connection_id=identifier(item.get("dataConnectionId")), source=cell_source(item))


_READERS: Mapping[Endpoint, Callable[[Json, ApiRequest], Fact | None]] = {
    Endpoint.PROJECTS: _project,
    Endpoint.RUNS: _run,
    Endpoint.USERS: _seat,
    Endpoint.ME: _identity,
    Endpoint.GROUPS: _group,
    Endpoint.CONNECTIONS: _connection,
    Endpoint.THREADS: _thread,
    Endpoint.QUERIED_TABLES: _queried_table,
    Endpoint.CELLS: _cell,
}
