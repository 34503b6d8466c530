"""Totals of any workspace, however strange: nothing twice, never more than was spent, and no crash."""

from dataclasses import replace
from math import isclose

import pytest
from helpers.sizes import size
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.config import Prices, SeatPrices
from exporter.facts import (
    FINDING_KINDS,
    ROLES,
    Connection,
    ExportedCell,
    Project,
    ProjectVersion,
    QueriedTable,
    Schedule,
    Seat,
    Thread,
)
from exporter.insight.savings.audit_input import DAY_MS, WINDOW_MS, Amount, AuditInput, ProjectUse, SourceUse
from exporter.insight.savings.ranking import audit
from exporter.insight.tariffs import tariff

NOW_MS = 1_795_000_000_000
MONTH = (1_790_805_600_000, 1_793_487_600_000)

IDS = ("p1", "p2", "p3", "p4", "p5", "p6")
ADDRESSES = st.sampled_from((None, "", "Ana@x.example", "ana@x.example", "ben@x.example", "gone@x.example"))
MOMENTS = st.one_of(st.none(), st.integers(-5, 400).map(lambda days: NOW_MS - days * DAY_MS))
"""None, long ago, lately, and ahead of the clock."""

VIEWS = st.one_of(st.none(), st.integers(0, 3), st.integers(0, 900))
CRONS = st.sampled_from(
    ("0 * * * *", "0 6 * * *", "0 6 * * *", "15 6 * * 1", "5 6 3 * *", "*/10 * * * *", "0 0 30 2 *", "?", None)
)
SCHEDULES = st.builds(
    Schedule,
    cadence=st.sampled_from(("hourly", "daily", "custom", "fortnightly")),
    enabled=st.sampled_from((True, True, False)),
    cron=CRONS,
    timezone=st.sampled_from(("UTC", "+02:00", "Mars/Olympus")),
)
AMOUNTS = st.builds(Amount, st.integers(0, 700), st.integers(0, 10**9))
USES = st.builds(
    ProjectUse,
    by=st.dictionaries(
        st.tuples(
            st.sampled_from(("scheduled", "scheduled", "api", "app_refresh", "unknown")),
            st.sampled_from(("completed", "errored", "killed", "running", "melted")),
        ),
        AMOUNTS,
        max_size=6,
    ),
    last_scheduled=st.one_of(
        st.just(("errored",) * 5),
        st.lists(st.sampled_from(("completed", "errored", "killed")), max_size=5).map(tuple),
    ),
    last_ms=st.dictionaries(st.sampled_from(("scheduled", "api", "app_refresh")), st.integers(0, 2 * NOW_MS)),
    unviewed_week=st.one_of(st.none(), st.floats(0, 400)),
    longest_ms=st.integers(0, 10**6),
)
TABLES = st.lists(
    st.builds(QueriedTable, connection_id=st.sampled_from(("c1", "c2", "c9")), table=st.sampled_from(("a", "b", ""))),
    max_size=2,
).map(tuple)
SEATS = st.lists(
    st.builds(
        Seat,
        user_id=st.sampled_from(("u1", "u2", "u3", "u4", "u5")),
        email=ADDRESSES.map(lambda address: address or ""),
        role=st.sampled_from((*ROLES, "editor", "owner_of_everything", "unknown")),
        last_login_ms=MOMENTS,
    ),
    max_size=6,
    unique_by=lambda seat: seat.user_id,
).map(tuple)
PRICES = st.builds(
    Prices,
    plan=st.sampled_from((None, "team", "team", "enterprise", "professional")),
    run_micro_usd=st.one_of(st.none(), st.integers(0, 10**6)),
    warehouse_minute_micro_usd=st.one_of(st.none(), st.integers(0, 10**6)),
    overrides=st.dictionaries(
        st.sampled_from(("team", "enterprise")),
        st.builds(
            SeatPrices,
            editor_month_micro_usd=st.integers(0, 10**8),
            explorer_month_micro_usd=st.integers(0, 10**8),
            viewer_month_micro_usd=st.integers(0, 10**7),
        ),
    ),
)


