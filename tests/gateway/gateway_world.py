"""A simulated workspace, the gateway before it, and callers; all in one process and in virtual time."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

import httpx
import msgspec
from helpers.virtual import LoopClock, in_virtual_time

from exporter.config import (
    Collect,
    Config,
    Exports,
    FileSource,
    Match,
    Policy,
    RateLimit,
    Source,
    Storage,
    Week,
    Workspace,
)
from exporter.config import Gateway as GatewaySettings
from exporter.config import Queue as QueueSettings
from exporter.facts import Project
from exporter.gateway import App, Gateway, GatewayHost, open_gateway
from exporter.hexapi import Pace
from exporter.ledger import Ledger, WorkspaceLedger, open_ledger
from exporter.simulator import Faults, RateLimits, Simulation, Tokens, create_app

ALICE = "hxtp_" + "a1" * 48
BOB = "hxtp_" + "b0" * 48
EVE = "hxtp_" + "ee" * 48

HEX = "http://hex.test/api/v1"
PUBLIC = "https://gateway.test"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class World:
    """One workspace behind one gateway; `more` are its settings. `restart` is what a kill and a new start do to it."""

    def __init__(
        self,
        clock: LoopClock,
        *,
        policies: tuple[Policy, ...] = (),
        sources: tuple[Source, ...] = (),
        limits: RateLimits | None = None,
        tokens: Tokens | None = None,
        queue: QueueSettings | None = None,
        concurrency: int = 3,
        run_seconds: float = 20.0,
        projects: int = 12,
        rate_limit: RateLimit = RateLimit(),  # noqa: B008 - it is frozen
        url: str = "sqlite://",
        has_monitor: bool = False,
        week: Week = Week(),  # noqa: B008 - it is frozen
        exports: bool = False,
        export_paths: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        self.clock = clock
        self.simulation = Simulation(1, projects, clock=clock, run_seconds=run_seconds)
        self.faults = Faults(seed=1)
        self.service = create_app(
            self.simulation, faults=self.faults, limits=limits or RateLimits.documented(), tokens=tokens
        )
        self.sent: list[tuple[str, str, dict[str, str]]] = []
        self.transport = httpx.ASGITransport(app=self._recorded)
        self.workspace = Workspace(name="w", base_url=HEX, rate_limit=rate_limit)
        settings = GatewaySettings(
            public_url=PUBLIC, policies=policies, queue=queue or QueueSettings(), concurrency=concurrency, **more
        )
        self.config = Config(
            workspaces=(self.workspace,), storage=Storage(url=url), sources=sources, gateway=settings, weeks=(week,)
        )
        self.config = msgspec.structs.replace(
            self.config, collect=Collect(exports=exports), exports=Exports(paths=export_paths)
        )
        # What a monitor of sources would find, by source, and how long that takes; None: the source cannot be read.
        self.has_monitor = has_monitor
        self.data: dict[str, str | None] = {}
        self.stamps: dict[str, str] = {}
        self.look_seconds = 0.1
        self.looks = 0
        self.book: Ledger = open_ledger(url, clock=clock)
        self.list_projects()
        self.expected_runs: list[str] = []
        self.used: dict[str, tuple[tuple[int, int], float]] = {}
        self.pace = self._new_pace()
        self._started: list[asyncio.Task[None]] = []
        self.app = App()
        self.gateway: Gateway
        self.client = self._new_client()

    @property
    def ledger(self) -> WorkspaceLedger:
        return self.book.workspace("w")

    @property
    def now_ms(self) -> int:
        return round(self.clock.now() * 1000)

    @property
    def projects(self) -> list[str]:
        """The projects that can be run."""
        return [one.project_id for one in self.simulation.projects if one.is_runnable]

    async def open(self) -> None:
        host = GatewayHost(
            ledger=self.ledger,
            pace=lambda: self.pace,
            clock=self.clock,
            rng=random.Random(self.now_ms),
            expect_run=self.expected_runs.append,
            budgets_used=lambda: self.used,
            transport=self.transport,
            **({"probe_source": self.look} if self.has_monitor else {}),
        )
        self.gateway = await open_gateway(self.config, host)
        self.app.open(self.gateway)
        self._started.append(asyncio.ensure_future(self.gateway.run()))

    async def kill(self) -> None:
        """End the gateway as SIGKILL does: nothing is flushed, no caller is answered."""
        for task in self._started:
            task.cancel()
        await asyncio.gather(*self._started, return_exceptions=True)
        self._started.clear()
        for task in tuple(self.gateway._dispatcher._tasks):
            task.cancel()
        await asyncio.sleep(0)

    async def restart(self) -> None:
        self.pace = self._new_pace()
        self.app = App()
        await self.client.aclose()
        self.client = self._new_client()
        await self.open()

    async def aclose(self) -> None:
        for task in self._started:
            task.cancel()
        await asyncio.gather(*self._started, return_exceptions=True)
        await self.gateway.aclose()
        await self.client.aclose()
        self.book.close()

    # What callers do

    async def run(self, project_id: str, body: object = None, *, token: str = ALICE, **headers: str) -> httpx.Response:
        content = b"" if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if content else {}
        return await self.client.post(
            f"/api/v1/projects/{project_id}/runs",
            content=content,
            headers={**bearer(token), **kind, **{name.replace("_", "-"): value for name, value in headers.items()}},
        )

    async def status(self, project_id: str, run_id: str, *, token: str = ALICE) -> httpx.Response:
        return await self.client.get(f"/api/v1/projects/{project_id}/runs/{run_id}", headers=bearer(token))

    async def cancel(self, project_id: str, run_id: str, *, token: str = ALICE) -> httpx.Response:
        return await self.client.delete(f"/api/v1/projects/{project_id}/runs/{run_id}", headers=bearer(token))

    async def ended(self, project_id: str, run_id: str, *, token: str = ALICE, every: float = 3.0) -> str:
        """Poll a run as a client does until it has ended; its end state."""
        while True:
            answer = await self.status(project_id, run_id, token=token)
            if answer.status_code == 429 or answer.status_code >= 500:
                await asyncio.sleep(float(answer.headers.get("Retry-After", every)))
                continue
            assert answer.status_code == 200, answer.text
            status = str(answer.json()["status"])
            if status not in ("PENDING", "RUNNING"):
                return status
            await asyncio.sleep(every)

    # What is true

    def started(self, project_id: str | None = None) -> int:
        """How many runs Hex has started."""
        requested = self.simulation._requested
        return sum(len(runs) for one, runs in requested.items() if project_id in (None, one))

    def requested(self, endpoint: str, code: str | None = None) -> int:
        """How many requests have reached Hex."""
        tally = self.service.tally
        return sum(count for (one, answer), count in tally.items() if one == endpoint and code in (None, answer))

    async def counted(self, metric: str) -> Counter[tuple[str, ...]]:
        """The sums of a counter that are not 0."""
        await self.gateway._context.journal.flush()
        self.ledger.release_holds(self.now_ms + 90_001)
        return Counter({one.labels: one.value for one in self.ledger.counters() if one.metric == metric and one.value})

    def list_projects(self) -> None:
        """What the exporter's own polling does: the projects are known, and have series of their own."""
        now_ms = self.now_ms
        listed = [
            Project(project_id=one.project_id, title=one.title, published_ms=one.published_ms)
            for one in self.simulation.projects
        ]
        self.ledger.record_projects(listed, now_ms)
        self.ledger.choose_members(500, now_ms)

    def read_runs(self, project_id: str) -> None:
        """What the exporter's own polling does when it reads a project's runs."""
        known = next(one for one in self.ledger.projects() if one.project.project_id == project_id)
        runs = [run.seen(self.now_ms) for run in islice(self.simulation.newest(project_id), 50)]
        progress = replace(known.progress, known_until_ms=self.now_ms, known_from_ms=0, last_read_ms=self.now_ms)
        self.ledger.record_runs(project_id, runs, progress, self.now_ms)

    # What happens to sources

    def probe(self, source: Source, project_id: str, digest: str, seconds: float = 0.0) -> None:
        """A probe that has just ended, having taken so long, and saw this."""
        began_ms = self.now_ms - round(seconds * 1000)
        self.ledger.sources.record(source.key(project_id), digest, began_ms, self.now_ms)

    async def look(self, key: str) -> bool:
        """What the monitor does when a request wants a probe of now: it sees the data as it is when that begins."""
        self.looks += 1
        began_ms, digest, stamp = self.now_ms, self.data.get(key), self.stamps.get(key)
        await asyncio.sleep(self.look_seconds)
        if digest is None:
            self.ledger.sources.record_failure(key, "no such file", self.now_ms)
            return False
        self.ledger.sources.record(key, digest, began_ms, self.now_ms, stamp)
        return True

    async def _recorded(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.sent.append((scope["method"], scope["raw_path"].decode(), headers))
        await self.service(scope, receive, send)

    def _new_pace(self) -> Pace:
        limit = self.workspace.rate_limit
        pace = Pace(
            per_minute=limit.per_minute,
            per_hour=limit.per_hour,
            share=limit.share,
            clock=self.clock,
            rng=random.Random(1),
            on_cool_down=self.ledger.set_cool_down,
        )
        sent = self.ledger.requests_by_minute(self.now_ms - 3_600_000)
        pace.restore(self.ledger.cool_down_until_ms or 0, [], sent)
        return pace

    def _new_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url="http://gateway", timeout=None)


