"""What is due of a trigger, from what was seen of its source and what was run for it: pure, the clock is a parameter.

    idle -> requested -> running -> idle
                ^  |        |
                |  |        +-> requested (the run failed, and an attempt is left)
                |  +-> stopped (Hex refuses such runs, until that is mended) -> idle
                +-- again and again until the gateway gives a run

A request has a name, which is in the ledger before the gateway gets it: whoever sends it again gets the same run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import structs

from exporter.config import QuietTime, Trigger
from exporter.ledger import GatewayRun, SourceState, TriggerState
from exporter.sources import SourceStatus

OUTCOMES = ("started", "joined", "hit", "dry_run", "retried", "failed", "stopped", "unknown")
"""What can come of a trigger, as hex_triggers_total counts it."""

Outcome = Literal["started", "joined", "hit", "dry_run", "retried", "failed", "stopped", "unknown"]

LONGEST_WAIT_MS = 3_600_000
"""No back-off is longer, and no moment further away: the clock may have been put back over it."""

LOST_MS = 3_600_000
"""A run whose end is not seen for so long is taken for over, as the gateway does."""

_FIRST_BACK_OFF_MS = 60_000
_LONGEST_BACK_OFF_MS = 1_800_000
_SHORTEST_WAIT_MS = 1_000
_FIRST_WAIT_MS = 5_000
_LONGEST_TRY_MS = 300_000
_LATE = "it has not run for as long as `latest` says"
_OLD_RESULT_MS = 60_000
"""A run from before the change is requested again after so long: the policies of the gateway may answer by age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What applies to a project: its trigger, the zone of its quiet times, and what a stopped trigger depends on."""

    trigger: Trigger
    timezone: str = "UTC"
    signature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known at this moment: the source, and the run that the trigger was given (None: none, or not kept)."""

    source: SourceStatus
    run: GatewayRun | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something to count and to log: `reason` is a clause. `lag_ms`: how old the change was when its run ended."""

    outcome: Outcome | Literal["completed", "mended", "killed", "lost"]
    reason: str
    lag_ms: int | None = None

    @property
    def is_run(self) -> bool:
        """Whether a run came, or would have come, of a change."""
        return self.outcome in ("started", "joined", "hit", "dry_run")


@dataclass(frozen=True, slots=True)
class Step:
    """The state from now on, what happened, and what is to be done once that is kept: probe the source, or ask."""

    state: TriggerState
    events: Sequence[Event] = ()
    looks: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAnswer:
    """What the gateway answered to a trigger's request.

    `run`: this one, which was started for the request, joined or known (`how`). `wait`: none now, ask again in
    `retry_after_seconds`. `stop`: Hex refuses such runs. `void`: certainly none was started; `lost`: that cannot be
    known. `message` is a clause.
    """

    kind: Literal["run", "wait", "stop", "void", "lost"]
    how: Literal["started", "joined", "hit"] = "started"
    run: GatewayRun | None = None
    message: str = ""
    retry_after_seconds: float | None = None


def step(rule: Rule, before: TriggerState | None, seen: Seen, now_ms: int) -> Step:
    """What is due now. Changes nothing where nothing is due."""
    if before is None:
        return Step(_baseline(TriggerState(since_ms=now_ms), seen.source))
    state = _put_back(before, now_ms)
    match state.phase:
        case "requested" if rule.trigger.dry_run:
            return Step(_idle(state))
        case "requested":
            is_due = now_ms >= state.not_before_ms and not is_quiet(rule, now_ms)
            return Step(state, asks=is_due)
        case "running":
            return _running(rule, state, seen.run, now_ms)
        case "stopped":
            if rule.signature == state.signature:
                return Step(state)
            return Step(
                _idle(state), [Event("mended", "the trigger, its token or the project is not the same any more")]
            )
    return _waiting(rule, state, seen.source, now_ms)


def answered(rule: Rule, state: TriggerState, answer: RunAnswer, now_ms: int) -> Step:
    """What follows from the gateway's answer to the request under way."""
    match answer.kind:
        case "run" if answer.run is not None:
            return _given(state, answer.run, answer, now_ms)
        case "stop":
            stopped = structs.replace(_idle(state), phase="stopped", stopped=answer.message, signature=rule.signature)
            return Step(stopped, [Event("stopped", answer.message)])
        case "lost":
            return Step(_handled(state, now_ms), [Event("unknown", answer.message)])
        case "void":
            return Step(_named(state, now_ms, wait_ms=_FIRST_WAIT_MS))
    backed_off = min(_LONGEST_TRY_MS, _FIRST_WAIT_MS << min(state.tries, 10))
    wanted = backed_off if answer.retry_after_seconds is None else round(answer.retry_after_seconds * 1000)
    wait_ms = min(LONGEST_WAIT_MS, max(_SHORTEST_WAIT_MS, wanted))
    return Step(structs.replace(state, tries=state.tries + 1, not_before_ms=now_ms + wait_ms))


