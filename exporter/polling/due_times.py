"""When reading a project's runs is next worth a request: firings, active runs, changes in the listing, and turns."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from exporter.facts import Project
from exporter.insight import ALLOWED_DELAY_MS, ALLOWED_EARLY_MS, next_firing
from exporter.polling.reasons import Reason

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS

NEVER_MS = 1 << 62
"""Later than any clock: there is nothing to wait for."""

_SHORTEST_RECHECK_MS = 20 * SECOND_MS
_LONGEST_RECHECK_MS = 10 * MINUTE_MS
_STEADY_RATE_PER_HOUR = 0.5 / (14 * 24)  # what n runs in two weeks say of the rate: n and a half (Jeffreys)
_LONGEST_REST_MS = 6 * HOUR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What the recent runs of a project say about the next ones.

    `unforeseen_per_hour` runs that no schedule started; `lag_ms` from a firing to the end of its run;
    `duration_ms` how long a run takes; `last_scheduled_start_ms` the newest run that a schedule started.
    """

    unforeseen_per_hour: float = 0.0
    lag_ms: int = 3 * MINUTE_MS
    duration_ms: int = MINUTE_MS
    last_scheduled_start_ms: int | None = None


@dataclass(slots=True)
class Firings:
    """The newest firing of a project that is past and the next one to come, moved forward as time goes on."""

    project: Project
    last_ms: int | None
    next_ms: int

    @classmethod
    def of(cls, project: Project, now_ms: int) -> "Firings":
        """The firings around this instant; the past one is looked for as far back as a late start is allowed."""
        firings = cls(project, None, _next(project, now_ms - ALLOWED_DELAY_MS - MINUTE_MS))
        firings.advance(now_ms)
        return firings

    def changes_ms(self, lag_ms: int, now_ms: int) -> int:
        """When what `due_at` says of these firings changes by the time alone."""
        last_ms = NEVER_MS if self.last_ms is None else self.last_ms + lag_ms + ALLOWED_DELAY_MS + 1
        return min(self.next_ms, last_ms if last_ms > now_ms else NEVER_MS)

    def advance(self, now_ms: int) -> None:
        """Move on to this instant; a clock that went back changes nothing."""
        while self.next_ms <= now_ms:
            self.last_ms = self.next_ms
            self.next_ms = _next(self.project, self.next_ms)


def _next(project: Project, after_ms: int) -> int:
    if project.state != "published":
        return NEVER_MS
    upcoming = (next_firing(schedule, after_ms) for schedule in project.schedules)
    return min((at_ms for at_ms in upcoming if at_ms is not None), default=NEVER_MS)


class Due(NamedTuple):
    """From when a request is worth it, 0 if at once, and why."""

    at_ms: int
    reason: Reason


def due_at(
    project: Project,
    *,
    read_ms: int | None,
    active_since_ms: int | None,
    firings: Firings,
    habits: Habits,
    rest_ms: int,
    now_ms: int,
    expected_end_ms: int | None = None,
) -> Due:
    """From when reading the project's newest runs is worth a request, and why then.

    `read_ms` when they were last read, `active_since_ms` start of its oldest active run, `rest_ms` how long it may
    rest when nothing points at it, `expected_end_ms` when a run should have ended of which only the start is known.
    """
    if read_ms is None:
        return Due(0, Reason.NEVER_READ)
    due = [Due(read_ms + rest_ms, Reason.TURN)]
    if active_since_ms is not None:
        due.append(Due(_active_due_ms(read_ms, active_since_ms, habits.duration_ms), Reason.ACTIVE_RUN))
    if expected_end_ms is not None:
        due.append(Due(max(expected_end_ms, read_ms + _SHORTEST_RECHECK_MS), Reason.STARTED_RUN))
    due.append(Due(_schedule_due_ms(read_ms, firings, habits, now_ms), Reason.SCHEDULE))
    if max(project.results_updated_ms or 0, project.published_ms or 0) > read_ms:
        due.append(Due(read_ms + _SHORTEST_RECHECK_MS, Reason.PROJECT_CHANGED))
    elif (project.viewed_ms or 0) > read_ms:
        due.append(Due(read_ms + rest_ms // 3, Reason.PROJECT_VIEWED))
    return min(due, key=lambda one: one.at_ms)


def _active_due_ms(read_ms: int, since_ms: int, duration_ms: int) -> int:
    """The expected end, then again after a tenth of the time that the run has taken so far."""
    expected_ms = since_ms + duration_ms
    if expected_ms > read_ms:
        return max(expected_ms, read_ms + _SHORTEST_RECHECK_MS)
    waited_ms = (read_ms - since_ms) // 10
    return read_ms + min(max(waited_ms, _SHORTEST_RECHECK_MS), _LONGEST_RECHECK_MS)


def _schedule_due_ms(read_ms: int, firings: Firings, habits: Habits, now_ms: int) -> int:
    """When the run of the last firing, if still unseen, or else of the next one should have ended."""
    upcoming = firings.next_ms + habits.lag_ms
    last = firings.last_ms
    if last is None or now_ms > last + habits.lag_ms + ALLOWED_DELAY_MS:
        return upcoming
    seen = habits.last_scheduled_start_ms
    if seen is not None and seen >= last - ALLOWED_EARLY_MS:
        return upcoming
    # Too early to say: the run may be waiting for its start, up to ten minutes late.
    return min(upcoming, max(last + habits.lag_ms, read_ms + MINUTE_MS))


def rest_intervals_ms(
    unforeseen_per_hour: Mapping[str, float], requests_per_hour: float, shortest_ms: int
) -> dict[str, int]:
    """How long each project may rest so that together they cost so many requests an hour.

    Read in proportion to the square root of the rate of runs that nothing foretells: of all ways to spend a fixed
    number of requests, that keeps the sum of waiting runs smallest (rates λ polled at frequency f wait λ/2f; with the
    sum of f fixed, f ~ sqrt(λ)). A project without any such run keeps a small steady rate: each is read in the end.
    """
    weights = {project_id: math.sqrt(rate + _STEADY_RATE_PER_HOUR) for project_id, rate in unforeseen_per_hour.items()}
    total = sum(weights.values())
    return {
        project_id: min(
            max(int(HOUR_MS * total / (weight * max(requests_per_hour, 1.0))), shortest_ms),
            max(_LONGEST_REST_MS, int(HOUR_MS * len(weights) / max(requests_per_hour, 1.0))),
        )
        for project_id, weight in weights.items()
    }