def file_source(*project_ids: str, every_seconds: float = 300.0, **more: Any) -> Source:
    match = Match(project_id=project_ids[0]) if project_ids else Match(project_id="*")
    return Source(match=match, file=FileSource(paths=("/data/orders.csv",)), every_seconds=every_seconds, **more)


@asynccontextmanager
async def opened(clock: LoopClock, **settings: Any) -> AsyncIterator[World]:
    """A world whose gateway answers."""
    world = World(clock, **settings)
    try:
        await world.open()
        yield world
    finally:
        await world.aclose()


async def together(*coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
    return list(await asyncio.gather(*coroutines))


def play(story: Callable[[World, str], Awaitable[None]], **settings: Any) -> None:
    """Live through a story about one project that can be run, in virtual time."""
    play_all(lambda world, projects: story(world, projects[3]), **settings)


def play_all(story: Callable[[World, list[str]], Awaitable[None]], *, begins: float = 0.0, **settings: Any) -> None:
    """Live through a story about all projects that can be run, in virtual time that begins so many seconds later."""

    async def live(clock: LoopClock) -> None:
        clock.step(begins)
        async with opened(clock, **settings) as world:
            await story(world, world.projects)

    in_virtual_time(live)


def cache(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Hex-Exporter-Cache"]


async def completed(world: World, project: str, body: object = None, **more: Any) -> httpx.Response:
    """A run request whose run has completed."""
    answer = await world.run(project, body, **more)
    assert answer.status_code == 201, answer.text
    assert await world.ended(project, answer.json()["runId"], token=more.get("token", ALICE)) == "COMPLETED"
    return answer


class HangUp:
    """A caller that sends a run request and hangs up on demand, as a server shows that to the application."""

    def __init__(self, world: World, project_id: str, token: str = ALICE) -> None:
        self.sent: list[Any] = []
        self._gone = asyncio.Event()
        self._asked = False
        path = f"/api/v1/projects/{project_id}/runs"
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "scheme": "http",
            "client": ("127.0.0.1", 123),
            "headers": [(name.lower().encode(), value.encode()) for name, value in bearer(token).items()],
        }
        self.task = asyncio.ensure_future(world.app(scope, self._receive, self._send))

    def hang_up(self) -> None:
        self._gone.set()

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)
