"""What goes on while nobody asks: counting is written, ends are looked for, and runs start as time passes."""

import asyncio

import structlog

from exporter.clock import Clock
from exporter.gateway.runs.completion_poller import CompletionPoller
from exporter.gateway.runs.dispatcher import Dispatcher
from exporter.gateway.runs.ends import Ends
from exporter.gateway.runs.journal import Journal
from exporter.gateway.runs.unresolved import UnresolvedRuns
from exporter.gateway.upstream.waiting import first_of

_FLUSH_SECONDS = 0.5
_LOOK_SECONDS = 3.0
_LONGEST_WAIT_SECONDS = 60.0
_SHORTEST_WAIT_SECONDS = 0.01

_log = structlog.get_logger()


class Background:
    """The gateway's own work. `run` goes on until it is cancelled."""

    def __init__(
        self,
        journal: Journal,
        ends: Ends,
        lookout: CompletionPoller,
        unresolved: UnresolvedRuns,
        launches: Dispatcher,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._ends = ends
        self._lookout = lookout
        self._unresolved = unresolved
        self._launches = launches
        self._clock = clock

    async def run(self) -> None:
        """Do all of it for ever; ends only by cancellation."""
        await asyncio.gather(self._flush(), self._look(), self._look_out(), self._pump())

    async def _flush(self) -> None:
        while True:
            await self._clock.sleep(_FLUSH_SECONDS)
            try:
                await self._journal.flush()
            except Exception:
                _log.exception("What the gateway counted cannot be written")

    async def _look(self) -> None:
        while True:
            try:
                await self._ends.look()
                if await self._unresolved.look():
                    self._launches.pump()
            except Exception:
                _log.exception("The gateway cannot look for the ends of runs")
            await self._clock.sleep(_LOOK_SECONDS)

    async def _look_out(self) -> None:
        while True:
            try:
                await self._lookout.look()
            except Exception:
                _log.exception("The gateway cannot ask how runs are")
            await self._clock.sleep(_LOOK_SECONDS)

    async def _pump(self) -> None:
        """Start runs also where nothing happens but that time passes."""
        while True:
            self._launches.stirred.clear()
            wait_seconds = self._launches.seconds_to_wait()
            if wait_seconds is None:
                wait_seconds = _LONGEST_WAIT_SECONDS
            stirred = asyncio.ensure_future(self._launches.stirred.wait())
            try:
                await first_of(self._clock, max(_SHORTEST_WAIT_SECONDS, wait_seconds), stirred)
            finally:
                stirred.cancel()
            if not self._launches.stirred.is_set():
                self._launches.pump()
