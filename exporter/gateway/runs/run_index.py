"""The runs that a gateway knows: those that are not over, and with their ids those that were given to callers."""

from collections import OrderedDict

from exporter.gateway.runs.active_run import ActiveRun, RunState

MOST_RUNS = 10_000
"""How many runs that are over are remembered with those who were given them; the oldest are evicted."""


class RunIndex:
    """Finds runs. Used on one event loop."""

    def __init__(self) -> None:
        # Runs that are not over, in the order in which they came; those with an id.
        self._unfinished: dict[ActiveRun, None] = {}
        self._known: OrderedDict[str, ActiveRun] = OrderedDict()

    def pending(self) -> list[ActiveRun]:
        """The runs that are queued or being sent."""
        return self._in(RunState.QUEUED, RunState.SENDING)

    def in_doubt(self) -> list[ActiveRun]:
        """The runs of which it is not known whether Hex has started them."""
        return self._in(RunState.IN_DOUBT)

    def running(self) -> list[ActiveRun]:
        """The runs that Hex has started and that are not known to be over."""
        return self._in(RunState.RUNNING)

    def run(self, run_id: str) -> ActiveRun | None:
        """A run by Hex's id, None if it is not known to be the gateway's (any more)."""
        return self._known.get(run_id)

    def all_sent(self) -> tuple[ActiveRun, ...]:
        """The runs that were sent and are remembered, over or not, each once."""
        return tuple({**self._unfinished, **dict.fromkeys(self._known.values())})

    def run_ids(self) -> frozenset[str]:
        """The ids of all runs that are known to be the gateway's."""
        return frozenset(self._known)

    def sent(self, intent_id: str) -> ActiveRun | None:
        """A run by the id of its intent, None if it is not known (any more)."""
        runs = (*self._unfinished, *self._known.values())
        return next((run for run in runs if run.record is not None and run.record.intent_id == intent_id), None)

    def joinable(self, request: str, caller: str = "") -> ActiveRun | None:
        """The running run of this request (its digest) that was sent last, None if there is none to be joined.

        One that the caller was given already comes before those of others.
        """
        found = (run for run in self.running() if run.sent.request == request and run.is_joinable)
        return max(found, key=lambda run: (caller in run.given, run.sent_at), default=None)

    def was_given(self, caller: str, run_id: str) -> bool:
        """Whether a request of the caller has been given the run."""
        found = self._known.get(run_id)
        return found is not None and caller in found.given

    def _in(self, *states: RunState) -> list[ActiveRun]:
        return [run for run in self._unfinished if run.state in states]

    def _remember(self, run: ActiveRun) -> None:
        self._known[run.run_id] = run
        while len(self._known) > MOST_RUNS:
            oldest = next((run_id for run_id, one in self._known.items() if one.is_over), None)
            if oldest is None:
                return
            del self._known[oldest]
