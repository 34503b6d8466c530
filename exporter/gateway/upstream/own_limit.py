"""An endpoint that Hex gives a limit of its own: after a 429 there nothing but that endpoint waits."""

import random
from collections import OrderedDict

from exporter.clock import Clock
from exporter.gateway.upstream.hold import Hold
from exporter.gateway.upstream.upstream import Reply
from exporter.hexapi import announced_seconds, reset_seconds

_MOST_CALLERS = 1_000
"""Callers whose hold is remembered; of more, the one that was held longest ago may send again, and is refused anew."""


class OwnLimit:
    """Until when each caller is to send nothing to one endpoint, as Hex counts by user. Used on one event loop.

    `per_minute` is what Hex documents: an answer that names a larger limit is about another one, that of all requests.
    """

    def __init__(self, clock: Clock, rng: random.Random, per_minute: int) -> None:
        self._clock = clock
        self._rng = rng
        self._per_minute = per_minute
        self._holds: OrderedDict[str, Hold] = OrderedDict()

    def wait_seconds(self, caller: str) -> float:
        """Seconds until the caller may send another request there."""
        hold = self._holds.get(caller)
        return 0.0 if hold is None else hold.seconds

    def observe(self, caller: str, reply: Reply) -> bool:
        """Take in an answer to the caller; whether it says something of every request."""
        headers, wall = reply.decoded_headers, self._clock.now()
        is_refused = reply.status == 429
        if is_refused:
            announced = announced_seconds(reply.header("Retry-After"), headers, wall)
        else:
            announced = reset_seconds(headers, wall) or 0.0
        limit = reply.announced_limit
        if limit is not None and limit > self._per_minute:
            return True
        if is_refused:
            self._hold(caller).refused(announced)
        elif announced > 0:
            self._hold(caller).accepted(announced)
        elif not self.wait_seconds(caller):
            self._holds.pop(caller, None)
        return False

    def _hold(self, caller: str) -> Hold:
        hold = self._holds.setdefault(caller, Hold(self._clock, self._rng))
        self._holds.move_to_end(caller)
        if len(self._holds) > _MOST_CALLERS:
            self._holds.popitem(last=False)
        return hold
