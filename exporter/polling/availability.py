"""What may be requested now: endpoints and projects that failed or were refused wait, each on its own.

One place decides what an answer means for the next request, for the collector's state in the ledger and for the
conditions that people see; the readers only take what came.
"""

import random

from exporter.conditions import Conditions
from exporter.errors import ApiError, RefusedError
from exporter.hexapi import ApiRequest, Endpoint
from exporter.ledger import WorkspaceLedger
from exporter.polling.back_off import BackOff
from exporter.polling.due_times import HOUR_MS, MINUTE_MS

_RETRY_FIRST_MS = 5_000
_RETRY_LONGEST_MS = 5 * MINUTE_MS
_REFUSED_FIRST_MS = HOUR_MS
_REFUSED_LONGEST_MS = 24 * HOUR_MS

_RUNS_REFUSED_ALL = 3
"""After so many projects in a row whose runs are forbidden, it is the token that may read no runs."""

_NO_ANSWER = "Hex does not answer as it should"


class Availability:
    """Which endpoints and projects of one workspace may be requested, and why not.

    Each transition is the outcome of one request; it raises LedgerError if the collector's state cannot be written.
    Times are epoch milliseconds. For one thread at a time.
    """

    def __init__(self, ledger: WorkspaceLedger, conditions: Conditions, rng: random.Random) -> None:
        self._ledger = ledger
        self._conditions = conditions
        self._failures = BackOff(_RETRY_FIRST_MS, _RETRY_LONGEST_MS, rng)
        self._refusals = BackOff(_REFUSED_FIRST_MS, _REFUSED_LONGEST_MS, rng)
        self._projects_refused: set[str] = set()

    def endpoint_until_ms(self, endpoint: Endpoint, now_ms: int) -> int:
        """Until when the endpoint waits, 0 if it does not."""
        key = endpoint.value
        return max(self._failures.until_ms(key, now_ms), self._refusals.until_ms(key, now_ms))

    def project_until_ms(self, project_id: str, now_ms: int) -> int:
        """Until when the project waits because requests about it failed, 0 if it does not."""
        return self._failures.until_ms(project_id, now_ms)

    def shift(self, by_ms: int) -> None:
        """The time was set on by so much: whatever waits does so as long as it would have."""
        self._failures.shift(by_ms)
        self._refusals.shift(by_ms)

    def answered(self, request: ApiRequest, now_ms: int) -> None:
        """A page came and was taken: what failed before is forgotten."""
        endpoint = request.endpoint
        if endpoint is Endpoint.RUNS:
            self._projects_refused.clear()
        for key in filter(None, (endpoint.value, request.project_id)):
            self._failures.succeeded(key)
            self._refusals.succeeded(key)
        self._conditions.clear(endpoint.value)
        if request.project_id is None:
            return
        state = self._ledger.collectors().get(endpoint.value)
        if state is None or not state.success or _is_old(state.last_success_ms, now_ms):
            self._ledger.record_collector(endpoint.value, True, now_ms, 200)

    def broken_off(self, endpoint: Endpoint, flaw: str, now_ms: int) -> None:
        """The listing was not read to its end; its collector's state has been recorded with it."""
        self._failures.failed(endpoint.value, now_ms)
        self._report(endpoint, flaw)

    def failed(self, request: ApiRequest, error: ApiError, now_ms: int) -> None:
        """Hex is away, slow or lying: what failed waits for a while, the rest goes on."""
        self._report(request.endpoint, str(error))
        is_endpoint_down = error.status is None or error.status >= 500
        if request.project_id is not None:
            self._failures.failed(request.project_id, now_ms)
        if request.project_id is None or is_endpoint_down:
            self._failures.failed(request.endpoint.value, now_ms)
            self._record_failure(request.endpoint, error, now_ms)

    def refused(self, request: ApiRequest, error: RefusedError, now_ms: int) -> None:
        """This token or plan may not have it: the endpoint waits, unless only one project is refused."""
        if self._is_endpoint_refused(request, error):
            self._report(request.endpoint, str(error))
            self._refusals.failed(request.endpoint.value, now_ms)
            self._record_failure(request.endpoint, error, now_ms)

    def _is_endpoint_refused(self, request: ApiRequest, error: RefusedError) -> bool:
        if request.project_id is None:
            return True
        if request.endpoint is not Endpoint.RUNS:
            return error.status == 403
        self._projects_refused.add(request.project_id)
        return error.status == 403 and len(self._projects_refused) >= _RUNS_REFUSED_ALL

    def _record_failure(self, endpoint: Endpoint, error: ApiError, now_ms: int) -> None:
        self._ledger.record_collector(endpoint.value, False, now_ms, error.status)

    def _report(self, endpoint: Endpoint, reason: str) -> None:
        self._conditions.report(endpoint.value, _NO_ANSWER, what=endpoint.value, reason=reason)


def _is_old(at_ms: int | None, now_ms: int) -> bool:
    return at_ms is None or abs(now_ms - at_ms) > MINUTE_MS
