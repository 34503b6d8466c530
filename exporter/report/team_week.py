"""What each team's week cost, seats included, beside what the last audit would save it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from exporter.insight import MICRO
from exporter.insight.savings import KnownFinding, Saving
from exporter.report.audit_tables import parts, usd
from exporter.report.charges import Charge
from exporter.report.week_tables import WITHOUT_TEAM, Cell, Table
from exporter.view import Snapshot, team_of_person

ADDED = (
    "seats_usd",
    "findings",
    "saving_month_usd",
    "saving_billed_usd",
    "saving_estimate_usd",
    "saving_month_runs",
)


def with_savings(
    table: Table,
    snapshot: Snapshot,
    charges: Iterable[Charge],
    known: Sequence[KnownFinding] | None,
    today: date,
) -> Table:
    """The table by team with the cost of seats in the week, and the findings that are open as the ledger has them.

    `known` None: there was no audit yet. Teams that have only seats or findings get a row, too.
    """
    seats = _seats(charges)
    findings = _by_team(snapshot, known or (), today)
    rows = {str(row[0]): row for row in table.rows}
    nothing: tuple[Cell, ...] = (
        *[None if any(row[1] is None for row in table.rows) else 0] * (len(table.columns) - 1),
    )
    for team in (*seats, *findings):
        rows.setdefault(team, (team, *nothing))

    def added(team: str) -> tuple[Cell, ...]:
        if known is None:
            return _usd(seats, team), *[None] * (len(ADDED) - 1)
        own = findings.get(team, ())
        priced = [one for one in own if one.saving_micro is not None]
        saving = Saving(
            micro=sum(one.saving_micro or 0 for one in priced) if priced else None,
            estimate_micro=sum(one.saving_estimate_micro for one in priced),
        )
        runs = round(sum(one.saving_runs for one in own), 1)
        return _usd(seats, team), len(own), usd(saving.micro), *parts(saving), runs

    return replace(
        table,
        columns=(*table.columns, *ADDED),
        for_programs=table.for_programs | {"saving_month_usd"},
        rows=tuple((*row, *added(team)) for team, row in rows.items()),
    )


def _seats(charges: Iterable[Charge]) -> Mapping[str, int]:
    """What the seats of each team cost; empty where no seat is priced."""
    seats: Counter[str] = Counter()
    for charge in charges:
        if charge.component == "seats":
            seats[charge.team or WITHOUT_TEAM] += charge.micro_usd
    return seats


def _usd(seats: Mapping[str, int], team: str) -> float | None:
    return seats.get(team, 0) / MICRO if seats else None


def _by_team(snapshot: Snapshot, known: Iterable[KnownFinding], today: date) -> Mapping[str, list[KnownFinding]]:
    """The findings that are there and not ignored, under the team of their subject."""
    config, name = snapshot.config, snapshot.name
    projects = {each.project.project_id: each.project for each in snapshot.stored.projects}
    people = {seat.user_id: seat.email for seat in (snapshot.stored.users.items if snapshot.stored.users else ())}
    by_team: dict[str, list[KnownFinding]] = defaultdict(list)
    for one in known:
        project, email = projects.get(one.subject), people.get(one.subject, one.subject)
        names = (one.subject, email if project is None else project.title)
        if one.gone_ms is not None or any(rule.covers(one.kind, names, today) for rule in config.ignore):
            continue
        team = team_of_person(config, name, email) if project is None else config.team_of(name, project)
        by_team[team or WITHOUT_TEAM].append(one)
    return by_team
