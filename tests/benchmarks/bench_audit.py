"""How long an audit takes, and how much memory: 10,000 projects with a million runs in four weeks.

First the thinking alone, then `hex-exporter audit` on a ledger that holds all of it.
"""

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from exporter.config import Prices, SeatPrices
from exporter.facts import Connection, Project, QueriedTable, Run, Schedule, Seat
from exporter.insight.savings.audit_input import DAY_MS, WINDOW_MS, Amount, AuditInput, ProjectUse, SourceUse
from exporter.insight.savings.ranking import audit
from exporter.insight.tariffs import tariff
from exporter.ledger import RunProgress, open_ledger
from exporter.ledger.codec import encode

PROJECTS = int(os.environ.get("BENCH_PROJECTS", "10000"))
SEATS = PROJECTS * 7 // 10
CONNECTIONS = 40
RUNS_EACH = 100
NOW_MS = int(time.time() * 1000)

SECONDS = 30
MB = 250
"""What is promised of a whole `hex-exporter audit`, on a machine that does other things as well."""

CONFIG = """
workspaces: [{{name: bench}}]
storage: {{url: "{url}"}}
prices: {{plan: team, run_usd: 0.05, overrides: {{team: {{explorer_month: 10}}}}}}
limits: {{connection_runs: 5}}
"""

RUN_ID = "substr(p.project_id, 1, 8) || substr(r.run_id, 9)"

CADENCES = (
    # What fires, how many runs that is in four weeks, and how many of a hundred projects have it.
    ("{minute} * * * *", 672, 9),
    ("{minute} */3 * * *", 224, 8),
    ("{minute} 8-18 * * 1-5", 220, 6),
    ("{minute} {hour} * * *", 28, 47),
    ("{minute} {hour} * * 1", 4, 20),
    ("{minute} {hour} 3 * *", 1, 10),
)


