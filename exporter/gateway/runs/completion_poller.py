"""Looking for ends while callers wait: how the runs before them are, of each caller's own runs with its own token."""

import asyncio

from exporter.clock import Clock
from exporter.gateway.access.authorizer import Caller
from exporter.gateway.routing.target import Operation, TargetError, parse_target
from exporter.gateway.runs.active_runs import ActiveRun, Board
from exporter.gateway.runs.polls import Poll, Polls

_EVERY_SECONDS = 10.0


class CompletionPoller:
    """Asks on behalf of those who wait and do not poll what is before them. Used on one event loop."""

    def __init__(self, board: Board, polls: Polls, clock: Clock) -> None:
        self._board = board
        self._polls = polls
        self._clock = clock
        self._looked_at: dict[str, float] = {}

    async def look(self) -> None:
        """Ask for each run that keeps its own caller waiting, where the rate leaves room and nobody has asked lately.

        Returns when all is answered, or Hex has given no answer.
        """
        polls = [_poll(caller, one) for one, caller in self._due()]
        await asyncio.gather(*(self._polls.look(poll) for poll in polls if poll is not None))

    def _due(self) -> list[tuple[ActiveRun, Caller]]:
        waiting = {one.order.caller.name: one.order.caller for one in self._board.flights.values() if one.waiting}
        active = self._board.active()
        self._looked_at = {one.run_id: self._looked_at.get(one.run_id, one.started_at) for one in active}
        now = self._clock.monotonic()
        due = [
            (one, waiting[one.run.caller])
            for one in active
            if one.run.caller in waiting and now - self._looked_at[one.run_id] >= _EVERY_SECONDS
        ]
        self._looked_at |= {one.run_id: now for one, _ in due}
        return due


def _poll(caller: Caller, underway: ActiveRun) -> Poll | None:
    """The question after one run; None where Hex has given it an id that no address should be made of."""
    path = f"/api/v1/projects/{underway.run.project_id}/runs/{underway.run_id}"
    try:
        target = parse_target("GET", path.encode(), b"")
    except TargetError:
        return None
    is_plain = target.operation is Operation.RUN_STATUS
    return Poll(caller=caller.name, target=target, headers=caller.headers) if is_plain else None
