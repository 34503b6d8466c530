"""Data connections that no one uses, and those that lead to one place."""

from collections import defaultdict
from collections.abc import Sequence

from exporter.facts import Connection
from exporter.insight.savings.audit_context import AuditContext
from exporter.insight.savings.candidate import (
    PROJECTS_NEEDED,
    PROJECTS_UNKNOWN,
    TABLES_NEEDED,
    TABLES_UNKNOWN,
    Candidate,
    Found,
    not_judged,
)
from exporter.insight.savings.finding import Fact, Finding, NotJudged, Saving

UNUSED = "unused_connection"
OVERLAPPING = "overlapping_connections"

WHERE = "Hex: Settings, Data sources"

_WHOLE_ACCOUNT = frozenset({"bigquery", "databricks", "snowflake"})
"""Where a connection without a database leads to all that its account holds."""

_UNKNOWN = "the data connections cannot be listed"
_NEEDED = "a token that may read data connections"


def unused_connections(context: AuditContext) -> Found:
    """Connections that no project queries, or only projects that no one ran, viewed or edited for long."""
    audit_input = context.input
    if reason := _unready(context, UNUSED):
        yield reason
        return
    blind = sum(
        1
        for project in context.projects.values()
        if project.state == "published" and project.project_id not in (audit_input.tables or {})
    )
    if blind:
        why = f"what {blind} published projects query is not known, and it might be any connection"
        yield not_judged(context, UNUSED, "queried_tables", why, TABLES_NEEDED)
        return
    for connection in audit_input.connections or ():
        users = context.projects_by_connection.get(connection.connection_id, ())
        if all(_is_quiet(context, project_id) for project_id in users):
            yield _candidate(
                context,
                UNUSED,
                connection,
                (connection.connection_id,),
                (
                    Fact("type", connection.connection_type),
                    Fact("projects that query it", len(users)),
                    Fact("last run", _last_run_ms(context, users), "ms"),
                ),
                "no project that the token can see queries it in its published version, or none that is still used",
                "remove it, with the credentials that it keeps",
            )


def overlapping_connections(context: AuditContext) -> Found:
    """Of connections of one type to one target, all but the one that most projects query.

    Host, port, database and account have to be the same; a server by itself may hold many databases.
    """
    audit_input = context.input
    if audit_input.connections is None:
        yield not_judged(context, OVERLAPPING, "connections", _UNKNOWN, _NEEDED)
        return
    groups: dict[tuple[str, str], list[Connection]] = defaultdict(list)
    blind = 0
    for connection in audit_input.connections:
        if connection.target and ("/" in connection.target or connection.connection_type in _WHOLE_ACCOUNT):
            groups[connection.connection_type, connection.target].append(connection)
        else:
            blind += 1
    if blind:
        why = f"where {blind} of {len(audit_input.connections)} connections lead is not known"
        needs = "a token that sees connection details (an admin's)"
        is_partial = blind < len(audit_input.connections)
        yield not_judged(context, OVERLAPPING, "connections", why, needs, is_partial=is_partial)
    for connections in groups.values():
        kept, *others = sorted(connections, key=lambda one: (-_users(context, one), one.name, one.connection_id))
        for connection in others:
            yield _candidate(
                context,
                OVERLAPPING,
                connection,
                (connection.connection_id, kept.connection_id),
                (
                    Fact("same target as", kept.name),
                    Fact("type", connection.connection_type),
                    Fact("projects that query it", _known_users(context, connection)),
                    Fact("projects that query the other", _known_users(context, kept)),
                ),
                "account or host, port and database are the same; roles and warehouses may differ on purpose",
                "move its projects to the other one and remove it",
            )


def _unready(context: AuditContext, kind: str) -> NotJudged | None:
    audit_input = context.input
    if audit_input.connections is None:
        return not_judged(context, kind, "connections", _UNKNOWN, _NEEDED)
    if audit_input.projects is None:
        return not_judged(context, kind, "projects", PROJECTS_UNKNOWN, PROJECTS_NEEDED)
    if audit_input.tables is None:
        return not_judged(context, kind, "queried_tables", TABLES_UNKNOWN, TABLES_NEEDED)
    return None


def _candidate(
    context: AuditContext,
    kind: str,
    connection: Connection,
    subjects: tuple[str, ...],
    evidence: tuple[Fact, ...],
    why: str,
    action: str,
) -> Candidate:
    return Candidate(
        finding=Finding(
            kind=kind,
            subject=connection.connection_id,
            subject_type="connection",
            subject_name=connection.name,
            subjects=subjects,
            evidence=evidence,
            saving=Saving(),
            cost=context.connection_cost(connection.connection_id),
            confidence="measured",
            why=why,
            action=action,
            where=WHERE,
        )
    )


def _is_quiet(context: AuditContext, project_id: str) -> bool:
    project = context.projects[project_id]
    moments = [project.viewed_ms, project.edited_ms, *context.use(project_id).last_ms.values()]
    is_running = any(amount.runs for amount in context.use(project_id).by.values())
    return not is_running and all(context.is_quiet_since(at_ms, context.input.unused_after_ms) for at_ms in moments)


def _last_run_ms(context: AuditContext, project_ids: Sequence[str]) -> int | None:
    return max((at_ms for one in project_ids for at_ms in context.use(one).last_ms.values()), default=None)


def _users(context: AuditContext, connection: Connection) -> int:
    return len(context.projects_by_connection.get(connection.connection_id, ()))


def _known_users(context: AuditContext, connection: Connection) -> int | None:
    return None if context.input.tables is None else _users(context, connection)
