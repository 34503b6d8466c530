"""Many workspaces on one PostgreSQL ledger: what three replicas, their pages and the database cost, and a fail-over.

The ledger is filled by SQL: to poll so many runs would take hours. Then three `hex-exporter serve` share the
workspaces; a server in this process stands for Hex, without latency, in which runs go on at the same pace. Prints for
each replica processor, memory and page build, for the database its size, transactions a second and the rows that a page
reads; and how long it takes until each workspace of a replica that was killed has another owner. `--full` is 50
workspaces with 20,000 projects and 2 million runs.
"""

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers.postgres import PostgresServer, running_server
from helpers.programs import DEFAULT_SUITE, FOLDERS, PACKAGES, fetch, unpacked
from helpers.running import SCRIPT, TOKEN, Running, environment, wait_for

from exporter.clock import SystemClock
from exporter.facts import Project
from exporter.ledger import RunProgress, open_ledger

REPLICAS = 3
DAYS = 90
RUN_MS = 60_000
DAY_MS = 86_400_000
PROMISE_SECONDS = 15.0
PAGE = 100


@dataclass(frozen=True)
class Size:
    """How much there is: projects of each workspace, and runs of each project in 90 days."""

    workspaces: int
    projects: int
    runs: int

    @property
    def step_ms(self) -> int:
        """From a run of a project to its next."""
        return DAYS * DAY_MS // self.runs

    def last_run(self, project: int, now_ms: int) -> int:
        """The number of the last run of a project that has ended."""
        return (now_ms - RUN_MS - self.start_ms(project, 0)) // self.step_ms

    def start_ms(self, project: int, number: int) -> int:
        """When a run of a project started: projects are spread over a step."""
        return number * self.step_ms + project * self.step_ms // self.projects


def project_id(project: int) -> str:
    return f"{project:08x}-0000-4000-8000-000000000000"


def stamp(at_ms: int) -> str:
    """The time as Hex writes it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def hex_answer(size: Size, workspace: str, path: str, query: dict[str, list[str]]) -> dict[str, object]:
    """One page of a listing."""
    now_ms = round(time.time() * 1000)
    if path == "projects":
        first = int(query.get("after", ["0"])[0])
        last = min(first + PAGE, size.projects)
        values = [
            {"id": project_id(one), "title": f"Figures {one}", "lastPublishedAt": stamp(0), "createdAt": stamp(0)}
            for one in range(first, last)
        ]
        return {"values": values, "pagination": {"after": str(last) if last < size.projects else None}}
    if path.endswith("/runs"):
        project = int(path.split("/")[1][:8], 16)
        newest = size.last_run(project, now_ms) - int(query.get("offset", ["0"])[0])
        oldest = max(newest - PAGE, size.last_run(project, now_ms) - size.runs)
        runs = []
        for number in range(newest, oldest, -1):
            start_ms = size.start_ms(project, number)
            times = {"startTime": stamp(start_ms), "endTime": stamp(start_ms + RUN_MS), "elapsedTime": RUN_MS}
            ids = {"runId": f"{workspace}-{project}-{number}", "projectId": project_id(project)}
            runs.append({**ids, "status": "COMPLETED", "runTrigger": "SCHEDULED", **times})
        return {"runs": runs, "nextPage": None}
    return {"values": [], "threads": [], "pagination": {"after": None}}


@contextmanager
def hex_server(size: Size) -> Iterator[str]:
    """All workspaces, each below a path of its own; yields where they begin."""

    class Hex(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            _, workspace, _, _, path = url.path.split("/", 4)
            body = json.dumps(hex_answer(size, workspace, path, parse_qs(url.query))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A replica that was killed leaves its requests."""

    server = Server(("127.0.0.1", 0), Hex)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


RUNS = """
insert into runs (workspace, run_id, project_id, status, trigger, start_ms, end_ms, elapsed_ms, first_seen_ms,
                  started_ms, ended_ms, is_active, was_active, is_counted, is_gone)
select w, w || '-' || p || '-' || n, lpad(to_hex(p), 8, '0') || '-0000-4000-8000-000000000000', 'completed',
       'scheduled', s, s + %(run)s, %(run)s, %(now)s, s, s + %(run)s, false, false, false, false
from unnest(%(workspaces)s::text[]) w, generate_series(0, %(projects)s - 1) p,
     lateral (select p::bigint * %(step)s / %(projects)s as phase) f,
     lateral (select (%(now)s - %(run)s - phase) / %(step)s as last) l,
     lateral generate_series(last - %(runs)s + 1, last) n,
     lateral (select n * %(step)s + phase as s) t
"""


