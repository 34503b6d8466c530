"""The runs of one project by absolute time, planned week by week when somebody asks.

A planned run never changes: at any instant it is not there yet, pending, running or ended, by its own times.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from itertools import chain, takewhile
from random import Random
from typing import NamedTuple

from exporter.facts import Run
from exporter.simulator.event_times import DAY_MS, Calendar
from exporter.simulator.population import PUBLISHES_SHARE, SimulatedProject
from exporter.simulator.project_mix import (
    KILLED_SHARE,
    LATE_MEAN_SECONDS,
    LATE_MOST_SECONDS,
    MISSED_SHARE,
    NO_END_SHARE,
    NO_KERNEL_SHARE,
    SPREAD,
    VERY_LATE_SHARE,
)
from exporter.simulator.seeded_random import chance, identifier

HISTORY_MS = 90 * DAY_MS
"""How far back the API lists runs, as Hex's own screens do."""

LONGEST_WAIT_MS = 15 * 60_000
"""No run starts later than this after it was due: ten minutes late at most, and a wait for the kernel."""

_KEPT_WEEKS = 16_384
_BURST_WAIT_MS = 700


class PlannedRun(NamedTuple):
    """One run from beginning to end; `start_ms` is also its place in the listing, had it found a kernel or not."""

    start_ms: int
    queued_ms: int
    end_ms: int
    run_id: str
    project_id: str
    trigger: str
    outcome: str
    version: int
    has_end: bool = True

    def status(self, now_ms: int) -> str:
        """`pending`, `running` or the outcome."""
        if now_ms >= self.end_ms:
            return self.outcome
        return "running" if now_ms >= self.start_ms and self.outcome != "unable_to_allocate_kernel" else "pending"

    def seen(self, now_ms: int) -> Run:
        """The run as Hex lists it at that instant: what has not happened yet is None."""
        status = self.status(now_ms)
        started = status != "pending" and self.outcome != "unable_to_allocate_kernel" and self.start_ms <= self.end_ms
        ended = now_ms >= self.end_ms and self.has_end
        return Run(
            run_id=self.run_id,
            project_id=self.project_id,
            status=status,
            trigger=self.trigger,
            start_ms=self.start_ms if started else None,
            end_ms=self.end_ms if ended else None,
            elapsed_ms=self.end_ms - self.start_ms if started and now_ms >= self.end_ms else None,
            version=str(self.version),
        )


@dataclass(frozen=True, kw_only=True)
class Burst:
    """Runs of one project at even steps from an instant on: the demo's heartbeat, or a script run wild.

    The steps are the multiples of `every_ms` since the epoch: a burst that begins later has the same runs from then
    on. The triggers take turns.
    """

    project_id: str
    since_ms: int
    every_ms: int
    until_ms: int | None = None
    triggers: tuple[str, ...] = ("api",)


