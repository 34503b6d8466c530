"""Which earlier run may answer a request: pure functions over what the gateway sent and what the sources say."""

from collections import OrderedDict
from dataclasses import dataclass, replace

from exporter.config import Policy
from exporter.facts import Project
from exporter.ledger import GatewayRun, SourceState
from exporter.sources import SourceStatus

MOST_REQUESTS = 10_000
"""How many different requests are remembered with their results; the one asked longest ago gives way."""

_RUNS_PER_REQUEST = 4


class Results:
    """The latest completed runs of each request, in memory."""

    def __init__(self, most: int = MOST_REQUESTS) -> None:
        self._most = most
        self._runs: OrderedDict[str, tuple[GatewayRun, ...]] = OrderedDict()

    def add(self, run: GatewayRun) -> None:
        """Remember a run; nothing happens for one that has no result that could be given to anybody."""
        if run.status != "completed" or run.run_id is None or not run.answer:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKey:
    """What a run request asks for: its digest without and with the state of the source, and what holds for it."""

    project: Project
    request: str
    fingerprint: str
    version: str
    is_sampled: bool
    policy: Policy
    standing: SourceStatus

    @property
    def project_id(self) -> str:
        """The project's id."""
        return self.project.project_id

    @property
    def state(self) -> SourceState | None:
        """The state of the project's source if it may be relied on, else None."""
        return self.standing.state if self.standing.is_known and self.standing.is_fresh else None

    def printed(self, fingerprint: str) -> "RunKey":
        """The same with this fingerprint."""
        return replace(self, fingerprint=fingerprint)

    def under(self, standing: SourceStatus) -> "RunKey":
        """The same as the source stands now; the fingerprint is still the old one."""
        return replace(self, standing=standing)


@dataclass(frozen=True, slots=True)
class Hit:
    """A run that answers a request; `heeds_source` is False where the policy says to look at its age alone."""

    run: GatewayRun
    heeds_source: bool = True


def find_hit(wish: RunKey, results: Results, now_ms: int) -> Hit | None:
    """The run whose result answers the request, None if there is none."""
    for run in results.of(wish.request):
        age_ms = now_ms - run.sent_ms
        # A run that was sent in the future shows that the clock was put back: nothing is known of its age.
        if run.is_sampled != wish.is_sampled or not 0 <= age_ms <= wish.policy.max_age_seconds * 1000:
            continue
        if age_ms < wish.policy.min_interval_seconds * 1000:
            return Hit(run, heeds_source=False)
        if _is_unchanged(wish, run) or _counts_as_unchanged(wish, run, age_ms):
            return Hit(run)
    return None


def is_stale(hit: Hit, state: SourceState | None) -> bool:
    """Whether the source is known to have changed after the run was sent: a second look, by other facts.

    `find_hit` compares what the source holds; this compares when it was seen to change.
    """
    if not hit.heeds_source or state is None or state.changed_ms is None:
        return False
    return state.changed_ms > hit.run.sent_ms


def _is_unchanged(wish: RunKey, run: GatewayRun) -> bool:
    """Whether the source holds what it held when the run was sent, and was seen to hold all the time between."""
    state = wish.state
    if state is None or run.fingerprint != wish.fingerprint or run.probe_finished_ms is None:
        return False
    is_same = run.source_digest == state.digest and run.source_key == state.key
    return is_same and state.since_ms <= run.probe_finished_ms <= run.sent_ms


def _counts_as_unchanged(wish: RunKey, run: GatewayRun, age_ms: int) -> bool:
    """Whether the policy takes the source for unchanged, as nothing is known of it."""
    seconds = wish.policy.unchanged_for_seconds
    if seconds is None or wish.state is not None or age_ms > seconds * 1000:
        return False
    known = wish.standing.state
    # A change may have come at any time until the probe that saw it ended.
    return known is None or known.changed_ms is None or known.since_ms <= run.sent_ms
