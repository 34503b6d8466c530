"""A workspace behind a Hex that refuses, lies and fails; what is true of it is known at every moment."""

import json
from bisect import insort
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx

from helpers.following import stamp

DAY = 86_400.0
WEEK = 7 * DAY

PAGE = 6
"""Items of a page: fewer than are requested, as a server may give, so that a walk has many pages at little cost."""

_MOST_RUNS = 150  # a world with many runs is slow, and no more than one with a few

STATUSES = ("400", "401", "403", "404", "422", "429", "500", "503")

TROUBLE = (
    *STATUSES,
    "no_answer",
    "html",
    "truncated",
    "slow",
    "empty_with_next",
    "same_page",
    "unreadable_item",
    "unreadable_id",
    "older_refused",
    "older_missing",
    "unknown_parameter",
)
"""What may be wrong with an answer about the listing of projects or one project's runs."""

UNWRITTEN = "unwritten"
"""Not the answer is wrong: nothing of it can be written, nor of every third one while this lasts."""


@dataclass(order=True, slots=True)
class TrueRun:
    """A run of the workspace: `place` orders its listing, newest first; it may have started later than that says."""

    place: float
    run_id: str = field(compare=False)
    project_id: str = field(compare=False)
    start: float = field(compare=False)
    end: float | None = field(compare=False, default=None)
    was_deleted: bool = field(compare=False, default=False)
    item: str = field(compare=False, default="")

    def write(self) -> None:
        """Have its item be what it is now."""
        self.item = json.dumps(
            {
                "runId": self.run_id,
                "status": "RUNNING" if self.end is None else "COMPLETED",
                "runTrigger": "API",
                "startTime": stamp(self.start),
                "endTime": stamp(self.end),
            }
        )


