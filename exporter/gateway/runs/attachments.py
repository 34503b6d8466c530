"""Who holds a run that is on, written behind the answers: after a restart, too, no cancel stops another's run."""

import asyncio

import structlog

from exporter.clock import Clock
from exporter.errors import LedgerError
from exporter.gateway.runs.active_runs import ActiveRun
from exporter.gateway.runs.journal import Journal
from exporter.ledger import WorkspaceLedger

_log = structlog.get_logger()


class Attachments:
    """Writes how many requests of each caller hold a run, as it stands when it is written. Used on one event loop.

    Bounded by the runs that are on and the callers that each is noted for; a run that is over is not written.
    """

    def __init__(self, journal: Journal, ledger: WorkspaceLedger, clock: Clock) -> None:
        self._journal = journal
        self._ledger = ledger
        self._clock = clock
        self._unwritten: dict[tuple[str, str], ActiveRun] = {}
        self._writing: asyncio.Task[None] | None = None

    def give(self, underway: ActiveRun, caller: str) -> None:
        """Note that a request of this caller has been given the run; it is written soon."""
        underway.give(caller)
        self.note(underway, caller)

    def note(self, underway: ActiveRun, caller: str) -> None:
        """Have what has changed for this caller written soon."""
        if underway.is_over or caller not in underway.given:
            return
        self._unwritten[underway.run_id, caller] = underway
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())

    async def settled(self) -> None:
        """Return when all that was noted is written, or cannot be now."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    async def _write(self) -> None:
        while self._unwritten:
            noted, self._unwritten = self._unwritten, {}
            # What is handed over here is written before the end of a run that ends from here on.
            counts = {key: underway.attached[key[1]] for key, underway in noted.items() if not underway.is_over}
            if not counts:
                continue
            try:
                await self._journal.write(self._ledger.gateway.attach, counts, round(self._clock.now() * 1000))
            except LedgerError as error:
                _log.warning("Who holds a run cannot be written", reason=str(error))
                # With the next that is noted.
                self._unwritten = {key: noted[key] for key in counts} | self._unwritten
                return
