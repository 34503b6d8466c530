"""Two tiers within one rate limit: the exporter's own requests, and those that are sent on for callers.

The arithmetic of `pace`: no clock, no lock, no waiting.
"""

from collections import deque
from collections.abc import Sequence
from enum import Enum, auto

from exporter.hexapi.sliding_windows import SlidingWindows, moments_of, whole_share

RESERVE = 0.2
"""The part of the exporter's share that callers leave to it."""

MARGIN_SECONDS = 2.0
"""Hex's windows begin when a first request arrives: how much slower that may be on its way than a later one."""

YIELD_SECONDS = 0.05
"""How long after a waiting caller's turn the exporter's own turn comes."""


class Tier(Enum):
    """Whose request it is: the exporter's own, or one that is sent on for a caller of the gateway."""

    OWN = auto()
    CALLERS = auto()


class Ticket:
    """One caller's request in the order of arrival."""


class RateTiers:
    """How long each tier has to wait. Times are seconds of one steady clock.

    Own requests stay within their share. Once a caller has sent something all together stay within the limits, in
    windows that are longer by MARGIN_SECONDS, and callers leave the reserve free: own requests within it never wait
    for callers, those beyond it wait while callers do. A limit of one request has no reserve.
    """

    def __init__(self, *, per_minute: float, per_hour: float, share: float) -> None:
        limits = whole_share(per_minute), whole_share(per_hour)
        own = whole_share(per_minute, share), whole_share(per_hour, share)
        reserve = whole_share(own[0], RESERVE), whole_share(own[1], RESERVE)
        callers = max(1, limits[0] - reserve[0]), max(1, limits[1] - reserve[1])
        self.allowed = {Tier.OWN: own, Tier.CALLERS: callers}
        """The most requests of a tier in a minute and in an hour."""
        self._own = _windows(own, 0.0)
        self._reserve = _windows(reserve, MARGIN_SECONDS)
        self._callers = _windows(callers, MARGIN_SECONDS)
        self._all = _windows(limits, MARGIN_SECONDS)
        self._windows_of = {
            Tier.OWN: (self._own, self._reserve, self._all),
            Tier.CALLERS: (self._callers, self._all),
        }
        self._has_callers = False
        self._tickets: deque[Ticket] = deque()

    def wait_seconds(self, tier: Tier, moment: float, ahead: int | None = None) -> float:
        """Seconds until a request of this tier may leave; a caller's after so many others, None: all with a ticket."""
        if tier is Tier.OWN:
            return self._own_wait(moment)
        return self._callers_wait(moment, len(self._tickets) if ahead is None else ahead)

    def before(self, ticket: Ticket) -> int:
        """How many tickets come before this one."""
        return self._tickets.index(ticket)

    def record(self, tier: Tier, moment: float) -> None:
        """Count a request that leaves now."""
        self._has_callers = self._has_callers or tier is Tier.CALLERS
        for windows in self._windows_of[tier]:
            windows.record(moment)

    def restore(self, tier: Tier, sent: Sequence[tuple[int, int]], now: float, steady: float) -> None:
        """Count what an earlier process sent in each minute, as `sliding_windows.moments_of` takes it."""
        moments = moments_of(sent, now, steady, max(self.allowed[tier]))
        self._has_callers = self._has_callers or (tier is Tier.CALLERS and bool(moments))
        for windows in self._windows_of[tier]:
            windows.restore(moments)

    def enter(self) -> Ticket:
        """A ticket for a caller's request that waits, behind all others."""
        ticket = Ticket()
        self._tickets.append(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give a ticket back, used or not."""
        self._tickets.remove(ticket)

    def _own_wait(self, moment: float) -> float:
        wait = self._own.wait_seconds(moment)
        if self._has_callers:
            wait = max(wait, self._all.wait_seconds(moment))
        if self._tickets and self._reserve.wait_seconds(moment) > 0:
            wait = max(wait, self._callers_wait(moment, ahead=0) + YIELD_SECONDS)
        return wait

    def _callers_wait(self, moment: float, ahead: int) -> float:
        return max(self._callers.wait_seconds(moment, ahead), self._all.wait_seconds(moment, ahead))


def _windows(allowed: tuple[int, int], margin_seconds: float) -> SlidingWindows:
    return SlidingWindows(per_minute=allowed[0], per_hour=allowed[1], margin_seconds=margin_seconds)
