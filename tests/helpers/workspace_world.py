"""A small workspace in a real ledger, and what the collector shows of it."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import msgspec
import pytest

from exporter.config import (
    DEFAULT_BUDGET,
    Budget,
    Compute,
    Config,
    Contract,
    FileSource,
    Gateway,
    Match,
    Prices,
    Profile,
    Seats,
    Source,
    Storage,
    Team,
    Trigger,
    Warehouse,
    Week,
    Workspace,
)
from exporter.facts import Connection, Identity, Project, ProjectVersion, QueriedTable, Run, Schedule, Seat, Thread
from exporter.insight.savings.finding import Audit, Finding, NotJudged, Saving, Total
from exporter.ledger import KnownFinding, RunProgress, WarehouseKey, WarehouseSums, open_ledger
from exporter.ledger.histograms import observed
from exporter.metrics import Collector, GatewayState, Status
from exporter.view import ClusterState, LeaseState

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ORDERS = Source(match=Match(project_id="orders"), name="orders", file=FileSource(paths=("/data/orders.csv",)))


class World:
    """A ledger in memory with the workspace `acme`, its configuration, and the time of the manual clock."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.ledger = open_ledger("sqlite://", clock=clock)
        self.acme = self.ledger.workspace("acme")
        self.status = Status(version="1.2.3")
        self.config = Config(workspaces=(Workspace(name="acme"),), storage=Storage(url="sqlite://"))
        self.collector = Collector(self.ledger, self.status)

    @property
    def now_ms(self) -> int:
        return round(self.clock.now() * 1000)

    def configure(self, **changes: Any) -> None:
        """Change settings of the configuration."""
        self.config = msgspec.structs.replace(self.config, **changes)

    def list_projects(self, *projects: Project, members: int = 500) -> None:
        """A complete project listing, now."""
        self.acme.first_contact(self.now_ms)
        self.acme.record_projects(projects, self.now_ms)
        self.acme.choose_members(members, self.now_ms)
        self.acme.record_collector("projects", True, self.now_ms)

    def read_runs(self, project_id: str, *runs: Run, known_from_ms: int = 0, **progress: Any) -> None:
        """The runs of one project, complete until now and back to `known_from_ms`."""
        known = {"known_until_ms": self.now_ms, "last_read_ms": self.now_ms, **progress}
        self.acme.record_runs(project_id, runs, RunProgress(known_from_ms=known_from_ms, **known), self.now_ms)

    def release(self) -> None:
        """Let two minutes pass, so that no counter is held at 0."""
        self.clock.advance(120)
        self.acme.release_holds(self.now_ms)

    def figures(self) -> dict[str, dict[tuple[str, ...], Any]]:
        """What is collected now: by metric, by label values without the workspace."""
        return {
            family.metric.name: {
                labels[1:] if family.metric.labels[:1] == ("workspace",) else labels: value
                for labels, value in family.samples
            }
            for family in self.collector.collect(self.config, self.now_ms)
        }

    def published(self, project_id: str = "p1", **fields: Any) -> Project:
        """A project that was created and published a hundred days ago."""
        long_ago = self.now_ms - 100 * DAY_MS
        return Project(project_id=project_id, **{"created_ms": long_ago, "published_ms": long_ago, **fields})

    def run(self, run_id: str, ago_ms: int = HOUR_MS, lasts_ms: int = 60_000, **fields: Any) -> Run:
        """A scheduled run that was completed a while ago."""
        start_ms = self.now_ms - ago_ms
        completed = {
            "project_id": "p1",
            "status": "completed",
            "trigger": "scheduled",
            "start_ms": start_ms,
            "end_ms": start_ms + lasts_ms,
            "elapsed_ms": lasts_ms,
        }
        return Run(run_id=run_id, **{**completed, **fields})

    def active(self, run_id: str, ago_ms: int = HOUR_MS, **fields: Any) -> Run:
        """A run that has not ended."""
        return self.run(run_id, ago_ms, **{"status": "running", "end_ms": None, "elapsed_ms": None, **fields})

    def many(self, count: int, ago_ms: int, prefix: str = "r") -> Sequence[Run]:
        """Runs that started at one time."""
        return [self.run(f"{prefix}{number}", ago_ms) for number in range(count)]