class UnreliableHex:
    """Its methods are what a person, a fault or fate does; `answer` is what an exporter gets."""

    def __init__(self, clock, projects: int) -> None:
        self.clock = clock
        self.projects: dict[str, str] = {}
        self.listed: dict[str, list[TrueRun]] = {}
        self.runs: dict[str, TrueRun] = {}
        self.faults: dict[str, str] = {}
        self.once: str | None = None
        self.once_at: str | None = None
        self.lost_pages = 0
        self.dates_off, self.dates_until = 0.0, 0.0
        self.requests = 0
        self.good: dict[str, float] = {}
        self.is_listing_good = False
        self.failing_writes: deque[bool] = deque()
        self.is_write_lost = self.is_disk_full = False
        for _ in range(projects):
            self._add_project(clock.now() - 500 * DAY)
        for number, project_id in enumerate(self.projects):
            for days in (396, 9 + number, 8, 5, 3.2 + number, 0.9, 0.3):
                self._add_run(project_id, clock.now() - days * DAY, end=60.0)

    # What happens in the workspace.

    def start_runs(self, project: int, count: int, early: float = 0.0) -> None:
        """So many runs start now; the listing has them where they were requested, so much earlier."""
        project_id = self._named(project)
        for _ in range(count if len(self.runs) < _MOST_RUNS else 0):
            self._add_run(project_id, self.clock.now(), early=early)

    def pass_busily(self, project: int, count: int, seconds: float) -> None:
        """Time passes while nothing runs here, and now and then a run starts there."""
        for _ in range(count):
            self.clock.advance(seconds / count)
            self.start_runs(project, 1)

    def end_runs(self, every: int = 1) -> None:
        """Every so manieth active run ends now."""
        active = [run for run in self.runs.values() if run.end is None]
        for run in active[::every]:
            run.end = self.clock.now()
            run.write()

    def delete_runs(self, project: int, place: int, count: int = 1) -> None:
        """Hex forgets some runs of a project."""
        runs = self.listed[self._named(project)]
        for run in runs[place : place + count]:
            run.was_deleted = True
        del runs[place : place + count]

    def add_project(self) -> None:
        """A project is made and published now."""
        if len(self.listed) < 6:
            self._add_project(self.clock.now())

    def remove_project(self, project: int) -> None:
        """A project leaves the listing, as an unlisted one does; its runs stay."""
        if len(self.projects) > 1:
            del self.projects[self._named(project)]

    # What goes wrong.

    def break_path(self, project: int | None, fault: str | None) -> None:
        """From now on every answer about a project's runs, or the listing (None), is like this; None is a good one."""
        path = "projects" if project is None else runs_path(self._named(project))
        if fault is None:
            self.faults.pop(path, None)
        else:
            self.faults[path] = fault

    def break_all_runs(self, fault: str) -> None:
        """The same for the runs of every project."""
        self.faults |= {runs_path(project_id): fault for project_id in self.listed}

    def mend(self) -> None:
        """Hex answers as it should."""
        self.faults.clear()

    # What it answers.

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What an exporter gets for its request now."""
        path = request.url.path.removeprefix("/api/v1/")
        self.requests += 1
        if self.clock.now() > self.dates_until:
            self.dates_off = 0.0
        at = datetime.fromtimestamp(int(self.clock.now() + self.dates_off), UTC)
        self.clock.advance(0.2)
        if path != "projects" and not path.endswith("/runs"):
            return self._response(200, '{"org": {"id": "org"}, "token": {}}', at)
        once = self.once if self.once_at in (None, path) else None
        fault = once or self.faults.get(path)
        status, body, is_good = self._body(path, request, fault)
        self.is_disk_full = fault == UNWRITTEN and (once is not None or self.requests % 3 == 0)
        if self.is_disk_full:
            self.lost_pages += 1
            self.failing_writes = deque([True] * 9)
        if fault == "slow":
            self.clock.advance(20.0)
        if path == "projects":
            is_last = '"after": null' in body
            if is_good and is_last:
                self.is_listing_good, self.good["projects"] = True, self.clock.now()
                self.is_write_lost = False
            elif not is_good and status != 429 and fault not in ("unknown_parameter", "empty_with_next"):
                self.is_listing_good = False  # after those it goes on
        elif is_good:
            self.good["runs"] = self.good[f"runs/{path.split('/')[1]}"] = self.clock.now()
        elif fault == "empty_with_next":
            self.good["runs"] = self.clock.now()  # an answer, of which nothing follows
        return self._response(status, body, at)

    def _response(self, status: int, body: str, at: datetime) -> httpx.Response:
        headers = {"Date": format_datetime(at, usegmt=True)}
        return httpx.Response(status, content=body.encode(), headers=headers)

    def _body(self, path: str, request: httpx.Request, fault: str | None) -> tuple[int, str, bool]:
        """Status and body of an answer, and whether it says what is true."""
        params = request.url.params
        offset = int(params.get("offset") or 0)
        is_runs = path != "projects"
        match fault:
            case "no_answer":
                self.is_listing_good &= is_runs
                raise httpx.ConnectError("refused", request=request)
            case "html":
                return 200, "<html>log in</html>", False
            case "truncated":
                return 200, self._page_of(path, params, offset)[:-7], False
            case "empty_with_next":
                body = '{"runs": [], "nextPage": "https://next"}' if is_runs else _listing([], f"e{self.requests}")
                return 200, body, False
            case "same_page" if is_runs:
                items = [run.item for run in self.listed[path.split("/")[1]][:PAGE]]
                return 200, _runs(items, has_more=True), True
            case "unreadable_item" | "unreadable_id":
                item = '{"id": null, "runId": null}' if fault == "unreadable_id" else "[]"
                return 200, self._page_of(path, params, offset, spoil=item), True
            case "older_refused" if offset:
                return 400, '{"message": "offset too large"}', False
            case "older_missing" if offset:
                return 404, '{"message": "no such page"}', False
            case "unknown_parameter" if {"runTriggerFilter", "includeUnlisted"} & set(params):
                return 400, '{"message": "no such parameter"}', False
            case str() if fault in STATUSES:
                return int(fault), '{"message": "no"}', False
        return 200, self._page_of(path, params, offset), True

    def _page_of(self, path: str, params: httpx.QueryParams, offset: int, spoil: str | None = None) -> str:
        if path != "projects":
            runs = self.listed[path.split("/")[1]]
            items = [run.item for run in runs[offset : offset + PAGE]]
            return _runs(_spoilt(items, spoil), has_more=offset + PAGE < len(runs))
        after = params.get("after")
        names = sorted(self.projects)
        names = [name for name in names if after is None or name > after]
        more = names[PAGE // 3 - 1] if len(names) > PAGE // 3 else None
        return _listing(_spoilt([self.projects[name] for name in names[: PAGE // 3]], spoil), more)

    # How it is made.

    def _named(self, number: int) -> str:
        names = list(self.projects)
        return names[number % len(names)]

    def _add_project(self, created: float) -> None:
        project_id = f"p{len(self.listed)}"
        self.listed[project_id] = []
        self._list_project(project_id, created)

    def _list_project(self, project_id: str, created: float | None = None) -> None:
        at = stamp(self.clock.now() - 500 * DAY if created is None else created)
        self.projects[project_id] = json.dumps({"id": project_id, "createdAt": at, "lastPublishedAt": at})

    def _add_run(self, project_id: str, start: float, *, end: float | None = None, early: float = 0.0) -> None:
        run = TrueRun(start - early + len(self.runs) / 1e6, f"r{len(self.runs)}", project_id, round(start, 3))
        run.end = None if end is None else run.start + end
        run.write()
        self.runs[run.run_id] = run
        insort(self.listed[project_id], run, key=lambda one: -one.place)


def runs_path(project_id: str) -> str:
    return f"projects/{project_id}/runs"


def _spoilt(items: list[str], spoil: str | None) -> list[str]:
    return items if spoil is None or not items else [spoil, *items[1:]]


def _runs(items: list[str], *, has_more: bool) -> str:
    return f'{{"runs": [{",".join(items)}], "nextPage": {json.dumps("https://next" if has_more else None)}}}'


def _listing(items: list[str], after: str | None) -> str:
    return f'{{"values": [{",".join(items)}], "pagination": {{"after": {json.dumps(after)}}}}}'