def is_quiet(rule: Rule, now_ms: int) -> bool:
    """Whether nothing is started at this moment."""
    return bool(rule.trigger.quiet) and _is_in(rule.trigger.quiet, rule.timezone, now_ms)


def _is_in(quiet: Sequence[QuietTime], timezone: str, now_ms: int) -> bool:
    local = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(timezone))
    minute = local.hour * 60 + local.minute
    return any(one.has(minute) for one in quiet)


def _put_back(state: TriggerState, now_ms: int) -> TriggerState:
    """The state, with nothing of it later than a clock that was put back allows; the same one as a rule."""
    latest_ms = now_ms + LONGEST_WAIT_MS
    if max(state.since_ms, state.ran_ms or 0) <= now_ms and state.not_before_ms <= latest_ms:
        return state
    return structs.replace(
        state,
        since_ms=min(state.since_ms, now_ms),
        ran_ms=None if state.ran_ms is None else min(state.ran_ms, now_ms),
        not_before_ms=min(state.not_before_ms, latest_ms),
    )


def _baseline(state: TriggerState, source: SourceStatus) -> TriggerState:
    """The state as if the source, as it is now, had been handled: the first sight of it is no change."""
    if not source.is_known or source.state is None:
        return state
    return structs.replace(state, source_key=source.key, span=source.state.span, digest=source.state.digest)


def _waiting(rule: Rule, state: TriggerState, source: SourceStatus, now_ms: int) -> Step:
    trigger = rule.trigger
    seen = source.state if source.is_known else None
    if seen is not None and state.source_key != source.key:
        state = _baseline(state, source)
    elif seen is not None and seen.span == state.span + 1 and seen.digest == state.digest:
        # The clock was put back: a span ended, and the source holds what it held.
        state = _baseline(state, source)
    is_changed = seen is not None and _is_changed(state, seen)
    reference_ms = state.since_ms if state.ran_ms is None else state.ran_ms
    is_late = trigger.latest_seconds is not None and now_ms - reference_ms >= trigger.latest_seconds * 1000
    is_early = state.ran_ms is not None and now_ms - state.ran_ms < trigger.min_interval_seconds * 1000
    if not (is_changed or is_late) or is_early or is_quiet(rule, now_ms):
        return Step(state)
    settle_ms = round(trigger.settle_seconds * 1000)
    if is_changed and seen is not None and now_ms >= seen.since_ms + settle_ms:
        # That it rests is what a probe has seen, not what none has looked at.
        if settle_ms and seen.began_ms < seen.since_ms + settle_ms:
            return Step(state, looks=True)
        return _due(rule, state, "change", seen, now_ms)
    return _due(rule, state, "latest", seen, now_ms) if is_late else Step(state)


def _is_changed(state: TriggerState, seen: SourceState) -> bool:
    return seen.span != state.span or seen.digest != state.digest


