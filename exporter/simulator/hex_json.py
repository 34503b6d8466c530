"""The facts of the workspace as the JSON that Hex sends."""

from datetime import UTC, datetime

from exporter.simulator.ai_threads import TOPICS, Talk
from exporter.simulator.connections import Link
from exporter.simulator.event_times import DAY_MS
from exporter.simulator.people import Person, Staff, Team
from exporter.simulator.population import SimulatedProject
from exporter.simulator.project_settings import SQL_ONLY_SORTS, WRITEBACK_SORTS, queried
from exporter.simulator.seeded_random import identifier
from exporter.simulator.simulation import Simulation
from exporter.simulator.timeline import PlannedRun

Json = dict[str, object]


def instant(at_ms: int | None) -> str | None:
    """A time as Hex writes it: UTC, milliseconds, `Z`."""
    if at_ms is None:
        return None
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec='milliseconds')[:-6]}Z"


def run(planned: PlannedRun, now_ms: int, base: str, number_version: bool) -> Json:
    """A run of GetProjectRuns and GetRunStatus as it stands at `now_ms`."""
    seen = planned.seen(now_ms)
    return {
        "projectId": seen.project_id,
        "projectVersion": planned.version if number_version else str(planned.version),
        "runId": seen.run_id,
        "runUrl": f"{base}/app/{seen.project_id}/runs/{seen.run_id}",
        "status": seen.status.upper(),
        "runTrigger": seen.trigger.upper(),
        "startTime": instant(seen.start_ms),
        "endTime": instant(seen.end_ms),
        "elapsedTime": seen.elapsed_ms,
        "traceId": seen.run_id.replace("-", ""),
        "notifications": [],
    }


def state_events(planned: PlannedRun, now_ms: int) -> list[Json]:
    """What `enable-expanded-stats` adds to a run: the states it has been in."""
    seen = planned.seen(now_ms)
    events = [("PENDING", planned.queued_ms), ("RUNNING", seen.start_ms), (seen.status.upper(), seen.end_ms)]
    return [
        {"type": "STATUS", "value": value, "timestamp": instant(at_ms)} for value, at_ms in events if at_ms is not None
    ]


def project(simulation: Simulation, item: SimulatedProject, now_ms: int, with_sharing: bool) -> Json:
    """A project of ListProjects and GetProject as it stands at `now_ms`."""
    views = item.views
    found: Json = {
        "id": item.project_id,
        "title": item.title,
        "description": item.description,
        "type": "COMPONENT" if item.is_component else "PROJECT",
        "creator": {"email": item.creator_email},
        "owner": {"email": item.owner_email},
        "status": None if item.status_name is None else {"name": item.status_name},
        "categories": [{"name": name, "description": text} for name, text in item.categories],
        "reviews": {"required": False},
        "analytics": {
            "appViews": {
                "allTime": views.count(now_ms) if views else 0,
                "lastSevenDays": _views(item, now_ms, 7),
                "lastFourteenDays": _views(item, now_ms, 14),
                "lastThirtyDays": _views(item, now_ms, 30),
            },
            "lastViewedAt": instant(simulation.viewed_ms(item, now_ms)),
            "publishedResultsUpdatedAt": instant(simulation.results_ms(item, now_ms)),
        },
        "lastEditedAt": instant(simulation.edited_ms(item, now_ms)),
        "lastPublishedAt": instant(simulation.published_ms(item, now_ms)),
        "createdAt": instant(item.created_ms),
        "archivedAt": instant(_past(item.archived_ms, now_ms)),
        "trashedAt": instant(_past(item.trashed_ms, now_ms)),
        "schedules": [cadence.entry() for cadence in item.schedules],
    }
    if with_sharing:
        found["sharing"] = _sharing(item)
    return found


def _views(item: SimulatedProject, now_ms: int, days: int) -> int:
    return item.views.count_between(now_ms - days * DAY_MS, now_ms) if item.views else 0


def _past(at_ms: int | None, now_ms: int) -> int | None:
    return at_ms if at_ms is not None and at_ms <= now_ms else None


def _sharing(item: SimulatedProject) -> Json:
    return {
        "users": [{"access": "FULL_ACCESS", "user": {"email": item.owner_email}}],
        "collections": [{"access": "CAN_VIEW", "collection": {"name": name}} for name in item.collection_names],
        "groups": [{"access": "CAN_VIEW", "group": {"name": name}} for name in item.group_names],
        "workspace": {"access": "NONE"},
        "publicWeb": {"access": "NONE"},
        "support": {"access": "NONE"},
    }


