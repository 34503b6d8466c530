"""When the next request may leave."""

import asyncio
import bisect
import random
import threading
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.clock import Clock
from exporter.hexapi import Pace

HOUR = 3600.0


class SteppingClock:
    """Moves when it is slept on or notified to, in any thread, with the rounding that real clocks have."""

    def __init__(self, now: float = 1_795_000_000.1) -> None:
        self._lock = threading.Lock()
        self.wall = now
        self.steady = 77.7

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def advance(self, seconds: float) -> None:
        with self._lock:
            self.wall += seconds
            self.steady += seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


def make_pace(clock: Clock, *, minute: float = 30, hour: float = 1800, share: float = 0.5, **more: Any) -> Pace:
    return Pace(per_minute=minute, per_hour=hour, share=share, clock=clock, rng=random.Random(1), **more)


def most_in(times: list[float], seconds: float) -> int:
    """The largest number of `times` (sorted) within one half-open window."""
    return max((bisect.bisect_left(times, start + seconds) - at for at, start in enumerate(times)), default=0)


class TestWindows:
    def test_a_minutes_share_leaves_at_once_and_the_next_waits(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        for _ in range(15):
            assert pace.wait_seconds() == 0
            pace.take()

        assert pace.wait_seconds() == 60
        manual_clock.advance(59)
        assert pace.wait_seconds() == 1
        manual_clock.advance(1)
        assert pace.wait_seconds() == 0

    def test_the_hour_holds_where_the_minute_would_not(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock, minute=60, hour=3, share=1)
        for _ in range(3):
            pace.take()
            manual_clock.advance(100)

        assert pace.wait_seconds() == HOUR - 300

    @pytest.mark.parametrize(("share", "expected"), [(0.5, 900), (1, 1800), (0.001, 1), (0.99, 1740)])
    def test_the_share_is_rounded_down_but_never_to_nothing(
        self, manual_clock: Any, share: float, expected: int
    ) -> None:
        assert make_pace(manual_clock, share=share).allowed_per_hour == expected

    def test_a_steady_clock_alone_counts(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock, minute=1, share=1)
        pace.take()
        manual_clock.step(86_400)

        assert pace.wait_seconds() == 60

    @given(
        minute=st.integers(1, 8),
        hour=st.integers(1, 40),
        gaps=st.lists(st.floats(0, 200) | st.sampled_from([0.0, 59.999, 60.0, 600.0]), max_size=60),
        restarts=st.sets(st.integers(0, 60), max_size=3),
    )
    @settings(max_examples=60, deadline=None)
    def test_no_window_ever_holds_more_than_its_share(
        self, minute: int, hour: int, gaps: list[float], restarts: set[int]
    ) -> None:
        """Whatever the pattern of calls, and across restarts that know the past only by the minute."""
        clock = SteppingClock()
        pace = make_pace(clock, minute=minute, hour=hour, share=1)
        left: list[float] = []
        for number, gap in enumerate(gaps):
            clock.advance(gap)
            if number in restarts:
                clock.steady = 3.3 * number
                minutes = Counter(int(at // 60) * 60_000 for at in left)
                pace = make_pace(clock, minute=minute, hour=hour, share=1)
                pace.restore(None, sorted(minutes.items()))
            asyncio.run(pace.turn())
            left.append(clock.now())

        # A microsecond is what a float of today's epoch cannot tell apart.
        assert most_in(left, 60 - 1e-6) <= minute
        assert most_in(left, HOUR - 1e-6) <= hour

    def test_threads_together_get_no_more(self) -> None:
        clock = SteppingClock()
        pace = make_pace(clock, minute=10, hour=1000, share=1)
        start = clock.monotonic()
        threads = [threading.Thread(target=lambda: asyncio.run(pace.turn())) for _ in range(25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert clock.monotonic() - start >= 2 * 60 - 1e-6

    def test_tasks_together_get_no_more(self) -> None:
        clock = SteppingClock()
        pace = make_pace(clock, minute=10, hour=1000, share=1)
        left: list[float] = []

        async def send() -> None:
            await pace.turn()
            left.append(clock.monotonic())

        async def all_at_once() -> None:
            await asyncio.gather(*(send() for _ in range(25)))

        asyncio.run(all_at_once())

        assert len(left) == 25
        assert most_in(left, 60 - 1e-6) <= 10


class TestCoolDown:
    @pytest.mark.parametrize("seconds", [1, 7, 60, 86_400])
    def test_nothing_leaves_for_as_long_as_retry_after_says(self, manual_clock: Any, seconds: int) -> None:
        pace = make_pace(manual_clock)
        start = manual_clock.monotonic()
        pace.throttled(str(seconds), {}, manual_clock.now())

        assert pace.wait_seconds() == seconds
        asyncio.run(pace.turn())
        assert manual_clock.monotonic() - start >= seconds

    def test_a_wait_of_more_than_a_day_is_a_day(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        pace.throttled("999999999", {})

        assert pace.wait_seconds() == 86_400

    def test_its_end_is_told_and_kept(self, manual_clock: Any) -> None:
        notified: list[int] = []
        pace = make_pace(manual_clock, on_cool_down=notified.append)
        assert pace.cool_down_until_ms is None

        pace.throttled("30", {})

        assert notified == [int((manual_clock.now() + 30) * 1000)]
        assert pace.cool_down_until_ms == notified[0]

    def test_a_shorter_one_never_shortens_it(self, manual_clock: Any) -> None:
        notified: list[int] = []
        pace = make_pace(manual_clock, on_cool_down=notified.append)
        pace.throttled("30", {})
        pace.throttled("10", {})

        assert pace.wait_seconds() == 30
        assert len(notified) == 1

    def test_the_callback_may_ask_the_pace(self, manual_clock: Any) -> None:
        waits: list[float] = []
        pace: Pace = make_pace(manual_clock, on_cool_down=lambda _: waits.append(pace.wait_seconds()))
        pace.throttled("30", {})

        assert waits == [30]

    def test_the_longest_is_told_last_whichever_thread_brings_it(self, manual_clock: Any) -> None:
        notified: list[int] = []
        longer = threading.Thread(target=lambda: pace.throttled("60", {}))

        def write_down(until_ms: int) -> None:
            if longer.ident is None:
                longer.start()
                while pace.cool_down_until_ms == until_ms:
                    pass  # until the other thread's news is in
            notified.append(until_ms)

        pace: Pace = make_pace(manual_clock, on_cool_down=write_down)
        pace.throttled("30", {})
        longer.join()

        assert len(notified) == 2
        assert notified[-1] == pace.cool_down_until_ms

    @pytest.mark.parametrize(
        "retry_after", [None, "", "0", "-1", "nan", "inf", "soon", "Tue, 24 Nov 1999 12:00:00 GMT"]
    )
    def test_without_a_usable_word_the_wait_doubles_up_to_an_hour(
        self, manual_clock: Any, retry_after: str | None
    ) -> None:
        pace = make_pace(manual_clock)
        waits = []
        for _ in range(12):
            pace.throttled(retry_after, {})
            waits.append(pace.wait_seconds())
            manual_clock.advance(waits[-1])

        assert 60 <= waits[0] <= 90
        assert 120 <= waits[1] <= 180
        assert 240 <= waits[2] <= 360
        assert all(2400 <= wait <= 3600 for wait in waits[6:])
        assert len(set(waits[6:])) > 1

    def test_refusals_of_requests_that_left_together_count_once(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        for _ in range(8):
            pace.throttled(None, {})

        assert pace.wait_seconds() <= 90

    def test_an_answer_starts_the_guessing_anew(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        for _ in range(5):
            pace.throttled(None, {})
            manual_clock.advance(pace.wait_seconds())
        pace.observe_headers({})
        pace.throttled(None, {})

        assert pace.wait_seconds() <= 90

    def test_headers_without_a_request_left_hold_until_their_reset(self, manual_clock: Any) -> None:
        notified: list[int] = []
        pace = make_pace(manual_clock, on_cool_down=notified.append)
        pace.observe_headers({"RateLimit-Remaining": "3", "RateLimit-Reset": "42"})
        assert pace.wait_seconds() == 0

        pace.observe_headers({"ratelimit-remaining": "0", "ratelimit-reset": "42"})
        assert pace.wait_seconds() == 42
        assert len(notified) == 1

    @pytest.mark.parametrize("reset", ["99999999999999999", "86400000", "30000000"])
    def test_no_reset_holds_for_longer_than_the_longest_window(self, manual_clock: Any, reset: str) -> None:
        """30,000 that were milliseconds once held for 8.3 hours."""
        pace = make_pace(manual_clock)
        pace.observe_headers({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})
        assert pace.wait_seconds() == 3600

        pace.throttled(None, {"X-RateLimit-Reset": reset})
        assert pace.wait_seconds() == 3600

    def test_the_later_of_retry_after_and_reset_counts(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        pace.throttled("5", {"X-RateLimit-Reset": "42"})

        assert pace.wait_seconds() == 42


class TestRestart:
    def test_a_cool_down_survives_it(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        pace.throttled("300", {})
        manual_clock.advance(100)

        again = make_pace(manual_clock)
        again.restore(pace.cool_down_until_ms, [])

        assert again.wait_seconds() == pytest.approx(200, abs=0.001)
        assert again.cool_down_until_ms == pace.cool_down_until_ms

    def test_one_that_is_over_holds_nothing(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        pace.restore(int((manual_clock.now() - 5) * 1000), [])

        assert pace.wait_seconds() == 0

    def test_a_clock_that_was_set_back_cannot_hold_it_for_more_than_a_day(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock)
        pace.restore(int((manual_clock.now() + 10**7) * 1000), [])

        assert pace.wait_seconds() == 86_400

    def test_clock_that_was_set_back_holds_it_for_as_long_as_hex_said(self, manual_clock: Any) -> None:
        """What was sent last shows by how far the clock was ahead when Hex said so."""
        pace = make_pace(manual_clock)
        told_ms = int((manual_clock.now() + 86_400) * 1000)
        pace.restore(told_ms + 900_000, [(told_ms // 60_000 * 60_000, 1)])

        assert 900 <= pace.wait_seconds() <= 960

    @pytest.mark.parametrize("nothing", [None, 0])
    def test_without_a_cool_down_there_is_none(self, manual_clock: Any, nothing: int | None) -> None:
        pace = make_pace(manual_clock)
        pace.restore(nothing, [])

        assert pace.cool_down_until_ms is None
        assert pace.wait_seconds() == 0

    def test_requests_of_the_last_minute_still_count(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock, minute=4, share=1)
        minute_ms = int(manual_clock.now() // 60) * 60_000
        pace.restore(None, [(minute_ms, 3)])
        assert pace.wait_seconds() == 0

        pace.take()
        assert pace.wait_seconds() == 60

    def test_requests_of_another_hour_do_not(self, manual_clock: Any) -> None:
        pace = make_pace(manual_clock, minute=1, hour=1, share=1)
        pace.restore(None, [(int((manual_clock.now() - 3700) * 1000), 50)])

        assert pace.wait_seconds() == 0
