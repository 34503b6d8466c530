"""When the next run may be sent: the limits of RunProject, and pauses for callers whose kernels are all taken."""

import random
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from exporter.clock import Clock
from exporter.gateway.upstream.reply import Reply
from exporter.hexapi import MARGIN_SECONDS, SlidingWindows, announced_seconds

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
_MOST_CALLERS = 1_000
"""Callers that are paused at once; more are let through, which Hex refuses again. So many have what they sent
remembered, to learn their limit from; the one that sent longest ago is evicted."""


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


@dataclass(slots=True)
class _Sent:
    """Of one caller: when its last runs were accepted, and the limits that Hex has shown it, by their window."""

    accepted: deque[float]
    learned: dict[float, _Learned] = field(default_factory=dict)


class RunLimits:
    """Keeps RunProject's windows and the callers' pauses. Used on one event loop.

    A run whose turn it is holds a slot of the windows, from `reserve` until it is sent (`use`) or not (`release`). A
    429 that came earlier than the limits allow shows its caller's limit to be lower, as Hex counts by user: for a
    while, for what that caller sends from then on.
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
        self._configured = {_MINUTE: per_minute, _HOUR: per_hour}
        self._windows = SlidingWindows(per_minute=per_minute, per_hour=per_hour, margin_seconds=MARGIN_SECONDS)
        self._sent: OrderedDict[str, _Sent] = OrderedDict()
        self._reserved: dict[object, str] = {}
        self._pauses: dict[str, _Pause] = {}

    def allowed(self, caller: str) -> tuple[int, int]:
        """How many runs of the caller may be sent in a minute and in an hour at this moment."""
        learned = self._in_force(caller)
        minute, hour = (
            min(allowed, learned[window].allowed) if window in learned else allowed
            for window, allowed in self._configured.items()
        )
        return minute, hour

    def restore(self, sent: Iterable[tuple[str, float]]) -> None:
        """Take up what an earlier process sent: for whom, and how many seconds ago."""
        now = self._clock.monotonic()
        moments = sorted((now - age, caller) for caller, age in sent)
        self._windows.restore(moment for moment, _ in moments)
        for moment, caller in moments:
            self._of(caller).accepted.append(moment)

    def wait_seconds(self, caller: str | None = None) -> float:
        """Seconds until another run may be sent, after those that hold a slot; None: of whichever caller."""
        now = self._clock.monotonic()
        wait = self._windows.wait_seconds(now, len(self._reserved))
        return wait if caller is None else max(wait, self._learned_wait(caller, now))

    def take(self, caller: str) -> bool:
        """Use a slot at once, for a dry run; False if none is free."""
        if self.wait_seconds(caller) > 0:
            return False
        self._record(caller)
        return True

    def reserve(self, holder: object, caller: str) -> None:
        """Hold a slot for a run of the caller."""
        self._reserved[holder] = caller

    def release(self, holder: object) -> None:
        """Hold no slot any more."""
        self._reserved.pop(holder, None)

    def use(self, holder: object) -> None:
        """A run is sent in the slot of this holder."""
        self._record(self._reserved.pop(holder))

    def observe(self, caller: str, reply: Reply) -> None:
        """Take in what Hex answered to a run of the caller, a dry one too."""
        if reply.status != 429:
            self._of(caller).accepted.append(self._clock.monotonic())
            return
        announced = announced_seconds(reply.header("Retry-After"), reply.decoded_headers, self._clock.now())
        self._learn(caller, announced, reply.announced_limit)

    def _learn(self, caller: str, seconds: float, announced: int | None) -> None:
        """Take in a limit that Hex names in a 429 that asks to wait so long, else what it accepted before.

        It is the limit of an hour if Hex asks to wait for longer than a minute.
        """
        now, sent = self._clock.monotonic(), self._of(caller)
        is_hour = seconds > _MINUTE
        window = _HOUR if is_hour else _MINUTE
        learned = sum(now - at < window for at in sent.accepted) if announced is None else announced
        if 0 < learned < self.allowed(caller)[is_hour]:
            until = now + (_LEARNED_HOUR_SECONDS if is_hour else _LEARNED_MINUTE_SECONDS)
            # A limit of a minute bounds no hour, and one of an hour no minute.
            windows = SlidingWindows(
                per_minute=learned, per_hour=learned if is_hour else 61 * learned, margin_seconds=MARGIN_SECONDS
            )
            sent.learned[window] = _Learned(learned, until, windows)

    def _record(self, caller: str) -> None:
        now = self._clock.monotonic()
        for windows in (self._windows, *(one.windows for one in self._in_force(caller).values())):
            windows.record(now)

    def _learned_wait(self, caller: str, now: float) -> float:
        ahead = sum(one == caller for one in self._reserved.values())
        return max((one.windows.wait_seconds(now, ahead) for one in self._in_force(caller).values()), default=0.0)

    def _in_force(self, caller: str) -> dict[float, _Learned]:
        """The limits that Hex has shown the caller and that are taken to hold still, by the seconds of their window."""
        sent = self._sent.get(caller)
        if sent is None:
            return {}
        now = self._clock.monotonic()
        sent.learned = {window: one for window, one in sent.learned.items() if now < one.until}
        return sent.learned

    def _of(self, caller: str) -> _Sent:
        sent = self._sent.get(caller)
        if sent is None:
            sent = self._sent[caller] = _Sent(deque(maxlen=max(self._configured.values())))
        self._sent.move_to_end(caller)
        if len(self._sent) > _MOST_CALLERS:
            self._sent.popitem(last=False)
        return sent

    def slowed(self) -> dict[str, float]:
        """The callers that have used up a limit that Hex has shown them, and for how many seconds still."""
        now = self._clock.monotonic()
        waits = {caller: self._learned_wait(caller, now) for caller, sent in self._sent.items() if sent.learned}
        return {caller: wait for caller, wait in waits.items() if wait > 0}

    def pause(self, caller: str) -> float:
        """Send nothing for a caller whose kernels are all taken, each time longer; for how many seconds."""
        now = self._clock.monotonic()
        times = self._pauses[caller].times + 1 if caller in self._pauses else 1
        seconds = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(times - 1, 10), _LONGEST_PAUSE_SECONDS)
        seconds *= 1 + self._rng.random() / 4
        self._pauses = {key: pause for key, pause in self._pauses.items() if now - pause.until < _LONGEST_PAUSE_SECONDS}
        if len(self._pauses) < _MOST_CALLERS:
            self._pauses[caller] = _Pause(now + seconds, times)
        return seconds

    def resume(self, caller: str) -> None:
        """A run of the caller was not refused for its kernels: the next pause is a short one again."""
        self._pauses.pop(caller, None)

    def paused(self) -> dict[str, float]:
        """The callers that are paused, and for how many seconds still."""
        now = self._clock.monotonic()
        return {key: pause.until - now for key, pause in self._pauses.items() if pause.until > now}
