"""A Hex that refuses, lies and fails, a ledger that cannot always be written, and clocks that are wrong.

What is true is known at every moment, so that each figure can be judged: exact, older than it says, or absent.
"""

import asyncio
import json
from bisect import insort
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import msgspec

from exporter.config import RateLimit
from exporter.errors import LedgerError
from exporter.hexapi import TokenSource
from exporter.ledger import Ledger
from exporter.metrics import Collector, Status
from exporter.metrics.families.budgets import budget_families
from exporter.metrics.families.exporter_metrics import progress_families
from exporter.metrics.families.health import health_families
from exporter.metrics.families.runs import run_families
from exporter.metrics.families.stored_counters import counter_families
from exporter.metrics.families.weeks import week_families
from exporter.view import awaited, complete_until_ms
from helpers.accounting import RUNS_ALONE, OffClock
from helpers.following import Following, stamp

DAY = 86_400.0
WEEK = 7 * DAY
KEPT = 400 * DAY

PAGE = 6
"""Items of a page: fewer than are requested, as a server may give, so that a walk has many pages at little cost."""

_MOST_RUNS = 150  # a world with many runs is slow, and no more than one with a few

TOLERATED = 4.0
"""Seconds by which clocks may differ and still agree, and the whole seconds of the Date header."""

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

_PERIODS = (("hex_budget_used", 0.0), ("hex_budget_previous_used", WEEK))
_WINDOWS = {"1h": 3600.0, "6h": 6 * 3600.0, "7d": WEEK}
_CONCEPTS = (health_families, counter_families, run_families, week_families, budget_families, progress_families)
"""The figures that follow from reading; the rest of the page costs as much again."""

_TO_COME = frozenset(
    {
        "hex_token_expiry_timestamp_seconds",
        "hex_budget_period_end_timestamp_seconds",
        "hex_api_cooldown_until_timestamp_seconds",
    }
)
"""The timestamps of the page that may lie in the future."""

_TOKEN = TokenSource(value="hxtw_" + "ab" * 48)
_LIMIT = RateLimit(per_minute=60, per_hour=3600, share=1.0)
_BUDGET = ("weekly-runs", "runs")


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


