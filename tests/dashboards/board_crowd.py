"""A workspace of a thousand projects, each with series of its own, as two exporters were scraped twice."""

from pathlib import Path
from typing import Any

import msgspec
from board_world import CONFIG, CONTACT, HOUR_MS, World, choices_of, facts_of, text_of

from exporter.audit.auditor import audit_of
from exporter.audit.input_reader import read_audit_input
from exporter.config import Storage, load_config
from exporter.facts import Connection, Project, Run, Schedule, Seat
from exporter.ledger import RunProgress, WorkspaceLedger, open_ledger
from exporter.metrics import Collector, Status, build_page

PROJECTS = 1000
RUNS_EACH = 4
_SCRAPES = (300, 0)


def crowd(clock: Any) -> World:
    """Four runs of each project in this week and the last, one in nine of them failed."""
    end = CONTACT + 3600
    clock.step(end - clock.now())
    text = f"{CONFIG}limits: {{projects_with_series: {PROJECTS}}}\n"
    config = load_config(text, source="test", environ={"TOKEN": "hxtw_" + "ab" * 48}, state_dir=Path())
    config = msgspec.structs.replace(config, storage=Storage(url="sqlite://"))
    ledger = open_ledger(config.storage.url, clock=clock)
    try:
        known = ledger.workspace("acme")
        _learn(known, end * 1000)
        status = Status()
        found = audit_of("acme", config, read_audit_input(known, config, end * 1000, lambda: True))
        status.update("acme", audit=found)
        page = build_page(Collector(ledger, status).collect(config, end * 1000))
        body = page.body(openmetrics=False, gzip=False).decode()
        pages = [(end - before, body) for before in _SCRAPES]
        return World((text_of(pages),), end, choices_of(ledger), facts_of(ledger, end * 1000))
    finally:
        ledger.close()


def _learn(known: WorkspaceLedger, now_ms: int) -> None:
    known.first_contact(CONTACT * 1000)
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(PROJECTS)]
    known.record_projects([_project(project_id, at, now_ms) for at, project_id in enumerate(ids)], now_ms)
    seats = [Seat(user_id=f"u{at}", email=f"user{at}@product.example", role="editor") for at in range(120)]
    known.record_seats(seats, now_ms)
    known.record_connections([Connection(connection_id=f"c{at}", name=f"Warehouse {at}") for at in range(12)], now_ms)
    known.record_threads((), now_ms)
    for collector in ("projects", "users", "connections", "threads", "runs"):
        known.record_collector(collector, True, now_ms)
    known.choose_members(PROJECTS, now_ms)
    progress = RunProgress(known_until_ms=now_ms, known_from_ms=0, last_read_ms=now_ms)
    for at, project_id in enumerate(ids):
        known.record_runs(
            project_id, [_run(project_id, at, number, now_ms) for number in range(RUNS_EACH)], progress, now_ms
        )
    known.release_holds(now_ms + HOUR_MS)


def _project(project_id: str, at: int, now_ms: int) -> Project:
    cron = f"{at % 60} {at % 24} * * *"
    return Project(
        project_id=project_id,
        title=f'Project {at} "{at % 7}" \\ {{{{title}}}}',
        owner=f"user{at % 120}@{'marketing' if at % 2 else 'product'}.example",
        created_ms=now_ms - 90 * 24 * HOUR_MS,
        edited_ms=now_ms - 24 * HOUR_MS,
        published_ms=now_ms - 24 * HOUR_MS,
        viewed_ms=now_ms - 24 * HOUR_MS,
        views_7d=at % 50,
        views_30d=at % 50 * 4,
        schedules=(Schedule(cadence="daily", enabled=True, cron=cron, timezone="+01:00"),),
    )


def _run(project_id: str, at: int, number: int, now_ms: int) -> Run:
    start_ms = now_ms - number * 40 * HOUR_MS - (at % 40 + 1) * 60_000
    return Run(
        run_id=f"{project_id[:8]}-{number:04x}-4000-8000-000000000000",
        project_id=project_id,
        status="errored" if (at + number) % 9 == 0 else "completed",
        trigger="scheduled" if number % 3 else "api",
        start_ms=start_ms,
        end_ms=start_ms + 50_000,
        elapsed_ms=50_000,
    )
