"""The latest completed runs of each request, in memory: what a hit can be made of."""

from collections import OrderedDict

from exporter.ledger import GatewayRun

MOST_REQUESTS = 10_000
"""How many different requests are remembered with their results; the one requested longest ago is evicted."""

_RUNS_PER_REQUEST = 4
"""More than one, as the latest may have been sent under another state of the source."""


class Results:
    """Remembers completed runs by the digest of their request. Used on one event loop."""

    def __init__(self, most: int = MOST_REQUESTS) -> None:
        self._most = most
        self._runs: OrderedDict[str, tuple[GatewayRun, ...]] = OrderedDict()

    def add(self, run: GatewayRun) -> None:
        """Remember a run; nothing happens for one without a result that could be given to a caller.

        Of one that was found after a crash the `answer` is empty, until Hex has shown the run to a caller.
        """
        if run.status != "completed" or run.run_id is None or run.answer is None:
            return
        known = [one for one in self._runs.pop(run.request, ()) if one.intent_id != run.intent_id]
        latest = sorted([run, *known], key=lambda one: one.sent_ms, reverse=True)
        self._runs[run.request] = tuple(latest[:_RUNS_PER_REQUEST])
        while len(self._runs) > self._most:
            self._runs.popitem(last=False)

    def of(self, request: str) -> tuple[GatewayRun, ...]:
        """The completed runs of a request (its digest), the one that was sent last first."""
        if request not in self._runs:
            return ()
        self._runs.move_to_end(request)
        return self._runs[request]