def workspace() -> AuditInput:
    """Projects of every cadence, viewed or not, changing or not, on few tables and with few titles."""
    dice = random.Random(1)
    projects, uses, tables, sources = [], {}, {}, {}
    for number in range(PROJECTS):
        project_id = f"{number:08x}-0000-4000-8000-000000000000"
        pattern, runs, _ = dice.choices(CADENCES, [share for _, _, share in CADENCES])[0]
        cron = pattern.format(minute=dice.randrange(60), hour=dice.choice((5, 6, 6, 6, 7, 8)))
        views = dice.choice((0, 0, 1, 5, 30, 200))
        at_ms = NOW_MS - dice.randrange(1, 300) * DAY_MS
        projects.append(
            Project(
                project_id=project_id,
                title=f"{dice.choice(('Sales', 'Costs', 'Leads'))} {dice.choice('abcdefgh') * 4} {number % 700}",
                owner=f"user{dice.randrange(SEATS * 11 // 10)}@x.example",
                created_ms=NOW_MS - 400 * DAY_MS,
                edited_ms=at_ms,
                published_ms=at_ms,
                viewed_ms=NOW_MS - DAY_MS if views else None,
                views_30d=views,
                schedules=(Schedule(cadence="custom", enabled=True, cron=cron, timezone="+01:00"),),
            )
        )
        failed = runs if number % 50 == 0 else runs // 20
        uses[project_id] = ProjectUse(
            by={
                ("scheduled", "completed"): Amount(runs - failed, (runs - failed) * 90_000),
                ("scheduled", "errored"): Amount(failed, failed * 40_000),
                ("api", "completed"): Amount(12, 240_000),
            },
            last_scheduled=("errored" if number % 50 == 0 else "completed",) * 5,
            last_ms={"scheduled": NOW_MS - 3_600_000},
            unviewed_week=runs / 5,
        )
        names = dice.sample(range(PROJECTS // 3), 3) if number % 10 else (1, 2)
        tables[project_id] = tuple(
            QueriedTable(connection_id=f"c{number % CONNECTIONS}", table=f"analytics.shop.table_{name}")
            for name in names
        )
        if number % 2:
            sources[project_id] = SourceUse("sql:1", NOW_MS - WINDOW_MS, NOW_MS, dice.choice((2, 30, 400)), 20, 12)
    seats = tuple(
        Seat(
            user_id=f"u{number}",
            email=f"user{number}@x.example",
            role=("editor", "member", "explorer", "admin")[min(3, number % 7)],
            last_login_ms=NOW_MS - dice.randrange(200) * DAY_MS,
        )
        for number in range(SEATS)
    )
    prices = Prices(
        plan="team",
        run_micro_usd=50_000,
        warehouse_minute_micro_usd=10_000,
        overrides={"team": SeatPrices(explorer_month_micro_usd=10_000_000)},
    )
    return AuditInput(
        now_ms=NOW_MS,
        since_ms=NOW_MS - WINDOW_MS,
        tariff=tariff(prices),
        month=(NOW_MS - 60 * DAY_MS, NOW_MS - 30 * DAY_MS),
        projects=tuple(projects),
        uses=uses,
        seats=seats,
        threads=(),
        connections=tuple(
            Connection(connection_id=f"c{number}", name=f"Warehouse {number}", target=f"host{number // 2}/db")
            for number in range(CONNECTIONS)
        ),
        tables=tables,
        sources=sources,
        connection_runs=5,
    )


def pure() -> None:
    """Print how long the thinking takes, without the reading."""
    evidence = workspace()
    runs = sum(amount.runs for use in evidence.uses.values() for amount in use.by.values())
    for what in ("first", "again"):
        began = time.monotonic()
        found = audit(evidence)
        seconds = time.monotonic() - began
        print(
            f"{what}: {PROJECTS:,} projects, {SEATS:,} seats, {runs:,} runs as sums: {len(found.findings):,} findings"
            f" in {seconds:.1f} s"
        )


def learn(path: Path) -> int:
    """Put the workspace into a ledger, each project with a hundred runs; returns how many there are.

    The first project's are written as they come from Hex, and copied for the others: that takes seconds, not an hour.
    """
    evidence = workspace()
    projects, tables = evidence.projects or (), evidence.tables or {}
    first = projects[0].project_id
    ledger = open_ledger(f"sqlite:///{path}", clock=Still())
    known = ledger.workspace("bench")
    known.first_contact(NOW_MS - 40 * DAY_MS)
    known.record_projects(projects, NOW_MS)
    known.record_seats(evidence.seats or (), NOW_MS)
    known.record_connections(evidence.connections or (), NOW_MS)
    known.record_threads((), NOW_MS)
    for collector in ("projects", "users", "connections", "threads", "queried_tables", "runs"):
        known.record_collector(collector, True, NOW_MS)
    progress = RunProgress(known_until_ms=NOW_MS, known_from_ms=0, last_read_ms=NOW_MS)
    step_ms = WINDOW_MS // RUNS_EACH
    runs = [
        Run(
            run_id=f"{first[:8]}-{number:04x}-4000-8000-000000000000",
            project_id=first,
            status="errored" if number % 9 == 0 else "completed",
            trigger="scheduled",
            start_ms=NOW_MS - WINDOW_MS + number * step_ms,
            end_ms=NOW_MS - WINDOW_MS + number * step_ms + 90_000,
            elapsed_ms=90_000,
        )
        for number in range(RUNS_EACH)
    ]
    known.record_runs(first, runs, progress, NOW_MS)
    ledger.close()
    with closing(sqlite3.connect(path)) as database, database:
        names = [name for _, name, *_ in database.execute("pragma table_info(runs)")]
        copied = ", ".join({"run_id": RUN_ID, "project_id": "p.project_id"}.get(name, f"r.{name}") for name in names)
        database.execute(f"insert into runs select {copied} from runs r join projects p on p.project_id <> ?", (first,))
        database.execute(
            "update projects set progress = (select progress from projects where project_id = ?)", (first,)
        )
        rows = [("bench", one, "tables", encode(queried), NOW_MS) for one, queried in tables.items()]
        columns = "workspace, project_id, source, body, at_ms"
        database.executemany(f"insert into project_tables ({columns}) values (?, ?, ?, ?, ?)", rows)
    return PROJECTS * RUNS_EACH


def whole() -> None:
    """Print what `hex-exporter audit` takes on a ledger with a million runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "ledger.db"
        began = time.monotonic()
        runs = learn(path)
        print(f"a ledger of {runs:,} runs was made in {time.monotonic() - began:.0f} s")
        config = folder / "config.yml"
        config.write_text(CONFIG.format(url=f"sqlite:///{path}"))
        for what in ("cold", "warm"):
            seconds, busy, peak = measured([sys.executable, "-m", "exporter", "audit", f"--config.file={config}"])
            verdict = "kept" if seconds <= SECONDS and peak <= MB else "NOT KEPT"
            print(
                f"hex-exporter audit, {what}: {seconds:.1f} s ({busy:.1f} s busy), {peak:.0f} MB"
                f"   <= {SECONDS} s, {MB} MB: {verdict}"
            )


def measured(command: list[str]) -> tuple[float, float, float]:
    """Seconds, those of them on a processor, and peak memory in MB of a program that is run to its end."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, command
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


class Still:
    """It is always the same moment."""

    def now(self) -> float:
        return NOW_MS / 1000

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing sleeps here")


if __name__ == "__main__":
    pure()
    whole()
