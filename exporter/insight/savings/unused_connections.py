"""Data connections that nobody uses, and those that lead to the same place as another."""

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

_UNKNOWN = "the data connections cannot be listed"
_NEEDED = "a token that may read data connections"


def unused_connections(scene: AuditContext) -> Found:
    """Connections that no project queries, or only projects that nobody ran, viewed or edited for long."""
    evidence = scene.evidence
    if reason := _unready(scene, UNUSED):
        yield reason
        return
    blind = sum(
        1
        for project in scene.projects.values()
        if project.state == "published" and project.project_id not in (evidence.tables or {})
    )
    if blind:
        why = f"what {blind} published projects query is not known, and it might be any connection"
        yield not_judged(scene, UNUSED, "queried_tables", why, TABLES_NEEDED)
        return
    for connection in evidence.connections or ():
        users = scene.projects_by_connection.get(connection.connection_id, ())
        if all(_is_quiet(scene, project_id) for project_id in users):
            yield _candidate(
                scene,
                UNUSED,
                connection,
                (connection.connection_id,),
                (
                    Fact("type", connection.connection_type),
                    Fact("projects that query it", len(users)),
                    Fact("last run", _last_run_ms(scene, users), "ms"),
                ),
                "no project that the token can see queries it in its published version, or none that is still used",
                "remove it, with the credentials that it keeps",
            )


def overlapping_connections(scene: AuditContext) -> Found:
    """Of connections of one type to one target, all but the one that most projects query."""
    evidence = scene.evidence
    if evidence.connections is None:
        yield not_judged(scene, OVERLAPPING, "connections", _UNKNOWN, _NEEDED)
        return
    groups: dict[tuple[str, str], list[Connection]] = defaultdict(list)
    blind = 0
    for connection in evidence.connections:
        if connection.target:
            groups[connection.connection_type, connection.target].append(connection)
        else:
            blind += 1
    if blind:
        why = f"where {blind} of {len(evidence.connections)} connections lead is not told"
        needs = "a token that sees connection details (an admin's)"
        is_partial = blind < len(evidence.connections)
        yield not_judged(scene, OVERLAPPING, "connections", why, needs, is_partial=is_partial)
    for connections in groups.values():
        kept, *others = sorted(connections, key=lambda one: (-_users(scene, one), one.name, one.connection_id))
        for connection in others:
            yield _candidate(
                scene,
                OVERLAPPING,
                connection,
                (connection.connection_id, kept.connection_id),
                (
                    Fact("same target as", kept.name),
                    Fact("type", connection.connection_type),
                    Fact("projects that query it", _known_users(scene, connection)),
                    Fact("projects that query the other", _known_users(scene, kept)),
                ),
                "host or account and database are the same; roles and warehouses may differ on purpose",
                "move its projects to the other one and remove it",
            )


def _unready(scene: AuditContext, kind: str) -> NotJudged | None:
    evidence = scene.evidence
    if evidence.connections is None:
        return not_judged(scene, kind, "connections", _UNKNOWN, _NEEDED)
    if evidence.projects is None:
        return not_judged(scene, kind, "projects", PROJECTS_UNKNOWN, PROJECTS_NEEDED)
    if evidence.tables is None:
        return not_judged(scene, kind, "queried_tables", TABLES_UNKNOWN, TABLES_NEEDED)
    return None


def _candidate(
    scene: AuditContext,
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
            cost=scene.connection_cost(connection.connection_id),
            confidence="measured",
            why=why,
            action=action,
            where=WHERE,
        )
    )


def _is_quiet(scene: AuditContext, project_id: str) -> bool:
    project = scene.projects[project_id]
    moments = [project.viewed_ms, project.edited_ms, *scene.use(project_id).last_ms.values()]
    is_running = any(amount.runs for amount in scene.use(project_id).by.values())
    return not is_running and all(scene.is_quiet_since(at_ms, scene.evidence.unused_after_ms) for at_ms in moments)


def _last_run_ms(scene: AuditContext, project_ids: Sequence[str]) -> int | None:
    return max((at_ms for one in project_ids for at_ms in scene.use(one).last_ms.values()), default=None)


def _users(scene: AuditContext, connection: Connection) -> int:
    return len(scene.projects_by_connection.get(connection.connection_id, ()))


def _known_users(scene: AuditContext, connection: Connection) -> int | None:
    return None if scene.evidence.tables is None else _users(scene, connection)
