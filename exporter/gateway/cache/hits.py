"""Which earlier run may answer a request: pure functions over what the gateway sent and what the sources show."""

from dataclasses import dataclass

from exporter.gateway.cache.results import Results
from exporter.gateway.cache.run_key import RunKey
from exporter.ledger import GatewayRun, SourceState


@dataclass(frozen=True, slots=True)
class Hit:
    """A run that answers a request, and why. `rests_on_source` is False where the policy looks only at its age."""

    run: GatewayRun
    reason: str
    rests_on_source: bool = True


@dataclass(frozen=True, slots=True)
class Miss:
    """No earlier run answers a request, and why."""

    reason: str


def find_hit(key: RunKey, results: Results, now_ms: int) -> Hit | Miss:
    """The run whose result answers the request; of several that do not, the latest gives the reason."""
    reason = None
    for run in results.of(key.request):
        found = _judge(key, run, now_ms)
        if isinstance(found, Hit):
            return found
        reason = reason or found.reason
    return Miss(reason or "no completed run of this request is known")


def is_stale(hit: Hit, state: SourceState | None) -> bool:
    """Whether the source is known to have changed after the run was sent: a second look, by other facts.

    `find_hit` compares what the source holds; this compares when it was seen to change.
    """
    if not hit.rests_on_source or state is None or state.changed_ms is None:
        return False
    return state.changed_ms > hit.run.sent_ms


def _judge(key: RunKey, run: GatewayRun, now_ms: int) -> Hit | Miss:
    policy, age_ms = key.policy, now_ms - run.sent_ms
    age = f"sent {age_ms / 1000:.0f} s ago"
    if run.is_sampled != key.is_sampled:
        return Miss("the last result is not of the same kind, trial or full run")
    if age_ms < 0:
        return Miss("the last run was sent in the future: the clock was put back, and its age is not known")
    if age_ms > policy.max_age_seconds * 1000:
        return Miss(f"the last run was {age}, max_age is {policy.max_age_seconds:g} s")
    if age_ms < policy.min_interval_seconds * 1000:
        reason = f"the last run was {age}, min_interval is {policy.min_interval_seconds:g} s"
        return Hit(run, reason, rests_on_source=False)
    if key.state is None:
        return _judge_without_state(key, run, age_ms, age)
    if change := _change(key.state, key.fingerprint, run):
        return Miss(change)
    return Hit(run, f"the source has not changed since the last run, {age}")


def _change(state: SourceState, fingerprint: str, run: GatewayRun) -> str | None:
    """Why the source may not have held all the time what it held when the run was sent; None if it has."""
    if run.probe_finished_ms is None:
        return "the state of the source was not known when the last run was sent"
    is_same = run.fingerprint == fingerprint and run.source_digest == state.digest and run.source_key == state.key
    if not is_same:
        return "the source has changed since the last run"
    if not state.since_ms <= run.probe_finished_ms <= run.sent_ms:
        return "the source may have changed and changed back since the last run"
    return None


def _judge_without_state(key: RunKey, run: GatewayRun, age_ms: int, age: str) -> Hit | Miss:
    """Whether the policy takes the source for unchanged, as its state is not known."""
    seconds = key.policy.unchanged_for_seconds
    if seconds is None:
        return Miss(_unknown(key))
    if age_ms > seconds * 1000:
        return Miss(f"{_unknown(key)}, and the last run was {age}, unchanged_for is {seconds:g} s")
    known = key.source.state
    # A change may have come at any time until the probe that saw it ended.
    if known is not None and known.changed_ms is not None and known.since_ms > run.sent_ms:
        return Miss("the source had changed when its state was last known")
    return Hit(run, f"the last run was {age}, unchanged_for is {seconds:g} s")


def _unknown(key: RunKey) -> str:
    if key.source.source is None:
        return "the project has no source"
    if key.source.is_known:
        return "the last probe of the source is too old"
    return "the state of the source is not known"