class UnreliableWorld:
    """A workspace behind an unreliable Hex, and an exporter that follows it by a manual clock.

    Its methods are what a person, a fault or fate does; `judge` raises AssertionError where the page is false.
    """

    def __init__(self, clock, machine_off: float = 0.0, projects: int = 3, refused_share: float = 0.1) -> None:
        self.clock = clock
        self.machine = OffClock(clock)
        self.machine.off = machine_off
        self.began = clock.now()
        self.projects: dict[str, str] = {}
        self.listed: dict[str, list[TrueRun]] = {}
        self.runs: dict[str, TrueRun] = {}
        self.faults: dict[str, str] = {}
        self.once: str | None = None
        self.once_at: str | None = None
        self._lost_pages = 0
        self.dates_off, self._dates_until = 0.0, 0.0
        self.requests = 0
        self._good: dict[str, float] = {}
        self._is_listing_good = False
        self._failing: deque[bool] = deque()
        self._is_write_lost = self._is_disk_full = False
        self._known_projects: set[str] = set()
        self._known_runs: set[str] = set()
        self._counted: dict[tuple[str, tuple[str, ...]], float] = {}
        self._claimed_ms: dict[str, int] = {}
        for _ in range(projects):
            self._add_project(clock.now() - 500 * DAY)
        for number, project_id in enumerate(self.projects):
            for days in (396, 9 + number, 8, 5, 3.2 + number, 0.9, 0.3):
                self._add_run(project_id, clock.now() - days * DAY, end=60.0)
        self._loop = asyncio.new_event_loop()
        transport = httpx.MockTransport(self._answer)
        collect = msgspec.structs.replace(RUNS_ALONE, refused_share=refused_share)
        self.following = Following(self.machine, transport, "sqlite://", _LIMIT, collect, _TOKEN)
        self._begin_process()

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
            project_id = self._named(project)
            del self.projects[project_id]
            self._known_projects.discard(project_id)

    # What goes wrong.

    def break_path(self, project: int | None, fault: str | None) -> None:
        """From now on every answer about a project's runs, or the listing (None), is like this; None is a good one."""
        path = "projects" if project is None else _runs_path(self._named(project))
        if fault is None:
            self.faults.pop(path, None)
        else:
            self.faults[path] = fault

    def break_all_runs(self, fault: str) -> None:
        """The same for the runs of every project."""
        self.faults |= {_runs_path(project_id): fault for project_id in self.listed}

    def mend(self) -> None:
        """Hex answers as it should."""
        self.faults.clear()

    def set_machine_clock(self, off: float) -> None:
        """The clock of the exporter's machine is so much ahead."""
        self.machine.off = off

    def date_wrongly(self, seconds: float, lasts: float) -> None:
        """Hex's Date is ahead by so much for a while; not from the start, when nothing contradicts it."""
        if self.following.time.is_agreed:
            self.dates_off, self._dates_until = seconds, self.clock.now() + lasts

    def fail_writes(self, pattern: list[bool]) -> None:
        """Of the next writes to the ledger, these are not committed."""
        self._failing = deque(pattern)

    def restart(self) -> None:
        """The process ends and another begins, with what the ledger's tables hold."""
        self.dates_off = 0.0
        self.following.ledger = Ledger(self.following.ledger._store)
        self.following.restart()
        if noted := self.following.known.noted_skew:
            self.following.time.assume(*noted)
        self._begin_process()

    def be_away(self, seconds: float) -> None:
        """Time passes while nothing runs."""
        self.clock.advance(seconds)

    def lose_page(self, project: int, runs: int, seconds: float) -> None:
        """Runs start, the first page that has them cannot be written, and so much time passes before the next."""
        self.start_runs(project, runs)
        path, before = _runs_path(self._named(project)), self._lost_pages
        for _ in range(4):
            self.exchange(UNWRITTEN, path)
            if self._lost_pages > before:
                self.clock.advance(seconds)
                self.go_on(3)
                return

    def exchange(self, fault: str | None = None, path: str | None = None) -> None:
        """The exporter goes on until it has sent one request, whose answer has this fault, if it is for this path."""
        self.once, self.once_at = fault, path
        self._loop.run_until_complete(self._exchange())
        self._judge_claims()
        self.once = None
        if self._is_disk_full:
            self._failing.clear()
            self._is_disk_full = False

    def go_on(self, requests: int) -> None:
        """The exporter goes on until it has sent so many."""
        for _ in range(requests):
            self.exchange()

    async def _exchange(self) -> None:
        before = self.requests
        for _ in range(1_000):
            wait = await self.following.poller.step()
            if self.requests > before:
                return
            self.clock.advance(max(wait, 0.05))
        raise AssertionError("nothing is requested any more")

    # What is shown.

    def page(self) -> dict[str, dict[tuple[str, ...], float]]:
        """What the page shows now of reading: by metric, by label values without the workspace."""
        time = self.following.time
        skew_ms = None if time.is_doubtful else time.ahead_ms
        now_ms = round(self.machine.now() * 1000)
        (snapshot,) = self._collector.snapshots(self.following.config, now_ms, {"w": skew_ms})
        families = [family for concept in _CONCEPTS for family in concept(snapshot) if family.samples]
        self._kinds = {one.metric.name: one.metric.kind for one in families}
        return {one.metric.name: {labels[1:]: value for labels, value in one.samples} for one in families}

    def judge(self) -> None:
        """Every figure is exact, older than it says, or absent."""
        page, now = self.page(), self.clock.now()
        known = {run.run_id: run for run in self.following.known.runs_between(0, None)}
        self._judge_counters(page)
        self._judge_listing(page, now)
        for run_id, run in known.items():
            assert run.start_ms == round(self.runs[run_id].start * 1000), "a run that never was, or at another time"
        kept = {run_id for run_id in self._known_runs if self.runs[run_id].start > now - KEPT + 2 * DAY}
        assert kept <= known.keys(), "a run was forgotten"
        self._known_runs = set(known)
        if self.following.time.is_agreed:  # until Hex has answered, time is what this machine's clock says
            self._judge_times(page, now)
            self._judge_weeks(page, now, known.keys())

    def _judge_claims(self) -> None:
        """What is said to be known of a project now, and was not before this exchange, is known."""
        for one in self.following.known.projects():
            project_id, progress = one.project.project_id, one.progress
            until_ms, since_ms = progress.known_until_ms or 0, progress.complete_from_ms or 0
            claimed_ms = self._claimed_ms.get(project_id, 0)
            if until_ms > claimed_ms and self.following.time.is_agreed:
                since, until = max(claimed_ms, since_ms) / 1000 + TOLERATED, until_ms / 1000 - TOLERATED
                due = {run.run_id for run in self.listed[project_id] if since <= run.start < until}
                missing = due - self.following.known.known_run_ids(tuple(due))
                missing = {run_id for run_id in missing if not self._is_said_to_be_left_out(self.runs[run_id])}
                assert not missing, f"{project_id} is said to be known until {until_ms}: {missing} are missing"
            self._claimed_ms[project_id] = until_ms

    def _judge_times(self, page, now: float) -> None:
        for name, samples in page.items():
            if name.startswith("hex_") and name.endswith("_timestamp_seconds") and name not in _TO_COME:
                latest = max(samples.values(), default=0.0)
                assert latest <= now + TOLERATED, f"{name} is {latest - now:.0f} s in the future"
        contact_ms = self.following.known.first_contact_ms
        assert contact_ms is None or self.began - TOLERATED <= contact_ms / 1000 <= now + TOLERATED

    def _judge_counters(self, page) -> None:
        counters = {
            (name, labels): value
            for name, samples in page.items()
            if self._kinds[name] == "counter" and name.startswith("hex_")
            for labels, value in samples.items()
        }
        for series, value in counters.items():
            assert value >= self._counted.get(series, 0), f"{series} fell"
        self._counted |= counters
        counted = sum(page.get("hex_runs_total", {}).values())
        assert counted <= sum(run.end is not None and run.end >= self.began - TOLERATED for run in self.runs.values())

    def _judge_listing(self, page, now: float) -> None:
        if page.get("hex_up", {}).get((), 0) and not self._is_write_lost:
            assert self._is_listing_good, "up, though the last listing was not read whole"
        for (collector,), at in page.get("hex_collector_last_success_timestamp_seconds", {}).items():
            if collector in ("projects", "runs"):
                assert at <= self._good.get(collector, 0) + TOLERATED, f"{collector} was not read then"
        listed = {one.project.project_id for one in self.following.known.projects()}
        assert self._known_projects <= listed, "a project that Hex lists is gone"
        self._known_projects = listed & self.projects.keys()

    def _judge_weeks(self, page, now: float, known) -> None:
        until = page.get("hex_runs_complete_until_timestamp_seconds", {}).get(())
        used, previous = (page.get(name, {}).get(_BUDGET) for name, _ in _PERIODS)
        if used is None and previous is None:
            return
        assert until is not None, "a figure that does not say how old it is"
        start = page["hex_budget_period_start_timestamp_seconds"][_BUDGET]
        assert start - TOLERATED <= now < start + WEEK + TOLERATED, "another week than this one"
        hidden = set()
        for run in self.runs.values():
            is_told = run.start >= start if previous is None else run.start >= start - WEEK
            is_due = is_told and run.start < until - TOLERATED
            is_followed = not run.was_deleted and run.project_id in self.projects
            if is_due and run.run_id not in known and is_followed and not self._is_said_to_be_left_out(run):
                assert f"runs/{run.project_id}" not in self._good, f"{run} is missing, complete until {until}"
                hidden.add(run.project_id)
        assert len(hidden) <= page["hex_exporter_unreadable_projects"][()], f"{hidden} are taken for empty"
        places = [self.runs[run_id].start for run_id in known]
        if used is not None:
            assert used == sum(start <= at for at in places)
            assert used == sum(page["hex_project_week_runs"].values())
        if previous is not None:
            assert previous == sum(start - WEEK <= at < start for at in places)
        for labels, value in page.get("hex_budget_window_used", {}).items():
            length = _WINDOWS[labels[-1]]
            least = sum(now - length + TOLERATED <= at < now - TOLERATED for at in places)
            assert least <= value <= sum(now - length - TOLERATED <= at for at in places), labels

    def _is_said_to_be_left_out(self, run: TrueRun) -> bool:
        """Whether it is one of those that could not be read for a day: they are counted, and marked in budgets."""
        start_ms, now_ms = run.start * 1000, self.clock.now() * 1000
        return any(
            one.project_id == run.project_id
            and one.since_ms - TOLERATED * 1000 <= start_ms <= one.until_ms + TOLERATED * 1000
            and now_ms - one.noticed_ms >= (DAY - 2 * TOLERATED) * 1000
            for one in self.following.known.unreadable_runs
        )

    def settle(self) -> None:
        """Everything works again: every run is known and counted, once."""
        self.mend()
        self._failing.clear()
        self.machine.off = 0.0
        for project_id in self.listed.keys() - self.projects.keys():
            self._list_project(project_id)
        self.end_runs()
        self.restart()
        settled = self.clock.now()
        for _ in range(600):
            self.exchange()
            until_ms = complete_until_ms(awaited(self.following.known.projects()), None) or 0
            if until_ms / 1000 < settled + TOLERATED:
                continue
            known = {run.run_id: run for run in self.following.known.runs_between(0, None)}
            truth = {
                run.run_id
                for run in self.runs.values()
                if not run.was_deleted and (run.run_id in known or not self._is_said_to_be_left_out(run))
            }
            if truth <= known.keys() and not any(run.is_active for run in known.values() if run.run_id in truth):
                break
        assert truth <= known.keys(), f"{len(truth - known.keys())} runs were lost"
        assert until_ms / 1000 > settled, "what is known does not go on"
        contact = self.following.known.first_contact_ms / 1000
        ended = [run for run in self.runs.values() if run.end is not None and run.end >= contact - TOLERATED]
        certain = sum(run.run_id in truth and run.end > contact + TOLERATED for run in ended)
        counted = sum(self.following.counted().values())
        assert certain <= counted <= len(ended), f"{counted} runs counted of {certain} to {len(ended)}"
        self.judge()

    def close(self) -> None:
        self._loop.run_until_complete(self.following.poller.aclose())
        self._loop.close()
        self.following.ledger.close()

    # How it is made.

    def _begin_process(self) -> None:
        self._collector = Collector(self.following.ledger, Status())
        store = self.following.ledger._store
        if "transaction" not in vars(store):
            store.transaction = self._unreliable(store.transaction)

    def _unreliable(self, transaction):
        @contextmanager
        def begun(*workspace) -> Iterator[object]:
            is_failing = self._failing.popleft() if self._failing else False
            with transaction(*workspace) as one:
                yield one
                if is_failing:
                    self._is_write_lost = True
                    raise LedgerError("ledger.db: cannot be written: database or disk is full")

        return begun

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

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/")
        self.requests += 1
        if self.clock.now() > self._dates_until:
            self.dates_off = 0.0
        at = datetime.fromtimestamp(int(self.clock.now() + self.dates_off), UTC)
        self.clock.advance(0.2)
        if path != "projects" and not path.endswith("/runs"):
            return self._response(200, '{"org": {"id": "org"}, "token": {}}', at)
        once = self.once if self.once_at in (None, path) else None
        fault = once or self.faults.get(path)
        status, body, is_good = self._body(path, request, fault)
        self._is_disk_full = fault == UNWRITTEN and (once is not None or self.requests % 3 == 0)
        if self._is_disk_full:
            self._lost_pages += 1
            self._failing = deque([True] * 9)
        if fault == "slow":
            self.clock.advance(20.0)
        if path == "projects":
            is_last = '"after": null' in body
            if is_good and is_last:
                self._is_listing_good, self._good["projects"] = True, self.clock.now()
                self._is_write_lost = False
            elif not is_good and status != 429 and fault != "unknown_parameter":  # which are asked again at once
                self._is_listing_good = False
        elif is_good:
            self._good["runs"] = self._good[f"runs/{path.split('/')[1]}"] = self.clock.now()
        elif fault == "empty_with_next":
            self._good["runs"] = self.clock.now()  # an answer, of which nothing follows
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
                self._is_listing_good &= is_runs
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


def _runs_path(project_id: str) -> str:
    return f"projects/{project_id}/runs"


def _spoilt(items: list[str], spoil: str | None) -> list[str]:
    return items if spoil is None or not items else [spoil, *items[1:]]


def _runs(items: list[str], *, has_more: bool) -> str:
    return f'{{"runs": [{",".join(items)}], "nextPage": {json.dumps("https://next" if has_more else None)}}}'


def _listing(items: list[str], after: str | None) -> str:
    return f'{{"values": [{",".join(items)}], "pagination": {{"after": {json.dumps(after)}}}}}'
