"""What may be requested now: endpoints and projects that failed or were refused wait, each on its own.

One place decides what an answer means for the next request, for the collector's state in the ledger and for the
conditions that people see; the readers only take what came.
"""

import random
from collections.abc import Iterable

from exporter.conditions import Conditions
from exporter.errors import ApiError, BadAnswerError, RefusedError, UnauthorizedError
from exporter.hexapi import ApiRequest, Endpoint
from exporter.ledger import WorkspaceLedger
from exporter.polling.back_off import BackOff
from exporter.polling.due_times import HOUR_MS, MINUTE_MS

_RETRY_FIRST_MS = 5_000
_RETRY_LONGEST_MS = 5 * MINUTE_MS

_REFUSED_FIRST_MS = 20_000  # a firewall's limit or a release at Hex is over in a minute
_REFUSED_LONGEST_MS = 24 * HOUR_MS  # a plan or a scope changes by hand
_NEEDED_LONGEST_MS = 15 * MINUTE_MS  # without the projects, or any runs, nothing is seen

_RUNS_FIRST_MS = MINUTE_MS
_RUNS_LONGEST_MS = 15 * MINUTE_MS
_UNREADABLE_FIRST_MS = 5 * MINUTE_MS
_OLDER_FIRST_MS = 5 * MINUTE_MS
_OLDER_LONGEST_MS = HOUR_MS

_RESUME_EVERY_MS = 5 * MINUTE_MS  # a project that answers now and then must not have all the others requested each time

_NO_ANSWER = "Hex does not answer as it should"
_UNKNOWN = "unknown_projects"
_READABLE = "The runs of a project can be read again"