def project(project_id):
    return st.builds(
        Project,
        project_id=st.just(project_id),
        title=st.sampled_from(("Sales", "Sales (copy)", "sales 2", "Costs", "", "‮")),
        owner=ADDRESSES,
        creator=ADDRESSES,
        created_ms=MOMENTS,
        edited_ms=MOMENTS,
        published_ms=st.one_of(st.just(NOW_MS - 300 * DAY_MS), MOMENTS),
        viewed_ms=MOMENTS,
        archived_ms=st.sampled_from((None, None, None, NOW_MS)),
        views_7d=VIEWS,
        views_30d=VIEWS,
        schedules=st.lists(SCHEDULES, max_size=2).map(tuple),
    )


SOURCES = st.builds(
    SourceUse,
    name=st.just("sql:1"),
    since_ms=st.just(NOW_MS - WINDOW_MS),
    until_ms=st.integers(NOW_MS - WINDOW_MS, NOW_MS),
    changes=st.integers(0, 500),
    checked_runs=st.just(20),
    unchanged_runs=st.integers(0, 20),
)
THREADS = st.lists(
    st.builds(
        Thread,
        thread_id=st.uuids().map(str),
        thread_type=st.sampled_from(("thread", "notebook agent")),
        user_id=st.sampled_from((None, "u1", "u2")),
        created_ms=MOMENTS,
        credits_milli=st.one_of(st.none(), st.integers(0, 10**6)),
    ),
    max_size=4,
).map(tuple)


CELLS = st.builds(
    ExportedCell,
    cell_id=st.just("1"),
    cell_type=st.sampled_from(("sql", "sql", "code", "component_import")),
    connection_id=st.sampled_from(("c1", "c2")),
    queries=st.sampled_from((True, False, None)),
    component_id=st.sampled_from((None, "k")),
    source=st.sampled_from((None, "a", "b")),
)
SWITCHES = st.sampled_from((True, False, None))
VERSIONS = st.builds(
    ProjectVersion,
    project_id=st.just("p"),
    version=st.just("1"),
    auto_rerun_app=SWITCHES,
    cache_published_app=SWITCHES,
    logic_cache=st.sampled_from(("disabled", "3600", None)),
    published_cache=st.sampled_from(("disabled", "lastscheduledrun", None)),
    cells=st.one_of(st.none(), st.lists(CELLS, max_size=4).map(tuple)),
)


def priced_alike(evidence):
    """Runs cost what the profile costs that is known of them."""
    hours = {one: evidence.tariff.compute_hour_micro_usd(profile) for one, profile in evidence.profiles.items()}
    return replace(evidence, compute_hour_micro={**evidence.compute_hour_micro, **hours})


def optional(strategy):
    return st.one_of(strategy, strategy, strategy, st.none())


EVIDENCE = st.builds(
    AuditInput,
    now_ms=st.just(NOW_MS),
    since_ms=st.sampled_from((NOW_MS - WINDOW_MS, NOW_MS - WINDOW_MS, NOW_MS - 8 * DAY_MS, NOW_MS + DAY_MS, None)),
    tariff=PRICES.map(tariff),
    month=st.just(MONTH),
    projects=optional(st.tuples(*map(project, IDS))),
    uses=st.dictionaries(st.sampled_from((*IDS, "gone")), USES),
    compute_hour_micro=st.dictionaries(st.sampled_from(IDS), st.integers(0, 4_060_000)),
    seats=optional(SEATS),
    threads=optional(THREADS),
    connections=optional(
        st.just(
            (
                Connection(connection_id="c1", name="One", target="host/db"),
                Connection(connection_id="c2", name="Two", target="host/db"),
                Connection(connection_id="c3", name=""),
            )
        )
    ),
    tables=optional(st.dictionaries(st.sampled_from(IDS), TABLES)),
    sources=st.dictionaries(st.sampled_from(IDS), SOURCES),
    connection_runs=st.sampled_from((None, 1, 2)),
    settings=optional(st.dictionaries(st.sampled_from(IDS), VERSIONS)),
    profiles=st.dictionaries(st.sampled_from(IDS), st.sampled_from(("medium", "large", "4xl", "l4", "new"))),
).map(priced_alike)


