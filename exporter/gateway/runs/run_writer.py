"""What the registry writes to the ledger: each step of a run before it is answered for, ends and holders behind."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import structlog

from exporter.errors import LedgerError
from exporter.gateway.context import GatewayContext
from exporter.gateway.runs.active_run import ActiveRun
from exporter.ledger import GatewayRun, RequestKey

_log = structlog.get_logger()


class RunWriter:
    """Writes runs, one transaction a step. Used on one event loop.

    Who holds a run is written behind the answers, so that after a restart, too, no cancel stops the run of others.
    That is bounded by the running runs and the callers that each is noted for.
    """

    def __init__(self, context: GatewayContext) -> None:
        self._context = context
        self._journal = context.journal
        self._runs = context.ledger.gateway
        self._behind: set[asyncio.Task[None]] = set()
        self._unwritten: dict[tuple[str, str], ActiveRun] = {}
        self._writing: asyncio.Task[None] | None = None

    async def intend(self, run: ActiveRun) -> GatewayRun:
        """Write down that a run is about to be sent; raises LedgerError if it cannot be."""
        if self._context.ledger.lacks_file:
            raise LedgerError("the ledger is in memory, as its file cannot be written: a crash would lose the run")
        key, state, sent_ms = run.waiting.key, run.waiting.key.state, self._context.now_ms()
        known = key.source.state
        record = GatewayRun(
            intent_id=f"{sent_ms}-{self._context.rng.getrandbits(64):016x}",
            project_id=key.project_id,
            fingerprint=key.fingerprint,
            request=key.request,
            caller=run.waiting.order.caller.name,
            source_key=None if state is None else state.key,
            source_digest=None if state is None else state.digest,
            probe_finished_ms=None if state is None else state.finished_ms,
            version=key.version,
            is_sampled=key.is_sampled,
            sent_ms=sent_ms,
            source_span=None if known is None else known.span,
            source_stamp=None if state is None else state.stamp,
        )
        keys = [
            RequestKey(key=one.name, request=one.request, intent_id=record.intent_id, at_ms=sent_ms)
            for one in run.waiting.keys
        ]
        await self._journal.write(self._runs.intend, record, keys)
        return record

    async def started(self, record: GatewayRun) -> None:
        """Hex has started it. One that cannot be written is found again after a restart, by its intent."""
        await self._try(partial(self._runs.started, record, self._context.now_ms()), "a run has started", record.run_id)

    async def not_started(self, record: GatewayRun) -> GatewayRun:
        """Hex has certainly not started it."""
        not_started = partial(self._runs.not_started, record.intent_id, "not_started")
        await self._try(not_started, "a run was not started", None)
        return replace(record, state="not_started")

    async def found(self, record: GatewayRun, run_id: str) -> GatewayRun:
        """A run in doubt is this one, of whose start no answer is known; raises LedgerError."""
        await self._journal.write(self._runs.found, record.intent_id, run_id)
        return replace(record, state="started", run_id=run_id, answer="")

    async def completed(self, record: GatewayRun) -> None:
        """What Hex has answered to the start of a run that was found."""
        found = partial(self._runs.found, record.intent_id, record.run_id or "", record.answer or "")
        await self._try(found, "the answer to a start", record.run_id)

    async def steady(self, record: GatewayRun) -> None:
        """Nothing was written to the source of a run while it ran."""
        await self._try(partial(self._runs.steady, record.run_id or ""), "a steady source", record.run_id)

    async def given_up(self, record: GatewayRun, state: Literal["not_started", "unknown"]) -> GatewayRun:
        """A run in doubt was not started, or that cannot be known; raises LedgerError."""
        await self._journal.write(self._runs.not_started, record.intent_id, state)
        return replace(record, state=state)

    def ended(self, record: GatewayRun) -> None:
        """Write soon how a run ended."""
        run_id, status = record.run_id or "", record.status or ""
        finished = partial(self._runs.finished, run_id, status, record.ended_ms, record.duration_ms)
        self._later(finished, "a run has ended", run_id)

    def lost(self, record: GatewayRun) -> None:
        """Write soon that no caller holds a run any more whose end was not seen."""
        run_id = record.run_id or ""
        self._later(partial(self._runs.detach_all, run_id), "no caller holds a run", run_id)

    def held(self, run: ActiveRun, caller: str) -> None:
        """Write soon how many requests of the caller hold the run; nothing for a run that is over by then."""
        if run.is_over or caller not in run.given:
            return
        self._unwritten[run.run_id, caller] = run
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_held())

    async def settled(self) -> None:
        """Return when all that was to be written soon is written, or cannot be now."""
        await self.held_settled()
        while self._behind:
            await asyncio.wait(self._behind)

    async def held_settled(self) -> None:
        """Return when it is written who holds which run, or cannot be now."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    async def _write_held(self) -> None:
        while self._unwritten:
            noted, self._unwritten = self._unwritten, {}
            # What is handed over here is written before the end of a run that ends from here on.
            counts = {key: run.attached[key[1]] for key, run in noted.items() if not run.is_over}
            if not counts:
                continue
            try:
                await self._journal.write(self._runs.attach, counts, self._context.now_ms())
            except LedgerError as error:
                _log.warning("The ledger cannot be written; who holds a run is written later", reason=str(error))
                # With the next that is noted.
                self._unwritten = {key: noted[key] for key in counts} | self._unwritten
                return

    def _later(self, write: Callable[[], None], fact: str, run_id: str) -> None:
        task = asyncio.ensure_future(self._try(write, fact, run_id))
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    async def _try(self, write: Callable[[], None], fact: str, run_id: str | None) -> None:
        try:
            await self._journal.write(write)
        except LedgerError as error:
            _log.warning("The ledger cannot be written", fact=fact, run_id=run_id, reason=str(error))