class Availability:
    """Which endpoints and projects of one workspace may be requested, and why not.

    Each transition is the outcome of one request; it raises LedgerError if the collector's state cannot be written.
    Times are epoch milliseconds. No pause is kept beyond the process: a restart requests everything again. `revision`
    grows whenever a pause may have changed. For one thread at a time.
    """

    def __init__(
        self, ledger: WorkspaceLedger, conditions: Conditions, rng: random.Random, refused_share: float = 0.1
    ) -> None:
        """`refused_share`: when so many of the projects give no runs, runs as a whole are not read."""
        self._ledger = ledger
        self._conditions = conditions
        self._refused_share = refused_share
        self._failures = BackOff(_RETRY_FIRST_MS, _RETRY_LONGEST_MS, rng)
        self._refusals = BackOff(_REFUSED_FIRST_MS, _REFUSED_LONGEST_MS, rng)
        self._runs = BackOff(_RUNS_FIRST_MS, _RUNS_LONGEST_MS, rng)
        self._unreadable = BackOff(_UNREADABLE_FIRST_MS, _REFUSED_LONGEST_MS, rng)
        self._older = BackOff(_OLDER_FIRST_MS, _OLDER_LONGEST_MS, rng)
        self._told_until_ms: dict[Endpoint, int] = {}
        self._failing: dict[Endpoint, dict[str | None, str]] = {}
        self._running: frozenset[str] = frozenset()
        self._without_runs: dict[str, str] = {}
        self.revision = 0
        self._resumed_ms: int | None = None

    def endpoint_until_ms(self, endpoint: Endpoint, now_ms: int) -> int:
        """Until when the endpoint waits, 0 if it does not."""
        key = endpoint.value
        told_ms = self._told_until_ms.get(endpoint, 0)
        return max(
            self._failures.until_ms(key),
            self._refusals.until_ms(key),
            0 if told_ms - now_ms > HOUR_MS else told_ms,
        )

    def project_until_ms(self, project_id: str) -> int:
        """Until when the project waits because requests about it failed or were refused, 0 if it does not."""
        failed_ms = self._failures.until_ms(project_id)
        if self._is_everything_refused() and project_id == next(iter(self._without_runs)):
            return failed_ms  # the one refused longest ago: it shows whether a scope has come back
        return max(failed_ms, self._runs.until_ms(project_id), self._unreadable.until_ms(project_id))

    def older_until_ms(self, project_id: str) -> int:
        """Until when pages of the project's past wait, 0 if they do not."""
        return self._older.until_ms(project_id)

    def follow(self, running: frozenset[str], refused: Iterable[str] = ()) -> None:
        """Go by these projects, which can run; of those `refused` it is known from before that Hex refuses their runs.

        What was known of others is forgotten.
        """
        self._running = running
        self._without_runs |= {one: "refused before" for one in refused if one not in self._without_runs}
        for project_id in [one for one in self._without_runs if one not in running]:
            del self._without_runs[project_id]
            self._conditions.forget(_key_of(project_id))
        for endpoint, failing in list(self._failing.items()):
            for one in [one for one in failing if one is not None and one not in running]:
                self._recovered(endpoint, one)
        self.revision += 1

    def shift(self, by_ms: int) -> None:
        """The time was set on by so much: whatever waits does so as long as it would have."""
        for back_off in (self._failures, self._refusals, self._runs, self._unreadable, self._older):
            back_off.shift(by_ms)
        self._told_until_ms = {endpoint: until_ms + by_ms for endpoint, until_ms in self._told_until_ms.items()}
        self._resumed_ms = None
        self.revision += 1

    def answered(self, request: ApiRequest, now_ms: int) -> None:
        """A page came and was taken: what failed before is forgotten.

        The first runs of a project that was refused have every other one that is refused requested again at once: a
        scope may have come back.
        """
        endpoint, project_id = request.endpoint, request.project_id
        for key in filter(None, (endpoint.value, project_id)):
            self.revision += self._failures.succeeded(key) + self._refusals.succeeded(key)
        self._told_until_ms.pop(endpoint, None)
        if endpoint is Endpoint.RUNS and project_id is not None:
            self._runs_came(request, project_id, now_ms)
        self._recovered(endpoint, project_id)
        if endpoint is Endpoint.RUNS and self._runs_flaw() is not None:
            return
        self._recovered(endpoint, None)
        if project_id is None:
            return
        state = self._ledger.collectors().get(endpoint.value)
        if state is None or not state.success or _is_old(state.last_success_ms, now_ms):
            self._ledger.record_collector(endpoint.value, True, now_ms, 200)

    def broken_off(self, endpoint: Endpoint, flaw: str, now_ms: int) -> None:
        """The listing was not read to its end; its collector's state has been recorded with it."""
        self._failures.failed(endpoint.value, now_ms)
        self._report(endpoint, None, flaw)

    def listed(self, unknown_projects: int) -> None:
        """The projects were listed, but for so many that cannot be read and were never known."""
        if unknown_projects:
            reason = f"projects of the listing that cannot be read: {unknown_projects}; no figure includes them"
            self._conditions.report(_UNKNOWN, "Projects of the listing cannot be read", what=_UNKNOWN, reason=reason)
        else:
            self._conditions.clear(_UNKNOWN)

    def failed(self, request: ApiRequest, error: ApiError, now_ms: int) -> None:
        """Hex is away, slow or lying: what failed waits for a while, the rest goes on."""
        endpoint, project_id = request.endpoint, request.project_id
        self.revision += 1
        self._report_refusal(endpoint, error, now_ms)
        self._report(endpoint, project_id, str(error))
        is_endpoint_down = error.status is None or error.status >= 500
        if project_id is not None and endpoint is not Endpoint.EXPORT:
            self._failures.failed(project_id, now_ms)
        if endpoint is Endpoint.RUNS and project_id is not None and isinstance(error, BadAnswerError):
            self._no_runs(project_id, error, now_ms)
        if project_id is None or is_endpoint_down:
            self._failures.failed(endpoint.value, now_ms)
            self._record_failure(endpoint, error, now_ms)

    def older_failed(self, request: ApiRequest, reason: str, now_ms: int) -> None:
        """A page of a project's past is refused or leads nowhere: that walk waits, the newest runs go on."""
        project_id = request.project_id
        assert project_id is not None
        self.revision += 1
        self._older.failed(project_id, now_ms)
        self._conditions.report(
            f"{_key_of(project_id)}/older",
            "The past of a project cannot be read further",
            project_id=project_id,
            reason=reason,
        )

    def refused(
        self, request: ApiRequest, error: RefusedError | UnauthorizedError, now_ms: int, *, was_readable: bool = False
    ) -> None:
        """This token or plan may not have it: the endpoint waits, unless only one project is refused.

        `was_readable`: the project's runs have been read before.
        """
        endpoint, project_id = request.endpoint, request.project_id
        self.revision += 1
        self._report_refusal(endpoint, error, now_ms)
        if project_id is not None:
            self._recovered(endpoint, project_id)
        if endpoint is Endpoint.RUNS and project_id is not None:
            (self._runs if was_readable else self._unreadable).failed(project_id, now_ms)
            self._conditions.report(
                _key_of(project_id), "The runs of a project are refused", project_id=project_id, reason=str(error)
            )
            self._no_runs(project_id, error, now_ms)
            if self._is_everything_refused():
                self._refusals.failed(endpoint.value, now_ms, _NEEDED_LONGEST_MS)
        elif project_id is None or error.status == 403 or endpoint is Endpoint.EXPORT:
            self._report(endpoint, None, str(error))
            self._refusals.failed(endpoint.value, now_ms, _NEEDED_LONGEST_MS if endpoint is Endpoint.PROJECTS else None)
            self._record_failure(endpoint, error, now_ms)

    def older_came(self, project_id: str) -> None:
        """A page of the project's past joined what is known."""
        if self._older.succeeded(project_id):
            self.revision += 1
            self._conditions.clear(f"{_key_of(project_id)}/older", _READABLE)

    def _runs_came(self, request: ApiRequest, project_id: str, now_ms: int) -> None:
        if request.offset:
            return
        was_refused = self._runs.succeeded(project_id) | self._unreadable.succeeded(project_id)
        self._without_runs.pop(project_id, None)
        self._conditions.clear(_key_of(project_id), _READABLE)
        if not was_refused or (self._resumed_ms is not None and abs(now_ms - self._resumed_ms) < _RESUME_EVERY_MS):
            return
        self.revision += 1
        self._resumed_ms = now_ms
        for back_off in (self._runs, self._unreadable, self._older):
            back_off.end_pauses()

    def _no_runs(self, project_id: str, error: ApiError, now_ms: int) -> None:
        if project_id not in self._running:
            return
        self._without_runs.pop(project_id, None)  # the last one requested is the last in order
        self._without_runs[project_id] = str(error)
        flaw = self._runs_flaw()
        if flaw is not None:
            self._report(Endpoint.RUNS, None, f"{flaw}: {error}")
            self._record_failure(Endpoint.RUNS, error, now_ms)

    def _is_everything_refused(self) -> bool:
        return bool(self._running) and len(self._without_runs) >= len(self._running)

    def _runs_flaw(self) -> str | None:
        """Why runs as a whole are not read, None if they are."""
        missing, running = len(self._without_runs), len(self._running)
        if not missing or (missing < running and missing < self._refused_share * running):
            return None
        return f"no runs of {missing} of {running} projects"

    def _record_failure(self, endpoint: Endpoint, error: ApiError, now_ms: int) -> None:
        self._ledger.record_collector(endpoint.value, False, now_ms, error.status)

    def _report_refusal(self, endpoint: Endpoint, error: ApiError, now_ms: int) -> None:
        if error.retry_after_seconds is not None:
            self._told_until_ms[endpoint] = now_ms + min(round(error.retry_after_seconds * 1000), HOUR_MS)

    def _report(self, endpoint: Endpoint, project_id: str | None, reason: str) -> None:
        """One condition for each endpoint: it holds as long as anything that failed has not answered since."""
        self._failing.setdefault(endpoint, {})[project_id] = reason
        self._conditions.report(endpoint.value, _NO_ANSWER, what=endpoint.value, reason=reason)

    def _recovered(self, endpoint: Endpoint, project_id: str | None) -> None:
        failing = self._failing.get(endpoint)
        if failing is None:
            return
        failing.pop(project_id, None)
        if not failing:
            del self._failing[endpoint]
            self._conditions.clear(endpoint.value)


def _key_of(project_id: str) -> str:
    return f"{Endpoint.RUNS.value}/{project_id}"


def _is_old(at_ms: int | None, now_ms: int) -> bool:
    return at_ms is None or abs(now_ms - at_ms) > MINUTE_MS
