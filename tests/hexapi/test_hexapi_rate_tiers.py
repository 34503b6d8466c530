"""Two tiers of one rate limit: the exporter's own requests, and those that are sent on for others."""

import asyncio
import bisect
import math
import random
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.hexapi import Pace, Tier
from exporter.hexapi.rate_tiers import MARGIN_SECONDS

HOUR = 3600.0
MINUTE = 60 + MARGIN_SECONDS
EPSILON = 1e-6


def make_pace(clock: Any, *, minute: float = 30, hour: float = 1800, share: float = 0.5) -> Pace:
    return Pace(per_minute=minute, per_hour=hour, share=share, clock=clock, rng=random.Random(1))


def most_in(times: Sequence[float], seconds: float) -> int:
    """The largest number of `times` (sorted) within one half-open window."""
    return max((bisect.bisect_left(times, start + seconds) - at for at, start in enumerate(times)), default=0)


def reserve(limit: int, share: float) -> int:
    return max(1, math.floor(max(1, math.floor(limit * share)) * 0.2))


class TestWithoutCallers:
    def test_the_exporter_alone_needs_no_margin(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock, minute=4, share=1)
        for _ in range(4):
            pace.take()

        assert pace.wait_seconds() == 60

    def test_what_it_sent_counts_for_callers(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock, minute=4, share=1)
        for _ in range(4):
            pace.take()

        assert pace.wait_seconds(Tier.CALLERS) == MINUTE


