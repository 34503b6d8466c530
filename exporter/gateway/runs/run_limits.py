"""When the next run may be sent: the limits of RunProject, and pauses for callers whose kernels are all taken."""

import math
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.gateway.upstream.upstream import Reply
from exporter.hexapi import MARGIN_SECONDS, SlidingWindows, retry_after_seconds

RUNS_PER_MINUTE = 20
RUNS_PER_HOUR = 60
"""What Hex allows of RunProject, by the last figures that it has published."""

_MINUTE = 60.0
_HOUR = 3_600.0
_LEARNED_MINUTE_SECONDS = 600.0
_LEARNED_HOUR_SECONDS = 3_600.0
"""How long a limit holds that a 429 has shown: it may have been another limit than that of runs."""

_FIRST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 60.0
_MOST_PAUSES = 1_000
"""Callers that are paused at once; more are let through, which Hex refuses again."""


@dataclass(slots=True)
class _Pause:
    """How long nothing is sent for a caller, and how often in a row its kernels were all taken."""

    until: float
    times: int


@dataclass(slots=True)
class _Limit:
    """A limit as configured, and a lower one that Hex has shown, until when."""

    configured: int
    learned: int = 0
    until: float = -math.inf

    def at(self, now: float) -> int:
        return min(self.configured, self.learned) if now < self.until else self.configured


class RunLimits:
    """Keeps RunProject's windows and the callers' pauses. Used on one event loop.

    A run whose turn it is holds a slot of the windows, from `reserve` until it is sent (`use`) or not (`release`). A
    429 that came earlier than the limits allow shows a lower limit, which holds for a while.
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        *,
        per_minute: int = RUNS_PER_MINUTE,
        per_hour: int = RUNS_PER_HOUR,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._minute = _Limit(per_minute)
        self._hour = _Limit(per_hour)
        self._sent: deque[float] = deque(maxlen=max(per_minute, per_hour))
        self._refused: deque[float] = deque(maxlen=self._sent.maxlen)
        self._windows = self._renewed()
        self._reserved: set[object] = set()
        self._pauses: dict[str, _Pause] = {}

    @property
    def allowed(self) -> tuple[int, int]:
        """How many runs may be sent in a minute and in an hour at this moment."""
        now = self._clock.monotonic()
        return self._minute.at(now), self._hour.at(now)

    def restore(self, ages_seconds: Iterable[float]) -> None:
        """Take up how long ago an earlier process sent its runs."""
        now = self._clock.monotonic()
        self._sent = deque(sorted([*(now - age for age in ages_seconds), *self._sent]), maxlen=self._sent.maxlen)
        self._windows = self._renewed()

    def wait_seconds(self) -> float:
        """Seconds until another run may be sent, after those that hold a slot."""
        if self.allowed != self._applied:
            self._windows = self._renewed()
        return self._windows.wait_seconds(self._clock.monotonic(), len(self._reserved))

    def take(self) -> bool:
        """Use a slot at once, for a dry run; False if none is free."""
        if self.wait_seconds() > 0:
            return False
        self._record()
        return True

    def reserve(self, holder: object) -> None:
        """Hold a slot."""
        self._reserved.add(holder)

    def release(self, holder: object) -> None:
        """Hold no slot any more."""
        self._reserved.discard(holder)

    def use(self, holder: object) -> None:
        """A run is sent in the slot of this holder."""
        self._reserved.discard(holder)
        self._record()

    def learn(self, reply: Reply) -> None:
        """Take in a 429 to a run that the limits allowed: what Hex announces, else what was sent before it.

        It is the limit of an hour if Hex asks to wait for longer than a minute.
        """
        now = self._clock.monotonic()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers}
        seconds = retry_after_seconds(reply.header("Retry-After"), headers, self._clock.now()) or 0.0
        is_hour = seconds > _MINUTE
        limit, window = (self._hour, _HOUR) if is_hour else (self._minute, _MINUTE)
        announced = reply.header("RateLimit-Limit") or reply.header("X-RateLimit-Limit") or ""
        self._refused.append(now)
        sent, refused = (sum(now - at < window for at in moments) for moments in (self._sent, self._refused))
        before = sent - refused
        learned = int(announced) if announced.isascii() and announced.isdecimal() else before
        if 0 < learned < limit.at(now):
            limit.learned = learned
            limit.until = now + (_LEARNED_HOUR_SECONDS if is_hour else _LEARNED_MINUTE_SECONDS)

    def _record(self) -> None:
        now = self._clock.monotonic()
        self._sent.append(now)
        self._windows.record(now)

    def _renewed(self) -> SlidingWindows:
        """Windows of the limits of this moment, with all that was sent."""
        self._applied = per_minute, per_hour = self.allowed
        windows = SlidingWindows(per_minute=per_minute, per_hour=per_hour, margin_seconds=MARGIN_SECONDS)
        windows.restore(self._sent)
        return windows

    def pause(self, caller: str) -> float:
        """Send nothing for a caller whose kernels are all taken, each time longer; for how many seconds."""
        now = self._clock.monotonic()
        times = self._pauses[caller].times + 1 if caller in self._pauses else 1
        seconds = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(times - 1, 10), _LONGEST_PAUSE_SECONDS)
        seconds *= 1 + self._rng.random() / 4
        self._pauses = {key: pause for key, pause in self._pauses.items() if now - pause.until < _LONGEST_PAUSE_SECONDS}
        if len(self._pauses) < _MOST_PAUSES:
            self._pauses[caller] = _Pause(now + seconds, times)
        return seconds

    def resume(self, caller: str) -> None:
        """A run of the caller was not refused for its kernels: the next pause is a short one again."""
        self._pauses.pop(caller, None)

    def paused(self) -> dict[str, float]:
        """The callers that are paused, and for how many seconds still."""
        now = self._clock.monotonic()
        return {key: pause.until - now for key, pause in self._pauses.items() if pause.until > now}
