"""Turns to send a request to Hex: as many as the pace allows, shared fairly by callers; what is urgent goes first."""

import asyncio
from collections import deque
from collections.abc import Callable

from exporter.clock import Clock
from exporter.gateway.upstream.deadline import first_of
from exporter.gateway.upstream.fair_line import FairLine
from exporter.hexapi import Pace, Tier

_Turn = asyncio.Future[None]


class NoTurnError(Exception):
    """There is no turn within the time that the caller waits; there is one in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no turn within {seconds:.0f} s")
        self.seconds = seconds


class Turns:
    """Hands out turns. Used on one event loop.

    The pace has one ticket for each request that waits; whenever it lets one leave, that is the request whose turn it
    is here.
    """

    def __init__(self, pace: Callable[[], Pace], clock: Clock, weigh: Callable[[str], int]) -> None:
        self._pace = pace
        self._clock = clock
        self._urgent: deque[_Turn] = deque()
        self._line: FairLine[_Turn] = FairLine(weigh)
        self._tickets: list[asyncio.Task[None]] = []

    def take_now(self) -> bool:
        """Take a turn if there is one at once and no request waits for it."""
        return not self._tickets and self._pace().take_or_wait(Tier.CALLERS) <= 0

    async def take(self, caller: str, patience_seconds: float | None, *, is_urgent: bool = False) -> None:
        """Wait for a turn; NoTurnError as soon as it is clear that it takes longer than the patience (None: any).

        A request that is cancelled waits no longer, and leaves nothing behind.
        """
        if patience_seconds is not None:
            ahead = len(self._urgent) + (0 if is_urgent else self._line.ahead(caller))
            wait = self._pace().wait_seconds(Tier.CALLERS, ahead=ahead)
            if wait > patience_seconds:
                raise NoTurnError(wait)
        turn: _Turn = asyncio.get_running_loop().create_future()
        if is_urgent:
            self._urgent.append(turn)
        else:
            self._line.add(caller, turn)
        self._add_ticket()
        try:
            if patience_seconds is None:
                await turn
            elif not await first_of(self._clock, patience_seconds, turn):
                raise NoTurnError(max(1.0, self._pace().wait_seconds(Tier.CALLERS)))
        finally:
            self._leave(caller, turn)

    def _add_ticket(self) -> None:
        task = asyncio.ensure_future(self._pace().turn(Tier.CALLERS))
        self._tickets.append(task)
        task.add_done_callback(self._hand_on)

    def _hand_on(self, task: "asyncio.Task[None]") -> None:
        """The pace has let one request leave: the one whose turn it is."""
        if task in self._tickets:
            self._tickets.remove(task)
        if task.cancelled():
            return
        turn = self._urgent.popleft() if self._urgent else self._line.next()
        if turn is not None and not turn.done():
            turn.set_result(None)

    def _leave(self, caller: str, turn: _Turn) -> None:
        """Take a request out that had no turn, and the ticket that came last with it."""
        if turn in self._urgent:
            self._urgent.remove(turn)
        elif not self._line.remove(caller, turn):
            return
        if self._tickets:
            self._tickets.pop().cancel()
