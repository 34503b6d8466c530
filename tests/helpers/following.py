"""What follows a simulated or a hand-made workspace in tests, on a clock that moves only when it waits."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import msgspec

from exporter.clock import UnsteppedClock
from exporter.config import Collect, Config, RateLimit, Storage, Workspace
from exporter.hexapi import TokenSource
from exporter.ledger import Ledger, WorkspaceLedger, open_ledger
from exporter.metrics import Collector, Status
from exporter.polling import Poller, WorkspaceClock

NOW = 1_795_392_000  # Monday, 23 November 2026, 00:00 UTC


def stamp(seconds: float | None) -> str | None:
    """The time as Hex writes it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class HandMadeHex:
    """A workspace of a few dictionaries behind an HTTP transport; `requests` has every path that was requested.

    `answers` overrides a path: a response, or a function that makes one. `lags_seconds` is how far its clock is behind.
    """

    def __init__(self, clock) -> None:
        self.clock = clock
        self.projects: dict[str, dict] = {}
        self.runs: dict[str, list[dict]] = {}
        self.answers: dict[str, Callable[[httpx.Request], httpx.Response] | httpx.Response] = {}
        self.requests: list[tuple[float, str]] = []
        self.lags_seconds = 0.0
        self.transport = httpx.MockTransport(self._answer)

    def add_project(self, project_id: str, **fields) -> None:
        self.projects[project_id] = {
            "id": project_id,
            "title": project_id.title(),
            "lastPublishedAt": stamp(NOW - 86_400),
            **fields,
        }
        self.runs.setdefault(project_id, [])

    def add_run(self, project_id: str, run_id: str, start: float, *, end: float | None = None, **fields) -> dict:
        run = {
            "runId": run_id,
            "projectId": project_id,
            "status": "RUNNING" if end is None else "COMPLETED",
            "runTrigger": "API",
            "startTime": stamp(start),
            "endTime": stamp(end),
            **fields,
        }
        self.runs[project_id].insert(0, run)
        return run

    def requested(self, path: str) -> int:
        return sum(one == path for _, one in self.requests)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/")
        self.requests.append((self.clock.now(), path))
        at = datetime.fromtimestamp(int(self.clock.now() - self.lags_seconds), UTC)
        date = {"Date": format_datetime(at, usegmt=True)}
        if path == "projects/export" and path not in self.answers:
            return httpx.Response(403, headers=date, json={"reason": "the token may not export projects"})
        if answer := self.answers.get(path):
            response = answer(request) if callable(answer) else answer
            response.headers.update(date)
            return response
        return httpx.Response(200, headers=date, json=self._page(path, request.url.params))

    def _page(self, path: str, params: httpx.QueryParams) -> dict:
        if path == "projects":
            return {"values": list(self.projects.values()), "pagination": {"after": None}}
        if path == "users/me":
            return {"org": {"id": "org"}, "token": {"exp": NOW + 86_400}}
        if path.endswith("/runs"):
            runs, offset = self.runs[path.split("/")[1]], int(params["offset"])
            more = offset + 100 < len(runs)
            return {"runs": runs[offset : offset + 100], "nextPage": "https://next" if more else None}
        return {"threads": [], "values": [], "pagination": {"after": None}}


class Following:
    """One poller and what it writes to; `restart` is what a kill and a new start do; a ledger in memory survives it."""

    def __init__(self, clock, transport, url: str, limit: RateLimit, collect: Collect, token: TokenSource) -> None:
        self.clock = clock
        self.workspace = Workspace(name="w", base_url="http://localhost/api/v1", rate_limit=limit, token_env="T")
        self.config = Config(workspaces=(self.workspace,), storage=Storage(url=url), collect=collect)
        self.ledger_clock = UnsteppedClock(clock)
        self.ledger: Ledger = open_ledger(url, clock=self.ledger_clock)
        self._transport = transport
        self._token = token
        self.time = WorkspaceClock(clock)
        self.poller = self._poller()

    @property
    def known(self) -> WorkspaceLedger:
        return self.ledger.workspace("w")

    def restart(self) -> None:
        if self.ledger.is_durable:
            self.ledger.close()
            self.ledger_clock = UnsteppedClock(self.clock)
            self.ledger = open_ledger(self.config.storage.url, clock=self.ledger_clock)
        self.time = WorkspaceClock(self.clock)
        self.poller = self._poller()

    def hurry(self) -> None:
        """Go on with a rate limit that leaves nothing waiting."""
        limit = RateLimit(per_minute=60, per_hour=3600, share=1.0)
        self.workspace = msgspec.structs.replace(self.workspace, rate_limit=limit)
        self.poller = self._poller()

    async def until(self, moment: float, *, each: Callable[[], Awaitable[None] | None] | None = None) -> None:
        """Go on until the wall clock shows this moment."""
        for _ in range(1_000_000):
            if self.clock.now() >= moment:
                return
            wait = await self.poller.step()
            if each is not None:
                each()
            self.clock.advance(min(max(wait, 0.2), max(moment - self.clock.now(), 0.2)))
        raise AssertionError("the poller never waits")

    async def run_for(self, seconds: float, **more) -> None:
        await self.until(self.clock.now() + seconds, **more)

    def counted(self, metric: str = "hex_runs_total") -> dict[tuple[str, ...], int]:
        """The sums of a counter that are not 0, whether held or not."""
        self.known.release_holds(round(self.ledger_clock.now() * 1000) + 90_001)
        return {one.labels: one.value for one in self.known.counters() if one.metric == metric and one.value}

    def figures(self) -> dict[str, dict[tuple[str, ...], float]]:
        """What the page shows now: by metric, by label values without the workspace."""
        families = Collector(self.ledger, Status()).collect(self.config, round(self.clock.now() * 1000))
        return {
            one.metric.name: {
                labels[1:] if one.metric.labels[:1] == ("workspace",) else labels: value
                for labels, value in one.samples
            }
            for one in families
        }

    def _poller(self) -> Poller:
        return Poller(
            self.workspace,
            self.config,
            self._token,
            self.known,
            clock=self.time,
            rng=random.Random(1),
            transport=self._transport,
        )


def go(following: Following, seconds: float, **more) -> None:
    """Go on for so many seconds."""
    asyncio.run(following.run_for(seconds, **more))