def fill(server: PostgresServer, database: str, size: Size, workspaces: list[str]) -> None:
    """A ledger that has followed all of it for 90 days."""
    clock = SystemClock()
    now_ms = round(clock.now() * 1000)
    ledger = open_ledger(server.url(database), clock=clock)
    projects = [
        Project(project_id=project_id(one), title=f"Figures {one}", created_ms=0, published_ms=0)
        for one in range(size.projects)
    ]
    known = ledger.workspace(workspaces[0])
    known.first_contact(now_ms - DAYS * DAY_MS)
    known.record_projects(projects, now_ms)
    known.choose_members(size.projects, now_ms)
    ledger.close()
    progress = RunProgress(known_until_ms=now_ms, known_from_ms=0, last_read_ms=now_ms, schedule_checked_ms=now_ms)
    values = {"workspaces": workspaces, "projects": size.projects, "runs": size.runs, "now": now_ms}
    with server.connect(database) as connection:
        for table in ("workspaces", "projects", "counters"):
            found = connection.execute(f"select * from {table} limit 0").description or ()
            columns = ", ".join(one.name for one in found if one.name != "workspace")
            connection.execute(
                f"insert into {table} (workspace, {columns}) select w, {columns} from {table}, unnest(%s::text[]) w "
                "where workspace = %s",
                (workspaces[1:], workspaces[0]),
            )
        connection.execute(RUNS, {**values, "run": RUN_MS, "step": size.step_ms})
        connection.execute("update projects set progress = %s", (msgspec.json.encode(progress).decode(),))
        connection.execute("update counters set held_until_ms = null")
        connection.execute("vacuum analyze")


class Replica(Running):
    """One `serve` that says in its log what each page took."""

    def __init__(self, folder: Path, number: int, url: str) -> None:
        env = environment(HEX_API_TOKEN=TOKEN, LEDGER_URL=url, OMP_NUM_THREADS="1")
        command = [SCRIPT, "serve", "--config.file", folder / "hex.yml", "--web.listen-address", "127.0.0.1:0"]
        super().__init__([*command, "--log.level", "debug"], folder / f"replica-{number}.log", env=env)
        self.said(r"event=Listening address=(\S+)")

    @property
    def name(self) -> str:
        """What it is called in the tables."""
        return self.said(r'event="This replica shares the ledger" replica=(\S+)', seconds=900).group(1)

    def pages(self) -> list[tuple[int, int]]:
        """Milliseconds and series of each page so far."""
        pattern = r"event=page_built .*?series=(\d+) milliseconds=(\d+)"
        return [(int(milliseconds), int(series)) for series, milliseconds in re.findall(pattern, self.text)]

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]


def owners(server: PostgresServer, database: str) -> dict[str, tuple[str, int]]:
    """Who owns each workspace, and its epoch."""
    with server.connect(database) as connection:
        rows = connection.execute("select workspace, owner, epoch from leases").fetchall()
    return {workspace: (owner, epoch) for workspace, owner, epoch in rows}


def load(server: PostgresServer, database: str) -> tuple[int, int]:
    """The transactions of a database so far, and the rows that statements have read from tables and indexes."""
    with server.connect(database) as connection:
        (commits,) = connection.execute(
            "select xact_commit from pg_stat_database where datname = %s", (database,)
        ).fetchone()
        (rows,) = connection.execute(
            "select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) from pg_stat_user_tables"
        ).fetchone()
        (entries,) = connection.execute("select coalesce(sum(idx_tup_read), 0) from pg_stat_user_indexes").fetchone()
    return commits, int(rows) + int(entries)


def settled(server: PostgresServer, database: str, size: Size) -> bool:
    """Whether every workspace has an owner, of which there are as many as replicas."""
    names = [owner for owner, _ in owners(server, database).values()]
    return len(names) == size.workspaces and None not in names