def _due(
    rule: Rule, state: TriggerState, cause: Literal["change", "latest"], seen: SourceState | None, now_ms: int
) -> Step:
    span = state.span if seen is None else seen.span
    digest = state.digest if seen is None else seen.digest
    changed_ms = None if cause == "latest" or seen is None else seen.since_ms
    reason = (
        "it has not run for so long" if changed_ms is None else f"its source changed {_ago(now_ms - changed_ms)} ago"
    )
    due = structs.replace(
        state, cause=cause, due_span=span, due_digest=digest, changed_ms=changed_ms, attempt=0, tries=0
    )
    if rule.trigger.dry_run:
        return Step(_handled(due, now_ms), [Event("dry_run", reason)])
    return Step(_named(structs.replace(due, phase="requested", attempt=1), now_ms), asks=True)


def _named(state: TriggerState, now_ms: int, wait_ms: int = 0) -> TriggerState:
    """A new request: whatever came of the one before, this one may start a run."""
    name = f"trigger-{now_ms}-{state.due_span}-{state.attempt}-{state.tries}"
    return structs.replace(state, name=name, named_ms=now_ms, tries=state.tries + 1, not_before_ms=now_ms + wait_ms)


def _given(state: TriggerState, run: GatewayRun, answer: RunAnswer, now_ms: int) -> Step:
    is_same = run.source_key == state.source_key and run.source_span is not None
    has_read = is_same and (run.source_span or 0) >= state.due_span
    if state.cause == "change" and not has_read and (is_same or answer.how != "started"):
        # Such as a policy whose min_interval answers whatever has changed.
        return Step(_named(state, now_ms, wait_ms=_OLD_RESULT_MS))
    given = structs.replace(
        state,
        phase="running",
        run_id=run.run_id,
        ran_ms=run.sent_ms,
        tries=0,
        span=state.due_span,
        digest=state.due_digest,
    )
    if has_read and run.source_span is not None and run.source_digest is not None:
        # The source may have changed once more before it was sent.
        given = structs.replace(given, span=run.source_span, digest=run.source_digest)
    why = _LATE if state.cause == "latest" else "its source has changed"
    return Step(given, [Event(answer.how, why)] if state.attempt == 1 else [])


def _running(rule: Rule, state: TriggerState, run: GatewayRun | None, now_ms: int) -> Step:
    if run is None or run.status is None:
        if run is not None and now_ms - run.sent_ms < LOST_MS:
            return Step(state)
        return Step(_idle(state), [Event("lost", "the end of its run was not seen")])
    if run.status in ("completed", "dry_run"):
        ended_ms = now_ms if run.ended_ms is None else run.ended_ms
        lag_ms = None if state.changed_ms is None else max(0, ended_ms - state.changed_ms)
        return Step(_idle(state), [Event("completed", "its run has completed", lag_ms)])
    if run.status == "killed":
        return Step(_idle(state), [Event("killed", "its run was cancelled, and is not started again")])
    if state.attempt >= rule.trigger.attempts:
        reason = f"{state.attempt} runs in a row have failed, the last as {run.status}"
        return Step(_idle(state), [Event("failed", reason)])
    back_off = min(_LONGEST_BACK_OFF_MS, _FIRST_BACK_OFF_MS << (state.attempt - 1))
    again = structs.replace(state, phase="requested", attempt=state.attempt + 1, run_id=None, tries=0)
    return Step(_named(again, now_ms, wait_ms=back_off), [Event("retried", f"its run has failed as {run.status}")])


def _handled(state: TriggerState, now_ms: int) -> TriggerState:
    """The change is done with, without a run that is known."""
    return structs.replace(_idle(state), span=state.due_span, digest=state.due_digest, ran_ms=now_ms)


def _idle(state: TriggerState) -> TriggerState:
    return structs.replace(
        state, phase="idle", name="", attempt=0, tries=0, not_before_ms=0, run_id=None, stopped="", signature=""
    )


def _ago(ms: int) -> str:
    minutes = max(0, ms) / 60_000
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
