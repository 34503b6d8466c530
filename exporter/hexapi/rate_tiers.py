"""Two tiers within one rate limit: the exporter's own requests, and those that are sent on for callers.

The arithmetic of `pace`: no clock, no lock, no waiting.
"""

from collections import deque
from collections.abc import Sequence

from exporter.hexapi.sliding_windows import SlidingWindows, left_at, whole_share

RESERVE = 0.2
"""The part of the exporter's share that callers leave to it."""

MARGIN_SECONDS = 2.0
"""Hex's windows begin when a first request arrives: how much slower that may be on its way than a later one."""

YIELD_SECONDS = 0.05
"""How long after a waiting caller's turn the exporter's own turn comes."""


class Ticket:
    """One caller's request in the order of their coming."""


class RateTiers:
    """How long each tier has to wait. Times are seconds of one steady clock.

    Own requests stay within their share. Once a caller has sent something all together stay within the limits, in
    windows that are longer by MARGIN_SECONDS, and callers leave the reserve free: own requests within it never wait
    for callers, those beyond it wait while callers do. A limit of one request has no reserve.
    """

    def __init__(self, *, per_minute: float, per_hour: float, share: float) -> None:
        limits = whole_share(per_minute), whole_share(per_hour)
        self.allowed = whole_share(per_minute, share), whole_share(per_hour, share)
        reserve = whole_share(self.allowed[0], RESERVE), whole_share(self.allowed[1], RESERVE)
        others = max(1, limits[0] - reserve[0]), max(1, limits[1] - reserve[1])
        self.callers_allowed = others
        self._own = _windows(self.allowed, 0.0)
        self._reserve = _windows(reserve, MARGIN_SECONDS)
        self._callers = _windows(others, MARGIN_SECONDS)
        self._all = _windows(limits, MARGIN_SECONDS)
        self._has_callers = False
        self._tickets: deque[Ticket] = deque()

    def own_wait(self, moment: float) -> float:
        """Seconds until an own request may leave."""
        wait = self._own.wait_seconds(moment)
        if self._has_callers:
            wait = max(wait, self._all.wait_seconds(moment))
        if self._tickets and self._reserve.wait_seconds(moment) > 0:
            wait = max(wait, self.callers_wait(moment, 0) + YIELD_SECONDS)
        return wait

    def callers_wait(self, moment: float, ahead: int | None = None) -> float:
        """Seconds until a caller's request may leave after `ahead` others; None: all that hold a ticket."""
        before = len(self._tickets) if ahead is None else ahead
        return max(self._callers.wait_seconds(moment, before), self._all.wait_seconds(moment, before))

    def record_own(self, moment: float) -> None:
        """Count an own request that leaves now."""
        for windows in (self._own, self._reserve, self._all):
            windows.record(moment)

    def record_caller(self, moment: float) -> None:
        """Count a caller's request that leaves now."""
        self._has_callers = True
        for windows in (self._callers, self._all):
            windows.record(moment)

    def restore(
        self, own: Sequence[tuple[int, int]], callers: Sequence[tuple[int, int]], now: float, steady: float
    ) -> None:
        """Count what an earlier process sent in each minute, as `windows.left_at` takes it."""
        mine = left_at(own, now, steady, max(self.allowed))
        theirs = left_at(callers, now, steady, max(self.callers_allowed))
        self._has_callers = self._has_callers or bool(theirs)
        for windows in (self._own, self._reserve, self._all):
            windows.restore(mine)
        for windows in (self._callers, self._all):
            windows.restore(theirs)

    def enter(self) -> Ticket:
        """A ticket for a caller's request that waits, behind all others."""
        ticket = Ticket()
        self._tickets.append(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give a ticket back, used or not."""
        self._tickets.remove(ticket)

    def ahead_of(self, ticket: Ticket) -> int:
        """How many tickets come before this one."""
        return self._tickets.index(ticket)


def _windows(allowed: tuple[int, int], margin_seconds: float) -> SlidingWindows:
    return SlidingWindows(per_minute=allowed[0], per_hour=allowed[1], margin_seconds=margin_seconds)
