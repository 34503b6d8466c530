"""What recent runs say about the next ones: how often they come unforeseen, how long they take, how late they start."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from operator import attrgetter
from statistics import quantiles

from exporter.facts import ACTIVE_STATUSES, Project
from exporter.insight import ALLOWED_DELAY_MS, ALLOWED_EARLY_MS, UNBILLED, Use, project_firings
from exporter.polling.due_times import HOUR_MS, Habits

HABIT_DAYS_MS = 14 * 24 * HOUR_MS
"""How far back runs are looked at: two weeks hold every weekday twice."""

_SAMPLES = 20


def habits_of(projects: Iterable[Project], uses: Iterable[Use], now_ms: int) -> dict[str, Habits]:
    """The habits of each project from its runs of the last two weeks; projects without runs are left out."""
    by_project: dict[str, list[Use]] = defaultdict(list)
    for use in uses:
        by_project[use.project_id].append(use)
    return {
        project.project_id: _habits(project, by_project[project.project_id], now_ms)
        for project in projects
        if project.project_id in by_project
    }


def _habits(project: Project, uses: list[Use], now_ms: int) -> Habits:
    uses.sort(key=attrgetter("started_ms"))
    # A run that got no kernel has no start that a schedule could be measured by.
    scheduled = [use for use in uses if use.trigger == "scheduled" and use.status != UNBILLED][-_SAMPLES:]
    durations = [use.duration_ms for use in uses[-2 * _SAMPLES :] if _is_measured(use)]
    typical = Habits()
    return Habits(
        unforeseen_per_hour=sum(use.trigger != "scheduled" for use in uses) * HOUR_MS / HABIT_DAYS_MS,
        lag_ms=_high(_lags(project, scheduled), typical.lag_ms),
        duration_ms=_high(durations[-_SAMPLES:], typical.duration_ms),
        last_scheduled_start_ms=scheduled[-1].started_ms if scheduled else None,
    )


def _lags(project: Project, scheduled: list[Use]) -> list[int]:
    """For each run the time from the firing that it answers to its end; runs that answer none are left out."""
    ended = [use for use in scheduled if _is_measured(use)]
    if not ended:
        return []
    due = project_firings(project, ended[0].started_ms - ALLOWED_DELAY_MS, ended[-1].started_ms + ALLOWED_EARLY_MS)
    lags: list[int] = []
    for use in ended:
        before = bisect_right(due, use.started_ms + ALLOWED_EARLY_MS)
        if before and due[before - 1] >= use.started_ms - ALLOWED_DELAY_MS:
            lags.append(use.started_ms + use.duration_ms - due[before - 1])
    return lags


def _is_measured(use: Use) -> bool:
    """Whether it has ended and says how long it took."""
    return use.duration_ms > 0 and use.status not in ACTIVE_STATUSES


def _high(values: list[int], otherwise: int) -> int:
    """The value that four in five do not exceed."""
    if not values:
        return otherwise
    return int(quantiles(values, n=5)[-1]) if len(values) > 1 else values[0]
