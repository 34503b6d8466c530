"""When the next request to Hex may leave: one authority for a workspace, whoever sends it."""

import random
import threading
from collections.abc import Callable, Mapping, Sequence

from exporter.clock import Clock
from exporter.hexapi.hold import Hold
from exporter.hexapi.rate_limit_headers import announced_seconds, reset_seconds
from exporter.hexapi.rate_tiers import RateTiers, Ticket, Tier

_SHORTEST_SLEEP_SECONDS = 0.001  # a wait that rounding leaves over must not become a busy loop
_LONGEST_SLEEP_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 1.0


class Pace:
    """Keeps the requests of one workspace within its share of the rate limit and within what Hex says.

    At most `per_minute * share` requests, rounded down but never below one, leave in any 60 seconds, likewise in any
    hour. What is sent on for callers (`Tier.CALLERS`) stays within what the limits leave (see `rate_tiers`), first
    come, first served; own requests take turns in no particular order. A cool-down, after a 429 to an own request,
    stops own requests only, as Hex counts by user. `on_cool_down` receives its end, in epoch milliseconds, whenever
    that moves. `may_send` returns for how many seconds requests may
    leave at all, 0 or less: none may now (another process may have begun to send). Time is the steady clock's; the
    wall clock serves only to write a cool-down down and to take it up again. Safe to share between threads and event
    loops; `on_cool_down` runs in the thread that brought the news.
    """

    def __init__(
        self,
        *,
        per_minute: float,
        per_hour: float,
        share: float,
        clock: Clock,
        rng: random.Random,
        on_cool_down: Callable[[int], None] | None = None,
        may_send: Callable[[], float] | None = None,
    ) -> None:
        self._clock = clock
        self._on_cool_down = on_cool_down
        self._may_send = may_send
        self._lock = threading.Lock()
        self._notifying = threading.Lock()
        self._tiers = RateTiers(per_minute=per_minute, per_hour=per_hour, share=share)
        self._hold = Hold(clock, rng)

    @property
    def allowed_per_hour(self) -> int:
        """How many own requests can leave in an hour at most."""
        minute, hour = self._tiers.allowed[Tier.OWN]
        return min(hour, minute * 60)

    @property
    def allowed_per_minute(self) -> int:
        """How many own requests can leave in a minute at most."""
        return self._tiers.allowed[Tier.OWN][0]

    @property
    def callers_allowed_per_minute(self) -> int:
        """How many requests of callers can leave in a minute at most."""
        return self._tiers.allowed[Tier.CALLERS][0]

    @property
    def cool_down_until_ms(self) -> int | None:
        """When the last cool-down ends or ended, in epoch milliseconds; None if there was none."""
        with self._lock:
            return self._hold.until_ms

    def wait_seconds(self, tier: Tier = Tier.OWN, *, ahead: int | None = None) -> float:
        """Seconds until a request that comes now may leave, after the callers' that wait already; 0 if at once.

        `ahead`: after so many callers' requests, where those do not leave in the order in which they came.
        """
        with self._lock:
            return self._wait_seconds(tier, self._clock.monotonic(), ahead)

    def take(self, tier: Tier = Tier.OWN) -> None:
        """Record that one request leaves at this moment, allowed or not."""
        with self._lock:
            self._tiers.record(tier, self._clock.monotonic())

    def take_or_wait(self, tier: Tier = Tier.OWN, ticket: Ticket | None = None) -> float:
        """Record that a request leaves now and return 0, or return how many seconds it has to wait instead.

        `ticket` is the place in the queue of a caller's request that waits; without one it comes after all that do.
        """
        with self._lock:
            moment = self._clock.monotonic()
            wait = self._wait_seconds(tier, moment, None if ticket is None else self._tiers.before(ticket))
            if wait <= 0:
                self._tiers.record(tier, moment)
            return wait

    async def turn(self, tier: Tier = Tier.OWN) -> None:
        """Wait until a request may leave and record it."""
        if tier is Tier.OWN:
            while (wait := self.take_or_wait(tier)) > 0:
                await self._clock.sleep(max(wait, _SHORTEST_SLEEP_SECONDS))
            return
        with self._lock:
            ticket = self._tiers.enter()
        try:
            while (wait := self.take_or_wait(tier, ticket)) > 0:
                # Those before it may give up, so that its turn can come sooner than it looks.
                await self._clock.sleep(min(max(wait, _SHORTEST_SLEEP_SECONDS), _LONGEST_SLEEP_SECONDS))
        finally:
            with self._lock:
                self._tiers.leave(ticket)

    def throttled(self, retry_after: str | None, headers: Mapping[str, str], now: float | None = None) -> None:
        """Cool down after a 429 that arrived at `now` (epoch seconds, by default this moment).

        What Hex announces holds, for a day at most: `Retry-After` and the reset of the rate-limit headers, the later of
        the two. If it announces nothing usable the wait is guessed, as `Hold.refused` does.
        """
        arrived = self._clock.now() if now is None else now
        with self._lock:
            has_moved = self._hold.refused(announced_seconds(retry_after, headers, arrived), arrived)
        self._notify(has_moved)

    def observe_headers(self, headers: Mapping[str, str], now: float | None = None) -> None:
        """Take in the headers of an answer that was not a 429: `Remaining: 0` holds until its `Reset`."""
        arrived = self._clock.now() if now is None else now
        with self._lock:
            has_moved = self._hold.accepted(reset_seconds(headers, arrived) or 0.0, arrived)
        self._notify(has_moved)

    def restore(
        self,
        cool_down_until_ms: int | None,
        sent: Sequence[tuple[int, int]],
        callers_sent: Sequence[tuple[int, int]] = (),
    ) -> None:
        """Take up what an earlier process left behind: its cool-down and its requests.

        `sent` has (start of a minute in epoch milliseconds, requests in it), `callers_sent` those of them that were
        sent on for callers; each is taken to have left as late as it can have, so that the windows hold across the
        restart. Requests that lie in the future by this machine's clock show that it was put back; the cool-down, which
        was written by that clock, is then put back as far.
        """
        now, steady = self._clock.now(), self._clock.monotonic()
        callers = dict(callers_sent)
        own = [(minute_ms, count - callers.get(minute_ms, 0)) for minute_ms, count in sent]
        with self._lock:
            self._tiers.restore(Tier.OWN, own, now, steady)
            self._tiers.restore(Tier.CALLERS, callers_sent, now, steady)
            if cool_down_until_ms:
                ahead = max(0.0, max((minute_ms / 1000 - now for minute_ms, _ in sent), default=0.0))
                self._hold.restore(cool_down_until_ms - round(ahead * 1000))

    def _wait_seconds(self, tier: Tier, moment: float, ahead: int | None = None) -> float:
        if self._may_send is not None and self._may_send() <= 0:
            return _LOOK_AGAIN_SECONDS
        held = self._hold.seconds if tier is Tier.OWN else 0.0
        return max(held, self._tiers.wait_seconds(tier, moment, ahead))

    def _notify(self, has_moved: bool) -> None:
        if has_moved and self._on_cool_down is not None:
            # One thread after the other reports what holds then, so that what is written down last is the longest.
            with self._notifying:
                self._on_cool_down(self._hold.until_ms or 0)