def measure(server: PostgresServer, database: str, size: Size, folder: Path, seconds: float) -> None:
    url = f"postgresql://postgres@/{database}?host={server.folder}"
    with ExitStack() as running:
        # All at once: each takes its part, so that none has to be moved.
        replicas = [running.enter_context(Replica(folder, number, url)) for number in range(REPLICAS)]
        began = time.monotonic()
        wait_for(lambda: settled(server, database, size), seconds=900, every=0.5)
        wait_for(lambda: all(len(one.pages()) >= 2 for one in replicas), seconds=900, every=1)
        print(f"every workspace owned and two pages of each replica after {time.monotonic() - began:.0f} s")
        before = [(one.cpu_seconds(), len(one.pages())) for one in replicas]
        commits, rows = load(server, database)
        time.sleep(seconds)
        commits_then, rows_then = load(server, database)
        built = 0
        for number, (one, (cpu, pages)) in enumerate(zip(replicas, before, strict=True)):
            took = [milliseconds for milliseconds, _ in one.pages()[pages:]] or [one.pages()[-1][0]]
            built += len(one.pages()) - pages
            used = (one.cpu_seconds() - cpu) / seconds
            print(
                f"replica {number}: {used:.2f} processors, {one.memory_mb():,.0f} MB, {one.pages()[-1][1]:,} series, "
                f"page {statistics.median(took) / 1000:.2f} s (most {max(took) / 1000:.2f} s), "
                f"{len(took)} in {seconds:.0f} s"
            )
        with server.connect(database) as connection:
            (size_bytes,) = connection.execute("select pg_database_size(%s)", (database,)).fetchone()
        a_second = (commits_then - commits) / seconds
        print(
            f"database: {size_bytes / 1e6:,.0f} MB, {a_second:.0f} transactions a second, "
            f"{(rows_then - rows) / max(built, 1):,.0f} rows and index entries read in all for each page"
        )
        fail_over(server, database, replicas)


def fail_over(server: PostgresServer, database: str, replicas: list[Replica]) -> None:
    """Kill the one that owns most, and wait until none of its workspaces is its own any more."""
    owned = Counter(owner for owner, _ in owners(server, database).values())
    killed = max(replicas, key=lambda one: owned[one.name])
    killed.kill()
    began = time.monotonic()
    wait_for(lambda: killed.name not in {owner for owner, _ in owners(server, database).values()}, seconds=90)
    taken = time.monotonic() - began
    verdict = "kept" if taken < PROMISE_SECONDS else "NOT KEPT"
    print(
        f"fail-over: the {owned[killed.name]} workspaces of the killed replica owned after {taken:.1f} s   "
        f"< {PROMISE_SECONDS:.0f} s: {verdict}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspaces", type=int, default=9)
    parser.add_argument("--projects", type=int, default=100, help="of each workspace")
    parser.add_argument("--runs", type=int, default=100, help="of each project, in 90 days")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--full", action="store_true", help="50 workspaces, 20,000 projects, 2 million runs")
    chosen = parser.parse_args()
    size = Size(50, 400, 100) if chosen.full else Size(chosen.workspaces, chosen.projects, chosen.runs)
    package = (PACKAGES["postgres"], DEFAULT_SUITE)
    if unpacked(*package) is None:
        fetch([package])
    tree = unpacked(*package)
    assert tree is not None, "PostgreSQL could not be fetched"
    with (
        tempfile.TemporaryDirectory() as name,
        running_server(tree / FOLDERS["postgres"] / "postgres") as server,
        hex_server(size) as base_url,
    ):
        folder, database = Path(name), server.new_database()
        workspaces = [f"w{number:02}" for number in range(size.workspaces)]
        began = time.monotonic()
        fill(server, database, size, workspaces)
        projects = size.workspaces * size.projects
        print(
            f"{size.workspaces} workspaces, {projects:,} projects, {projects * size.runs:,} runs "
            f"(filled in {time.monotonic() - began:.0f} s), {REPLICAS} replicas"
        )
        entries = [
            {"name": one, "base_url": f"{base_url}/{one}/api/v1", "token_env": "HEX_API_TOKEN"} for one in workspaces
        ]
        config = {
            "workspaces": entries,
            "storage": {"url_env": "LEDGER_URL"},
            "collect": {"exports": False},
            "limits": {"projects_with_series": size.projects},
        }
        (folder / "hex.yml").write_text(json.dumps(config))
        measure(server, database, size, folder, chosen.seconds)


if __name__ == "__main__":
    main()
