"""Whether files were written while a run read them: a probe after its end compares their stamps."""

import asyncio

from exporter.gateway.cache.source_looks import SourceLooks
from exporter.gateway.context import GatewayContext
from exporter.gateway.runs.registry import RunRegistry
from exporter.ledger import GatewayRun


class Steadiness:
    """Notes of each run that has ended whether its files are as they were when it was sent. Used on one event loop.

    Without such a note a file that is written again later, with the same content, may have been written during the run.
    """

    def __init__(self, context: GatewayContext, registry: RunRegistry, looks: SourceLooks) -> None:
        self._context = context
        self._registry = registry
        self._looks = looks
        self._tasks: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Wait for no probe any longer."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def ended(self, run: GatewayRun) -> None:
        """A run has ended just now."""
        if run.status == "completed" and run.source_stamp is not None:
            task = asyncio.ensure_future(self._look(run))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look(self, run: GatewayRun) -> None:
        key = run.source_key or ""
        if not await self._looks.probe(key):
            return
        state = self._context.ledger.sources.states().get(key)
        if state is not None and (state.stamp, state.span) == (run.source_stamp, run.source_span):
            await self._registry.steady(run)
