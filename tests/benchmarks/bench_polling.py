"""What polling promises: exact weeks, no incomplete scrape, and runs that are counted soon after their end.

`--weeks N` seeded weeks with kills, 429s, broken pages and clock steps against the truth (the promise is 1,000; each
takes a few seconds). `--scrapes N` scrapes while runs come and go (10,000). `--hours N` of a workspace of 2,000
published projects on a virtual clock: 1 in 20 hourly, 1 in 4 daily, the rest weekly or by API about once a week; from a
run's end to its count, against asking every project in turn at the same 30 requests a minute; and the same while the
versions of all projects are read.
"""

import argparse
import asyncio
import bisect
import http.client
import logging
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

import httpx
import msgspec
import structlog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from conftest import ManualClock
from helpers.accounting import assert_all_is_accounted_for, troubled_week
from helpers.following import NOW, Following, stamp
from helpers.running import Exporter, Simulator, wait_for

from exporter.config import Collect, RateLimit
from exporter.facts import Run
from exporter.hexapi import TokenSource
from exporter.ledger import RunProgress

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

PROJECTS = 2_000
PER_MINUTE = 30
WARM_UP_HOURS = 1


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    parser = argparse.ArgumentParser()
    parser.add_argument("--weeks", type=int, default=50)
    parser.add_argument("--scrapes", type=int, default=10_000)
    parser.add_argument("--hours", type=float, default=3)
    wanted = parser.parse_args()
    exact_weeks(wanted.weeks)
    complete_scrapes(wanted.scrapes)
    without = time_to_count(wanted.hours)
    with_exports = time_to_count(wanted.hours, exports=True)
    verdict = "kept" if with_exports <= 1.1 * without else "NOT KEPT"
    print(f"the same while exports are read: {with_exports / without:.2f} times   <= 1.10: {verdict}")


def exact_weeks(weeks: int) -> None:
    """Print in how many weeks the figures differ from the truth."""
    wrong = []
    began = time.monotonic()
    for seed in range(1000, 1000 + weeks):
        clock = ManualClock()
        clock.step(NOW - clock.now())
        with tempfile.TemporaryDirectory() as folder:
            simulation, following = troubled_week(seed, clock, f"sqlite:///{folder}/ledger.db")
            try:
                assert_all_is_accounted_for(simulation, following)
            except AssertionError:
                wrong.append(seed)
            following.ledger.close()
    verdict = "kept" if not wrong else f"NOT KEPT, seeds {wrong}"
    print(f"weeks that are not exact: {len(wrong)} of {weeks} ({time.monotonic() - began:.0f} s)   0: {verdict}")


