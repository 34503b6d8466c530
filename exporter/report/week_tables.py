"""A workspace's week as tables: what `report` prints, taken from the same accounts as the metrics."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from exporter.facts import TERMINAL_STATUSES, TRIGGERS
from exporter.insight import COMPONENTS, MICRO, UNBILLED, Money, local_day, ruled_out, tariff
from exporter.report.compute_basis import LOWER_BOUND, basis_by_project, component_basis
from exporter.view import Accounts, RunKind, Snapshot, Total, WeekAccount

Cell = str | int | float | None
"""One figure of a table; None: it is not known."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table. The first column names the row; `previous_` columns are about the week before.

    Columns in `for_programs` are in JSON only.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    for_programs: frozenset[str] = frozenset()

    @property
    def records(self) -> list[dict[str, Cell]]:
        """The rows, each by the names of its columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


WITHOUT_TEAM = "(no team)"
"""Stands for the projects and people of no team."""


def tables(snapshot: Snapshot, accounts: Accounts, *, is_over: bool) -> Iterator[Table]:
    """The tables of the week that the snapshot is in; a week that is over has no forecast."""
    now, before = accounts.week.totals, accounts.previous_week.totals

    def comparison(name: str, key: Callable[[RunKind], str], known: Iterable[str] = ()) -> Table:
        rows = _compared(now, before, key, accounts.run_money, known)
        return Table(name, (name, *_MEASURES), rows, _BOTH_KINDS)

    yield Table("total", ("total", *_MEASURES), (_whole(accounts),), _BOTH_KINDS)
    yield _component_table(snapshot, accounts)
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
    yield comparison("trigger", lambda kind: kind[1], TRIGGERS)
    yield Table("status", ("status", "runs", "previous_runs"), _statuses(now, before))

    projects = {known.project.project_id: known.project for known in snapshot.stored.projects}
    teams = {one: snapshot.team_of(project) for one, project in projects.items()}
    if snapshot.config.teams:
        by_team = comparison("team", lambda kind: teams.get(kind[0]) or WITHOUT_TEAM)
        yield _with_queries(by_team, accounts, lambda project_id: teams.get(project_id) or WITHOUT_TEAM)
    facts = {one: (project.title, snapshot.owner_label(project.owner), teams[one]) for one, project in projects.items()}
    rows = _compared(now, before, lambda kind: kind[0], accounts.run_money)
    basis = basis_by_project(snapshot, accounts.week)
    by_project = _with_queries(Table("project", ("project", *_MEASURES), rows), accounts, lambda project_id: project_id)
    yield Table(
        "project",
        ("project", "title", "owner", "team", *by_project.columns[1:], "basis"),
        tuple(
            (row[0], *facts.get(str(row[0]), ("", "", "")), *row[1:], basis.get(str(row[0]), LOWER_BOUND))
            for row in by_project.rows
        ),
        _BOTH_KINDS,
    )
    yield Table("plan", ("plan", "month_usd", "ruled_out"), tuple(_plans(snapshot, accounts)))


_NOW = ("runs", "seconds", "billed_usd", "estimate_usd", "usd")
_MEASURES = (*_NOW, *(f"previous_{one}" for one in _NOW))
_BOTH_KINDS = frozenset({"usd", "previous_usd"})
"""What runs cost in two kinds of money together, as hex_project_cost_week_usd has it; of all of them Hex's bill."""

Totals = Mapping[RunKind, Total] | None


def _whole(accounts: Accounts) -> tuple[Cell, ...]:
    """All runs, and all of the bill: its components, not only the compute of runs."""

    def cells(week: WeekAccount) -> tuple[Cell, ...]:
        sums = _grouped(week.totals, lambda kind: "all")
        total = None if sums is None else sums.get("all", Total())
        billed, estimate = (_usd(week.money.get(kind)) for kind in ("billed", "estimate"))
        if total is None:
            return None, None, billed, estimate, billed
        return total.runs, total.duration_ms / 1000, billed, estimate, billed

    return ("all", *cells(accounts.week), *cells(accounts.previous_week))


def _component_table(snapshot: Snapshot, accounts: Accounts) -> Table:
    """What the week cost, each component with the kind of money that it is, and how sure it is."""
    this, last = accounts.week.costs, accounts.previous_week.costs
    shown = [one for one, kind in COMPONENTS.items() if kind != "other" or one in {**this, **last}]
    basis = {"compute": component_basis(snapshot, accounts.week)}
    return Table(
        "component",
        ("component", "money", "usd", "previous_usd", "basis"),
        tuple((one, COMPONENTS[one], _usd(this.get(one)), _usd(last.get(one)), basis.get(one, "")) for one in shown),
    )


def _compared(
    now: Totals, before: Totals, key: Callable[[RunKind], str], money: tuple[Money, ...], known: Iterable[str] = ()
) -> tuple[tuple[Cell, ...], ...]:
    """This week and the one before by some part of the kind of run, the costliest first, else the most frequent."""
    this, last = _grouped(now, key), _grouped(before, key)
    keys = dict.fromkeys((*known, *(this or ()), *(last or ())))

    def cells(sums: Mapping[str, Total] | None, name: str) -> tuple[Cell, ...]:
        if sums is None:
            return (None,) * len(_NOW)
        total = sums.get(name, Total())
        parts = (total.money(kind) / MICRO if kind in money else None for kind in _RUN_MONEY)
        return total.runs, total.duration_ms / 1000, *parts, total.micro_usd / MICRO if money else None

    rows = [(name, *cells(this, name), *cells(last, name)) for name in keys]

    def rank(row: tuple[Cell, ...]) -> tuple[float, float, str]:
        runs, usd = row[1], row[len(_NOW)]
        return -float(usd or 0), -float(runs or 0), str(row[0])

    return tuple(sorted(rows, key=rank))


_RUN_MONEY: tuple[Money, ...] = ("billed", "estimate")


_OF_QUERIES = ("warehouse_usd", "previous_warehouse_usd")


def _with_queries(table: Table, accounts: Accounts, key: Callable[[str], str]) -> Table:
    """The table with what the queries of each row cost, by a part of the project; as it is without warehouses.

    Rows that only had queries are added, and the costliest with all that is known of them stay first.
    """
    weeks = (accounts.week, accounts.previous_week)
    if not any("warehouse" in week.costs for week in weeks):
        return table
    sums = [_queries_by(week, key) for week in weeks]
    width = len(table.columns) - 1
    rows = {str(row[0]): row for row in table.rows}
    nothing: tuple[Cell, ...] = (*[None if any(row[1] is None for row in table.rows) else 0] * width,)
    for name in dict.fromkeys(name for one in sums if one is not None for name in one):
        rows.setdefault(name, (name, *nothing))
    extended = [
        (*row, *(None if one is None else one.get(name, 0) / MICRO for one in sums)) for name, row in rows.items()
    ]
    usd = table.columns.index("usd")

    def rank(row: tuple[Cell, ...]) -> tuple[float, float, str]:
        return -float(row[usd] or 0) - float(row[-2] or 0), -float(row[1] or 0), str(row[0])

    return replace(table, columns=(*table.columns, *_OF_QUERIES), rows=tuple(sorted(extended, key=rank)))


def _queries_by(week: WeekAccount, key: Callable[[str], str]) -> Mapping[str, int] | None:
    if "warehouse" not in week.costs:
        return None
    sums = Counter[str]()
    for use, total in week.warehouse.items():
        if use.part == "query":
            sums[key(use.project_id)] += total.micro_usd
    return sums


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
