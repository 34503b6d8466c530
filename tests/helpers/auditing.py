"""Small hand-made worlds for the audit: one project, one seat, one connection, with one thing different each."""

from exporter.config import Prices, SeatPrices
from exporter.facts import Project, QueriedTable, Schedule, Seat
from exporter.insight.savings.audit_input import DAY_MS, WINDOW_MS, Amount, AuditInput, ProjectUse
from exporter.insight.savings.finding import Audit
from exporter.insight.savings.ranking import audit
from exporter.insight.tariffs import tariff

NOW_MS = 1_795_000_000_000
OLD_MS = NOW_MS - 300 * DAY_MS
AHEAD_MS = NOW_MS + 3 * DAY_MS
MONTH = (NOW_MS - 50 * DAY_MS, NOW_MS - 20 * DAY_MS)

PRICES = Prices(
    plan="team",
    run_micro_usd=100_000,
    overrides={"team": SeatPrices(editor_month_micro_usd=75_000_000, explorer_month_micro_usd=20_000_000)},
)


def days_ago(days: float) -> int:
    return NOW_MS - int(days * DAY_MS)


def schedule(cron: str | None = "0 6 * * *", *, enabled: bool = True) -> Schedule:
    return Schedule(cadence="daily", enabled=enabled, cron=cron)


def project(project_id: str = "p", **facts) -> Project:
    """A published project with a daily schedule untouched for 300 days."""
    given = {
        "title": f"Title of {project_id}",
        "owner": "gone@x.example",
        "creator": "gone@x.example",
        "created_ms": OLD_MS,
        "edited_ms": OLD_MS,
        "published_ms": OLD_MS,
        "views_7d": 0,
        "views_30d": 0,
        "schedules": (schedule(),),
    }
    return Project(project_id=project_id, **(given | facts))


def runs(completed: int = 28, errored: int = 0, **more) -> ProjectUse:
    """So many scheduled runs of a minute each."""
    by = {
        ("scheduled", "completed"): Amount(completed, completed * 60_000),
        ("scheduled", "errored"): Amount(errored, errored * 60_000),
    }
    return ProjectUse(by={key: amount for key, amount in by.items() if amount.runs}, **more)


def seat(user_id: str = "u", role: str = "editor", **facts) -> Seat:
    return Seat(user_id=user_id, email=facts.pop("email", f"{user_id}@x.example"), role=role, **facts)


def boss() -> Seat:
    return seat("boss", "admin", last_login_ms=NOW_MS)


def tables(*names: str, connection: str = "c1") -> tuple[QueriedTable, ...]:
    return tuple(QueriedTable(connection_id=connection, table=name) for name in names)


def world(*projects: Project, **known) -> AuditInput:
    """These projects, each with 28 scheduled runs in the window unless `uses` says otherwise."""
    given = {
        "now_ms": NOW_MS,
        "since_ms": NOW_MS - WINDOW_MS,
        "tariff": tariff(PRICES),
        "month": MONTH,
        "projects": projects,
        "uses": {one.project_id: runs() for one in projects},
        "seats": (boss(),),
        "threads": (),
        "connections": (),
        "tables": {one.project_id: () for one in projects},
        "connection_runs": 10,
    }
    return AuditInput(**(given | known))


def found(evidence: AuditInput) -> set[tuple[str, str]]:
    """Kind and subject of everything that the audit finds."""
    return {one.key for one in audit(evidence).findings}


def finding(audited: Audit, kind: str):
    (one,) = [one for one in audited.findings if one.kind == kind]
    return one