def complete_scrapes(scrapes: int) -> None:
    """Print how many scrapes missed a series that an earlier one had, while everything changes."""
    incomplete = 0
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        simulator = running.enter_context(Simulator(folder, "--plant-every", "0.5", projects=40))
        exporter = running.enter_context(Exporter(folder, simulator.base_url))
        host, port = exporter.listening().split(":")
        wait_for(lambda: b"\nhex_seats{" in exporter.get().content)
        client = http.client.HTTPConnection(host, int(port), timeout=60)
        expected: set[bytes] = set()
        pages = set()
        for _ in range(scrapes):
            client.request("GET", "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
            body = client.getresponse().read()
            time.sleep(0.005)  # so that the pages change meanwhile
            if hash(body) in pages:
                continue
            pages.add(hash(body))
            # A project's last run and the runs in progress come and go; counters, seats and listings stay.
            series = {line.rpartition(b" ")[0] for line in body.splitlines() if line.startswith(STAYING)}
            incomplete += not body.endswith(b"# EOF\n") or not expected <= series
            expected |= series
        client.close()
    verdict = "kept" if not incomplete else "NOT KEPT"
    print(f"incomplete scrapes: {incomplete} of {scrapes:,} ({len(pages)} different pages)   0: {verdict}")


_STAYING = ("up", "runs_total", "run_seconds_total", "seats", "connections", "schedules", "api_requests_total")
STAYING = tuple(f"hex_{name}{{".encode() for name in _STAYING)


class Workspace:
    """Many projects with schedules and rare API runs, all runs drawn beforehand; answers as a transport.

    `first_told` is when each run was first listed as ended. Nothing else than schedules foretells a run: the listing
    shows no renewed results.
    """

    def __init__(self, clock: ManualClock, seed: int, until: float) -> None:
        self.clock = clock
        self.first_told: dict[str, float] = {}
        self.kinds: dict[str, str] = {}
        self.runs: dict[str, list[tuple[float, float, str]]] = {}
        self.listing: list[dict[str, object]] = []
        self.transport = httpx.MockTransport(self._answer)
        rng = random.Random(seed)
        for number in range(PROJECTS):
            self._add(number, rng, until)

    def _add(self, number: int, rng: random.Random, until: float) -> None:
        project_id = f"{number:08x}-0000-4000-8000-000000000000"
        kind = "hourly" if number % 20 == 0 else "daily" if number % 4 == 1 else ("weekly", "api")[number // 2 % 2]
        hour, minute, day = rng.randrange(24), rng.randrange(60), rng.randrange(7)
        first = NOW - 2 * WEEK
        if kind == "hourly":
            schedule = {"cadence": "HOURLY", "hourly": {"minute": minute, "timezone": "+00:00"}}
            due = [first + minute * MINUTE + step * HOUR for step in range(int((until - first) / HOUR))]
        elif kind == "daily":
            schedule = {"cadence": "DAILY", "daily": {"hour": hour, "minute": minute, "timezone": "UTC"}}
            at = first + hour * HOUR + minute * MINUTE
            due = [at + step * DAY for step in range(int((until - at) / DAY) + 1)]
        elif kind == "weekly":
            where = {"dayOfWeek": DAYS[day], "hour": hour, "minute": minute, "timezone": "UTC"}
            schedule = {"cadence": "WEEKLY", "weekly": where}
            at = first + day * DAY + hour * HOUR + minute * MINUTE
            due = [at + step * WEEK for step in range(int((until - at) / WEEK) + 1)]
        else:
            schedule, due = None, []
            at = first + rng.expovariate(1 / WEEK)
            while at < until:
                due.append(at)
                at += rng.expovariate(1 / WEEK)
        median = rng.lognormvariate(4, 0.7)
        runs = []
        for at in due:
            start = at + (0 if kind == "api" else min(600, rng.expovariate(1 / 20)))
            runs.append((start, start + median * rng.lognormvariate(0, 0.3), f"{number}-{int(at)}"))
        self.kinds[project_id] = kind
        self.runs[project_id] = runs
        self.listing.append(
            {
                "id": project_id,
                "title": f"Project {number}",
                "createdAt": stamp(NOW - 300 * DAY),
                "lastEditedAt": stamp(NOW - 100 * DAY),
                "lastPublishedAt": stamp(NOW - 100 * DAY),
                "schedules": [] if schedule is None else [{"enabled": True, **schedule}],
            }
        )

    def listed(self, project_id: str) -> list[tuple[float, float, str]]:
        """The runs that have begun, the latest first."""
        runs = self.runs[project_id]
        return runs[: bisect.bisect(runs, (self.clock.now(),))][::-1]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path, params = request.url.path.removeprefix("/api/v1/"), request.url.params
        if path == "projects":
            first = int(params.get("after") or 0)
            more = first + 100 < PROJECTS
            pagination = {"after": str(first + 100) if more else None}
            return _json({"values": self.listing[first : first + 100], "pagination": pagination})
        if path == "projects/export":
            project_id = msgspec.json.decode(request.content)["projectId"]
            content = f"meta: {{projectId: {project_id}, kernelSize: large}}\ncells: []\n"
            return _json({"filename": "a.hex.yaml", "content": content})
        if path.endswith("/runs"):
            return _json(self._runs(path.split("/")[1], int(params["offset"])))
        return _json({"values": [], "org": {"id": "org"}, "pagination": {"after": None}})

    def _runs(self, project_id: str, offset: int) -> dict[str, object]:
        now, runs = self.clock.now(), self.listed(project_id)
        page = runs[offset : offset + 100]
        for _, end, run_id in page:
            if end <= now:
                self.first_told.setdefault(run_id, now)
        trigger = "API" if self.kinds[project_id] == "api" else "SCHEDULED"
        return {
            "runs": [
                {
                    "runId": run_id,
                    "projectId": project_id,
                    "status": "COMPLETED" if end <= now else "RUNNING",
                    "runTrigger": trigger,
                    "startTime": stamp(start),
                    "endTime": stamp(end) if end <= now else None,
                    "projectVersion": "1",
                }
                for start, end, run_id in page
            ],
            "nextPage": "more" if offset + 100 < len(runs) else None,
        }


def time_to_count(hours: float, *, exports: bool = False) -> float:
    """Print how long runs waited to be counted, by kind of project, and what taking turns would have cost.

    The 95th percentile of the waits, in seconds; `exports`: while the version of each project is read as well.
    """
    clock = ManualClock()
    clock.step(NOW + 9 * HOUR - clock.now())
    measured_from = clock.now() + WARM_UP_HOURS * HOUR
    until = measured_from + hours * HOUR
    workspace = Workspace(clock, 1, until + 12 * HOUR)
    following = Following(
        clock,
        workspace.transport,
        "sqlite://",
        RateLimit(per_minute=PER_MINUTE, per_hour=60 * PER_MINUTE, share=1.0),
        Collect(users=False, groups=False, connections=False, threads=False, queried_tables=False, exports=exports),
        TokenSource(value="hxtw_" + "ab" * 48),
    )
    began = time.process_time()
    asyncio.run(_measure(following, workspace, until))
    counted = following.counted("hex_api_requests_total")
    requests = sum(counted.values())
    print(f"  {sum(count for (endpoint, *_), count in counted.items() if endpoint == 'export'):,} of them exports")
    spent = time.process_time() - began

    waits: dict[str, list[float]] = defaultdict(list)
    turns: list[float] = []
    step = 60 / PER_MINUTE
    for number, (project_id, runs) in enumerate(workspace.runs.items()):
        for _, end, run_id in runs:
            if measured_from <= end < until:
                # A run that was not seen by the end of the measurement has waited at least until then.
                waits[workspace.kinds[project_id]].append(workspace.first_told.get(run_id, clock.now()) - end)
                turns.append((number * step - end) % (PROJECTS * step))
    for kind, values in sorted(waits.items()):
        print(f"  {kind:<7} {len(values):5,} runs, p50 {_minutes(values, 50)}, p95 {_minutes(values, 95)}")
    waited = [wait for values in waits.values() for wait in values]
    ratio = _percentile(turns, 95) / _percentile(waited, 95)
    print(f"  in turn {len(turns):5,} runs, p50 {_minutes(turns, 50)}, p95 {_minutes(turns, 95)}")
    print(f"  {requests:,} requests in {clock.now() - NOW - 9 * HOUR:,.0f} s, {spent * 1000 / requests:.1f} ms each")
    verdict = "kept" if ratio >= 6 else "NOT KEPT"
    print(
        f"from a run's end to its count, {PROJECTS:,} projects, {PER_MINUTE} requests a minute: "
        f"p95 {_minutes(waited, 95)}, a {ratio:.1f}th of taking turns   <= a 6th: {verdict}"
    )
    following.ledger.close()
    return _percentile(waited, 95)


async def _measure(following: Following, workspace: Workspace, until: float) -> None:
    """Let an exporter that has followed the workspace for two weeks follow it for some hours more."""
    await following.run_for(2 * MINUTE)  # the listing
    _know(following, workspace)
    following.restart()
    await following.until(until)


def _know(following: Following, workspace: Workspace) -> None:
    now_ms = round(workspace.clock.now() * 1000)
    for project_id, kind in workspace.kinds.items():
        trigger = "api" if kind == "api" else "scheduled"
        runs = [
            Run(
                run_id=run_id,
                project_id=project_id,
                status="completed",
                trigger=trigger,
                start_ms=round(start * 1000),
                end_ms=round(end * 1000),
                version="1",
            )
            for start, end, run_id in workspace.listed(project_id)
            if end * 1000 < now_ms
        ]
        read_ms = now_ms - random.Random(project_id).randrange(HOUR * 1000)
        progress = RunProgress(known_until_ms=read_ms, known_from_ms=0, last_read_ms=read_ms)
        following.known.record_runs(project_id, runs, progress, now_ms)


def _json(content: object) -> httpx.Response:
    return httpx.Response(200, content=msgspec.json.encode(content), headers={"Content-Type": "application/json"})


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _minutes(values: list[float], percent: int) -> str:
    return f"{_percentile(values, percent) / 60:.1f} min" if len(values) > 1 else "-"


DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")

if __name__ == "__main__":
    main()
