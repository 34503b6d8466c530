"""Who holds a run: the callers whose requests were given it, until they release it."""

from exporter.gateway.runs.active_run import ActiveRun, RunState
from exporter.gateway.runs.run_index import RunIndex
from exporter.gateway.runs.run_writer import RunWriter
from exporter.ledger import GatewayRun


class RunHolders(RunIndex):
    """Notes who holds which run. Used on one event loop."""

    def __init__(self, writer: RunWriter) -> None:
        super().__init__()
        self._writer = writer

    def give(self, run: ActiveRun, caller: str, *, is_first: bool = False) -> None:
        """A request of the caller is given the run; the first is its starter, which was written with the start."""
        run.give(caller)
        if not is_first:
            self._writer.held(run, caller)

    def give_result(self, record: GatewayRun, caller: str) -> None:
        """A request of the caller is given the result of a run that is over."""
        run = self._known.get(record.run_id or "")
        if run is None:
            run = ActiveRun(state=RunState.OVER, record=record)
            self._remember(run)
        run.give(caller)

    async def release(self, run: ActiveRun, caller: str) -> bool:
        """A request of the caller releases the run; whether it was the last, so that the run is to be cancelled.

        From then on no request is given the run. Otherwise this returns when it is written.
        """
        run.attached[caller] -= 1
        if not run.attached.total():
            run.is_cancelling = True
            return True
        self._writer.held(run, caller)
        await self._writer.held_settled()
        return False

    def not_cancelled(self, run: ActiveRun, caller: str) -> None:
        """Hex has not taken the cancellation: the caller holds the run again."""
        run.is_cancelling = False
        if not run.is_over:
            run.attached[caller] += 1

    def cancelled(self, run: ActiveRun, caller: str) -> None:
        """Hex has taken the cancellation, or says that the run is over: the caller's right to cancel is used up."""
        self._writer.held(run, caller)
