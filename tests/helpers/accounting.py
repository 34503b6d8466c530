"""A simulated workspace, what follows it through all kinds of trouble, and the comparison of the two."""

import asyncio
import random
from collections import Counter

import httpx

from exporter.config import Collect, RateLimit
from exporter.hexapi import TokenSource
from exporter.insight.calendar_week import week_bounds
from exporter.simulator import Fault, Faults, RateLimits, Simulation, create_app
from helpers.following import Following

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

BROKEN_PAGES = ("html", "empty", "garbage", "truncation", "loop", "shift", "bad_item", "unordered", "404", "500", "503")

RUNS_ALONE = Collect(users=False, groups=False, connections=False, threads=False, queried_tables=False, exports=False)


class OffClock:
    """The clock of a machine that is `off` seconds from the clock of the world; both pass at the same pace."""

    def __init__(self, world) -> None:
        self._world = world
        self.off = 0.0

    def now(self) -> float:
        return self._world.now() + self.off

    def monotonic(self) -> float:
        return self._world.monotonic()

    def advance(self, seconds: float) -> None:
        self._world.advance(seconds)

    async def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))


def workspace_of(simulation: Simulation, faults: Faults | None = None) -> httpx.ASGITransport:
    return httpx.ASGITransport(app=create_app(simulation, faults=faults, limits=RateLimits.off()))


def follow(clock, transport: httpx.ASGITransport, url: str, per_hour: int) -> Following:
    limit = RateLimit(per_minute=10, per_hour=per_hour, share=1.0)
    return Following(clock, transport, url, limit, RUNS_ALONE, TokenSource(value="hxtw_" + "ab" * 48))


def ended_since_contact(simulation: Simulation, following: Following) -> Counter[tuple[str, ...]]:
    contact_ms = following.known.first_contact_ms
    return Counter(
        (run.project_id, run.trigger, run.status)
        for run in simulation.runs_between(0, simulation.now_ms)
        if run.ended_ms is not None and run.ended_ms >= contact_ms
    )


def runs_of_week(simulation: Simulation, start_ms: int, end_ms: int) -> Counter[str]:
    return Counter(
        run.project_id
        for run in simulation.runs_between(start_ms, min(end_ms, simulation.now_ms))
        if run.status != "unable_to_allocate_kernel"
    )


def assert_all_is_accounted_for(simulation: Simulation, following: Following) -> None:
    """Counters and weeks against the truth, at an instant at which everything that ended has been read."""
    assert following.counted() == ended_since_contact(simulation, following)
    end_ms = simulation.now_ms
    for _ in range(2):
        start_ms, week_end_ms = week_bounds(end_ms, "UTC", 0)
        assert following.known.week_counts(start_ms, week_end_ms) == runs_of_week(simulation, start_ms, week_end_ms)
        end_ms = start_ms - 1


def troubled_week(seed: int, clock, url: str) -> tuple[Simulation, Following]:
    """A week in which an exporter is followed, killed and left off while its Hex and its machine misbehave."""
    rng = random.Random(seed)
    clock.advance(rng.uniform(0, WEEK))
    simulation = Simulation(seed, 4, clock=clock)
    faults = Faults(seed=seed)
    machine = OffClock(clock)
    following = follow(machine, workspace_of(simulation, faults), url, per_hour=12)

    async def week() -> None:
        await following.run_for(rng.uniform(HOUR, 6 * HOUR))
        for kind in BROKEN_PAGES:
            faults.add(Fault(kind=kind, probability=0.02))
        faults.add(Fault(kind="429", probability=0.03, retry_after=rng.choice((30, 900, None))))
        for _ in range(14):
            await following.run_for(rng.uniform(0, 2 * HOUR))
            if rng.random() < 0.7:
                clock.advance(rng.uniform(0, 20 * HOUR))
                following.restart()
            if rng.random() < 0.5:
                machine.off = rng.choice((0.0, 2.0, -90.0, 600.0, -2 * HOUR, DAY))
        machine.off = 0.0
        faults.clear()
        await settle(simulation, following)

    asyncio.run(week())
    return simulation, following


async def settle(simulation: Simulation, following: Following) -> None:
    """Go on without holding back until, at one instant, every run that has ended is counted."""
    following.hurry()
    for _ in range(200):
        await following.run_for(MINUTE)
        if following.counted() == ended_since_contact(simulation, following):
            return
