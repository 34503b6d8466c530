"""A workspace's week as tables: what `report` prints, taken from the same accounts as the metrics."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from exporter.facts import TERMINAL_STATUSES, TRIGGERS
from exporter.insight import MICRO, UNBILLED, local_day, ruled_out, tariff
from exporter.view import COMPONENTS, Accounts, RunKind, Snapshot, Total

Cell = str | int | float | None
"""One figure of a table; None: it is not known."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table. The first column names the row; `previous_` columns are about the week before."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


WITHOUT_TEAM = "(no team)"
"""Stands for the projects and people of no team."""


def tables(snapshot: Snapshot, accounts: Accounts, *, is_over: bool) -> Iterator[Table]:
    """The tables of the week that the snapshot is in; a week that is over has no forecast."""
    now, before = accounts.week.totals, accounts.previous_week.totals

    def comparison(name: str, key: Callable[[RunKind], str], known: Iterable[str] = ()) -> Table:
        return Table(name, (name, *_MEASURES), _compared(now, before, key, accounts.is_run_priced, known))

    yield Table(
        "total", ("total", *_MEASURES), _compared(now, before, lambda kind: "all", accounts.is_run_priced, ("all",))
    )
    yield Table(
        "budget",
        ("budget", "unit", "period", "used", "limit", "forecast", "previous_used", "resets_timestamp_seconds"),
        tuple(
            (
                one.budget.name,
                one.budget.unit,
                one.budget.period,
                one.used,
                one.budget.limit,
                None if is_over else one.forecast,
                one.previous_used,
                one.period[1] / 1000,
            )
            for one in accounts.budgets
        ),
    )
    yield Table(
        "component",
        ("component", "usd", "previous_usd"),
        tuple(
            (component, _usd(accounts.week.costs.get(component)), _usd(accounts.previous_week.costs.get(component)))
            for component in COMPONENTS
        ),
    )
    yield comparison("trigger", lambda kind: kind[1], TRIGGERS)
    yield Table("status", ("status", "runs", "previous_runs"), _statuses(now, before))

    projects = {known.project.project_id: known.project for known in snapshot.stored.projects}
    teams = {one: snapshot.team_of(project) for one, project in projects.items()}
    if snapshot.config.teams:
        yield comparison("team", lambda kind: teams.get(kind[0]) or WITHOUT_TEAM)
    facts = {one: (project.title, snapshot.owner_label(project.owner), teams[one]) for one, project in projects.items()}
    rows = _compared(now, before, lambda kind: kind[0], accounts.is_run_priced)
    yield Table(
        "project",
        ("project", "title", "owner", "team", *_MEASURES),
        tuple((row[0], *facts.get(str(row[0]), ("", "", "")), *row[1:]) for row in rows),
    )
    yield Table("plan", ("plan", "month_usd", "ruled_out"), tuple(_plans(snapshot, accounts)))


_MEASURES = ("runs", "seconds", "usd", "previous_runs", "previous_seconds", "previous_usd")

Totals = Mapping[RunKind, Total] | None


def _compared(
    now: Totals, before: Totals, key: Callable[[RunKind], str], is_priced: bool, known: Iterable[str] = ()
) -> tuple[tuple[Cell, ...], ...]:
    """This week and the one before by some part of the kind of run, the costliest first, else the most frequent."""
    this, last = _grouped(now, key), _grouped(before, key)
    keys = dict.fromkeys((*known, *(this or ()), *(last or ())))

    def cells(sums: Mapping[str, Total] | None, name: str) -> tuple[Cell, Cell, Cell]:
        if sums is None:
            return None, None, None
        total = sums.get(name, Total())
        return total.runs, total.duration_ms / 1000, total.micro_usd / MICRO if is_priced else None

    rows = [(name, *cells(this, name), *cells(last, name)) for name in keys]

    def rank(row: tuple[Cell, ...]) -> tuple[float, float, str]:
        usd, runs = row[3], row[1]
        return -float(usd or 0), -float(runs or 0), str(row[0])

    return tuple(sorted(rows, key=rank))


def _grouped(totals: Totals, key: Callable[[RunKind], str]) -> dict[str, Total] | None:
    """The sums by key, over the runs that count."""
    if totals is None:
        return None
    sums: dict[str, Total] = {}
    for kind, total in totals.items():
        if kind[2] != UNBILLED:
            name = key(kind)
            sums[name] = sums.get(name, Total()).plus(total)
    return sums


def _statuses(now: Totals, before: Totals) -> tuple[tuple[Cell, ...], ...]:
    """Runs by status, those that got no kernel included: they stand beside the total, not in it."""
    statuses = dict.fromkeys((*TERMINAL_STATUSES, *(kind[2] for kind in (*(now or ()), *(before or ())))))

    def runs(totals: Totals, status: str) -> int | None:
        return None if totals is None else sum(total.runs for kind, total in totals.items() if kind[2] == status)

    return tuple((status, runs(now, status), runs(before, status)) for status in statuses)


def _plans(snapshot: Snapshot, accounts: Accounts) -> Iterator[tuple[Cell, ...]]:
    published = sum(known.project.state == "published" for known in snapshot.stored.projects if not known.gone_since_ms)
    today = local_day(snapshot.now_ms, snapshot.config.week(snapshot.name).timezone)
    for name, plan in tariff(snapshot.config.prices(snapshot.name, today), today).book.plans.items():
        yield name, _usd(accounts.plan_months.get(name)), "; ".join(ruled_out(plan, published))


def _usd(micro_usd: int | None) -> float | None:
    return None if micro_usd is None else micro_usd / MICRO
