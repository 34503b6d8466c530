"""Two `hex-exporter serve` on one PostgreSQL, and everything that can happen to the one that owns the workspace.

Real processes, a simulated Hex, and a network that can be cut. Prints how long each take-over took, from the fault to
the lease of the new owner; and at the end whether every run was counted once, how many requests left in
the busiest minute, and how often Hex answered 429. `--rounds N` repeats the faults.
"""

import argparse
import re
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers.cut_proxy import CutProxy
from helpers.postgres import PostgresServer, running_server
from helpers.programs import DEFAULT_SUITE, FOLDERS, PACKAGES, fetch, unpacked
from helpers.running import SCRIPT, TOKEN, Running, Simulator, environment, wait_for

PER_MINUTE = 120
PROMISE_SECONDS = 15.0
HELD_COUNTER_SECONDS = 100.0
BURST_SECONDS = 0.7
WAVE_SECONDS = 40.0
"""How long runs are started so fast around each fault; they end before they are compared with what was counted."""


class ReplicaProcess(Running):
    """One replica with a gateway, which reaches the database through a network of its own."""

    def __init__(self, world: "World", number: int) -> None:
        self.world, self.number = world, number
        self.proxy = CutProxy(world.server.folder / ".s.PGSQL.5432")
        self.config = world.folder / f"replica-{number}.yml"
        self.gateway_port = free_port()
        self.config.write_text(
            f"""
workspaces:
  - name: sim
    base_url: "{world.simulator.base_url}"
    token_env: HEX_API_TOKEN
    rate_limit: {{per_minute: {PER_MINUTE}, per_hour: 100000, share: 1}}
storage: {{url_env: LEDGER_URL}}
collect: {{exports: false}}
gateway: {{listen_address: "127.0.0.1:{self.gateway_port}", concurrency: 2}}
cluster: {{advertise_env: ADVERTISE, secret_file: {world.folder / "secret"}}}
"""
        )
        self.starts = 0
        self.begin()

    def begin(self) -> None:
        """Start it, for the first time or again."""
        self.starts += 1
        url = f"postgresql://postgres@127.0.0.1:{self.proxy.port}/{self.world.database}"
        env = environment(
            HEX_API_TOKEN=TOKEN, LEDGER_URL=url, ADVERTISE=f"127.0.0.1:{self.gateway_port}", OMP_NUM_THREADS="1"
        )
        command = [SCRIPT, "serve", "--config.file", self.config, "--web.listen-address", "127.0.0.1:0"]
        super().__init__(command, self.world.folder / f"replica-{self.number}-{self.starts}.log", env=env)
        self.address = self.said(r"event=Listening address=(\S+)").group(1)

    def page(self) -> str:
        """Its metrics, empty while it does not answer."""
        try:
            return httpx.get(f"http://{self.address}/metrics", timeout=3, trust_env=False, verify=False).text
        except httpx.HTTPError:
            return ""

    def figure(self, name: str) -> float | None:
        """The sum of a metric's series on its page, None without any."""
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", self.page(), re.M)
        return sum(map(float, found)) if found else None

    def is_owner(self) -> bool:
        """Whether it says that it owns the workspace."""
        return self.figure("hex_exporter_lease_owner") == 1


class World:
    """A database, a simulated Hex that counts, and two replicas."""

    def __init__(self, folder: Path, server: PostgresServer, simulator: Simulator) -> None:
        self.folder, self.server, self.simulator = folder, server, simulator
        self.database = server.new_database()
        self.sent: list[tuple[float, int]] = []
        self.refused = 0
        (folder / "secret").write_text("5e" * 16)
        self._is_over = threading.Event()
        self._counting = threading.Thread(target=self._count, daemon=True)
        self._counting.start()
        self.replicas = [ReplicaProcess(self, 0), ReplicaProcess(self, 1)]

    def close(self) -> None:
        """End what was started."""
        self._is_over.set()
        self._counting.join()
        for one in self.replicas:
            one.kill()
            one.proxy.close()

    def roles(self) -> tuple[ReplicaProcess, ReplicaProcess]:
        """The owner and the other, once that is settled and both show the same counters."""
        first, second = self.replicas

        def settled() -> tuple[ReplicaProcess, ReplicaProcess] | None:
            owners = [one.is_owner() for one in (first, second)]
            if owners not in ([True, False], [False, True]):
                return None
            return (first, second) if owners[0] else (second, first)

        return wait_for(settled, seconds=90)

    def requests(self) -> int:
        """How many requests Hex has had, but for this program's own questions."""
        return self.sent[-1][1] if self.sent else 0

    def sql(self, statement: str, *values: object) -> list[tuple]:
        """What a statement finds."""
        with self.server.connect(self.database) as connection:
            return connection.execute(statement, values).fetchall()

    def epoch(self) -> int:
        """How many owners the workspace has had."""
        return int(self.sql("select epoch from leases")[0][0])

    def busiest_minute(self) -> int:
        """The most requests that left within 60 seconds, as far as samples twice a second show it."""
        most = begin = 0
        for end, (at, count) in enumerate(self.sent):
            while self.sent[begin][0] <= at - 60:
                begin += 1
            most = max(most, count - self.sent[begin][1])
            assert end >= begin
        return most

    def _count(self) -> None:
        while not self._is_over.wait(0.5):
            at, state = time.monotonic(), self.simulator.ask("state")
            self.sent.append((at, sum(one["count"] for one in state["requests"])))
            self.refused = sum(one["count"] for one in state["requests"] if one["code"] == "429")


