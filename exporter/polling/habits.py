"""What recent runs say about the next ones: how often they come unforeseen, how long they take, how late they start."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import quantiles

from exporter.facts import Project, Run
from exporter.insight.schedules import ALLOWED_DELAY_MS, ALLOWED_EARLY_MS, project_firings
from exporter.polling.outlook import HOUR_MS, Habits

HABIT_DAYS_MS = 14 * 24 * HOUR_MS
"""How far back runs are looked at: two weeks hold every weekday twice."""

_SAMPLES = 20


def habits_of(projects: Iterable[Project], runs: Iterable[Run], now_ms: int) -> dict[str, Habits]:
    """The habits of each project from its runs of the last two weeks; projects without runs are left out."""
    by_project: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_project[run.project_id].append(run)
    return {
        project.project_id: _habits(project, by_project[project.project_id], now_ms)
        for project in projects
        if project.project_id in by_project
    }


def _habits(project: Project, runs: list[Run], now_ms: int) -> Habits:
    scheduled = sorted(
        (run for run in runs if run.trigger == "scheduled" and run.start_ms is not None),
        key=lambda run: run.start_ms or 0,
    )[-_SAMPLES:]
    durations = [run.duration_ms for run in runs if run.duration_ms is not None and not run.is_active]
    typical = Habits()
    return Habits(
        unforeseen_per_hour=sum(run.trigger != "scheduled" for run in runs) * HOUR_MS / HABIT_DAYS_MS,
        lag_ms=_high(_lags(project, scheduled), typical.lag_ms),
        duration_ms=_high(durations[-_SAMPLES:], typical.duration_ms),
        last_scheduled_start_ms=scheduled[-1].start_ms if scheduled else None,
    )


def _lags(project: Project, scheduled: list[Run]) -> list[int]:
    """For each run the time from the firing that it answers to its end; runs that answer none are left out."""
    if not scheduled:
        return []
    first, last = scheduled[0].start_ms or 0, scheduled[-1].start_ms or 0
    due = project_firings(project, first - ALLOWED_DELAY_MS, last + ALLOWED_EARLY_MS)
    lags: list[int] = []
    for run in scheduled:
        start_ms, ended_ms = run.start_ms or 0, run.ended_ms
        answered = [at for at in due if at - ALLOWED_EARLY_MS <= start_ms <= at + ALLOWED_DELAY_MS]
        if answered and ended_ms is not None:
            lags.append(ended_ms - answered[-1])
    return lags


def _high(values: list[int], otherwise: int) -> int:
    """The value that four in five do not exceed."""
    if not values:
        return otherwise
    return int(quantiles(values, n=5)[-1]) if len(values) > 1 else values[0]
