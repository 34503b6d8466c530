"""Polling for ends while callers wait: of each caller's own runs before it, with its own token."""

import asyncio

from exporter.clock import Clock
from exporter.gateway.access.caller import Caller
from exporter.gateway.routing.target import Operation, TargetError, parse_target
from exporter.gateway.runs.active_run import ActiveRun
from exporter.gateway.runs.polls import Poll, Polls
from exporter.gateway.runs.registry import RunRegistry

_EVERY_SECONDS = 10.0
"""Between two questions about one run: about as often as patient clients poll."""


class CompletionPoller:
    """Polls on behalf of callers that wait and do not poll their runs before. Used on one event loop."""

    def __init__(self, registry: RunRegistry, polls: Polls, clock: Clock) -> None:
        self._registry = registry
        self._polls = polls
        self._clock = clock
        self._polled_at: dict[str, float] = {}

    async def look(self) -> None:
        """Poll each run that keeps its own caller waiting, where the rate leaves room and no recent state is known.

        Returns when Hex has answered all, or has given no answer.
        """
        polls = [_poll(caller, run) for run, caller in self._due()]
        await asyncio.gather(*(self._polls.look(poll) for poll in polls if poll is not None))

    def _due(self) -> list[tuple[ActiveRun, Caller]]:
        pending = [run.waiting for run in self._registry.pending()]
        waiting = {requests.order.caller.name: requests.order.caller for requests in pending if requests.count}
        running = self._registry.running()
        self._polled_at = {run.run_id: self._polled_at.get(run.run_id, run.started_at) for run in running}
        now = self._clock.monotonic()
        due = [
            (run, waiting[run.sent.caller])
            for run in running
            if run.sent.caller in waiting and now - self._polled_at[run.run_id] >= _EVERY_SECONDS
        ]
        self._polled_at |= {run.run_id: now for run, _ in due}
        return due


def _poll(caller: Caller, run: ActiveRun) -> Poll | None:
    """The poll of one run; None where Hex has given it an id that no address should be made of."""
    path = f"/api/v1/projects/{run.sent.project_id}/runs/{run.run_id}"
    try:
        target = parse_target("GET", path.encode(), b"")
    except TargetError:
        return None
    is_plain = target.operation is Operation.RUN_STATUS
    return Poll(caller=caller.name, target=target, headers=caller.headers) if is_plain else None
