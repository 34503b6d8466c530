"""Two workspaces on Wednesday, 18 November 2026, one with a week to report."""

from exporter.facts import Project, Run, Seat
from exporter.ledger import Ledger, RunProgress

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

CONFIG = """\
workspaces: [{name: acme, token_env: A}, {name: beta, token_env: B}]
storage: {url: "sqlite:///ledger.db"}
week: {timezone: Europe/Zurich}
budgets:
  - {name: weekly-runs, unit: runs, limit: 5}
  - {name: sales, unit: usd, limit: 1, match: {owner: "*@sales.example"}}
teams: [{name: sales, match: {owner: "*@sales.example"}}]
prices: {plan: team, run_usd: 0.05}
"""


def record_week(ledger: Ledger, now_ms: int) -> None:
    """Have the ledger know the week of `acme`."""
    acme = ledger.workspace("acme")
    acme.first_contact(now_ms)
    born_ms = now_ms - 100 * DAY_MS
    acme.record_projects(
        [
            Project(project_id="p1", title="Orders | all", owner="a@sales.example", created_ms=born_ms, published_ms=1),
            Project(project_id="p2", title="[bold]Leads", owner="b@ops.example", created_ms=born_ms, published_ms=1),
        ],
        now_ms,
    )
    acme.record_collector("projects", True, now_ms)
    acme.record_seats([Seat(user_id="1", role="editor")], now_ms)
    progress = RunProgress(known_until_ms=now_ms, known_from_ms=0)
    for project_id, agos in (("p1", (1, 2, 3, 24 * 7, 24 * 8)), ("p2", (5,))):
        runs = [
            Run(
                run_id=f"{project_id}-{ago}",
                project_id=project_id,
                status="errored" if ago == 2 else "completed",
                trigger="api" if ago == 3 else "scheduled",
                start_ms=now_ms - ago * HOUR_MS,
                elapsed_ms=90_000,
            )
            for ago in agos
        ]
        acme.record_runs(project_id, runs, progress, now_ms)
