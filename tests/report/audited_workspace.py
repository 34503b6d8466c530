"""A workspace in which there is something to find: its configuration, and a ledger with four weeks of it."""

from exporter.facts import Connection, Project, QueriedTable, Run, Schedule, Seat
from exporter.ledger import Ledger, RunProgress

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

HOSTILE = "=HYPERLINK(1) | <b>x</b>\x1b[2J\n[bold]rows"

CONFIG = """\
workspaces: [{name: acme, token_env: A}, {name: beta, token_env: B}]
storage: {url: "sqlite:///ledger.db"}
week: {timezone: Europe/Zurich}
teams: [{name: sales, match: {owner: "*@sales.example"}}, {name: ops, match: {owner: "*@ops.example"}}]
prices: {plan: team, run_usd: 0.05, overrides: {team: {editor_month: 28, explorer_month: 10}}}
ignore:
  - {kind: failing_schedule, subject: "Nightly*", reason: "fixed | next week", until: 2026-12-31}
  - {kind: abandoned_project, subject: p1, reason: "it was kept until summer", until: 2026-07-01}
"""


def record(ledger: Ledger, now_ms: int) -> None:
    """An abandoned hourly project, a failing daily one, a busy one, and two idle seats."""
    acme = ledger.workspace("acme")
    acme.first_contact(now_ms)
    old_ms = now_ms - 300 * DAY_MS
    hourly = Schedule(cadence="hourly", enabled=True, cron="0 * * * *")
    daily = Schedule(cadence="daily", enabled=True, cron="0 6 * * *")
    views = {"viewed_ms": now_ms - HOUR_MS, "views_7d": 90, "views_14d": 180, "views_30d": 400}
    common = {"created_ms": old_ms, "published_ms": old_ms}
    busy = {"owner": "a@ops.example", "edited_ms": now_ms, "schedules": (daily,), **common, **views}
    projects = [
        Project(
            project_id="p1",
            title=HOSTILE,
            owner="gone@sales.example",
            edited_ms=old_ms,
            views_30d=0,
            views_7d=0,
            views_14d=0,
            schedules=(hourly,),
            **common,
        ),
        Project(project_id="p2", title="Nightly", **busy),
        Project(project_id="p3", title="Busy", **busy),
    ]
    acme.record_projects(projects, now_ms)
    for collector in ("projects", "users", "connections", "threads"):
        acme.record_collector(collector, True, now_ms)
    acme.record_seats(
        [
            Seat(user_id="u1", email="a@ops.example", role="editor", last_login_ms=now_ms),
            Seat(user_id="u2", email="idle@sales.example", role="editor", last_login_ms=old_ms),
            Seat(user_id="u3", email="never@ops.example", role="explorer"),
        ],
        now_ms,
    )
    acme.record_connections([Connection(connection_id="c1", name="Warehouse", target="db")], now_ms)
    acme.record_threads([], now_ms)
    progress = RunProgress(known_until_ms=now_ms, known_from_ms=0)
    for project_id, every_ms, status in (
        ("p1", HOUR_MS, "completed"),
        ("p2", DAY_MS, "errored"),
        ("p3", DAY_MS, "completed"),
    ):
        acme.record_tables(project_id, [QueriedTable(connection_id="c1", table=f"t.{project_id}")], now_ms)
        runs = [
            Run(
                run_id=f"{project_id}-{number}",
                project_id=project_id,
                status=status,
                trigger="scheduled",
                start_ms=now_ms - number * every_ms - HOUR_MS,
                elapsed_ms=60_000,
            )
            for number in range(30 * DAY_MS // every_ms)
        ]
        acme.record_runs(project_id, runs, progress, now_ms)