def person(item: Person, now_ms: int) -> Json:
    """A user of ListUsers."""
    return {
        "id": item.user_id,
        "name": item.name,
        "email": item.email,
        "role": item.role.upper(),
        "lastLoginDate": instant(item.last_login_ms(now_ms)),
    }


def team(item: Team) -> Json:
    """A group of ListGroups and GetGroup."""
    return {"id": item.group_id, "name": item.name, "createdAt": instant(item.created_ms)}


def collection(seed: int, number: int, name: str, staff: Staff) -> Json:
    """A collection of ListCollections and GetCollection."""
    creator = staff.authors[number % len(staff.authors)]
    return {
        "id": identifier(seed, "collection", number),
        "name": name,
        "description": f"What everybody should know about {name.lower()}.",
        "creator": {"id": creator.user_id, "email": creator.email},
        "sharing": {
            "users": [{"access": "MANAGER", "user": {"id": creator.user_id, "email": creator.email}}],
            "groups": [],
            "workspace": {"members": "MEMBER"},
        },
    }


def link(item: Link, is_full: bool) -> Json:
    """A connection of ListDataConnections: id, name and type, and with full rights where it leads."""
    found: Json = {"id": item.connection_id, "name": item.name, "type": item.connection_type}
    if item.description is not None:
        found["description"] = item.description
    if is_full:
        found |= {
            "connectionDetails": None if item.details is None else {item.connection_type: dict(item.details)},
            "connectViaSsh": False,
            "includeMagic": True,
            "allowWritebackCells": False,
            "schemaRefreshAccess": "ADMINS",
            "sharing": {"workspace": {"members": "QUERY"}, "users": [], "groups": []},
        }
    return found


def topic(seed: int, number: int) -> Json:
    """A topic of ListTopics."""
    return {"id": identifier(seed, "topic", number), "name": TOPICS[number]}


def talk(simulation: Simulation, item: Talk, now_ms: int, base: str) -> Json:
    """A thread of ListThreads; a private one comes without its title."""
    found: Json = {
        "id": item.thread_id,
        "orgId": simulation.org_id,
        "url": f"{base}/thread/{item.thread_id}",
        "userId": item.user_id,
        "type": item.type_label,
        "source": item.source,
        "createdAt": instant(item.created_ms),
        "updatedAt": instant(item.updated_ms(now_ms)),
        "sensitive": item.is_private,
        "creditsUsed": item.credits_milli(now_ms) / 1000,
        "topics": [topic(simulation.seed, TOPICS.index(name)) for name in item.topics],
        "warnings": [],
        "feedback": [],
        "auto": item.model is None,
        "effectiveModel": item.model,
    }
    if not item.is_private:
        found["title"] = item.title
    return found


_MANUAL_WRITEBACK_SORTS = frozenset({"disabled"})
"""The sorts that write only when somebody runs the cell in the notebook."""


def cells(seed: int, item: SimulatedProject) -> list[Json]:
    """The cells of a project's draft: text, one query for each table, code, a chart, and what some sorts have."""
    connection_id = item.connection.connection_id
    plan: list[tuple[str, str | None, str | None]] = [
        ("MARKDOWN", f"# {item.title}", None),
        *(("SQL", source, connection_id) for source in queried(item)),
        *([] if item.sort in SQL_ONLY_SORTS else [("CODE", "frame.describe()", None)]),
        ("CHART", None, None),
    ]
    if item.sort in WRITEBACK_SORTS | _MANUAL_WRITEBACK_SORTS:
        plan.append(("WRITEBACK", None, connection_id))
    return [
        {
            "id": identifier(seed, "cell", item.number, number),
            "staticId": identifier(seed, "static", item.number, number),
            "cellType": kind,
            "label": _label(item, kind, number),
            "dataConnectionId": queried_id,
            "contents": {
                "sqlCell": {"source": f"select * {source}"} if kind == "SQL" else None,
                "codeCell": {"source": source} if kind == "CODE" else None,
                "markdownCell": {"source": source} if kind == "MARKDOWN" else None,
            },
            "projectId": item.project_id,
        }
        for number, (kind, source, queried_id) in enumerate(plan)
    ]


def _label(item: SimulatedProject, kind: str, number: int) -> str | None:
    if kind == "WRITEBACK":
        return "On each run" if item.sort in WRITEBACK_SORTS else "By hand"
    return None if number else "Title"
