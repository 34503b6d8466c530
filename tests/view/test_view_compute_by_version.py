"""Compute money by version: to the cent that of the simulated workspace, for each run whose version was read."""

import asyncio
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from helpers.wasteful import MovingClock, config_of, follow

from exporter.insight import period_at, period_before
from exporter.metrics import Collector, Status
from exporter.simulator.project_settings import profile_at
from exporter.view import Bookkeeper, sessions_of_7d

PUBLISHED = 25  # of the 30 projects; the others are drafts, or archived
NOW = 1_795_608_000.0  # Wednesday, 25 November 2026, 12:00 UTC
LIST_USD = {"xs": "0", "small": "0", "medium": "0", "large": "0.32", "xl": "0.65", "2xl": "1.29", "4xl": "2.58"}


@pytest.fixture(scope="module")
def world() -> Any:
    """A simulated workspace in the middle of a week, its versions read over some hours.

    Of two of its projects another version, with another profile, was published in the middle of that week.
    """
    clock = MovingClock(NOW)
    simulation, following = follow(clock, projects=30, seed=7)

    def are_read() -> bool:
        versions = following.known.versions
        runs = following.known.runs_between(round((NOW - 9 * 86_400) * 1000), round(NOW * 1000))
        return all(run.version in versions.of(run.project_id) for run in runs) and (
            sum(bool(versions.of(one.project_id)) for one in simulation.projects) >= PUBLISHED
        )

    async def read_versions() -> None:
        for number in range(3000):
            if number % 50 == 0 and are_read():
                return
            clock.advance(min(await following.poller.step(), 1.0))
        raise AssertionError("the versions are never read")

    asyncio.run(read_versions())
    yield simulation, following
    following.ledger.close()


def account(following: Any) -> Any:
    now_ms = round(following.clock.now() * 1000)
    (snapshot,) = Collector(following.ledger, Status()).snapshots(config_of(), now_ms)
    return snapshot, snapshot.accounts.week


def cost_micro(profile: str, duration_ms: int) -> int:
    """The price list's hour for these milliseconds, half a millionth up, as a run is rounded."""
    hours = Decimal(LIST_USD[profile]) * 1_000_000 * duration_ms / 3_600_000
    return int(hours.to_integral_value(ROUND_HALF_UP))


@pytest.mark.slow
def test_each_run_costs_what_the_profile_of_its_version_costs(world: Any) -> None:
    simulation, following = world
    snapshot, week = account(following)
    projects = {one.project_id: one for one in simulation.projects}
    expected: dict[str, int] = {}
    for run in following.known.runs_between(*period_at(snapshot.now_ms, "week", snapshot.config.week("w"))):
        if run.status == "unable_to_allocate_kernel":
            continue
        known = following.known.versions.of(run.project_id)
        profile = profile_at(simulation.seed, projects[run.project_id], int(run.version))
        if run.version in known and profile is not None:
            expected[run.project_id] = expected.get(run.project_id, 0) + cost_micro(profile, run.duration_ms or 0)

    exact: dict[str, int] = {}
    for (project_id, profile), total in week.profiles.items():
        if profile.basis == "exact":
            exact[project_id] = exact.get(project_id, 0) + total.compute_micro_usd
    assert sum(expected.values()) > 1_000_000
    assert exact == expected


def test_parts_by_profile_add_up_to_the_whole(world: Any) -> None:
    _, following = world
    _, week = account(following)

    assert sum(one.compute_micro_usd for one in week.profiles.values()) == week.costs["compute"]
    counted = sum(total.runs for kind, total in week.totals.items() if kind[2] != "unable_to_allocate_kernel")
    assert sum(one.runs for one in week.profiles.values()) == counted


def test_the_page_says_by_what_run_minutes_are_priced(world: Any) -> None:
    _, following = world
    now_ms = round(following.clock.now() * 1000)
    page = {
        one.metric.name: dict(one.samples) for one in Collector(following.ledger, Status()).collect(config_of(), now_ms)
    }
    ratio = {labels[1]: value for labels, value in page["hex_cost_basis_ratio"].items()}

    assert set(ratio) == {"exact", "configured", "assumed"}
    assert sum(ratio.values()) == pytest.approx(1)
    assert ratio["exact"] > 0.9
    bases = {labels[1]: labels[4] for labels in page["hex_project_compute_info"]}
    flaky = {one.project_id for one in world[0].projects if one.sort == "flaky"}
    assert {bases[one] for one in flaky if one in bases} == {"assumed"}


def test_app_sessions_are_estimated_from_apps_that_rerun_and_are_in_no_bill(world: Any) -> None:
    _, following = world
    snapshot, week = account(following)
    reruns = {key for key, one in snapshot.stored.settings.items() if one.auto_rerun_app}
    views = sum(one.project.views_7d or 0 for one in snapshot.listed if one.project.project_id in reruns)

    sessions = sessions_of_7d(snapshot)
    assert (sessions.views > 0, sessions.views <= views) == (True, True)
    paid = sum(total.compute_micro_usd for total in week.profiles.values())
    assert week.costs["compute"] == paid


@pytest.mark.slow
def test_a_quarter_is_exact_where_versions_are_known_and_says_for_how_many_runs_they_are_not(world: Any) -> None:
    simulation, following = world
    config, known = config_of(), following.known
    snapshot, _ = account(following)
    bookkeeper = Bookkeeper(known, config)
    projects = {one.project_id: one for one in simulation.projects}
    period = period_at(snapshot.now_ms, "week", config.week("w"))
    exact_micro = exact_runs = mid_week = 0
    for _ in range(13):
        week = bookkeeper.at_end_of(snapshot.stored, period).week
        runs = [run for run in known.runs_between(*period) if run.status != "unable_to_allocate_kernel"]
        read = [run for run in runs if has_profile(known, run)]
        profiles = [profile_at(simulation.seed, projects[run.project_id], int(run.version)) for run in read]
        truth = sum(cost_micro(one, run.duration_ms or 0) for one, run in zip(profiles, read, strict=True))
        mid_week += len({(run.project_id, one) for one, run in zip(profiles, read, strict=True)})
        mid_week -= len({run.project_id for run in read})
        exact = [total for (_, profile), total in week.profiles.items() if profile.basis == "exact"]
        assert sum(one.compute_micro_usd for one in exact) == truth
        assert sum(one.runs for one in exact) == len(read)
        assert sum(one.runs for one in week.profiles.values()) == len(runs)
        exact_micro, exact_runs = exact_micro + truth, exact_runs + len(read)
        period = period_before(period, "week", config.week("w"))
    assert exact_micro > 1_000_000
    assert exact_runs > 1000
    assert mid_week > 0, "no project came with another profile in the middle of a week"


def has_profile(known: Any, run: Any) -> bool:
    version = known.versions.of(run.project_id).get(run.version)
    return version is not None and version.facts.profile is not None
