"""Which earlier run may answer a request: pure functions over what the gateway sent and what the sources show."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

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


def join_refusal(key: RunKey, run: GatewayRun, later_seconds: float, now_ms: int) -> str | None:
    """Why a request does not join a run of the same request that is running; None if it may.

    The request came `later_seconds` after the run was sent; below 0 it came before, and what that run reads is as new
    as what a run of its own would have read.
    """
    policy = key.policy
    if policy.join == "never":
        return "the policy says join: never"
    if later_seconds < 0 and run.is_sampled == key.is_sampled:
        return None
    if policy.day_changes and (day := _other_day(run.sent_ms, now_ms, key.timezone)):
        return f"the running run was started {day}"
    if policy.join == "always":
        return None
    if later_seconds < policy.min_interval_seconds:
        return None
    if key.state is not None:
        return _change(key.state, key.fingerprint, run, now_ms)
    if _was_seen_to_change(key, run):
        return "the source had changed when its state was last known"
    # A source that is there and cannot be seen just now may have changed just now.
    window = policy.join_window_seconds if key.source.source is None else 0.0
    window = max(window, policy.unchanged_for_seconds or 0.0)
    if later_seconds >= window:  # also at the very instant: what changed in it was not seen
        return f"{_unknown(key)}, and the running run was started {_seconds(later_seconds)} before"
    return None


def _judge(key: RunKey, run: GatewayRun, now_ms: int) -> Hit | Miss:
    policy, age_ms = key.policy, now_ms - run.sent_ms
    age = f"sent {_seconds(age_ms / 1000)} ago"
    if run.is_sampled != key.is_sampled:
        return Miss("the last result is not of the same kind, trial or full run")
    if age_ms < 0:
        return Miss("the last run was sent in the future: the clock was put back, and its age is not known")
    if policy.day_changes and (day := _other_day(run.sent_ms, now_ms, key.timezone)):
        return Miss(f"the last result is from {day}")
    if age_ms >= policy.max_age_seconds * 1000:  # also with `max_age: 0s`, in the millisecond of the run
        return Miss(f"the last run was {age}, max_age is {policy.max_age_seconds:g} s")
    if age_ms < policy.min_interval_seconds * 1000:
        reason = f"the last run was {age}, min_interval is {policy.min_interval_seconds:g} s"
        return Hit(run, reason, rests_on_source=False)
    if key.state is None:
        return _judge_without_state(key, run, age_ms, age)
    if change := _change(key.state, key.fingerprint, run, now_ms):
        return Miss(change)
    return Hit(run, f"the source has not changed since the last run, {age}")


def _change(state: SourceState, fingerprint: str, run: GatewayRun, now_ms: int) -> str | None:
    """Why the source may not have held all the time what it held when the run was sent; None if it has."""
    if run.probe_finished_ms is None:
        return "the state of the source was not known when the last run was sent"
    is_same = run.fingerprint == fingerprint and run.source_digest == state.digest and run.source_key == state.key
    if not is_same:
        if state.changed_ms is not None and run.sent_ms <= state.changed_ms <= now_ms:
            return f"the source changed {_seconds((now_ms - state.changed_ms) / 1000)} ago"
        return "the source has changed since the last run"
    # The number of the span holds where the clock was put meanwhile, the times where the ledger was.
    if run.source_span != state.span or not state.since_ms <= run.probe_finished_ms <= run.sent_ms:
        return "the source may have changed and changed back since the last run"
    if run.source_stamp != state.stamp and not run.is_steady:
        return (
            "the files of the source were written again since the last run was sent, which may have read half of them"
        )
    return None


def _judge_without_state(key: RunKey, run: GatewayRun, age_ms: int, age: str) -> Hit | Miss:
    """Whether the policy takes the source for unchanged, as its state is not known."""
    seconds = key.policy.unchanged_for_seconds
    if seconds is None:
        return Miss(_unknown(key))
    if age_ms >= seconds * 1000:
        return Miss(f"{_unknown(key)}, and the last run was {age}, unchanged_for is {seconds:g} s")
    if _was_seen_to_change(key, run):
        return Miss("the source had changed when its state was last known")
    return Hit(run, f"the last run was {age}, unchanged_for is {seconds:g} s")


def _was_seen_to_change(key: RunKey, run: GatewayRun) -> bool:
    """Whether a probe saw the source change since the last one before the run was sent."""
    known = key.source.state
    if known is None or known.changed_ms is None:
        return False
    # A change may have come at any time until the probe that saw it ended.
    return known.since_ms > run.sent_ms or run.source_span not in (None, known.span)


def _unknown(key: RunKey) -> str:
    if key.source.source is None:
        return "the project has no source"
    if key.source.is_known:
        return "the last probe of the source is too old"
    return "the state of the source is not known"


def _other_day(at_ms: int, now_ms: int, timezone: str) -> str | None:
    """The day of a time, if midnight has passed since then in the zone: `yesterday`, or its date; else None."""
    then, today = _day(at_ms // 60_000, timezone), _day(now_ms // 60_000, timezone)
    if then == today:
        return None
    return "yesterday" if then == today - timedelta(days=1) else then.isoformat()


@lru_cache(1_000)
def _day(minute: int, timezone: str) -> date:
    """The day that a minute since the epoch lies in: since 1972 days begin with a whole minute everywhere."""
    return datetime.fromtimestamp(minute * 60, ZoneInfo(timezone)).date()


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s"
