"""The gateway and a simulated Hex on real sockets, with real threads, as both are served."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from gateway_world import ALICE, bearer
from helpers.hostile import HOSTILE

from exporter.clock import SystemClock
from exporter.config import Collect, Config, FileSource, Match, RateLimit, Source, Storage, Workspace
from exporter.config import Gateway as GatewaySettings
from exporter.gateway import App, Gateway, GatewayHost, open_gateway
from exporter.hexapi import Pace
from exporter.ledger import WorkspaceLedger, open_ledger
from exporter.simulator import RateLimits, Simulation, create_app
from exporter.simulator.app import Service
from exporter.web import Server

pytestmark = pytest.mark.integration

ACTIVE = ("PENDING", "RUNNING")
SOURCE = Source(match=Match(project_id="*"), file=FileSource(paths=("/data/orders.csv",)))


class Sockets:
    def __init__(self, service: Service, gateway: Gateway, ledger: WorkspaceLedger, port: int, hex_port: int) -> None:
        self.service = service
        self.gateway = gateway
        self.ledger = ledger
        self.port = port
        self.hex_port = hex_port
        self.client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=bearer(ALICE), timeout=60, trust_env=False, verify=False
        )

    @property
    def project(self) -> str:
        return [one.project_id for one in self.service.simulation.projects if one.is_runnable][3]

    async def raw(self, request: bytes) -> bytes:
        """What comes back for these bytes until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            return await asyncio.wait_for(reader.read(), 60)
        finally:
            writer.close()


@asynccontextmanager
async def served(folder: Path, *, run_seconds: float = 0.2, **settings: object) -> AsyncIterator[Sockets]:
    clock = SystemClock()
    service = create_app(Simulation(1, 40, clock=clock, run_seconds=run_seconds), limits=RateLimits.off())
    stop = asyncio.Event()
    hex_server = Server(service, listen=["127.0.0.1:0"])
    hex_port = hex_server.bind()[0].port
    workspace = Workspace(name="w", base_url=f"http://127.0.0.1:{hex_port}/api/v1")
    url = f"sqlite:///{folder / 'ledger.db'}"
    config = Config(
        collect=Collect(exports=False),
        workspaces=(workspace,),
        storage=Storage(url=url),
        sources=(SOURCE,),
        gateway=GatewaySettings(**settings),  # type: ignore[arg-type]
    )
    book = open_ledger(url, clock=clock)
    limit = RateLimit(per_minute=6000, per_hour=360_000)
    pace = Pace(
        per_minute=limit.per_minute, per_hour=limit.per_hour, share=limit.share, clock=clock, rng=random.Random(1)
    )
    host = GatewayHost(ledger=book.workspace("w"), pace=lambda: pace, clock=clock, rng=random.Random(1))
    gateway = await open_gateway(config, host)
    app = App()
    app.open(gateway)
    server = Server(app, listen=["127.0.0.1:0"], takes_whole_urls=False, answers_half_closed=False)
    port = server.bind()[0].port
    tasks = [asyncio.ensure_future(one) for one in (hex_server.serve(stop), server.serve(stop), gateway.run())]
    sockets = Sockets(service, gateway, book.workspace("w"), port, hex_port)
    try:
        while (await sockets.client.get("/api/v1/users/me")).status_code == 503:  # noqa: ASYNC110 - it starts
            await asyncio.sleep(0.01)
        yield sockets
    finally:
        await sockets.client.aclose()
        stop.set()
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await gateway.aclose()
        book.close()


def live(folder: Path, story: Callable[[Sockets], Awaitable[None]], **settings: object) -> None:
    async def whole() -> None:
        async with asyncio.timeout(100), served(folder, **settings) as sockets:  # type: ignore[arg-type]
            await story(sockets)

    asyncio.run(whole())


def test_a_miss_a_hit_and_links_that_lead_back_to_the_gateway(tmp_path: Path) -> None:
    async def story(sockets: Sockets) -> None:
        project = sockets.project
        now_ms = sockets.service.simulation.now_ms
        sockets.ledger.sources.record(SOURCE.key(project), "state", now_ms - 10, now_ms)
        first = await sockets.client.post(f"/api/v1/projects/{project}/runs", json={"inputParams": {"a": 1}})
        assert (first.status_code, first.headers["X-Hex-Exporter-Cache"]) == (201, "miss")
        status_url = first.json()["runStatusUrl"]
        assert status_url.startswith(f"http://127.0.0.1:{sockets.port}/api/v1/projects/")
        while (state := (await sockets.client.get(status_url)).json()["status"]) in ACTIVE:  # noqa: ASYNC110 - as clients do
            await asyncio.sleep(0.1)
        assert state == "COMPLETED"
        second = await sockets.client.post(f"/api/v1/projects/{project}/runs", json={"inputParams": {"a": 1.0}})
        assert (second.headers["X-Hex-Exporter-Cache"], second.json()) == ("hit", first.json())
        page = (await sockets.client.get("/api/v1/projects/" + project + "/runs?limit=1")).json()
        assert page["nextPage"].startswith(f"http://127.0.0.1:{sockets.port}/api/v1/")
        assert (await sockets.client.get(page["nextPage"])).status_code == 200

    live(tmp_path, story)


