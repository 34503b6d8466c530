"""What the poller does while a clock is wrong: its machine's, or the one in Hex's answers."""

import asyncio
import random

import httpx
import pytest
from helpers.accounting import OffClock
from helpers.following import Following
from helpers.sizes import size

from exporter.config import Collect, RateLimit
from exporter.hexapi import TokenSource

pytestmark = pytest.mark.slow

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
LONG = 80 * MINUTE
"""A process prunes after an hour for the first time, and then each ten minutes."""


@pytest.fixture
def machine(clock) -> OffClock:
    return OffClock(clock)


@pytest.fixture
def follow(machine, hand_made):
    """A function that follows the hand-made workspace on the machine's clock; what it knows survives a restart."""
    opened: list[Following] = []

    def start(per_minute: int = 1) -> Following:
        limit = RateLimit(per_minute=per_minute, per_hour=per_minute * 60, share=1.0)
        token = TokenSource(value="hxtw_" + "ab" * 48)
        collect = Collect(
            users=False, groups=False, connections=False, threads=False, queried_tables=False, exports=False
        )
        opened.append(Following(machine, hand_made.transport, "sqlite://", limit, collect, token))
        return opened[0]

    yield start
    for following in opened:
        following.ledger.close()


def go(following: Following, seconds: float) -> None:
    """Go on for so many seconds of the world, whatever the machine's clock does."""
    end = following.clock.monotonic() + seconds

    async def until_then() -> None:
        while following.clock.monotonic() < end:
            wait = await following.poller.step()
            following.clock.advance(min(max(wait, 0.2), max(end - following.clock.monotonic(), 0.2)))

    asyncio.run(until_then())


def stored(following: Following) -> int:
    return sum(1 for _ in following.known.runs_between(0, None))


@pytest.fixture
def busy(hand_made, clock):
    """A project with the runs of two months, one a day, the oldest of them nearly as old as is kept."""
    hand_made.add_project("p")
    for day in range(395, 335, -1):
        hand_made.add_run("p", f"d{day}", clock.now() - day * DAY, end=clock.now() - day * DAY + 60)
    return hand_made


class TestPruning:
    @pytest.mark.parametrize("off", [800 * DAY, -800 * DAY])
    def test_a_start_with_a_wrong_machine_clock_forgets_no_run(self, busy, follow, machine, off):
        following = follow()
        go(following, 10 * MINUTE)
        machine.off = off
        following.restart()
        go(following, LONG)
        machine.off = 0
        following.restart()
        go(following, LONG)

        assert stored(following) == 60

    def test_answers_dated_ahead_forget_no_run_however_long(self, busy, follow):
        following = follow()
        go(following, 10 * MINUTE)
        busy.lags_seconds = -900 * DAY
        go(following, LONG)
        following.restart()
        go(following, LONG)
        busy.lags_seconds = 0
        go(following, LONG)

        assert stored(following) == 60

    def test_what_is_kept_no_longer_goes_day_by_day(self, busy, follow, clock):
        following = follow()
        go(following, 59 * MINUTE)
        clock.advance(40 * DAY)
        assert stored(following) == 60
        go(following, HOUR)

        assert 60 - 14 <= stored(following) < 60 - 3


