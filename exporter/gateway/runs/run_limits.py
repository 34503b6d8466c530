"""When the next run may be sent: the limits of RunProject, and pauses for callers whose kernels are all taken."""

import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.gateway.upstream.hold import Hold
from exporter.gateway.upstream.upstream import Reply
from exporter.hexapi import MARGIN_SECONDS, SlidingWindows, announced_seconds, reset_seconds

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


@dataclass(frozen=True, slots=True)
class _Learned:
    """A lower limit that Hex has shown, until when it is taken to hold, and what was sent since it was shown."""

    allowed: int
    until: float
    windows: SlidingWindows


class RunLimits:
    """Keeps RunProject's windows and the callers' pauses. Used on one event loop.

    A run whose turn it is holds a slot of the windows, from `reserve` until it is sent (`use`) or not (`release`). A
    429 that came earlier than the limits allow shows a lower limit, which holds for a while, for what is sent from then
    on. After any 429 no run is sent for as long as Hex says; `on_hold` receives the end of that, in epoch milliseconds,
    whenever it moves.
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        *,
        per_minute: int = RUNS_PER_MINUTE,
        per_hour: int = RUNS_PER_HOUR,
        on_hold: Callable[[int], None] | None = None,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._configured = {_MINUTE: per_minute, _HOUR: per_hour}
        self._windows = SlidingWindows(per_minute=per_minute, per_hour=per_hour, margin_seconds=MARGIN_SECONDS)
        self._learned: dict[float, _Learned] = {}
        self._accepted: deque[float] = deque(maxlen=max(per_minute, per_hour))
        self._reserved: set[object] = set()
        self._pauses: dict[str, _Pause] = {}
        self._hold = Hold(clock, rng, on_hold)

    @property
    def allowed(self) -> tuple[int, int]:
        """How many runs may be sent in a minute and in an hour at this moment."""
        learned = self._in_force()
        minute, hour = (
            min(allowed, learned[window].allowed) if window in learned else allowed
            for window, allowed in self._configured.items()
        )
        return minute, hour

    def restore(self, ages_seconds: Iterable[float]) -> None:
        """Take up how long ago an earlier process sent its runs."""
        now = self._clock.monotonic()
        moments = sorted(now - age for age in ages_seconds)
        self._windows.restore(moments)
        self._accepted.extend(moments)

    def restore_hold(self, until_ms: int | None) -> None:
        """Take up until when an earlier process was to send no run."""
        self._hold.restore(until_ms)

    @property
    def is_held(self) -> bool:
        """Whether Hex wants no run now, whatever the limits leave."""
        return self._hold.seconds > 0

    def wait_seconds(self) -> float:
        """Seconds until another run may be sent, after those that hold a slot."""
        now, ahead = self._clock.monotonic(), len(self._reserved)
        windows = [self._windows, *(one.windows for one in self._in_force().values())]
        return max(self._hold.seconds, *(one.wait_seconds(now, ahead) for one in windows))

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

    def observe(self, reply: Reply) -> bool:
        """Take in the answer to a run, a dry one too; whether it says something of every request.

        After a 429 no run is sent for as long as Hex says, else for a minute, doubled with each 429 in a row, plus
        jitter; where no run remains in the window, until that ends. Other requests wait only where Hex names a limit
        that is larger than that of runs: it is the one of them all.
        """
        headers, wall = reply.decoded_headers, self._clock.now()
        if reply.status != 429:
            self._accepted.append(self._clock.monotonic())
            until_reset = reset_seconds(headers, wall) or 0.0
            is_of_all = until_reset > 0 and self._is_of_all(until_reset, reply.announced_limit)
            self._hold.accepted(0.0 if is_of_all else until_reset)
            return is_of_all
        announced = announced_seconds(reply.header("Retry-After"), headers, wall)
        is_of_all = self._learn(announced, reply.announced_limit)
        self._hold.refused(announced)
        return is_of_all

    def _is_of_all(self, seconds: float, announced: int | None) -> bool:
        """Whether the limit that Hex names for a window of so many seconds is larger than that of runs."""
        return announced is not None and announced > self._configured[_HOUR if seconds > _MINUTE else _MINUTE]

    def _learn(self, seconds: float, announced: int | None) -> bool:
        """Take in a limit that Hex names in a 429 that asks to wait so long, else what it accepted before.

        It is the limit of an hour if Hex asks to wait for longer than a minute. Returns whether it names a larger one
        than that of runs.
        """
        now = self._clock.monotonic()
        is_hour = seconds > _MINUTE
        window = _HOUR if is_hour else _MINUTE
        if self._is_of_all(seconds, announced):
            return True
        learned = sum(now - at < window for at in self._accepted) if announced is None else announced
        if 0 < learned < self.allowed[is_hour]:
            until = now + (_LEARNED_HOUR_SECONDS if is_hour else _LEARNED_MINUTE_SECONDS)
            # A limit of a minute bounds no hour, and one of an hour no minute.
            windows = SlidingWindows(
                per_minute=learned, per_hour=learned if is_hour else 61 * learned, margin_seconds=MARGIN_SECONDS
            )
            self._learned[window] = _Learned(learned, until, windows)
        return False

    def _record(self) -> None:
        now = self._clock.monotonic()
        for windows in (self._windows, *(one.windows for one in self._in_force().values())):
            windows.record(now)

    def _in_force(self) -> dict[float, _Learned]:
        """The learned limits that are taken to hold still, by the seconds of their window."""
        now = self._clock.monotonic()
        self._learned = {window: one for window, one in self._learned.items() if now < one.until}
        return self._learned

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