@contextmanager
def running_world() -> Iterator[World]:
    """All of it, ended afterwards."""
    package = (PACKAGES["postgres"], DEFAULT_SUITE)
    if unpacked(*package) is None:
        fetch([package])
    tree = unpacked(*package)
    assert tree is not None, "PostgreSQL could not be fetched"
    with tempfile.TemporaryDirectory() as folder, running_server(tree / FOLDERS["postgres"] / "postgres") as server:
        limits = f"{PER_MINUTE}/100000"
        with Simulator(Path(folder), projects=8, limits=limits) as simulator:
            world = World(Path(folder), server, simulator)
            try:
                yield world
            finally:
                world.close()


@contextmanager
def what_was_said(world: World) -> Iterator[None]:
    """The last lines of each replica where something goes wrong."""
    try:
        yield
    except BaseException:
        for log in sorted(world.folder.glob("replica-*.log")):
            print(log.name, *log.read_text(errors="replace").splitlines()[-12:], sep="\n  ")
        columns = "pid, state, wait_event, now() - xact_start, pg_blocking_pids(pid), left(query, 120)"
        print(*world.sql(f"select {columns} from pg_stat_activity where datname is not null"), sep="\n  ")
        raise


# What happens to the owner. Each returns once the world is whole again; `taken` is when the other had taken over.


def killed(owner: ReplicaProcess, taken: Callable[[], float], world: World) -> float:
    """SIGKILL."""
    owner.kill()
    seconds = taken()
    owner.begin()
    return seconds


def ended(owner: ReplicaProcess, taken: Callable[[], float], world: World) -> float:
    """SIGTERM: it hands over."""
    owner.signal(signal.SIGTERM)
    seconds = taken()
    assert owner.exit_status() == 0
    owner.begin()
    return seconds


def paused(owner: ReplicaProcess, taken: Callable[[], float], world: World) -> float:
    """SIGSTOP for longer than a lease, and SIGCONT: what it believes then is refused."""
    owner.signal(signal.SIGSTOP)
    seconds = taken()
    time.sleep(5)
    owner.signal(signal.SIGCONT)
    wait_for(lambda: owner.figure("hex_exporter_lease_owner") == 0, seconds=30)
    return seconds


def cut_off(owner: ReplicaProcess, taken: Callable[[], float], world: World) -> float:
    """The network between it and the database is cut, and mended."""
    owner.proxy.cut()
    seconds = taken()
    time.sleep(5)
    assert owner.process.poll() is None
    owner.proxy.mend()
    wait_for(lambda: owner.figure("hex_exporter_lease_owner") == 0, seconds=60)
    return seconds


def asked_meanwhile(owner: ReplicaProcess, taken: Callable[[], float], world: World) -> float:
    """SIGKILL while clients of the other's gateway have runs under way and wait for a place in the owner's queue."""
    other = next(one for one in world.replicas if one is not owner)
    projects = [row[0] for row in world.sql("select project_id from projects order by 1")][:4]
    before = api_runs(world)
    with ThreadPoolExecutor(len(projects)) as pool:
        waiting: dict[str, Future[httpx.Response]] = {one: pool.submit(start_run, other, one) for one in projects}
        wait_for(lambda: (owner.figure("hex_gateway_queue_length") or 0) >= 1, seconds=30)
        owner.kill()
        seconds = taken()
        while not all(one.done() for one in waiting.values()):
            for project, one in waiting.items():
                if one.done() and one.result().status_code == 201:
                    end_run(other, project, one.result().json()["runId"])
            time.sleep(1)
        answers = {project: one.result() for project, one in waiting.items()}
    owner.begin()
    after = api_runs(world)
    for project, answer in answers.items():
        started = after[project] - before[project]
        print(f"    {project[:8]}: answered {answer.status_code}, started {started} time(s)")
        assert answer.status_code == 201, answer.text
        assert started == 1
    return seconds


def all_killed(owner: ReplicaProcess, taken: Callable[[], float], world: World) -> float:
    """Every connection to the database is ended by its administrator, for five seconds again and again."""
    for _ in range(10):
        world.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hex-exporter'")
        time.sleep(0.5)
    return polled_on(world)


def restarted(owner: ReplicaProcess, taken: Callable[[], float], world: World) -> float:
    """The database is stopped, and started three seconds later."""
    world.server.stop(signal.SIGINT)
    time.sleep(3)
    world.server.start()
    return polled_on(world)


FAULTS = (killed, paused, ended, cut_off, asked_meanwhile)
TROUBLES = (all_killed, restarted)
"""What happens to the database, so that no owner has to change."""


