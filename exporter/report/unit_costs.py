"""What one active viewer and one successful refresh cost, each with what it is made of."""

from collections import Counter
from collections.abc import Iterator, Sequence

from exporter.insight import COMPONENTS, MICRO
from exporter.report.charges import Charge
from exporter.report.week_tables import Cell, Table
from exporter.view import Accounts, Snapshot

COLUMNS = ("unit_cost", "project", "title", "usd", "amount", "unit_usd", "made_of")

_BILL = "Hex's bill"
_VIEWERS = "people, of any role, whose last login is not before the period"
_REFRESHES = "runs that completed"


def unit_cost_tables(snapshot: Snapshot, accounts: Accounts, charges: Sequence[Charge]) -> Iterator[Table]:
    """The workspace first, then the projects whose compute is billed, the costliest first."""
    totals = accounts.week.totals
    if totals is None:
        return
    bill = sum(one.micro_usd for one in charges if COMPONENTS[one.component] == "billed")
    completed: Counter[str] = Counter()
    for (project_id, _, status), total in totals.items():
        if status == "completed":
            completed[project_id] += total.runs
    compute: Counter[str] = Counter()
    for one in charges:
        if one.component == "compute":
            compute[one.resource_id or ""] += one.micro_usd
    titles = {known.project.project_id: known.project.title for known in snapshot.stored.projects}
    refreshes = completed.total()
    of_compute = f"compute of all runs / {_REFRESHES}"
    rows = [
        _row("active viewer", "", "", bill, _active(snapshot, accounts), f"{_BILL} / {_VIEWERS}"),
        _row("successful refresh", "", "", compute.total(), refreshes, of_compute),
        _row("successful refresh, whole bill", "", "", bill, refreshes, f"{_BILL} / {_REFRESHES}"),
        *(
            _row(
                "successful refresh",
                project_id,
                titles.get(project_id, ""),
                micro_usd,
                completed[project_id],
                of_compute,
            )
            for project_id, micro_usd in sorted((+compute).items(), key=lambda one: (-one[1], one[0]))
        ),
    ]
    yield Table("unit_cost", COLUMNS, tuple(rows))


def _active(snapshot: Snapshot, accounts: Accounts) -> int | None:
    """How many people have logged in since the period began; None where they cannot be listed."""
    users = snapshot.stored.users
    if users is None or not snapshot.is_fresh(users.at_ms):
        return None
    return sum((seat.last_login_ms or 0) >= accounts.week.period[0] for seat in users.items)


def _row(name: str, project: str, title: str, micro_usd: int, amount: int | None, made_of: str) -> tuple[Cell, ...]:
    unit = micro_usd / amount / MICRO if amount else None
    return name, project, title, micro_usd / MICRO, amount, unit, made_of