def test_no_hostile_target_is_sent_on(tmp_path: Path) -> None:
    async def story(sockets: Sockets) -> None:
        before = len(sockets.service.log)
        for method, target in HOSTILE:
            request = f"{method} {target} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {ALICE}\r\n"
            answer = await sockets.raw(request.encode("latin-1") + b"Connection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 400 "), (method, target, answer)
            assert ALICE.encode() not in answer
        assert len(sockets.service.log) == before
        assert (await sockets.client.get("/api/v1/users/me")).status_code == 200
        assert len(sockets.service.log) == before + 1

    live(tmp_path, story)


def test_the_source_endpoint_is_as_strict_about_its_path(tmp_path: Path) -> None:
    async def story(sockets: Sockets) -> None:
        for name in ("..", "%2e%2e", "a%2fb", ".", "", "a/b"):
            before = len(sockets.service.log)
            request = f"GET /gateway/v1/projects/{name}/source HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {ALICE}\r\n"
            answer = await sockets.raw(request.encode() + b"Connection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 400 "), (name, answer)
            assert len(sockets.service.log) == before

    live(tmp_path, story)


def test_a_client_that_closes_its_connection_is_gone_at_once(tmp_path: Path) -> None:
    async def story(sockets: Sockets) -> None:
        projects = [one.project_id for one in sockets.service.simulation.projects if one.is_runnable]
        first = await sockets.client.post(f"/api/v1/projects/{projects[3]}/runs")
        assert first.status_code == 201
        _, writer = await asyncio.open_connection("127.0.0.1", sockets.port)
        request = f"POST /api/v1/projects/{projects[4]}/runs HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {ALICE}\r\n"
        writer.write(request.encode() + b"Content-Length: 0\r\n\r\n")
        while not sockets.gateway.state.queue_length:  # noqa: ASYNC110 - another's queue
            await asyncio.sleep(0.01)
        (run,) = sockets.gateway._registry.pending()
        assert run.waiting.count == 1
        writer.close()
        while run.waiting.count:  # noqa: ASYNC110 - another's queue
            await asyncio.sleep(0.01)
        assert sockets.gateway.state.queue_length == 1

    live(tmp_path, story, run_seconds=1000, concurrency=1)


def test_what_the_gateway_shows_of_a_source(tmp_path: Path) -> None:
    async def story(sockets: Sockets) -> None:
        project = sockets.project
        path = f"/gateway/v1/projects/{project}/source"
        unknown = (await sockets.client.get(path)).json()
        assert (unknown["known"], unknown["state"], unknown["changed_at"]) == (False, None, None)
        now_ms = sockets.service.simulation.now_ms - 1000
        for number, state in enumerate(("one", "two")):
            sockets.ledger.sources.record(SOURCE.key(project), state, now_ms + 10 * number, now_ms + 10 * number + 5)
        shown = (await sockets.client.get(path)).json()
        assert shown["project_id"] == project
        assert (shown["known"], shown["fresh"], shown["state"], shown["source"]) == (True, True, "two", SOURCE.name)
        assert shown["every_seconds"] == 300
        assert shown["changed_at"] < shown["probed_at"]
        assert "/data/orders.csv" not in str(shown)
        sockets.ledger.sources.record_failure(SOURCE.key(project), "no such file", now_ms + 100)
        failed = (await sockets.client.get(path)).json()
        assert (failed["known"], failed["failure"]) == (False, None)  # why is for callers who may run it
        unknown = await sockets.client.get(path, headers={"Authorization": "Bearer nothing"})
        assert unknown.status_code == 401

    live(tmp_path, story)


def test_bodies_beyond_a_mebibyte_are_refused_while_they_come(tmp_path: Path) -> None:
    async def story(sockets: Sockets) -> None:
        head = f"POST /api/v1/projects/{sockets.project}/runs HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {ALICE}\r\n"
        body = b" " * (1024 * 1024 + 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", sockets.port)
        writer.write(head.encode() + b"Content-Type: application/json\r\nContent-Length: 100000000\r\n\r\n" + body)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert not any(one.endpoint in ("project", "run_project") for one in sockets.service.log)

    live(tmp_path, story)


def test_health_needs_no_token(tmp_path: Path) -> None:
    async def story(sockets: Sockets) -> None:
        answer = await sockets.raw(b"GET /-/healthy HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")

    live(tmp_path, story)
