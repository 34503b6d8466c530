"""What the overview page of 1,000 projects costs: making it and sending it.

The page is made with the metrics and sent as it is: p99 of a request is to be below 5 ms.
"""

import asyncio
import http.client
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.workspace_world import World

from exporter.clock import SystemClock
from exporter.metrics import PageBuilder
from exporter.overview import STYLE_SHA256, Frame, render_overview, workspace_figures
from exporter.web import Server, create_app

PROJECTS, RUNS_EACH, REQUESTS = 1000, 20, 2000


class _Page:
    def body(self, *, openmetrics: bool, gzip: bool) -> bytes:
        return b""


class _Publisher:
    page = _Page()


def _world() -> World:
    world = World(SystemClock())
    world.list_projects(*(world.published(f"p{n}", title=f"Project {n}") for n in range(PROJECTS)), members=PROJECTS)
    for n in range(PROJECTS):
        world.read_runs(f"p{n}", *world.many(RUNS_EACH, 3_600_000, f"p{n}-"))
    return world


def _seconds(work, times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _request_ms(document: bytes) -> list[float]:
    app = create_app(
        _Publisher(),
        health=lambda: (True, ""),
        ready=lambda: (True, ""),
        reload=None,
        landing=lambda: document,
        landing_style_sha256=STYLE_SHA256,
    )
    server = Server(app, listen=["127.0.0.1:0"])
    (address,) = server.bind()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve(stop)))
    thread.start()
    client = http.client.HTTPConnection(address.host, address.port)
    taken = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        client.request("GET", "/")
        client.getresponse().read()
        taken.append(1000 * (time.perf_counter() - began))
    client.close()
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    return sorted(taken)


def main() -> None:
    world = _world()
    snapshots = list(world.collector.snapshots(world.config, world.now_ms))
    frame = Frame(version="0", telemetry_path="/metrics", states={"acme": "followed"}, reasons={"acme": ()})
    document = render_overview(frame, [workspace_figures(one) for one in snapshots])
    overview = _seconds(lambda: render_overview(frame, [workspace_figures(one) for one in snapshots]), 50)
    builder = PageBuilder()
    metrics = _seconds(lambda: builder.build(world.collector.families(snapshots)), 10)
    taken = _request_ms(document)
    print(f"{PROJECTS} projects: {len(document)} bytes, made in {1000 * overview:.2f} ms")
    print(f"the metrics of the same: {1000 * metrics:.2f} ms")
    print(f"a request: p50 {taken[REQUESTS // 2]:.2f} ms, p99 {taken[REQUESTS * 99 // 100]:.2f} ms")


if __name__ == "__main__":
    main()
