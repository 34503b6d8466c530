"""What the gateway costs and saves: a read that it passes on, a hit and a poll, each against the same request direct.

Hex is simulated, with no limits and runs of a fifth of a second; Hex, the gateway and the client are processes of
their own on one machine. Each line has the middle and the 99th percentile of both ways, what the gateway adds in the
middle, the processor time that it takes in the gateway (which other load of the machine changes less), and how many
requests reached Hex for each request of the client. A direct run request starts a run, which a hit does not. The log
and the rows of `gateway log` are written as in service.

Then how many hits one processor gives in a second, of several clients at once, and what hits take while `serve`, of
which the gateway is a part, reads the history of a large workspace for the first time.
"""

import asyncio
import http.client
import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers.running import Exporter, configuration, wait_for

from exporter.clock import SystemClock
from exporter.config import Collect, Config, FileSource, Match, Source, Storage, Workspace
from exporter.config import Gateway as GatewaySettings
from exporter.gateway import App, GatewayHost, open_gateway
from exporter.hexapi import Pace
from exporter.ledger import open_ledger
from exporter.service.logs import configure_logs
from exporter.simulator import RateLimits, Simulation, create_app
from exporter.web import Server

REQUESTS = 1_000
CLIENTS = 4
IMPORT_PROJECTS = 300
IMPORT_SECONDS = 20
WARM_UP = 50
HEADERS = {"Authorization": "Bearer hxtp_" + "be" * 48, "Content-Type": "application/json"}
SOURCE = Source(match=Match(project_id="*"), file=FileSource(paths=("/data",)), every_seconds=86_400)
PROJECTS = 40


def main() -> None:
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {REQUESTS} requests each")
    with tempfile.TemporaryDirectory() as folder:
        hex_process, hex_port = started(serve_hex)
        gateway_process, gateway_port = started(serve_gateway, hex_port, folder)
        try:
            path = measure(Client(hex_port), Client(gateway_port), gateway_process.pid)
            many_hits(gateway_port, path, gateway_process.pid)
        finally:
            for process in (gateway_process, hex_process):
                process.kill()
                process.join()
    with tempfile.TemporaryDirectory() as folder:
        hex_process, hex_port = started(serve_hex, IMPORT_PROJECTS)
        try:
            during_import(Path(folder), hex_port)
        finally:
            hex_process.kill()
            hex_process.join()


def many_hits(port: int, path: str, pid: int | None) -> None:
    """Hits of several clients at once, by the processor time that the gateway takes for them."""
    spent = processor_seconds(pid)
    with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
        taken = pool.starmap(hits, [(port, path)] * CLIENTS)
    count = CLIENTS * (REQUESTS + WARM_UP)
    spent = processor_seconds(pid) - spent
    print(
        f"{CLIENTS} clients at once: {count / spent:,.0f} hits a second of one processor's time, p99 of each", end=" "
    )
    print(", ".join(milliseconds(p99(times)) for times in taken))


def hits(port: int, path: str) -> list[float]:
    return Client(port).times("POST", path, REQUESTS, {})


def during_import(folder: Path, hex_port: int) -> None:
    """Hits while the exporter beside the gateway reads the whole history."""
    base_url = f"http://127.0.0.1:{hex_port}/api/v1"
    gateway = "gateway: {listen_address: '127.0.0.1:0', policies: [{min_interval: 1h, writeback: skip_ok}]}\n"
    (folder / "hex-exporter.yml").write_text(configuration(base_url, folder / "ledger.db", gateway))
    with Exporter(folder, base_url) as exporter:
        exporter.listening()
        port = exporter.said(r'The gateway is listening" address=127.0.0.1:(\d+)').group(1)
        client = Client(int(port))
        path = f"/api/v1/projects/{Client(hex_port).project()}/runs"
        wait_for(lambda: client.ask("GET", "/api/v1/users/me")[0].status == 200)
        client.completed(path)
        taken, until = [], time.monotonic() + IMPORT_SECONDS
        while time.monotonic() < until:
            taken += client.times("POST", path, 1, {"Prefer": "wait=30"})
            time.sleep(0.005)
        page = exporter.get().text
    known, complete = (
        int(float(line.rpartition(" ")[2]))
        for name in ("hex_exporter_history_projects{", "hex_exporter_history_projects_complete{")
        for line in page.splitlines()
        if line.startswith(name)
    )
    print(
        f"{len(taken)} hits while the history of {known} projects was read, {complete} complete by then: "
        f"p50 {milliseconds(statistics.median(taken))}, p99 {milliseconds(p99(taken))}, most {milliseconds(max(taken))}"
    )


