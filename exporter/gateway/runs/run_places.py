"""The places of runs: which run has which place in the queue, and when one is free again."""

import asyncio

from exporter.gateway.context import GatewayContext
from exporter.gateway.runs.active_run import ActiveRun
from exporter.gateway.runs.queue import Place, Queue
from exporter.gateway.runs.run_holders import RunHolders
from exporter.gateway.runs.run_writer import RunWriter
from exporter.view import GatewayState


class RunPlaces(RunHolders):
    """Keeps the places. Used on one event loop; `changed` is set when a run may be able to start."""

    def __init__(self, context: GatewayContext, queue: Queue) -> None:
        super().__init__(RunWriter(context))
        self.changed = asyncio.Event()
        self._context = context
        self._queue = queue
        self._placed: dict[Place, ActiveRun] = {}

    @property
    def is_short_of_places(self) -> bool:
        """Whether requests wait for other runs to be over."""
        return self._queue.is_short

    @property
    def state(self) -> GatewayState:
        """How many runs wait, and how many have a place; may be read from any thread."""
        return GatewayState(self._queue.waiting, self._queue.active)

    def retry_after(self, run: ActiveRun, held_seconds: float) -> int:
        """Whole seconds after which a request that stops waiting should come back, nothing starting until then."""
        now = self._context.clock.monotonic()
        return 1 if run.place is None else self._queue.retry_after(run.place, now, held_seconds)

    def seconds_to_expiry(self) -> float | None:
        """Seconds until `expire` has something to do, None if no run is kept; 0 or less: now."""
        expires_at = self._queue.expires_at()
        return None if expires_at is None else expires_at - self._context.clock.monotonic()

    def _free_place(self, run: ActiveRun, *, has_run: bool = False) -> None:
        if run.place is None:
            return
        del self._placed[run.place]
        self._queue.remove(run.place, self._context.clock.monotonic(), has_run=has_run)
        run.place = None
        self.changed.set()