class Timeline:
    """All runs of one project that were not requested over HTTP."""

    def __init__(self, seed: int, project: SimulatedProject, calendar: Calendar, bursts: Iterable[Burst] = ()) -> None:
        self.project = project
        self.bursts = tuple(bursts)
        self._seed = seed
        self._calendar = calendar

    def newest(self, now_ms: int, extra: Iterable[PlannedRun] = ()) -> Iterator[PlannedRun]:
        """Every run that the API lists at `now_ms`, the latest start first; `extra` runs are sorted in."""
        oldest_ms = now_ms - HISTORY_MS
        bursts = (self._burst(burst, number, oldest_ms, now_ms) for number, burst in enumerate(self.bursts))
        streams = [self._regular(oldest_ms, now_ms), *bursts]
        if extra:
            streams.append(run for run in sorted(extra, reverse=True) if oldest_ms <= run.start_ms)
        if len(streams) == 1:
            return streams[0]
        return merge(*streams, key=lambda run: -run.start_ms)

    def _regular(self, oldest_ms: int, now_ms: int) -> Iterator[PlannedRun]:
        first = self._calendar.week_of(oldest_ms)
        last = self._calendar.week_of(now_ms + LONGEST_WAIT_MS)
        weeks = (reversed(_week(self, week)) for week in range(last, first - 1, -1))
        recent = takewhile(lambda run: run.start_ms >= oldest_ms, chain.from_iterable(weeks))
        return (run for run in recent if run.queued_ms <= now_ms)

    def _burst(self, burst: Burst, number: int, oldest_ms: int, now_ms: int) -> Iterator[PlannedRun]:
        until_ms = now_ms if burst.until_ms is None else min(now_ms, burst.until_ms)
        first_ms = max(burst.since_ms, oldest_ms)
        for turn in range(until_ms // burst.every_ms, -(-first_ms // burst.every_ms) - 1, -1):
            yield _burst_run(self, burst, number, turn)

    def plan(self, dice: Random, key: str, trigger: str, queued_ms: int, start_ms: int) -> PlannedRun:
        """One run with its fate, all of it decided by the dice."""
        project = self.project
        outcome, seconds = "completed", project.median_seconds * dice.lognormvariate(0.0, SPREAD)
        fate = dice.random()
        if fate < NO_KERNEL_SHARE:
            outcome, seconds = "unable_to_allocate_kernel", 90.0
        elif fate < NO_KERNEL_SHARE + KILLED_SHARE:
            outcome, seconds = "killed", seconds * 3
        elif dice.random() < project.failure_share:
            # What fails, fails on the way.
            outcome, seconds = "errored", seconds * (0.1 + 0.8 * dice.random())
        return PlannedRun(
            start_ms=start_ms,
            queued_ms=queued_ms,
            end_ms=start_ms + max(800, int(seconds * 1000)),
            run_id=identifier(self._seed, project.number, key, queued_ms),
            project_id=project.project_id,
            trigger=trigger,
            outcome=outcome,
            version=version_at(project, queued_ms),
            has_end=outcome != "completed" or dice.random() >= NO_END_SHARE,
        )

    def of_week(self, week: int) -> tuple[PlannedRun, ...]:
        """The runs that start in one week, ascending; those due at the end of the week before may be among them."""
        start_ms, end_ms = self._calendar.start_of(week), self._calendar.start_of(week + 1)
        runs = [run for run in self._due_in(start_ms - LONGEST_WAIT_MS, start_ms) if run.start_ms >= start_ms]
        runs += [run for run in self._due_in(start_ms, end_ms) if run.start_ms < end_ms]
        return tuple(sorted(runs))

    def _due_in(self, start_ms: int, end_ms: int) -> Iterator[PlannedRun]:
        project = self.project
        if project.published_ms is None:
            return
        gone_ms = min(project.archived_ms or end_ms, project.trashed_ms or end_ms)
        start_ms, end_ms = max(start_ms, project.published_ms), min(end_ms, gone_ms)
        for number, cadence in enumerate(project.schedules):
            for due_ms in cadence.due(start_ms, end_ms) if cadence.is_enabled else ():
                dice = chance(self._seed, project.number, number, due_ms)
                if dice.random() >= MISSED_SHARE:
                    queued_ms = due_ms + _lateness_ms(dice)
                    yield self.plan(dice, f"s{number}", "scheduled", queued_ms, queued_ms + _wait_ms(dice))
        for trigger, rhythm in (("api", project.api_runs), ("app_refresh", project.refreshes)):
            if rhythm is not None and start_ms < end_ms:
                for _, due_ms in takewhile(lambda event: event[1] >= start_ms, rhythm.backwards(end_ms - 1)):
                    dice = chance(self._seed, project.number, trigger, due_ms)
                    yield self.plan(dice, trigger, trigger, due_ms, due_ms + _wait_ms(dice))

    def burst_run(self, burst: Burst, number: int, turn: int) -> PlannedRun:
        """The run of a burst at one of its steps."""
        due_ms = turn * burst.every_ms
        dice = chance(self._seed, self.project.number, "burst", number, due_ms)
        trigger = burst.triggers[turn % len(burst.triggers)]
        # One wait for all keeps the starts in the order of the steps.
        return self.plan(dice, f"b{number}", trigger, due_ms, due_ms + _BURST_WAIT_MS)


def version_at(project: SimulatedProject, at_ms: int) -> int:
    """The number of the published version at an instant: every few edits there is a new one."""
    return 1 + (int(project.edits.count(at_ms) * PUBLISHES_SHARE) if project.edits else 0)


@lru_cache(maxsize=_KEPT_WEEKS)
def _week(timeline: Timeline, week: int) -> tuple[PlannedRun, ...]:
    return timeline.of_week(week)


@lru_cache(maxsize=_KEPT_WEEKS)
def _burst_run(timeline: Timeline, burst: Burst, number: int, turn: int) -> PlannedRun:
    return timeline.burst_run(burst, number, turn)


def _lateness_ms(dice: Random) -> int:
    if dice.random() < VERY_LATE_SHARE:
        return int(dice.random() * LATE_MOST_SECONDS * 1000)
    return int(min(LATE_MOST_SECONDS, dice.expovariate(1 / LATE_MEAN_SECONDS)) * 1000)


def _wait_ms(dice: Random) -> int:
    return 1_000 + int(min(120.0, dice.expovariate(1 / 6)) * 1000)
