"""When runs end: learned from whoever polls them, else from the exporter's own listing, else assumed by a lease."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace

import structlog

from exporter.clock import Clock
from exporter.errors import LedgerError
from exporter.facts import Run
from exporter.gateway.cache.hits import Results
from exporter.gateway.runs.active_runs import ActiveRun, Board
from exporter.gateway.runs.journal import Journal
from exporter.gateway.runs.queue import Queue
from exporter.ledger import WorkspaceLedger

LEASE_SECONDS = 3600.0
"""After so long a run whose end nobody has seen gives its place to another."""

_log = structlog.get_logger()


class Ends:
    """Notes the ends of the gateway's runs, each once. Used on one event loop.

    `on_end` is called when a run gives its place free.
    """

    def __init__(
        self,
        board: Board,
        queue: Queue,
        results: Results,
        journal: Journal,
        ledger: WorkspaceLedger,
        clock: Clock,
        on_end: Callable[[], None],
    ) -> None:
        self._board = board
        self._queue = queue
        self._results = results
        self._journal = journal
        self._ledger = ledger
        self._clock = clock
        self._on_end = on_end
        self._writes: set[asyncio.Task[None]] = set()

    def seen(self, run: Run) -> None:
        """A state of a run as Hex shows it; runs of others, and those that are on, are passed over."""
        underway = self._board.run(run.run_id)
        if underway is None or run.is_active or underway.run.status is not None:
            return
        self.finish(underway, run.status, run.ended_ms, run.duration_ms)

    def finish(self, underway: ActiveRun, status: str, ended_ms: int | None, duration_ms: int | None) -> None:
        """Note how a run ended."""
        underway.run = replace(underway.run, status=status, ended_ms=ended_ms, duration_ms=duration_ms)
        self._results.add(underway.run)
        self._release(underway)
        self._keep(self._write(underway))

    async def look(self) -> None:
        """Look for ends in what the exporter itself has read, and give up runs whose lease is over."""
        active = self._board.active()
        for project_id in {one.run.project_id for one in active}:
            since_ms = min(one.run.sent_ms for one in active if one.run.project_id == project_id)
            try:
                runs = await self._journal.read(self._runs_since, project_id, since_ms - 60_000)
            except LedgerError as error:
                _log.warning("The gateway cannot read the ledger", reason=str(error))
                break
            for run in runs:
                self.seen(run)
        now = self._clock.monotonic()
        for underway in self._board.active():
            if now - underway.started_at >= LEASE_SECONDS:
                _log.warning(
                    "The end of a run was not seen", project_id=underway.run.project_id, run_id=underway.run_id
                )
                self._release(underway, has_ended=False)
                self._keep(self._forget_attached(underway))

    async def settled(self) -> None:
        """Return when every end that was noted is written."""
        while self._writes:
            await asyncio.wait(self._writes)

    def _runs_since(self, project_id: str, since_ms: int) -> list[Run]:
        return list(self._ledger.runs_between(since_ms, None, project_id))

    def _release(self, underway: ActiveRun, *, has_ended: bool = True) -> None:
        if underway.is_over:
            return
        self._board.over(underway)
        if underway.place is not None:
            self._queue.done(underway.place, self._clock.monotonic(), has_run=has_ended)
        self._on_end()

    def _keep(self, writing: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(writing)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _forget_attached(self, underway: ActiveRun) -> None:
        try:
            await self._journal.write(self._ledger.gateway.detach_all, underway.run_id)
        except LedgerError as error:
            _log.warning("Who held a run cannot be forgotten", run_id=underway.run_id, reason=str(error))

    async def _write(self, underway: ActiveRun) -> None:
        run = underway.run
        try:
            await self._journal.write(
                self._ledger.gateway.finished, underway.run_id, run.status or "", run.ended_ms, run.duration_ms
            )
        except LedgerError as error:
            _log.warning("The end of a run cannot be written", run_id=underway.run_id, reason=str(error))
