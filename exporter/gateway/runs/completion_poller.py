"""Looking for ends while requests wait: of runs that no one polls, each with its own caller's token.

A run whose end cannot be seen gives its place to others once it has lasted longer than its project's runs usually do.
"""

import asyncio

import structlog

from exporter.clock import Clock
from exporter.gateway.access.caller import Caller
from exporter.gateway.runs.active_run import ActiveRun
from exporter.gateway.runs.polls import Polls, poll_of
from exporter.gateway.runs.registry import RunRegistry
from exporter.gateway.runs.usual_durations import UsualDurations

_EVERY_SECONDS = 10.0
"""Between two questions about one run: about as often as patient clients poll."""


_LONGEST_SECONDS = 30.0
"""Between two questions about a run that has lasted for long, so that they leave room for other requests."""

_UNSEEN_SECONDS = 60.0
"""A run that Hex has shown as running so lately keeps its place, however long it lasts."""

_log = structlog.get_logger()


class CompletionPoller:
    """Polls the runs that others wait for, where their callers do not. Used on one event loop."""

    def __init__(self, registry: RunRegistry, polls: Polls, usual: UsualDurations, clock: Clock) -> None:
        self._usual = usual
        self._registry = registry
        self._polls = polls
        self._clock = clock
        self._polled_at: dict[str, float] = {}

    async def look(self) -> None:
        """Poll each run that others wait for, where the rate leaves room and no recent state is known.

        Returns when Hex has answered all, or has given no answer.
        """
        polls = [poll_of(caller, run.sent) for run, caller in self._due()]
        await asyncio.gather(*(self._polls.look(poll) for poll in polls if poll is not None))
        if self._registry.is_short_of_places:
            self._yield_places()

    def _due(self) -> list[tuple[ActiveRun, Caller]]:
        pending = [run.waiting for run in self._registry.pending()]
        waiting = {requests.order.caller.name: requests.order.caller for requests in pending if requests.count}
        is_short = self._registry.is_short_of_places
        running = self._registry.running()
        self._polled_at = {run.run_id: self._polled_at.get(run.run_id, run.started_at) for run in running}
        now = self._clock.monotonic()
        due = []
        for run in running:
            caller = waiting.get(run.sent.caller)
            if caller is None and is_short and run.place is not None and run.requests is not None:
                caller = run.requests.order.caller
            every = min(_LONGEST_SECONDS, max(_EVERY_SECONDS, (now - run.started_at) / 10))
            if caller is not None and now - self._polled_at[run.run_id] >= every:
                due.append((run, caller))
        self._polled_at |= {run.run_id: now for run, _ in due}
        return due

    def _yield_places(self) -> None:
        now = self._clock.monotonic()
        for run in self._registry.running():
            is_seen = now - run.seen_running_at < _UNSEEN_SECONDS
            if run.place is None or is_seen or now - run.started_at < self._usual.longest(run.sent.project_id):
                continue
            _log.info("A run whose end is not seen gives its place to others", run_id=run.run_id)
            self._registry.yield_place(run)
