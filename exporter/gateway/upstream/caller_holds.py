"""Until when nothing is sent for a caller: after a 429 that caller waits, and no other, as Hex counts by user."""

import random
from collections import OrderedDict
from collections.abc import Callable, Mapping

from exporter.clock import Clock
from exporter.gateway.upstream.reply import Reply
from exporter.hexapi import Hold, announced_seconds, reset_seconds

Limit = tuple[int, int | None]
"""What Hex allows of one endpoint: requests in a minute, and in an hour where it has a limit for that."""

_EVERYTHING = ""
"""In place of an endpoint: all of them."""

_MINUTE_SECONDS = 60.0

_MOST_HOLDS = 1_000
"""Holds that are remembered; of more, who was held longest ago may send again, and is refused anew."""


class CallerHolds:
    """Used on one event loop.

    `limits` are those of endpoints that have one of their own: a 429 there holds only that endpoint, unless it names a
    larger limit, which is that of all requests. `on_hold` receives what is to be kept across a restart, whenever a
    hold moves: `restore` takes it.
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        limits: Mapping[str, Limit],
        on_hold: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._limits = limits
        self._on_hold = on_hold
        self._holds: OrderedDict[tuple[str, str], Hold] = OrderedDict()

    def restore(self, kept: object) -> None:
        """Take up what an earlier process was not to send: by caller and endpoint, until when in epoch milliseconds."""
        for written, until_ms in kept.items() if isinstance(kept, dict) else ():
            caller, _, endpoint = str(written).partition(" ")
            self._hold(caller, endpoint).restore(until_ms)

    def seconds(self, caller: str, endpoint: str) -> float:
        """Seconds until another request of the caller may be sent to the endpoint."""
        of_all, of_one = self._holds.get((caller, _EVERYTHING)), self._holds.get((caller, endpoint))
        return max(0.0 if of_all is None else of_all.seconds, 0.0 if of_one is None else of_one.seconds)

    def held(self, endpoint: str) -> dict[str, float]:
        """The callers that are to send nothing to the endpoint, and for how many seconds still."""
        callers = {caller for caller, held in self._holds if held in (endpoint, _EVERYTHING)}
        return {caller: seconds for caller in callers if (seconds := self.seconds(caller, endpoint)) > 0}

    def observe(self, caller: str, endpoint: str, reply: Reply) -> None:
        """Take in an answer to a caller.

        After a 429 nothing of its kind is sent for as long as Hex says, else for a guessed time; where no request
        remains in the window, until that ends.
        """
        is_refused = reply.status == 429
        if not is_refused and not self._holds and not reply.names_limits:
            return
        headers, wall = reply.decoded_headers, self._clock.now()
        if is_refused:
            seconds = announced_seconds(reply.header("Retry-After"), headers, wall)
        else:
            seconds = reset_seconds(headers, wall) or 0.0
        kind = _EVERYTHING if self._is_of_all(endpoint, seconds, reply.announced_limit) else endpoint
        if is_refused:
            has_moved = self._hold(caller, kind).refused(seconds)
        elif seconds > 0:
            has_moved = self._hold(caller, kind).accepted(seconds)
        else:
            # Requests that left together may have been refused meanwhile: what holds still holds.
            has_moved = False
            if (caller, kind) in self._holds and not self._holds[caller, kind].seconds:
                del self._holds[caller, kind]
        if has_moved:
            holds = {f"{caller} {kind}": hold.until_ms for (caller, kind), hold in self._holds.items() if hold.seconds}
            self._on_hold({name: until_ms for name, until_ms in holds.items() if until_ms is not None})

    def _is_of_all(self, endpoint: str, seconds: float, announced: int | None) -> bool:
        """Whether an answer that names this limit, for a window of so many seconds, is about every request."""
        limit = self._limits.get(endpoint)
        if limit is None:
            return True
        minute, hour = limit
        own = minute if hour is None or seconds <= _MINUTE_SECONDS else hour
        return announced is not None and announced > own

    def _hold(self, caller: str, kind: str) -> Hold:
        hold = self._holds.setdefault((caller, kind), Hold(self._clock, self._rng))
        self._holds.move_to_end((caller, kind))
        if len(self._holds) > _MOST_HOLDS:
            self._holds.popitem(last=False)
        return hold