@settings(max_examples=size(80, 400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(evidence=EVIDENCE)
@pytest.mark.slow
def test_totals_of_any_workspace(evidence):
    """All that holds of every workspace is tried on each one: to make one up takes longer than to audit it."""
    found = audit(evidence)

    totals_never_exceed_what_was_spent(found)
    no_run_and_no_seat_is_saved_twice(found)
    totals_are_the_sum_of_what_counts_and_every_kind_is_judged_or_not(found)
    somebody_always_stays_an_admin(evidence, found)


def totals_never_exceed_what_was_spent(found):
    assert (found.saving.micro or 0) <= (found.spent.micro or 0)
    assert found.saving.ms <= found.spent.ms
    assert found.saving.runs <= found.spent.runs


def no_run_and_no_seat_is_saved_twice(found):
    for one in found.findings:
        assert (one.counted.micro or 0) <= (one.saving.micro or 0)
        assert one.counted.runs <= one.saving.runs
        assert one.counted.ms <= one.saving.ms
    counting = [one.subject for one in found.findings if one.counted.runs or one.counted.ms]
    seats = [one.subject for one in found.findings if one.subject_type == "user"]
    assert len(counting) == len(set(counting))
    assert len(seats) == len(set(seats))
    assert len({one.key for one in found.findings}) == len(found.findings)


def totals_are_the_sum_of_what_counts_and_every_kind_is_judged_or_not(found):
    assert sum(one.saving.micro or 0 for one in found.totals.values()) == (found.saving.micro or 0)
    assert sum(one.saving.ms for one in found.totals.values()) == found.saving.ms
    assert isclose(sum(one.saving.runs for one in found.totals.values()), found.saving.runs, abs_tol=1e-6)
    assert sum(one.findings for one in found.totals.values()) == len(found.findings)
    unjudged = {one.kind for one in found.not_judged if not one.is_partial}
    assert set(found.totals) == set(FINDING_KINDS) - unjudged
    assert all(one.why and one.needs for one in found.not_judged)


def somebody_always_stays_an_admin(evidence, found):
    admins = {seat.user_id for seat in evidence.seats or () if seat.role == "admin"}
    idle = {one.subject for one in found.findings if one.kind == "idle_paid_seat"}

    assert not admins or admins - idle


def overlapping() -> AuditInput:
    """A daily schedule that fails, that no one views, and that is the copy of another."""
    daily = Schedule(cadence="daily", enabled=True, cron="0 6 * * *")
    old_ms = NOW_MS - 300 * DAY_MS

    def one(project_id, title, created_ms, viewed_ms):
        return Project(
            project_id=project_id,
            title=title,
            created_ms=created_ms,
            edited_ms=NOW_MS,
            published_ms=old_ms,
            viewed_ms=viewed_ms,
            views_30d=0 if viewed_ms is None else 90,
            schedules=(daily,),
        )

    tables = (QueriedTable(connection_id="c1", table="orders"), QueriedTable(connection_id="c1", table="customers"))
    failed = {("scheduled", "errored"): Amount(20, 600_000), ("scheduled", "completed"): Amount(8, 960_000)}
    return AuditInput(
        now_ms=NOW_MS,
        since_ms=NOW_MS - WINDOW_MS,
        tariff=tariff(Prices(run_micro_usd=100_000)),
        month=MONTH,
        projects=(one("a", "Sales", old_ms, NOW_MS), one("b", "Sales (copy)", old_ms + DAY_MS, None)),
        uses={
            "a": ProjectUse(by={("scheduled", "completed"): Amount(28, 1_000)}),
            "b": ProjectUse(by=failed, last_scheduled=("errored",) * 5),
        },
        seats=(),
        connections=(),
        tables={"a": tables, "b": tables},
    )


def test_of_overlapping_findings_the_largest_counts():
    found = audit(overlapping())

    claims = {one.kind: (round(one.saving.runs, 2), round(one.counted.runs, 2)) for one in found.findings}
    month = round(28 * 30.4375 / 28, 2)
    assert claims == {
        "unviewed_schedule": (month, month),
        "duplicate_projects": (month, 0.0),
        "failing_schedule": (round(20 * 30.4375 / 28, 2), 0.0),
    }
    assert found.saving.micro == 28 * 100_000 * 2_629_800_000 // (28 * DAY_MS)


def test_slowed_schedules_count_for_what_goes_on():
    """It ran daily for four weeks, and runs on Mondays from now on."""
    evidence = overlapping()
    weekly = replace(evidence.projects[1].schedules[0], cron="0 6 * * 1")
    slowed = replace(evidence.projects[1], schedules=(weekly,))

    found = audit(replace(evidence, projects=(evidence.projects[0], slowed)))

    (unviewed,) = [one for one in found.findings if one.kind == "unviewed_schedule"]
    assert round(unviewed.saving.runs, 2) == round(4 * 30.4375 / 28, 2)
    assert found.costs["b"] == unviewed.saving.micro
