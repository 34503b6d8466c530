"""One whole page of a small workspace, and what is read how often."""

import re
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from exporter.config import Compute, FileSource, Gateway, Match, Prices, Profile, Seats, Source, Team, Week, Workspace
from exporter.errors import LedgerError
from exporter.facts import Connection, Identity, QueriedTable, Schedule, Seat, Thread
from exporter.insight.savings.finding import Audit, Finding, NotJudged, Saving, Total
from exporter.ledger import KnownFinding, open_ledger
from exporter.ledger.histograms import observed
from exporter.metrics import CATALOGUE, Collector, GatewayState, Status, build_page, collect

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
GOLDEN = Path(__file__).with_name("golden.prom")
ORDERS = Source(match=Match(project_id="orders"), name="orders", file=FileSource(paths=("/data/orders.csv",)))


@pytest.fixture
def busy(world: Any) -> Any:
    """A workspace in which there is some of everything."""
    world.configure(
        weeks=(Week(timezone="Europe/Zurich"),),
        teams=(Team(name="sales", match=Match(owner="*@acme.example")),),
        seats=Seats(reviewed_on=date(2026, 10, 1)),
        price_lists=(Prices(plan="team", run_micro_usd=50_000, warehouse_minute_micro_usd=10_000),),
        compute_lists=(Compute(profiles=(Profile(match=Match(project_id="orders"), profile="4xl"),)),),
        sources=(ORDERS,),
        gateway=Gateway(),
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
            Seat(user_id="1", role="admin", last_login_ms=world.now_ms - DAY_MS),
            Seat(user_id="2", role="editor"),
        ],
        world.now_ms,
    )
    world.acme.record_connections(
        [Connection(connection_id="c1", name="Warehouse", connection_type="snowflake")], world.now_ms
    )
    world.acme.record_tables("orders", [QueriedTable(connection_id="c1", table="orders")], world.now_ms)
    for credits_milli in (500, 1_750):
        world.acme.record_threads(
            [Thread(thread_id="t", source="app", thread_type="agent", credits_milli=credits_milli)], world.now_ms
        )
    world.acme.record_collector("threads", True, world.now_ms)
    world.acme.record_exchange("projects", "200", 0.2, world.now_ms)
    world.acme.record_exchange("runs", "429", 0.05, world.now_ms)
    world.acme.count("hex_exporter_bad_items_total", ("projects",))
    world.acme.set_cool_down(world.now_ms + 30_000)
    world.acme.foresee_gateway(world.now_ms)
    key = ORDERS.key("orders")
    for digest in ("before", "after"):
        world.acme.sources.record(key, digest, world.now_ms - 1000, world.now_ms)
    world.acme.sources.record_judged("orders", key, world.now_ms, {"scheduled": (3, 2)}, world.now_ms)
    found = KnownFinding(kind="abandoned_project", subject="orders", first_seen_ms=1, last_seen_ms=world.now_ms)
    world.acme.findings.write([found], {"idle_paid_seat": 1_250_000}, world.now_ms)
    world.release()
    world.acme.count_many(
        {
            ("hex_cache_lookups_total", ("orders",)): 5,
            ("hex_cache_hits_total", ("orders",)): 3,
            ("hex_cache_saved_seconds_total", ("orders",)): 180_500,
            ("hex_gateway_requests_total", ("hit",)): 3,
        }
        | observed("hex_gateway_queue_seconds", (), 2_500)
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
    """One project that nobody needs, seats that could not be judged."""
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


def test_the_whole_page_of_a_small_workspace(busy: Any) -> None:
    """Every figure but those of this very process and the empty hours of the week, as the file has them.

    Remove the file to have it written anew, and read the difference before it is committed.
    """
    page = build_page(busy.collector.collect(busy.config, busy.now_ms)).text.decode()
    page = re.sub(r"(?m)^(# (HELP|TYPE) )?(process|python)_.*\n", "", page)
    page = re.sub(r"(?m)^hex_week_hour_.* 0\n", "", page)
    page = re.sub(r'python_version="[^"]*"', 'python_version="3"', page)

    if not GOLDEN.exists():
        GOLDEN.write_text(page, encoding="utf-8")
        pytest.fail(f"{GOLDEN.name} was missing and has been written: look at it")

    assert page == GOLDEN.read_text(encoding="utf-8")


def test_a_busy_workspace_has_every_metric_of_the_catalogue(busy: Any) -> None:
    figures = busy.figures()

    assert [metric.name for metric in CATALOGUE if metric.name not in figures] == []


def test_no_series_is_there_twice(busy: Any) -> None:
    families = busy.collector.collect(busy.config, busy.now_ms)

    assert build_page(families).duplicates == 0
    assert len({family.metric.name for family in families}) == len(families)


def test_workspaces_stand_side_by_side(world: Any) -> None:
    world.configure(workspaces=(Workspace(name="acme"), Workspace(name="beta")))
    world.list_projects()

    (up,) = (family for family in world.collector.collect(world.config, world.now_ms) if family.metric.name == "hex_up")

    assert up.samples == [(("acme",), 1), (("beta",), 0)]


def test_each_workspace_has_its_own_week(world: Any) -> None:
    """In Auckland the first run of beta was on Monday, in UTC on Sunday."""
    world.configure(
        workspaces=(Workspace(name="acme"), Workspace(name="beta")),
        weeks=(Week(timezone="Pacific/Auckland", workspace="b*"), Week()),
    )
    world.list_projects(world.published())
    world.read_runs("p1", world.run("r1", 3 * DAY_MS))
    beta, world.acme = world.acme, world.ledger.workspace("beta")
    world.list_projects(world.published())
    world.read_runs("p1", world.run("r1", 3 * DAY_MS))
    assert beta is not world.acme

    (weeks,) = (
        family
        for family in world.collector.collect(world.config, world.now_ms)
        if family.metric.name == "hex_project_week_runs"
    )

    assert dict(weeks.samples) == {("acme", "p1"): 0, ("beta", "p1"): 1}


def test_without_memory_the_figures_are_the_same(busy: Any) -> None:
    def stable(families: Any) -> Any:
        return {family.metric.name: family.samples for family in families if family.metric.name.startswith("hex_")}

    remembered = busy.collector.collect(busy.config, busy.now_ms)
    assert stable(remembered) == stable(collect(busy.ledger, busy.config, busy.status, busy.now_ms))


class TestReading:
    def test_an_unchanged_ledger_is_read_once(self, busy: Any) -> None:
        busy.figures()
        busy.clock.advance(30)

        with mock.patch.object(type(busy.acme), "week_counts", side_effect=AssertionError("read again")):
            busy.figures()

    def test_a_changed_ledger_is_read_again(self, busy: Any) -> None:
        before = busy.figures()["hex_project_week_runs"][("orders",)]
        busy.read_runs("orders", busy.run("o9", 1000, project_id="orders"))

        assert busy.figures()["hex_project_week_runs"][("orders",)] == before + 1

    def test_the_weeks_end_is_noticed_without_a_change(self, busy: Any) -> None:
        this_week = busy.figures()["hex_project_week_runs"]
        busy.clock.advance(5 * 86_400)

        assert busy.figures()["hex_project_previous_week_runs"] == this_week
        assert set(busy.figures()["hex_project_week_runs"].values()) == {0}

    def test_every_run_of_seven_days_is_read_at_most_once_a_minute(self, busy: Any) -> None:
        busy.figures()
        read = mock.Mock(wraps=busy.acme.runs_between)

        with mock.patch.object(type(busy.acme), "runs_between", read):
            for second in range(130):
                busy.acme.record_collector("users", bool(second % 2), busy.now_ms)
                busy.clock.advance(1)
                busy.figures()

        assert read.call_count == 2

    def test_a_clock_that_steps_back_does_not_stop_the_reading(self, busy: Any) -> None:
        busy.figures()
        read = mock.Mock(wraps=busy.acme.runs_between)
        busy.clock.step(-3600)

        with mock.patch.object(type(busy.acme), "runs_between", read):
            busy.figures()

        assert read.call_count == 1

    def test_a_ledger_that_cannot_be_read_leaves_what_was_known(self, busy: Any) -> None:
        known = busy.figures()["hex_runs_total"]
        busy.acme.record_collector("users", True, busy.now_ms)

        with mock.patch.object(type(busy.acme), "week_counts", side_effect=LedgerError("disk")):
            figures = busy.figures()

        assert figures["hex_runs_total"] == known
        assert "process_cpu_seconds_total" in figures

    def test_a_ledger_that_never_could_be_read_leaves_the_exporters_own_figures(self, world: Any) -> None:
        with mock.patch.object(type(world.acme), "week_counts", side_effect=LedgerError("disk")):
            figures = world.figures()

        assert "hex_up" not in figures
        assert "hex_exporter_ledger_durable" in figures

    def test_a_file_is_durable(self, world: Any, tmp_path: Path) -> None:
        ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=world.clock)
        families = Collector(ledger, Status()).collect(world.config, world.now_ms)
        ledger.close()

        assert [family.samples for family in families if family.metric.name == "hex_exporter_ledger_durable"] == [
            [((), 1)]
        ]