def start_run(replica: ReplicaProcess, project: str) -> httpx.Response:
    """Ask its gateway for a run, as a patient client does."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Cache-Control": "no-cache", "Prefer": "wait=120"}
    url = f"http://127.0.0.1:{replica.gateway_port}/api/v1/projects/{project}/runs"
    return httpx.post(url, headers=headers, timeout=240, trust_env=False, verify=False)


def end_run(replica: ReplicaProcess, project: str, run_id: str) -> None:
    """Cancel a run, for its place."""
    url = f"http://127.0.0.1:{replica.gateway_port}/api/v1/projects/{project}/runs/{run_id}"
    httpx.delete(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60, trust_env=False, verify=False)


def api_runs(world: World) -> Counter[str]:
    """How many runs of each project Hex has started by API."""
    runs = Counter[str]()
    for one in world.simulator.ask("truth", to=round(time.time() * 1000) + 60_000)["runs"]:
        if one["trigger"].lower() == "api":
            runs[one["project_id"]] += one["count"]
    return runs


def polled_on(world: World) -> float:
    """How long until the next requests to Hex."""
    began, before = time.monotonic(), world.requests()
    wait_for(lambda: world.requests() > before + 1, seconds=90)
    return time.monotonic() - began


def meet(fault: Callable[[ReplicaProcess, Callable[[], float], World], float], world: World) -> float:
    """Have it happen; how long no request of the exporter reached Hex."""
    owner, other = world.roles()
    for (project,) in world.sql("select project_id from projects order by 1")[-2:]:
        until_ms = round((time.time() + WAVE_SECONDS) * 1000)
        world.simulator.tell("runaway", project_id=project, until_ms=until_ms, every_seconds=BURST_SECONDS)
    began, epoch = time.monotonic(), world.epoch()

    def taken() -> float:
        wait_for(lambda: world.epoch() > epoch, seconds=60)
        seconds = time.monotonic() - began
        wait_for(other.is_owner, seconds=60)
        print(f"    the new owner's page shows it after {time.monotonic() - began:.1f} s", flush=True)
        return seconds

    seconds = fault(owner, taken, world)
    print(f"  {fault.__name__.replace('_', ' '):<16} {seconds:5.1f} s", flush=True)
    return seconds


def truth(world: World) -> dict[tuple[str, str, str], int]:
    """The runs that have ended since first contact, by project, trigger and status."""
    contact_ms = world.sql("select first_contact_ms from workspaces")[0][0]
    runs = world.simulator.ask("truth", ended_from=contact_ms)["runs"]
    return {(one["project_id"], one["trigger"].lower(), one["status"].lower()): one["count"] for one in runs}


def counted(replica: ReplicaProcess) -> dict[tuple[str, str, str], int]:
    """What its page counts."""
    found = re.findall(
        r'^hex_runs_total{workspace="sim",project_id="(.*)",trigger="(.*)",status="(.*)"} (\S+)$', replica.page(), re.M
    )
    return {
        (project, trigger, status): round(float(value)) for project, trigger, status, value in found if float(value)
    }


def assert_exact(world: World) -> None:
    """Both pages come to count what ran, and nothing else."""
    shown = [counted(one) for one in world.replicas]

    def is_exact() -> bool:
        shown[:] = [counted(one) for one in world.replicas]
        return all(one == truth(world) for one in shown)

    try:
        wait_for(is_exact, seconds=HELD_COUNTER_SECONDS * 2)
    except AssertionError:
        print("Hex", truth(world), *shown, sep="\n")
        raise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--fault", choices=[one.__name__ for one in (*FAULTS, *TROUBLES)])
    chosen = parser.parse_args()
    with running_world() as world, what_was_said(world):
        world.roles()
        wait_for(lambda: world.sql("select first_contact_ms from workspaces where first_contact_ms is not null"))
        wait_for(lambda: world.sql("select project_id from projects"))
        seconds = []
        for _ in range(chosen.rounds):
            faults = [one for one in FAULTS if chosen.fault in (None, one.__name__)]
            seconds += [meet(fault, world) for fault in faults]
            for trouble in TROUBLES:
                if chosen.fault in (None, trouble.__name__):
                    meet(trouble, world)
        said = "".join(one.read_text(errors="replace") for one in world.folder.glob("replica-*.log"))
        assert_exact(world)
        runs = sum(truth(world).values())
        print(f"{runs} runs, each counted once on both pages; {world.epoch()} owners")
        print(f"busiest minute: {world.busiest_minute()} requests of {PER_MINUTE}; answers 429: {world.refused}")
        assert "Traceback" not in said
        if seconds:
            kept = "kept" if max(seconds) < PROMISE_SECONDS else "NOT KEPT"
            print(
                f"take-over: median {statistics.median(seconds):.1f} s, most {max(seconds):.1f} s   "
                f"< {PROMISE_SECONDS:.0f} s: {kept}"
            )


def free_port() -> int:
    """A port of the loopback interface that is free."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


if __name__ == "__main__":
    main()
