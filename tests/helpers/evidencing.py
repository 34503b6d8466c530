"""What the audit goes by, taken straight from a simulated workspace, with no exporter in between."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from exporter.config import Prices, SeatPrices, Week
from exporter.facts import Connection, Project, ProjectVersion, QueriedTable
from exporter.hexapi.endpoints import ApiRequest, Endpoint
from exporter.hexapi.item_parsing import read_item
from exporter.hexapi.project_export import read_export
from exporter.insight.calendar_period import period_at
from exporter.insight.credit_use import CreditGrowth, CreditUse
from exporter.insight.run_usage import UNBILLED
from exporter.insight.savings.audit_input import WINDOW_MS, Amount, AuditInput, ProjectUse, SourceUse
from exporter.insight.savings.finding import Audit, Finding
from exporter.insight.tariffs import tariff
from exporter.simulator import Simulation, Waste, hex_json
from exporter.simulator.project_export import export
from exporter.simulator.timeline import version_at

DAY_MS = 86_400_000

PRICES = Prices(
    plan="team",
    run_micro_usd=50_000,
    warehouse_minute_micro_usd=10_000,
    overrides={
        "team": SeatPrices(editor_month_micro_usd=28_000_000, explorer_month_micro_usd=10_000_000),
        "enterprise": SeatPrices(editor_month_micro_usd=60_000_000, explorer_month_micro_usd=15_000_000),
    },
)


class StillClock:
    """It is always the same moment."""

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing sleeps here")


def projects_of(simulation: Simulation) -> tuple[Project, ...]:
    """As a client learns them: rendered as JSON, and read."""
    found = []
    for project in simulation.listed(simulation.now_ms):
        if not project.is_component:
            item = hex_json.project(simulation, project, simulation.now_ms, True)
            fact = read_item(item, ApiRequest(Endpoint.PROJECTS))
            assert isinstance(fact, Project)
            found.append(fact)
    return tuple(found)


def connections_of(simulation: Simulation) -> tuple[Connection, ...]:
    found = []
    for link in simulation.links:
        fact = read_item(hex_json.link(link, True), ApiRequest(Endpoint.CONNECTIONS))
        assert isinstance(fact, Connection)
        found.append(fact)
    return tuple(found)


def use_of(simulation: Simulation, project_id: str, since_ms: int, failed_runs: int = 5) -> ProjectUse:
    now_ms = simulation.now_ms
    by: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    last_scheduled: list[str] = []
    longest_ms = 0
    last_ms: dict[str, int] = {}
    unviewed = refreshes = 0
    views = simulation.by_id[project_id].views
    later_ms: int | None = None
    for run in simulation.newest(project_id, now_ms):
        seen = run.seen(now_ms)
        if seen.status == UNBILLED or seen.start_ms is None:
            continue
        last_ms.setdefault(run.trigger, seen.start_ms)
        if run.trigger == "scheduled" and not seen.is_active and len(last_scheduled) < failed_runs:
            last_scheduled.append(seen.status)
        if seen.start_ms >= since_ms:
            amount = by[run.trigger, seen.status]
            amount[0] += 1
            amount[1] += seen.duration_ms or 0
            if seen.status == "completed":
                longest_ms = max(longest_ms, seen.duration_ms or 0)
            if run.trigger in ("scheduled", "app_refresh"):
                refreshes += 1
                if later_ms is not None:
                    unviewed += not (views and views.count_between(seen.start_ms, later_ms))
                later_ms = seen.start_ms
    return ProjectUse(
        by={key: Amount(*amount) for key, amount in by.items()},
        last_scheduled=tuple(last_scheduled),
        last_ms=last_ms,
        unviewed_week=unviewed * 7 * DAY_MS / (now_ms - since_ms) if refreshes else None,
        longest_ms=longest_ms,
    )


def source_of(simulation: Simulation, project_id: str, since_ms: int) -> SourceUse:
    """The source as if it had been probed at every instant, compared at each scheduled run."""
    project, now_ms = simulation.by_id[project_id], simulation.now_ms
    counts = [
        simulation.source_state(project, run.start_ms)[0]
        for run in simulation.newest(project_id, now_ms)
        if run.trigger == "scheduled" and run.start_ms >= since_ms
    ]
    return SourceUse(
        name="sql:1",
        since_ms=since_ms,
        until_ms=now_ms,
        changes=simulation.source_state(project, now_ms)[0] - simulation.source_state(project, since_ms)[0],
        checked_runs=max(0, len(counts) - 1),
        unchanged_runs=sum(1 for late, early in pairwise(counts) if late == early),
    )


def read_audit_input(
    simulation: Simulation,
    *,
    prices: Prices = PRICES,
    sources: bool = True,
    connection_runs: int | None = 3,
) -> AuditInput:
    """Everything that could be known by a token that may read all of it."""
    now_ms = simulation.now_ms
    since_ms = now_ms - WINDOW_MS
    projects = projects_of(simulation)
    published = [project.project_id for project in projects if project.published_ms is not None]
    by_id = simulation.by_id
    settings = settings_of(simulation)
    profiles = {one: version.profile for one, version in settings.items() if version.profile is not None}
    month_start = period_at(period_at(now_ms, "month", Week())[0] - 1, "month", Week())
    return AuditInput(
        now_ms=now_ms,
        since_ms=since_ms,
        tariff=tariff(prices),
        month=month_start,
        projects=projects,
        uses={one: use_of(simulation, one, since_ms) for one in published},
        seats=simulation.seats,
        threads=simulation.threads,
        credits=credit_use(simulation),
        connections=connections_of(simulation),
        tables={
            one: tuple(
                QueriedTable(connection_id=by_id[one].connection.connection_id, table=table)
                for table in by_id[one].tables
            )
            for one in published
        },
        sources={one: source_of(simulation, one, since_ms) for one in published} if sources else {},
        teams={project.project_id: by_id[project.project_id].department for project in projects},
        connection_runs=connection_runs,
        settings=settings,
        profiles=profiles,
    )


def settings_of(simulation: Simulation) -> dict[str, ProjectVersion]:
    """Those of each published version, exported and read."""
    found = {}
    for project in simulation.projects:
        if project.is_runnable:
            version = version_at(project, simulation.now_ms)
            content = export(simulation, project, version)["content"]
            assert isinstance(content, str)
            found[project.project_id] = read_export(content, str(version))
    return found


def credit_use(simulation: Simulation) -> CreditUse:
    """What the visible threads used, each message at its instant: as if they had been looked at all the time."""
    now_ms = simulation.now_ms
    growths: list[CreditGrowth] = []
    for talk in simulation.talks.newest(now_ms):
        before = 0
        for at_ms, total in talk.steps:
            if at_ms <= now_ms:
                said = (at_ms, at_ms, now_ms, total - before)
                growths.append(CreditGrowth(talk.thread_id, talk.user_id, talk.source, talk.type_label, "", *said))
                before = total
    return CreditUse(growths)


def without_tables(evidence: AuditInput) -> AuditInput:
    """The same with connections alone, as cells tell them."""
    assert evidence.tables is not None
    return replace(
        evidence,
        tables={
            project_id: tuple(
                QueriedTable(connection_id=one, table="") for one in {table.connection_id for table in tables}
            )
            for project_id, tables in evidence.tables.items()
        },
    )


def is_found(waste: Waste, findings: Iterable[Finding]) -> bool:
    """Whether one of the findings is this piece."""
    return any(is_of(waste, finding) for finding in findings)


def is_of(waste: Waste, finding: Finding) -> bool:
    """Whether a finding names this piece: a collision all its projects, anything else exactly its subjects."""
    if waste.kind != finding.kind:
        return False
    if waste.kind == "colliding_schedules":
        return set(waste.subjects) <= set(finding.subjects)
    if waste.kind == "repeated_queries":  # its subject is a digest
        return set(waste.subjects) == set(finding.subjects[1:])
    if waste.kind == "recurring_threads":
        return set(waste.subjects) <= {*finding.subjects, finding.subject_name}
    return set(waste.subjects) == set(finding.subjects)


def counted_by_kind(audit: Audit) -> Counter[str]:
    return Counter(finding.kind for finding in audit.findings)


def month_micro_usd(piece: Waste) -> int:
    """What a planted piece costs a month by `PRICES`: its runs, or what its seat costs more than a free one."""
    prices = tariff(PRICES)
    if piece.role is not None:
        return (prices.seat_month_micro_usd("team", piece.role) or 0) - (
            prices.seat_month_micro_usd("team", "member") or 0
        )
    if piece.profile is not None:
        return round(piece.seconds_per_week / 3600 * prices.compute_hour_micro_usd(piece.profile) * 365.25 / 12 / 7)
    second = (prices.prices.warehouse_minute_micro_usd or 0) / 60
    week = piece.runs_per_week * (prices.prices.run_micro_usd or 0) + piece.seconds_per_week * second
    return round(week * 365.25 / 12 / 7)


ABANDONED = {("abandoned_project", "p")}
UNVIEWED = {("unviewed_schedule", "p")}