class TestLimits:
    def test_callers_have_all_but_the_reserve(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        for _ in range(27):
            assert pace.take_or_wait(Tier.CALLERS) == 0

        assert pace.take_or_wait(Tier.CALLERS) == MINUTE
        assert pace.callers_allowed_per_minute == 27
        for _ in range(3):
            assert pace.wait_seconds() == 0
            pace.take()
        assert pace.wait_seconds() == MINUTE

    def test_what_the_exporter_sent_is_not_left_to_callers(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        for _ in range(15):
            pace.take()
        sent = 0
        while pace.take_or_wait(Tier.CALLERS) == 0:
            sent += 1

        assert sent == 15

    def test_the_exporters_share_is_no_larger_for_callers_that_send_nothing(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        pace.take(Tier.CALLERS)
        for _ in range(15):
            pace.take()

        assert pace.wait_seconds() == 60

    @pytest.mark.slow
    @given(
        minute=st.integers(2, 10),
        hour=st.integers(2, 40),
        share=st.sampled_from([0.1, 0.5, 1.0]),
        steps=st.lists(
            st.tuples(st.sampled_from(["own", "caller"]), st.floats(0, 90) | st.sampled_from([0.0, 59.999, 60.0])),
            max_size=80,
        ),
    )
    @settings(max_examples=80, deadline=None)
    def test_no_window_holds_more_than_the_limit_and_the_reserve_stays(
        self, minute: int, hour: int, share: float, steps: list[tuple[str, float]]
    ) -> None:
        """Whoever sends when: all together, the exporter's share, and the callers' part."""
        clock = Steady()
        pace = make_pace(clock, minute=minute, hour=hour, share=share)
        left: dict[str, list[float]] = {"own": [], "caller": []}
        for who, gap in steps:
            clock.seconds += gap
            mine = left["own"]
            is_within_reserve = all(
                len(mine) - bisect.bisect_right(mine, clock.seconds - seconds) < reserve(limit, share)
                for seconds, limit in ((MINUTE, minute), (HOUR + MARGIN_SECONDS, hour))
            )
            if who == "own":
                assert not (is_within_reserve and pace.wait_seconds() > 0)
                asyncio.run(pace.turn())
            else:
                asyncio.run(pace.turn(Tier.CALLERS))
            left[who].append(clock.seconds)

        together = sorted(left["own"] + left["caller"])
        since_callers = [moment for moment in together if left["caller"] and moment >= left["caller"][0]]
        for seconds, limit in ((60, minute), (HOUR, hour)):
            assert most_in(since_callers, seconds + MARGIN_SECONDS - EPSILON) <= limit
            assert most_in(together, seconds - EPSILON) <= limit
            assert most_in(left["own"], seconds - EPSILON) <= max(1, math.floor(limit * share))
            assert most_in(left["caller"], seconds + MARGIN_SECONDS - EPSILON) <= limit - reserve(limit, share)

    def test_a_limit_of_one_is_kept_by_both_together(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock, minute=1, hour=100, share=1)

        assert pace.take_or_wait(Tier.CALLERS) == 0
        assert pace.wait_seconds() == MINUTE
        assert pace.wait_seconds(Tier.CALLERS) == MINUTE

    def test_threads_together_get_no_more(self) -> None:
        clock = Steady()
        pace = make_pace(clock, minute=10, hour=1000)
        tiers = [Tier.CALLERS] * 20 + [Tier.OWN] * 10
        threads = [threading.Thread(target=lambda tier=tier: asyncio.run(pace.turn(tier))) for tier in tiers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        # Thirty requests at ten a minute: the last ten cannot leave before two windows have passed.
        assert clock.monotonic() - 77.7 >= 2 * MINUTE - EPSILON


class TestTurns:
    def test_callers_that_wait_go_before_what_exceeds_the_reserve(self) -> None:
        """Both want more than there is for an hour: the exporter gets its reserve, the callers the rest."""
        clock = Turnstile()
        pace = make_pace(clock, minute=10, hour=10_000, share=1)
        counts = {"own": 0, "caller": 0}

        async def send(tier: Tier, who: str) -> None:
            while clock.seconds < HOUR:
                await pace.turn(tier)
                counts[who] += 1

        async def both() -> None:
            await asyncio.gather(
                *(send(Tier.CALLERS, "caller") for _ in range(12)), *(send(Tier.OWN, "own") for _ in range(3))
            )

        asyncio.run(both())

        minutes = HOUR / MINUTE
        assert counts["own"] >= 2 * (minutes - 1)
        assert counts["caller"] >= 8 * (minutes - 2)
        assert counts["own"] + counts["caller"] <= 10 * (minutes + 2) + 15

    def test_the_first_to_come_is_the_first_to_leave(self) -> None:
        clock = Turnstile()
        pace = make_pace(clock, minute=5, hour=1000)
        order: list[int] = []

        async def send(number: int) -> None:
            await pace.turn(Tier.CALLERS)
            order.append(number)

        async def all_of_them() -> None:
            await asyncio.gather(*(send(number) for number in range(30)))

        asyncio.run(all_of_them())

        assert order == list(range(30))

    def test_whoever_comes_now_is_told_of_those_that_wait(self) -> None:
        clock = Turnstile()
        pace = make_pace(clock, minute=5, hour=1000)

        async def scene() -> float:
            for _ in range(4):
                pace.take(Tier.CALLERS)
            tasks = [asyncio.create_task(pace.turn(Tier.CALLERS)) for _ in range(3)]
            clock.is_stopped = True
            await asyncio.sleep(0)
            reported = pace.wait_seconds(Tier.CALLERS)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert pace.take_or_wait(Tier.CALLERS) == MINUTE
            return reported

        assert asyncio.run(scene()) == MINUTE

    def test_whoever_gives_up_holds_nobody(self) -> None:
        clock = Turnstile()
        pace = make_pace(clock, minute=10, hour=1000, share=1)

        async def scene() -> None:
            while pace.take_or_wait(Tier.CALLERS) == 0:
                pass
            clock.is_stopped = True
            task = asyncio.create_task(pace.turn(Tier.CALLERS))
            await asyncio.sleep(0)
            pace.take()
            pace.take()
            clock.seconds += MINUTE
            assert pace.wait_seconds() == 0
            pace.take()
            pace.take()
            held = pace.wait_seconds()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert held > 0
            assert pace.wait_seconds() == 0

        asyncio.run(scene())


class TestCoolDown:
    def test_one_of_own_requests_holds_no_caller(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        pace.throttled("30", {})

        assert (pace.wait_seconds(), pace.wait_seconds(Tier.CALLERS)) == (30, 0)
        assert pace.take_or_wait(Tier.CALLERS) == 0
        assert pace.take_or_wait() == 30

    def test_no_own_request_left_by_the_headers_holds_no_caller_either(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        pace.observe_headers({"RateLimit-Remaining": "0", "RateLimit-Reset": "42"})

        assert (pace.wait_seconds(), pace.wait_seconds(Tier.CALLERS)) == (42, 0)


class TestRestart:
    def test_what_callers_sent_still_counts(self, manual_clock: Any) -> None:
        minute_ms = int(manual_clock.now() // 60) * 60_000
        pace = make_pace(manual_clock)
        pace.restore(None, [(minute_ms, 30)], [(minute_ms, 27)])

        assert pace.wait_seconds(Tier.CALLERS) == MINUTE
        assert pace.wait_seconds() == MINUTE

    def test_but_not_against_the_exporters_share(self, manual_clock: Any) -> None:
        minute_ms = int(manual_clock.now() // 60) * 60_000
        pace = make_pace(manual_clock)
        pace.restore(None, [(minute_ms, 20)], [(minute_ms, 20)])

        for _ in range(10):
            assert pace.wait_seconds() == 0
            pace.take()
        assert pace.wait_seconds() > 0


class Steady:
    """A clock that sleeping moves, in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seconds = 77.7

    def now(self) -> float:
        return 1_795_000_000.0 + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        with self._lock:
            self.seconds += seconds


class Turnstile:
    """A clock that many tasks sleep on: it moves to the next one's waking when all of them sleep."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.is_stopped = False
        self._sleepers: list[float] = []

    def now(self) -> float:
        return 1_795_000_000.0 + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        wake_at = self.seconds + seconds
        self._sleepers.append(wake_at)
        try:
            while self.seconds < wake_at:
                await asyncio.sleep(0)
                if not self.is_stopped:
                    self.seconds = max(self.seconds, min(self._sleepers))
        finally:
            self._sleepers.remove(wake_at)
