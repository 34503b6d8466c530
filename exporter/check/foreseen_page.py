"""How many series the page of a workspace will have: the page itself, built from what was listed and a quiet week."""

from exporter.audit import Auditor
from exporter.check.workspace_findings import Findings
from exporter.clock import Clock
from exporter.config import Config
from exporter.facts import TRIGGERS, Project, ProjectVersion, QueriedTable, Run
from exporter.gateway import braked_series
from exporter.hexapi import Endpoint
from exporter.ledger import LATEST, SOURCE_METRICS, RunProgress, WorkspaceLedger, open_ledger
from exporter.metrics import Status, build_page, collect
from exporter.view import GatewayState

_HOUR_MS = 3_600_000
_WEEK_MS = 168 * _HOUR_MS
_STATUSES = ("completed", "completed", "completed", "errored", "killed")
"""Of the runs of a project: each status has a series of its own. The first two are of the week before."""
_BEFORE = 2
_PAID_PROFILE = "large"  # one project on paid compute is enough for each project to have a series of what Hex bills


async def foreseen_series(found: Findings, config: Config, clock: Clock) -> int:
    """The series once everything is read: as many as `serve` has, but for findings and users of AI credits to come.

    Nothing is written: the ledger is in memory. Every followed project is taken to have run this week and the last.
    """
    ledger = open_ledger("sqlite://", clock=clock)
    try:
        now_ms = round(clock.now() * 1000)
        known = ledger.workspace(found.workspace)
        known.first_contact(now_ms - 3 * _WEEK_MS)
        _record_listings(known, found, config, now_ms)
        for number, project in enumerate(one for one in found.polled if one.state == "published"):
            _record_project(known, found, config, project, now_ms)
            if found.answered & {Endpoint.QUERIED_TABLES, Endpoint.CELLS} and found.connections:
                connection = found.connections[number % len(found.connections)]
                tables = [QueriedTable(connection_id=connection.connection_id, table="t")]
                known.record_tables(project.project_id, tables, now_ms)
        status = Status()
        status.beat(now_ms)
        status.page_built(0.0, 0, 0)
        gateway = config.gateway
        has_gateway = gateway is not None and config.gateway_workspace.name == found.workspace
        if has_gateway:
            known.foresee_gateway(now_ms)
            known.foresee("hex_gateway_braked_total", braked_series(config), now_ms)
        status.update(
            found.workspace,
            planned_requests_per_hour=found.planned_per_hour,
            allowed_requests_per_hour=float(found.allowed_per_hour),
            overdue_projects=0,
            clock_skew_seconds=0.0,
            gateway=GatewayState(queue_length=0, active_runs=0) if has_gateway else None,
            audit=await Auditor(known, config, clock).once(),
        )
        known.release_holds(now_ms + _HOUR_MS)
        return build_page(collect(ledger, config, status, now_ms)).series
    finally:
        ledger.close()


def _record_listings(known: WorkspaceLedger, found: Findings, config: Config, now_ms: int) -> None:
    known.foresee_endpoints()
    known.record_projects(found.projects, now_ms)
    left_out = {one.project_id for one in found.projects} - {one.project_id for one in found.polled}
    known.choose_members(config.limits.projects_with_series, now_ms, left_out=left_out)
    if Endpoint.USERS in found.answered:
        known.record_seats(found.seats, now_ms)
    if Endpoint.GROUPS in found.answered:
        known.record_groups(found.groups, now_ms)
    if Endpoint.CONNECTIONS in found.answered:
        known.record_connections(found.connections, now_ms)
    if Endpoint.THREADS in found.answered:
        known.record_threads(found.threads, now_ms)
    if Endpoint.ME in found.answered:
        known.record_identity(found.identity, now_ms)
    needless = {Endpoint.CELLS} if Endpoint.QUERIED_TABLES in found.answered else set()
    for endpoint in found.answered - needless:
        known.record_collector(endpoint.value, True, now_ms)


def _record_project(known: WorkspaceLedger, found: Findings, config: Config, project: Project, now_ms: int) -> None:
    project_id = project.project_id
    trigger = "scheduled" if any(one.enabled for one in project.schedules) else "api"
    runs = [
        Run(
            run_id=f"{project_id}-{number}",
            project_id=project_id,
            status=status,
            trigger=trigger,
            start_ms=now_ms - number * _HOUR_MS - (_WEEK_MS if number < _BEFORE else 0),
            elapsed_ms=60_000,
        )
        for number, status in enumerate(_STATUSES)
    ]
    known.record_runs(project_id, runs, RunProgress(known_until_ms=now_ms, known_from_ms=0), now_ms)
    if config.collect.exports and Endpoint.EXPORT in found.answered:
        version = ProjectVersion(project_id=project_id, version=LATEST, profile=_PAID_PROFILE)
        known.record_version(version, project.published_ms, now_ms)
    if (source := config.source_of(found.workspace, project)) is not None:
        known.sources.record(source.key(project_id), "0", now_ms, now_ms)
        for metric in SOURCE_METRICS:
            known.foresee(metric, [(project_id, trigger) for trigger in TRIGGERS], now_ms)
