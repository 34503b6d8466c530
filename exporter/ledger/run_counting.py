"""What is known of a run after each sight of it, and which sums it adds to: pure, the exactness of every run counter.

A run is counted once, when it is first seen to have ended, if it ended after first contact (see `first_contact`). A run
that has ended stays ended: a page that shows it active again is older than what is known, and is ignored.
"""

from dataclasses import dataclass, replace

from exporter.facts import ACTIVE_STATUSES, UNKNOWN_TRIGGER, Run
from exporter.ledger.codec import plausible, storable
from exporter.ledger.first_contact import Border, counts, is_forgotten
from exporter.ledger.histograms import Amounts, observed

UNVIEWED_RUNS = "hex_unviewed_runs_total"
MISSED_SCHEDULES = "hex_missed_schedules_total"

_STATUSLESS_MS = 3_600_000  # longer than most runs take; one that goes on for longer is counted when it shows its end

REFRESHES = ("scheduled", "app_refresh")
"""The triggers of runs that no person or program requested, so that somebody should look at the result."""


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


def sighted(known: KnownRun | None, seen: Run, border: Border, at_ms: int) -> KnownRun | None:
    """What is known of a run after it has been seen once more; None if it is to stay unknown."""
    if known is None:
        if is_forgotten(seen, border):
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
    elif seen.is_active or seen == known.run:
        return known
    else:
        known = replace(known, run=_corrected(known.run, seen))
        is_news = False
    if known.run.is_active:
        return replace(known, was_active=True, is_gone=is_given_up(known.run, at_ms))
    return replace(
        known, is_counted=known.is_counted or (is_news and counts(known.run, border, was_active=known.was_active))
    )


def is_given_up(run: Run, now_ms: int) -> bool:
    """Whether an active run is no longer taken for one: its status says nothing, and it began over an hour ago.

    One that says neither how it is nor when it began never was. Should it show an end after all, it counts by that.
    """
    says_active = run.status in ACTIVE_STATUSES
    return run.is_active and not says_active and (run.start_ms is None or run.start_ms < now_ms - _STATUSLESS_MS)


def run_amounts(run: Run, project_id: str) -> Amounts:
    """What a counted run of this project adds to each sum."""
    duration = run.duration_ms
    amounts: Amounts = {("hex_runs_total", (project_id, run.trigger, run.status)): 1}
    amounts["hex_run_seconds_total", (project_id, run.trigger)] = duration or 0
    return amounts | observed("hex_run_duration_seconds", (run.trigger, run.status), duration)


def was_unviewed(previous: Run | None, viewed_ms: int | None) -> bool:
    """Whether no one had looked at the previous refresh when the next one came.

    An estimate: Hex shows only when a project was last viewed, and that is as old as the last listing.
    """
    if previous is None or previous.status != "completed" or previous.ended_ms is None:
        return False
    return viewed_ms is None or viewed_ms < previous.ended_ms


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
