"""When a run counts, and which sums it adds to: pure functions, the exactness of every counter of runs.

A run is counted once, when it is first seen to have ended, if it ended after first contact. A run that has ended stays
ended: a page that shows it active again is older than what is known, and is ignored.
"""

from dataclasses import dataclass, replace
from itertools import product

from exporter.facts import TERMINAL_STATUSES, TRIGGERS, UNKNOWN_TRIGGER, Run
from exporter.ledger.codec import plausible, storable
from exporter.ledger.histograms import Amounts, observed

OTHER = "other"
"""The project_id of the series that projects without their own share."""

CACHE_METRICS = ("hex_cache_lookups_total", "hex_cache_hits_total", "hex_cache_saved_seconds_total")
"""What the gateway counts of each project."""

SOURCE_METRICS = ("hex_source_checked_runs_total", "hex_source_unchanged_runs_total")
"""What is counted of each project whose source is watched."""

PROJECT_METRICS = frozenset(
    {
        "hex_runs_total",
        "hex_run_seconds_total",
        "hex_unviewed_runs_total",
        "hex_missed_schedules_total",
        *CACHE_METRICS,
        *SOURCE_METRICS,
    }
)
"""Counters whose first label is project_id: a project without its own series adds to `other`."""

GATEWAY_OUTCOMES = ("hit", "miss", "joined", "bypass", "refused")
"""What a run request can come to."""

ABSORBED = ("rate_limit", "kernel_limit")
"""The refusals of Hex that the gateway waits out."""

SAVED_CALLS = ("remembered", "recent", "shared_page")
"""Why a call was answered without asking Hex."""

REFRESHES = ("scheduled", "app_refresh")
"""The triggers of runs that nobody asked for by hand or program, so that somebody should look at the result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRun:
    """A run as the ledger keeps it.

    `was_active`: it has been seen active. `is_counted`: the counters have it. `is_gone`: Hex listed it as active and
    then no longer at all.
    """

    run: Run
    first_seen_ms: int
    was_active: bool = False
    is_counted: bool = False
    is_gone: bool = False

    @property
    def started_ms(self) -> int:
        """What it is placed in time by: its start, else its end, else when it was first seen.

        A run that got no kernel ends without a start: by first sight, all of them in a history would be of today.
        """
        if self.run.start_ms is not None:
            return self.run.start_ms
        return self.first_seen_ms if self.run.ended_ms is None else min(self.run.ended_ms, self.first_seen_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Border:
    """What separates the runs that count from those that do not.

    `is_head_known`: the newest runs of the project were known before this page, and the page does not read further
    into its past. `pruned_before_ms`: ended runs from before then have been forgotten.
    """

    first_contact_ms: int
    pruned_before_ms: int | None = None
    is_head_known: bool = False


def sighted(known: KnownRun | None, seen: Run, border: Border, at_ms: int) -> KnownRun | None:
    """What is known of a run after it has been seen once more; None if it is to stay unknown."""
    if known is None:
        if _is_forgotten(seen, border):
            return None
        known = KnownRun(run=seen, first_seen_ms=at_ms)
        is_news = True
    elif known.run.is_active:
        # Times of a run in progress are provisional, except for its start.
        run = replace(
            seen,
            trigger=_trigger(seen, known.run),
            start_ms=_either(seen.start_ms, known.run.start_ms),
            version=seen.version or known.run.version,
        )
        known = replace(known, run=run, is_gone=False)
        is_news = True
    elif seen.is_active:
        return known
    else:
        known = replace(known, run=_corrected(known.run, seen))
        is_news = False
    if known.run.is_active:
        return replace(known, was_active=True)
    return replace(known, is_counted=known.is_counted or (is_news and _counts(known, border)))


def run_amounts(run: Run, series_id: str) -> Amounts:
    """What a counted run adds to each sum; `series_id` is its project's id, or `other`."""
    duration = run.duration_ms
    amounts: Amounts = {("hex_runs_total", (series_id, run.trigger, run.status)): 1}
    amounts["hex_run_seconds_total", (series_id, run.trigger)] = duration or 0
    return amounts | observed("hex_run_duration_seconds", (run.trigger, run.status), duration)


