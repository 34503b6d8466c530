"""The week's runs by project against a budget: from what a program records, Hex's API, a ledger, or `/metrics`."""

import os
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from exporter.client.hex_client import HexClient
from exporter.clock import Clock, SystemClock
from exporter.errors import RefusedError

BUDGET = 500
"""Runs a week, the exporter's default."""

_WEEK_MS = 7 * 86_400_000
_PAGE = 100  # the most that Hex gives


@dataclass(frozen=True, slots=True)
class WeeklyReport:
    """Runs of the current week by project id, against a budget of runs.

    `left` is what the budget has left, below 0 once it is overspent; `forecast` the runs by the week's end. None:
    not known.
    """

    total_runs: int
    by_project: Mapping[str, int]
    budget: float | None
    left: float | None
    forecast: float | None


class CostMonitor:
    """The week's report, from one of four places; `from_api`, `from_ledger` and `from_metrics` make the other three.

    Made by itself it knows the runs that are given to `record_run`. From any thread.
    """

    def __init__(
        self, budget: float | None = BUDGET, *, timezone: str = "UTC", starts: int = 0, clock: Clock | None = None
    ) -> None:
        """A week of `timezone` that begins on the weekday `starts`, counted from Monday = 0."""
        self._budget = budget
        self._timezone = timezone
        self._starts = starts
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._runs: list[tuple[float, str]] = []
        self._read = self._recorded

    @classmethod
    def from_api(cls, client: HexClient, budget: float | None = BUDGET, **week: Any) -> "CostMonitor":
        """One that reads the runs of every project that the client's token sees: a request a project at the least."""
        monitor = cls(budget, **week)
        monitor._read = lambda: monitor._report(_runs_by_api(client, monitor._week_start_ms()))
        return monitor

    @classmethod
    def from_ledger(cls, config_file: str | Path, *, workspace: str | None = None) -> "CostMonitor":
        """One that reads the ledger of an exporter with this configuration, as `hex-exporter report` does."""
        monitor = cls()
        monitor._read = lambda: _by_ledger(Path(config_file), workspace)
        return monitor

    @classmethod
    def from_metrics(cls, url: str, *, workspace: str | None = None, budget: str = "weekly-runs") -> "CostMonitor":
        """One that reads an exporter's `/metrics`; `budget` is the name of a budget of runs."""
        monitor = cls()
        monitor._read = lambda: _by_metrics(url, workspace, budget)
        return monitor

    def record_run(self, project_id: str, at: float | None = None) -> None:
        """A run of a project was started, now or at this time in epoch seconds."""
        with self._lock:
            self._runs.append((self._clock.now() if at is None else at, project_id))

    def weekly_report(self) -> WeeklyReport:
        """The week so far. Raises ApiError, LedgerError, or ValueError for a page without this workspace."""
        return self._read()

    def _recorded(self) -> WeeklyReport:
        start = self._week_start_ms() / 1000
        with self._lock:
            return self._report(project_id for at, project_id in self._runs if at >= start)

    def _report(self, runs: Iterable[str]) -> WeeklyReport:
        by_project = Counter(runs)
        total = sum(by_project.values())
        passed = (self._clock.now() * 1000 - self._week_start_ms()) / _WEEK_MS
        forecast = total / passed if passed > 0 else None
        left = None if self._budget is None else self._budget - total
        return WeeklyReport(total, dict(by_project.most_common()), self._budget, left, forecast)

    def _week_start_ms(self) -> int:
        from exporter.insight import week_bounds

        return week_bounds(round(self._clock.now() * 1000), self._timezone, self._starts)[0]


def _runs_by_api(client: HexClient, start_ms: int) -> Iterable[str]:
    after: str | None = None
    while True:
        page = client.call(client.asynchronous.read("projects", limit=_PAGE, **({"after": after} if after else {})))
        for project in _items(page, "values"):
            yield from _runs_of(client, str(project.get("id")), start_ms)
        pagination = page.get("pagination")
        cursor = pagination.get("after") if isinstance(pagination, Mapping) else None
        if not isinstance(cursor, str) or cursor == after:
            return
        after = cursor


def _runs_of(client: HexClient, project_id: str, start_ms: int) -> Iterable[str]:
    offset = 0
    while True:
        try:
            page = client.call(client.asynchronous.read(f"projects/{project_id}/runs", limit=_PAGE, offset=offset))
        except RefusedError as error:
            if error.status == HTTPStatus.UNPROCESSABLE_ENTITY:  # never published: it has no runs
                return
            raise
        runs = _items(page, "runs")
        for run in runs:
            started = run.get("startTime")
            if not isinstance(started, str) or run.get("status") == "UNABLE_TO_ALLOCATE_KERNEL":
                continue
            if datetime.fromisoformat(started.replace("Z", "+00:00")).timestamp() * 1000 < start_ms:
                return
            yield project_id
        if not runs or not page.get("nextPage"):
            return
        offset += len(runs)


def _items(page: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    found = page.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _by_ledger(config_file: Path, workspace: str | None) -> WeeklyReport:
    # The ledger and its reports bring a database and much else that a client does not need.
    from exporter.client.ledger_report import ledger_report

    return ledger_report(config_file, workspace, dict(os.environ))


def _by_metrics(url: str, workspace: str | None, budget: str) -> WeeklyReport:
    from exporter.client.metrics_report import metrics_report

    return metrics_report(url, workspace, budget)