def measure(direct: "Client", gateway: "Client", gateway_pid: int | None) -> str:
    """Prints the table; the path of the run requests that are hits."""
    project = direct.project()
    run_path, read_path = f"/api/v1/projects/{project}/runs", f"/api/v1/projects/{project}"
    run_id = gateway.completed(run_path)
    poll_path = f"{run_path}/{run_id}"
    print(
        f"{'request':<20} {'direct p50':>11} {'p99':>8} {'gateway p50':>12} {'p99':>8} {'added':>8} {'CPU':>8}  "
        "Hex calls each"
    )
    for name, method, path, more in (
        ("read, passed on", "GET", read_path, {}),
        ("hit", "POST", run_path, {}),
        ("poll of an ended run", "GET", poll_path, {}),
        ("run, passed on", "POST", run_path, {"Cache-Control": "no-cache"}),
    ):
        count = 15 if more else REQUESTS  # runs themselves are bounded, 20 a minute
        theirs = direct.times(method, path, count, more)
        before, spent = direct.calls(), processor_seconds(gateway_pid)
        ours = gateway.times(method, path, count, more)
        spent = (processor_seconds(gateway_pid) - spent) / (count + (0 if more else WARM_UP))
        calls = (direct.calls() - before) / (count + (0 if more else WARM_UP))
        added = statistics.median(ours) - statistics.median(theirs)
        print(
            f"{name:<20} {milliseconds(statistics.median(theirs)):>11} {milliseconds(p99(theirs)):>8} "
            f"{milliseconds(statistics.median(ours)):>12} {milliseconds(p99(ours)):>8} {milliseconds(added):>8} "
            f"{milliseconds(spent):>8}  "
            f"{calls:.2f}"
        )
    return run_path


def processor_seconds(pid: int | None) -> float:
    """The processor time that a process has taken so far, in steps of a hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


class Client:
    """One client that keeps its connection."""

    def __init__(self, port: int) -> None:
        self._client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method: str, path: str, more: dict[str, str] | None = None) -> tuple[http.client.HTTPResponse, bytes]:
        self._client.request(method, path, headers=HEADERS | (more or {}))
        answer = self._client.getresponse()
        return answer, answer.read()

    def times(self, method: str, path: str, count: int, more: dict[str, str]) -> list[float]:
        """Seconds of so many requests one after the other."""
        for _ in range(0 if more else WARM_UP):
            self.ask(method, path)
        taken = []
        for _ in range(count):
            began = time.perf_counter()
            answer, body = self.ask(method, path, more)
            taken.append(time.perf_counter() - began)
            assert answer.status in (200, 201), body
        return taken

    def project(self) -> str:
        """A project that can be run."""
        listed = json.loads(self.ask("GET", "/api/v1/projects?limit=100")[1])["values"]
        wanted = [one for one in listed if one["lastPublishedAt"] and not one["archivedAt"] and not one["trashedAt"]]
        return str(wanted[0]["id"])

    def completed(self, path: str) -> str:
        """A run that has completed through the gateway, so that the next request of the kind is a hit."""
        while True:
            answer, body = self.ask("POST", path)
            run_id = json.loads(body)["runId"]
            if answer.getheader("X-Hex-Exporter-Cache") == "hit":
                return str(run_id)
            while json.loads(self.ask("GET", f"{path}/{run_id}")[1])["status"] in ("PENDING", "RUNNING"):
                time.sleep(0.1)

    def calls(self) -> int:
        """How many requests the simulated Hex has had."""
        return sum(one["count"] for one in json.loads(self.ask("GET", "/_simulator/state")[1])["requests"])


def started(serve: Callable[..., None], *arguments: object) -> tuple[multiprocessing.process.BaseProcess, int]:
    """A process that serves, and its port."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there, *arguments), daemon=True)
    process.start()
    return process, here.recv()


def serve_hex(pipe: Connection, projects: int = PROJECTS) -> None:
    simulation = Simulation(1, projects, clock=SystemClock(), run_seconds=0.2)
    server = Server(create_app(simulation, limits=RateLimits(kernels=None)), listen=["127.0.0.1:0"])
    pipe.send(server.bind()[0].port)
    asyncio.run(server.serve(asyncio.Event()))


def serve_gateway(pipe: Connection, hex_port: int, folder: str) -> None:
    os.dup2(os.open(f"{folder}/log", os.O_WRONLY | os.O_CREAT), 2)
    configure_logs("info", "logfmt")
    clock = SystemClock()
    workspace = Workspace(name="w", base_url=f"http://127.0.0.1:{hex_port}/api/v1")
    url = f"sqlite:///{folder}/ledger.db"
    config = Config(
        collect=Collect(exports=False),
        workspaces=(workspace,),
        storage=Storage(url=url),
        sources=(SOURCE,),
        gateway=GatewaySettings(concurrency=1_000),
    )
    ledger = open_ledger(url, clock=clock).workspace("w")
    now_ms = round(time.time() * 1000)
    ledger.sources.record(SOURCE.key(""), "state", now_ms - 20, now_ms - 10)
    pace = Pace(per_minute=10_000_000, per_hour=600_000_000, share=0.5, clock=clock, rng=random.Random(1))

    async def serve() -> None:
        host = GatewayHost(ledger=ledger, pace=lambda: pace, clock=clock, rng=random.Random(1))
        gateway = await open_gateway(config, host)
        app = App()
        app.open(gateway)
        server = Server(app, listen=["127.0.0.1:0"], takes_whole_urls=False, answers_half_closed=False)
        port = server.bind()[0].port
        running = asyncio.ensure_future(gateway.run())
        await asyncio.sleep(1)
        pipe.send(port)
        await server.serve(asyncio.Event())
        await running

    with suppress(KeyboardInterrupt):
        asyncio.run(serve())


if __name__ == "__main__":
    main()