def was_unviewed(previous: Run | None, viewed_ms: int | None) -> bool:
    """Whether nobody had looked at the previous refresh when the next one came.

    An estimate: Hex tells only when a project was last viewed, and that is as old as the last listing.
    """
    if previous is None or previous.status != "completed" or previous.ended_ms is None:
        return False
    return viewed_ms is None or viewed_ms < previous.ended_ms


def project_series(project_id: str) -> Amounts:
    """The series that can be foreseen for a project with its own, or for `other`, all at 0."""
    amounts: Amounts = {
        ("hex_runs_total", (project_id, trigger, status)): 0 for trigger, status in product(TRIGGERS, TERMINAL_STATUSES)
    }
    amounts |= {("hex_run_seconds_total", (project_id, trigger)): 0 for trigger in TRIGGERS}
    amounts["hex_unviewed_runs_total", (project_id,)] = 0
    amounts["hex_missed_schedules_total", (project_id,)] = 0
    return amounts


def cache_series(project_id: str) -> Amounts:
    """The series of the gateway that can be foreseen for a project with its own, or for `other`, all at 0."""
    return {(metric, (project_id,)): 0 for metric in CACHE_METRICS}


def gateway_series() -> Amounts:
    """The series of the gateway that can be foreseen whatever the projects are, all at 0."""
    amounts: Amounts = {("hex_gateway_requests_total", (outcome,)): 0 for outcome in GATEWAY_OUTCOMES}
    amounts |= {("hex_gateway_absorbed_total", (reason,)): 0 for reason in ABSORBED}
    amounts |= {("hex_gateway_saved_calls_total", (reason,)): 0 for reason in SAVED_CALLS}
    amounts |= {("hex_gateway_stale_hits_total", ()): 0, ("hex_gateway_unknown_runs_total", ()): 0}
    return amounts | observed("hex_gateway_queue_seconds", (), None) | cache_series(OTHER)


def workspace_series() -> Amounts:
    """The series of runs that can be foreseen whatever the projects are, all at 0."""
    amounts = project_series(OTHER)
    for labels in product(TRIGGERS, TERMINAL_STATUSES):
        amounts |= observed("hex_run_duration_seconds", labels, None)
    return amounts


def cleaned(run: Run, project_id: str) -> Run:
    """The run as it can be stored, under the project whose history listed it."""
    return Run(
        run_id=storable(run.run_id),
        project_id=project_id,
        status=storable(run.status),
        trigger=storable(run.trigger),
        start_ms=plausible(run.start_ms),
        end_ms=plausible(run.end_ms),
        elapsed_ms=plausible(run.elapsed_ms),
        version=None if run.version is None else storable(run.version),
    )


def _counts(ended: KnownRun, border: Border) -> bool:
    run = ended.run
    is_end_told = run.end_ms is not None or (run.start_ms is not None and run.elapsed_ms is not None)
    if run.ended_ms is not None and (is_end_told or not ended.was_active):
        return run.ended_ms >= border.first_contact_ms
    return ended.was_active or border.is_head_known


def _is_forgotten(seen: Run, border: Border) -> bool:
    """Whether an unknown run may be one that was pruned: its last known moment is before the line."""
    last_ms = seen.start_ms if seen.is_active else seen.ended_ms
    return border.pruned_before_ms is not None and last_ms is not None and last_ms < border.pruned_before_ms


def _corrected(known: Run, seen: Run) -> Run:
    return replace(
        seen,
        trigger=_trigger(seen, known),
        start_ms=_either(seen.start_ms, known.start_ms),
        end_ms=_either(seen.end_ms, known.end_ms),
        elapsed_ms=_either(seen.elapsed_ms, known.elapsed_ms),
        version=seen.version or known.version,
    )


def _trigger(seen: Run, known: Run) -> str:
    return known.trigger if seen.trigger == UNKNOWN_TRIGGER else seen.trigger


def _either(first: int | None, second: int | None) -> int | None:
    return second if first is None else first