@pytest.fixture
def world(manual_clock: Any) -> Iterator[World]:
    """An empty workspace."""
    made = World(manual_clock)
    yield made
    made.ledger.close()


@pytest.fixture
def busy(world: World) -> World:
    """A workspace with some of everything."""
    return fill(world)


def fill(world: World) -> World:
    """A workspace in which there is some of everything."""
    world.configure(
        weeks=(Week(timezone="Europe/Zurich"),),
        teams=(Team(name="sales", match=Match(owner="*@acme.example")),),
        seats=Seats(reviewed_on=date(2026, 10, 1)),
        price_lists=(Prices(plan="team", run_micro_usd=50_000, warehouse_minute_micro_usd=10_000),),
        contracts=(
            Contract(
                seats={"editor": 3},
                credits_month=500,
                commit_year_micro_usd=20_000_000_000,
                renews_on=date(2027, 3, 1),
                billing="monthly",
            ),
        ),
        compute_lists=(Compute(profiles=(Profile(match=Match(project_id="orders"), profile="4xl"),)),),
        sources=(ORDERS,),
        warehouses=(Warehouse(name="bq", kind="bigquery", url_env="BIGQUERY_URL"),),
        gateway=Gateway(),
        triggers=(Trigger(match=ORDERS.match),),
        budgets=(DEFAULT_BUDGET, Budget(name="agents", unit="ai_credits", limit=100, period="month")),
    )
    daily = Schedule(cadence="daily", enabled=True, cron="5 9 * * *")
    weekly = Schedule(cadence="weekly", enabled=True, cron="0 7 * * 1", timezone="+01:00")
    world.list_projects(
        world.published(
            "orders",
            title='Orders "daily"\n',
            owner="ada@acme.example",
            project_status="Approved",
            edited_ms=world.now_ms - DAY_MS,
            viewed_ms=world.now_ms - HOUR_MS,
            results_updated_ms=world.now_ms - HOUR_MS,
            views_7d=3,
            views_14d=5,
            views_30d=9,
            schedules=(daily,),
        ),
        world.published("small-1", schedules=(weekly,)),
        world.published("small-2"),
        world.published("old", archived_ms=world.now_ms - DAY_MS, schedules=(daily,)),
        members=1,
    )
    world.acme.record_identity(Identity(org_id="org", token_expires_ms=1_800_000_000_000), world.now_ms)
    world.acme.record_seats(
        [
            Seat(user_id="1", email="ada@acme.example", role="admin", last_login_ms=world.now_ms - DAY_MS),
            Seat(user_id="2", role="editor"),
        ],
        world.now_ms,
    )
    world.acme.record_connections(
        [Connection(connection_id="c1", name="Warehouse", connection_type="snowflake")], world.now_ms
    )
    world.acme.record_tables("orders", [QueriedTable(connection_id="c1", table="orders")], world.now_ms)
    settings = ProjectVersion(
        project_id="orders", version="3", profile="large", auto_rerun_app=True, published_cache="3600"
    )
    world.acme.record_version(settings, world.now_ms - DAY_MS, world.now_ms)
    for credits_milli in (500, 1_750):
        world.acme.record_threads(
            [
                Thread(
                    thread_id="t",
                    source="app",
                    thread_type="agent",
                    user_id="2",
                    created_ms=world.now_ms - HOUR_MS,
                    credits_milli=credits_milli,
                ),
                Thread(thread_id="old", created_ms=world.now_ms - 40 * DAY_MS, credits_milli=250),
            ],
            world.now_ms,
        )
    world.acme.record_collector("threads", True, world.now_ms)
    world.acme.record_exchange("projects", "200", 0.2, world.now_ms)
    world.acme.record_exchange("runs", "429", 0.05, world.now_ms)
    world.acme.count("hex_exporter_bad_items_total", ("projects",))
    world.acme.count("hex_missed_schedules_total", ("orders",))
    world.acme.set_cool_down(world.now_ms + 30_000)
    world.acme.foresee_gateway(world.now_ms)
    world.acme.foresee("hex_gateway_braked_total", [("weekly-runs", "refused")], world.now_ms)
    key = ORDERS.key("orders")
    for digest in ("before", "after"):
        world.acme.sources.record(key, digest, world.now_ms - 1000, world.now_ms)
    world.acme.sources.record_judged("orders", key, world.now_ms, {"scheduled": (3, 2)}, world.now_ms)
    now_ms = world.now_ms - world.now_ms % HOUR_MS
    hours = {
        WarehouseKey(at_ms, part, *rest): WarehouseSums(
            *(2, 3_500, 1, 2), usd_micro=1_500_000, repeated=1, repeated_bytes=1 << 30, repeated_usd_micro=500_000
        )
        for at_ms in (now_ms - 8 * DAY_MS, now_ms - HOUR_MS)
        for part, *rest in (("query", "orders", "scheduled_run", "c1", "Warehouse"), ("unattributed",))
    }
    world.acme.warehouses.replace("bq", (now_ms - 14 * DAY_MS, now_ms), hours, world.now_ms, 0)
    joined = {
        ("hex_warehouse_run_queries_total", ("bq", "run")): 4,
        ("hex_sql_cells_expected_total", ("orders",)): 6,
        ("hex_sql_cells_seen_total", ("orders",)): 4,
        ("hex_sql_cells_unjudged_runs_total", ("orders", "ambiguous")): 1,
    }
    world.acme.warehouses.record_join(now_ms - 3 * HOUR_MS, {now_ms - now_ms % HOUR_MS: joined}, world.now_ms, 0)
    found = KnownFinding(kind="abandoned_project", subject="orders", first_seen_ms=1, last_seen_ms=world.now_ms)
    world.acme.findings.write(
        [found], {"idle_paid_seat": 1_250_000}, world.now_ms, {("idle_paid_seat", "billed"): 1_250_000}
    )
    world.release()
    world.acme.count_many(
        {
            ("hex_cache_lookups_total", ("orders",)): 5,
            ("hex_cache_hits_total", ("orders",)): 3,
            ("hex_cache_saved_seconds_total", ("orders",)): 180_500,
            ("hex_gateway_requests_total", ("hit",)): 3,
        }
        | observed("hex_gateway_queue_seconds", (), 2_500)
        | {
            ("hex_triggers_total", ("orders", "dry_run")): 3,
            ("hex_trigger_replaced_runs_total", ("orders",)): 21,
        }
        | observed("hex_trigger_lag_seconds", (), 400_000)
    )
    world.read_runs(
        "orders",
        world.run("o1", 10 * 60_000, project_id="orders"),
        world.run("o2", 60_000, 45_500, project_id="orders", status="errored"),
        world.run("o3", 8 * DAY_MS, project_id="orders"),
        world.active("o4", 30_000, project_id="orders", trigger="api"),
    )
    world.read_runs("small-1", world.run("s1", 90_000, project_id="small-1", trigger="api"))
    world.read_runs("small-2")
    world.release()
    world.status.reloaded(True, world.now_ms)
    world.status.beat(world.now_ms)
    world.status.page_built(0.004, 200, 0)
    world.status.shared(
        ClusterState(replicas=2, configurations=1), {"acme": LeaseState(owner="a", is_mine=True, epoch=3)}
    )
    world.status.update(
        "acme",
        planned_requests_per_hour=90,
        allowed_requests_per_hour=900,
        overdue_projects=1,
        clock_skew_seconds=0.5,
        gateway=GatewayState(queue_length=2, active_runs=3),
        audit=_audit(world),
    )
    return world


def _audit(world: Any) -> Audit:
    """One project that no one needs, seats that could not be judged."""
    saving = Saving(micro=36_525_000, runs=730.5, ms=43_830_000)
    finding = Finding(
        kind="abandoned_project",
        subject="orders",
        subject_type="project",
        subject_name='Orders "daily"',
        subjects=("orders",),
        team="sales",
        owner="ada@acme.example",
        saving=saving,
        counted=saving,
        cost=saving,
        confidence="measured",
        why="nobody edited, viewed, published or started it",
        action="archive it, or switch its schedule off",
        where="Hex: the project, Schedule",
    )
    return Audit(
        now_ms=world.now_ms,
        since_ms=0,
        findings=(finding,),
        ignored=(),
        not_judged=(NotJudged(kind="idle_paid_seat", why="the users cannot be listed", needs="a scope"),),
        totals={finding.kind: Total(kind=finding.kind, findings=1, saving=saving)},
        saving=saving,
        spent=saving,
    )
