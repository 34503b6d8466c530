"""A Hex that refuses, lies and fails on request, and a ledger that cannot always be written.

What is true is known at every moment, so that each figure can be judged: exact, older than it says, or absent.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from unittest import mock

import httpx

from exporter.errors import LedgerError
from exporter.ledger import WorkspaceLedger
from helpers.following import NOW, Following, HandMadeHex

WEEK = 7 * 86_400

TROUBLE = (
    "403",
    "404",
    "422",
    "429",
    "500",
    "html",
    "no_answer",
    "truncated",
    "empty_with_next",
    "same_page",
    "older_400",
    "unknown_parameter",
)
"""What may be wrong with every answer about one project's runs, or with the listing of projects."""


class UnreliableWorld:
    """A workspace of a few projects behind an unreliable Hex, and an exporter that follows it by a manual clock.

    `trouble` says what is wrong with each path. The steps are those of a person or of fate: `start_runs`, `go`,
    `break_path`, `mend`, `restart`, `without_disk`; `judge` raises AssertionError where the page says what is false.
    """

    def __init__(self, clock, follow, projects: int = 4, past_runs: int = 130) -> None:
        self.clock = clock
        self.hex = HandMadeHex(clock)
        self.trouble: dict[str, str] = {}
        self._number = 0
        self.counted = 0
        for number in range(projects):
            self.hex.add_project(f"p{number}")
            self.hex.answers[f"projects/p{number}/runs"] = self._answer
        self.hex.answers["projects"] = self._answer
        for number in range(past_runs):
            self._add_run(f"p{number % projects}", clock.now() - (past_runs - number) * 1800)
        self.following: Following = follow(self.hex.transport, per_minute=12, per_hour=360)

    @property
    def paths(self) -> list[str]:
        return ["projects", *(f"projects/{project_id}/runs" for project_id in self.hex.projects)]

    def start_runs(self, project_id: str, count: int) -> None:
        """So many runs of the project start now, and end five seconds later."""
        for number in range(count):
            self._add_run(project_id, self.clock.now() + number / 1000)

    def break_path(self, path: str, trouble: str) -> None:
        self.trouble[path] = trouble

    def mend(self) -> None:
        self.trouble.clear()

    def restart(self) -> None:
        self.following.restart()

    def go(self, seconds: float) -> None:
        asyncio.run(self.following.run_for(seconds))

    @contextmanager
    def without_disk(self, after_writes: int) -> Iterator[None]:
        """The ledger cannot be written, from so many writes of runs on."""
        record, left = WorkspaceLedger.record_runs, after_writes

        def maybe(*arguments: object, **named: object) -> None:
            nonlocal left
            if left <= 0:
                raise LedgerError("ledger.db: cannot be written: database or disk is full")
            left -= 1
            record(*arguments, **named)

        with mock.patch.object(WorkspaceLedger, "record_runs", maybe):
            yield

    def judge(self) -> None:
        """Every figure is exact, older than it says, or absent."""
        figures = self.following.figures()
        until = figures.get("hex_runs_complete_until_timestamp_seconds", {}).get(())
        used = figures.get("hex_budget_used", {}).get(("weekly-runs", "runs"))
        unreadable = figures.get("hex_budget_unreadable_projects", {}).get(("weekly-runs", "runs"), 0)
        week = self.clock.now() - (self.clock.now() - NOW) % WEEK
        starts = [self._start(run) for runs in self.hex.runs.values() for run in runs]
        if until is not None:
            assert until <= self.clock.now(), "complete until a time that is still to come"
        if used is not None and until is not None and not unreadable:
            least = sum(week <= start < until - 1 for start in starts)
            most = sum(week <= start for start in starts)
            assert least <= used <= most, f"{used} runs in a week that has {least} to {most}"
        by_project = figures.get("hex_project_week_runs", {})
        for (project_id,), count in by_project.items():
            assert count <= sum(week <= self._start(run) for run in self.hex.runs.get(project_id, ()))
        assert figures.get("hex_up", {}).get((), 0) == 0 or "projects" in {
            one for (one,), good in figures["hex_collector_success"].items() if good
        }
        counted = sum(figures.get("hex_runs_total", {}).values())
        assert counted >= self.counted, "a counter fell"
        self.counted = counted

    def settle(self, hours: float = 2) -> None:
        """Everything works again: within so many hours every run is accounted for, and no problem is left."""
        self.mend()
        self.restart()
        truth = {run["runId"] for runs in self.hex.runs.values() for run in runs}
        known: set[str] = set()
        end = self.clock.now() + hours * 3600
        while (known != truth or self.following.poller.report.problems) and self.clock.now() < end:
            self.go(300)
            known = {run.run_id for run in self.following.known.runs_between(0, None)}
        assert known == truth
        self.judge()
        assert self.following.poller.report.problems == ()

    def _add_run(self, project_id: str, start: float) -> None:
        self._number += 1
        self.hex.add_run(project_id, f"r{self._number}", start, end=start + 5)
        self.hex.runs[project_id].sort(key=lambda run: run["startTime"], reverse=True)

    def _start(self, run: dict) -> float:
        return datetime.fromisoformat(run["startTime"]).timestamp()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/")
        offset = int(request.url.params.get("offset") or 0)
        match self.trouble.get(path):
            case "403" | "404" | "422" | "429" | "500" as status:
                return httpx.Response(int(status), json={"message": "no"})
            case "html":
                return httpx.Response(200, text="<html>log in</html>")
            case "no_answer":
                raise httpx.ConnectError("refused", request=request)
            case "truncated":
                return httpx.Response(200, content=b'{"runs": [{"runId": "r1"}, {"ru')
            case "empty_with_next" if path != "projects":
                return httpx.Response(200, json={"runs": [], "nextPage": "https://next"})
            case "same_page" if path != "projects":
                body = self.hex._page(path, request.url.params.set("offset", 0))
                return httpx.Response(200, json=body | {"nextPage": "https://next"})
            case "older_400" if offset >= 100:
                return httpx.Response(400, json={"message": "offset too large"})
            case "unknown_parameter" if {"runTriggerFilter", "includeSharing"} & set(request.url.params):
                return httpx.Response(400, json={"message": "no such parameter"})
        return httpx.Response(200, json=self.hex._page(path, request.url.params))
