"""The gateway's writes and reads of the ledger, in threads of its own: the event loop never waits for a disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

import structlog

from exporter.clock import Clock
from exporter.conditions import Conditions
from exporter.errors import LedgerError
from exporter.ledger import Amounts, GatewayDecision, WorkspaceLedger, observed

_P = ParamSpec("_P")
_Result = TypeVar("_Result")

_MOST_EXCHANGES = 10_000
"""Exchanges that wait to be written; where the ledger fails for longer, later ones are not counted."""

_MOST_DECISIONS = 10_000
"""Decisions that wait to be written: as many as the ledger keeps."""

_log = structlog.get_logger()


class Journal:
    """Writes at once what must be durable before the next step, and counts in batches.

    Used on the event loop. What was counted and not yet flushed is lost in a crash; runs and their intents never are.
    """

    def __init__(self, ledger: WorkspaceLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="gateway-writer")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="gateway-reader")
        self._amounts: Amounts = {}
        self._exchanges: list[tuple[str, str, float, int]] = []
        self._decisions: list[GatewayDecision] = []
        self._values: dict[str, object] = {}
        self._conditions = Conditions(_log)

    async def write(self, call: Callable[_P, _Result], *args: _P.args, **more: _P.kwargs) -> _Result:
        """Run a write after those before it; returns when it is durable, raises LedgerError if it cannot be.

        Once begun it is carried through, even where the one who waits for it is cancelled.
        """
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._writer, partial(call, *args, **more)))

    async def read(self, call: Callable[_P, _Result], *args: _P.args, **more: _P.kwargs) -> _Result:
        """Run a read beside the writes; raises LedgerError if the ledger cannot be read."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, partial(call, *args, **more))

    def count(self, metric: str, labels: tuple[str, ...] = (), amount: int = 1) -> None:
        """Add to a counter, labels without the workspace."""
        self._amounts[metric, labels] = self._amounts.get((metric, labels), 0) + amount

    def observe(self, metric: str, seconds: float) -> None:
        """Add one observation to a histogram without labels."""
        for (name, labels), amount in observed(metric, (), round(seconds * 1000)).items():
            self.count(name, labels, amount)

    def exchange(self, endpoint: str, code: str, seconds: float, sent_ms: int) -> None:
        """One request to Hex and how it ended, as in WorkspaceLedger.record_caller_exchanges."""
        if len(self._exchanges) < _MOST_EXCHANGES:
            self._exchanges.append((endpoint, code, seconds, sent_ms))

    def keep(self, key: str, value: object) -> None:
        """Keep a small JSON value in the ledger, instead of the one before; it is written with the counts."""
        self._values[key] = value

    def decide(self, decision: GatewayDecision) -> None:
        """One decision on a run request, to be read later; the oldest are dropped where the ledger fails for long."""
        self._decisions.append(decision)
        del self._decisions[:-_MOST_DECISIONS]

    async def flush(self) -> None:
        """Write what has been counted and decided; what cannot be written now is kept for the next time."""
        await self._flush_counts()
        decisions, self._decisions = self._decisions, []
        values, self._values = self._values, {}
        try:
            for key, value in values.items():
                await self.write(self._ledger.set_value, key, value)
            if decisions:
                await self.write(self._ledger.gateway.requests.record_decisions, decisions)
        except LedgerError:  # reported with the counts
            self._values = values | self._values
            self._decisions = [*decisions, *self._decisions][-_MOST_DECISIONS:]

    async def _flush_counts(self) -> None:
        amounts, self._amounts = self._amounts, {}
        exchanges, self._exchanges = self._exchanges, []
        try:
            if amounts:
                await self.write(self._ledger.count_many, amounts, round(self._clock.now() * 1000))
                amounts = {}
            if exchanges:
                await self.write(self._ledger.record_caller_exchanges, exchanges)
        except asyncio.CancelledError:
            # The write that was waited for is carried through; the rest is for the flush that comes last.
            self._exchanges = [*(exchanges if amounts else ()), *self._exchanges]
            raise
        except LedgerError as error:
            for (metric, labels), amount in amounts.items():
                self.count(metric, labels, amount)
            self._exchanges = [*exchanges, *self._exchanges][:_MOST_EXCHANGES]
            self._conditions.report("flush", "The gateway's counters cannot be written", reason=str(error))
        else:
            self._conditions.clear("flush", "The gateway's counters are written again")

    async def aclose(self) -> None:
        """Write what is left and end the threads."""
        await self.flush()
        self._writer.shutdown(wait=False)
        self._reader.shutdown(wait=False)