class TestListings:
    def test_one_turn_of_wrong_dates_stops_no_listing(self, busy, follow, clock):
        following = follow(per_minute=10)
        go(following, 10 * MINUTE)
        busy.lags_seconds = -2 * DAY
        go(following, 70)
        busy.lags_seconds = 0
        before = busy.requested("projects")
        go(following, 200)

        assert busy.requested("projects") >= before + 2
        assert following.known.collectors()["projects"].last_success_ms <= clock.now() * 1000
        assert following.known.projects()[0].progress.known_until_ms <= clock.now() * 1000

    def test_a_ledger_from_the_future_delays_no_listing(self, busy, follow, clock):
        """As an earlier version left it, that took one answer's word for the time."""
        following = follow(per_minute=10)
        go(following, 10 * MINUTE)
        future_ms = round((clock.now() + 2 * DAY) * 1000)
        following.known.record_collector("projects", True, future_ms, 200)
        following.restart()
        before = busy.requested("projects")
        go(following, 5 * MINUTE)

        assert busy.requested("projects") >= before + 2
        assert following.known.collectors()["projects"].last_success_ms <= clock.now() * 1000

    def test_a_pause_after_failures_goes_by_the_steady_clock(self, busy, follow, machine):

        following = follow(per_minute=10)
        go(following, 10 * MINUTE)
        busy.answers["projects"] = httpx.Response(503)
        go(following, 10 * MINUTE)
        del busy.answers["projects"]
        before = busy.requested("projects")
        machine.off = -3 * DAY
        go(following, 6 * MINUTE)

        assert busy.requested("projects") > before


class TestFirstContact:
    @pytest.mark.parametrize("lasts", [3, 10 * MINUTE], ids=["at first", "always"])
    def test_the_past_is_never_counted_whatever_the_first_answers_are_dated(self, busy, follow, clock, lasts):
        busy.lags_seconds = 30 * DAY
        began_ms = clock.now() * 1000
        following = follow(per_minute=10)
        go(following, lasts)
        busy.lags_seconds = 0
        go(following, 10 * MINUTE)

        assert following.counted() == {}
        assert following.known.first_contact_ms == pytest.approx(began_ms, abs=15_000)

    def test_a_machine_that_is_off_is_known_to_be_within_seconds(self, busy, follow, machine, clock):
        machine.off = -4 * DAY
        began = clock.now()
        following = follow(per_minute=10)
        go(following, 20)

        assert following.known.first_contact_ms / 1000 == pytest.approx(began, abs=15)
        assert following.poller.report.clock_skew_seconds == pytest.approx(-4 * DAY, abs=3)
        assert following.known.collectors()["projects"].success


@pytest.mark.parametrize("seed", range(size(1, 6)))
def test_days_of_wrong_clocks_lose_and_invent_nothing(seed, hand_made, follow, machine, clock):
    """Steps of the machine, bursts of wrong dates and restarts: exact in the end, and never of the future."""
    rng = random.Random(seed)
    for name in "pq":
        hand_made.add_project(name)
        for day in range(60, 0, -1):
            hand_made.add_run(name, f"{name}{day}", clock.now() - day * DAY, end=clock.now() - day * DAY + 60)
    machine.off = rng.choice((0, 0, -4 * DAY, 3 * HOUR))
    began = clock.now()
    following = follow(per_minute=6)
    go(following, 30)
    contact_ms = following.known.first_contact_ms
    made = 0
    for _ in range(12):
        kind = rng.choice(("machine", "dates", "restart", "run", "run", "quiet"))
        if kind == "machine":
            machine.off = rng.choice((0, 2, -90, 2 * HOUR, -DAY, 800 * DAY, -800 * DAY))
        elif kind == "dates":
            hand_made.lags_seconds = rng.choice((-900 * DAY, -2 * DAY, 30 * DAY, 400))
            go(following, rng.uniform(1, 8 * MINUTE))
            hand_made.lags_seconds = 0
        elif kind == "restart":
            following.restart()
        elif kind == "run":
            made += 1
            hand_made.add_run("p", f"new{made}", clock.now(), end=clock.now() + 20)
        before = hand_made.requested("projects")
        go(following, rng.uniform(5 * MINUTE, 20 * MINUTE))
        now_ms = clock.now() * 1000
        assert hand_made.requested("projects") > before
        states = following.known.collectors()
        assert all((state.last_success_ms or 0) <= now_ms for state in states.values())
        assert all((one.progress.known_until_ms or 0) <= now_ms for one in following.known.projects())
    go(following, 20 * MINUTE)

    assert contact_ms / 1000 == pytest.approx(began, abs=15)
    assert following.known.first_contact_ms == contact_ms
    assert stored(following) == 120 + made
    assert sum(following.counted().values()) == made
