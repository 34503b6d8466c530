"""Runs that were sent and not answered: kept until it is known what became of them, and never sent again."""

from dataclasses import replace

import structlog

from exporter.clock import Clock
from exporter.facts import Run
from exporter.gateway.runs.active_runs import ActiveRun, Board
from exporter.gateway.runs.dispatcher import Unresolved
from exporter.gateway.runs.journal import Journal
from exporter.gateway.runs.queue import Place, Queue
from exporter.gateway.runs.recovery import verdict, window
from exporter.ledger import WorkspaceLedger

_log = structlog.get_logger()


class UnresolvedRuns:
    """Matches runs that were sent with those that the exporter has read since. Used on one event loop."""

    def __init__(self, board: Board, queue: Queue, journal: Journal, ledger: WorkspaceLedger, clock: Clock) -> None:
        self._board = board
        self._queue = queue
        self._journal = journal
        self._ledger = ledger
        self._clock = clock
        self._open: list[Unresolved] = []

    def add(self, one: Unresolved) -> None:
        """Find out, from now on, what became of a run."""
        self._open.append(one)

    async def look(self) -> bool:
        """Match what can be matched now; whether a place has come free. Raises LedgerError, nothing is lost then."""
        has_released = False
        for one in tuple(self._open):
            has_released |= await self._look_at(one)
        return has_released

    async def _look_at(self, one: Unresolved) -> bool:
        intent = one.intent
        runs = await self._journal.read(self._runs_of, one)
        progress = next(
            (known.progress for known in self._ledger.projects(True) if known.project.project_id == intent.project_id),
            None,
        )
        now_ms = round(self._clock.now() * 1000)
        known_until_ms = None if progress is None else progress.known_until_ms
        found = verdict(intent, runs, self._board.run_ids(), known_until_ms, now_ms)
        if found is None:
            return False
        if found.run is not None:
            return await self._started(one, found.run)
        if one.has_failed:
            await self._journal.write(self._ledger.gateway.not_started, intent.intent_id, "not_started")
            self._open.remove(one)
            return self._release(one.place)
        await self._journal.write(self._ledger.gateway.not_started, intent.intent_id, "unknown")
        self._open.remove(one)
        self._journal.count("hex_gateway_unknown_runs_total")
        _log.warning(
            "What became of a run is not known, it is not sent again",
            project_id=intent.project_id,
            sent_ms=intent.sent_ms,
            reason=found.why,
        )
        return self._release(one.place)

    async def _started(self, one: Unresolved, run: Run) -> bool:
        """The intent became this run; its end is waited for like that of any other."""
        await self._journal.write(self._ledger.gateway.started, one.intent.intent_id, run.run_id, "")
        self._open.remove(one)
        started = replace(one.intent, state="started", run_id=run.run_id, answer="")
        at = self._clock.monotonic()
        self._board.add(ActiveRun(run=started, started_at=at, place=one.place))
        _log.info("A run that was sent has been found", project_id=run.project_id, run_id=run.run_id)
        return False

    def _runs_of(self, one: Unresolved) -> list[Run]:
        since_ms, until_ms = window(one.intent)
        return list(self._ledger.runs_between(since_ms, until_ms, one.intent.project_id))

    def _release(self, place: Place | None) -> bool:
        if place is None:
            return False
        self._queue.done(place, self._clock.monotonic(), has_run=False)
        return True
