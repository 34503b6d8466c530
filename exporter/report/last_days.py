"""The runs of the last days, up to this moment: by project, trigger, status and team, exact from the ledger."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from exporter.clock import Clock
from exporter.config import Config
from exporter.errors import ConfigError, ConfigProblem
from exporter.facts import TERMINAL_STATUSES, TRIGGERS
from exporter.insight import UNBILLED
from exporter.ledger import Ledger, RunAmount, WorkspaceLedger
from exporter.metrics import Collector, Status
from exporter.report.left_out import left_out_remarks
from exporter.report.table_report import TableReport
from exporter.report.table_wording import local
from exporter.report.week_tables import WITHOUT_TEAM, Cell, Table
from exporter.view import FAILED_STATUSES, RunKind, Snapshot

_DAYS = re.compile(r"([1-9]\d{0,3})d")
_DAY_MS = 86_400_000

_MEASURES = ("runs", "failed", "seconds", "previous_runs")

_LOWER_BOUND = (
    "seconds are a lower bound of compute time: notebook and app sessions are no runs, and are billed too; of notebook "
    "sessions Hex's API shows neither number nor length"
)

_Sums = Mapping[RunKind, RunAmount]


def last_days_reports(
    ledger: Ledger, config: Config, clock: Clock, *, last: str, workspace: str | None = None
) -> Iterator[TableReport]:
    """The report of each workspace, or of the one named, over so many times 24 hours, such as `7d`.

    Raises ConfigError if there is no such workspace or time, LedgerError.
    """
    span_ms = _span_ms(last)
    names = [one.name for one in config.workspaces]
    if workspace is not None and workspace not in names:
        raise ConfigError(
            ConfigProblem("--workspace", f"{workspace!r} is not a workspace; write one of {', '.join(names)}")
        )
    collector = Collector(ledger, Status())
    wall_ms = round(clock.now() * 1000)
    for name in names if workspace is None else [workspace]:
        known = ledger.workspace(name)
        now_ms = known.agreed_ms(wall_ms)
        for snapshot in collector.snapshots(config, now_ms):
            if snapshot.name == name:
                yield _report(known, snapshot, span_ms)


def _span_ms(last: str) -> int:
    written = _DAYS.fullmatch(last.strip())
    if written is None:
        problem = f"{last!r} is not a number of days; write one such as 7d, up to 9999d"
        raise ConfigError(ConfigProblem("--last", problem))
    return int(written[1]) * _DAY_MS


def _report(ledger: WorkspaceLedger, snapshot: Snapshot, span_ms: int) -> TableReport:
    now_ms, days = snapshot.now_ms, span_ms // _DAY_MS
    start_ms = now_ms - span_ms
    timezone = snapshot.config.week(snapshot.name).timezone
    oldest_ms = now_ms - round(snapshot.config.storage.keep_runs_seconds * 1000)

    def sums(from_ms: int, to_ms: int | None) -> _Sums | None:
        """None where that time is not completely known. Without an end: Hex's clock may be ahead of this one."""
        if from_ms < oldest_ms or not snapshot.is_complete_from(from_ms):
            return None
        amounts = ledger.run_sums.between(from_ms, to_ms)
        return {kind: amount for kind, amount in amounts.items() if kind[0] not in snapshot.stored.excluded}

    this, before = sums(start_ms, None), sums(start_ms - span_ms, start_ms)
    first, last = (local(at_ms, timezone).strftime("%Y-%m-%d %H:%M") for at_ms in (start_ms, now_ms))
    counted = "last 24 hours" if days == 1 else f"last {days} days"
    known_until_ms = snapshot.complete_until_ms
    return TableReport(
        workspace=snapshot.name,
        title=f"{snapshot.name}, {counted}: {first} to {last} ({timezone})",
        timezone=timezone,
        facts={
            "days": days,
            "start": local(start_ms, timezone).isoformat(),
            "end": local(now_ms, timezone).isoformat(),
            "timezone": timezone,
            "runs_complete_until": None
            if known_until_ms is None
            else datetime.fromtimestamp(known_until_ms / 1000, UTC).isoformat(),
        },
        main="project",
        tables=() if this is None else tuple(_tables(snapshot, this, before)),
        remarks=tuple(_remarks(snapshot, this, start_ms, oldest_ms, counted)),
    )


def _tables(snapshot: Snapshot, this: _Sums, before: _Sums | None) -> Iterator[Table]:
    projects = {known.project.project_id: known.project for known in snapshot.stored.projects}
    teams = {one: snapshot.config.team_of(snapshot.name, project) for one, project in projects.items()}
    facts = {one: (project.title, snapshot.owner_label(project.owner), teams[one]) for one, project in projects.items()}
    awaited = [known.project.project_id for known in snapshot.awaited]

    def table(name: str, key: Callable[[RunKind], str], known: Iterable[str] = ()) -> Table:
        return Table(name, (name, *_MEASURES), tuple(_rows(this, before, key, known)))

    yield table("total", lambda kind: "all", ("all",))
    rows = _rows(this, before, lambda kind: kind[0], awaited)
    yield Table(
        "project",
        ("project", "title", "owner", "team", *_MEASURES),
        tuple((row[0], *facts.get(str(row[0]), ("", "", "")), *row[1:]) for row in rows),
    )
    yield table("trigger", lambda kind: kind[1], TRIGGERS)
    statuses = (*TERMINAL_STATUSES, *(kind[2] for kind in (*this, *(before or ()))))
    yield Table(
        "status",
        ("status", "runs", "previous_runs"),
        tuple(
            (one, _runs(this, one), None if before is None else _runs(before, one)) for one in dict.fromkeys(statuses)
        ),
    )
    if snapshot.config.teams:
        yield table("team", lambda kind: teams.get(kind[0]) or WITHOUT_TEAM)


def _rows(
    this: _Sums, before: _Sums | None, key: Callable[[RunKind], str], known: Iterable[str]
) -> list[tuple[Cell, ...]]:
    """The most frequent first. Runs that got no kernel are among the failed, and are no runs."""
    runs: dict[str, int] = dict.fromkeys(known, 0)
    failed: dict[str, int] = defaultdict(int)
    ms: dict[str, int] = defaultdict(int)
    earlier: dict[str, int] = defaultdict(int)
    for kind, amount in this.items():
        name, is_run = key(kind), kind[2] != UNBILLED
        runs[name] = runs.get(name, 0) + amount.runs * is_run
        ms[name] += amount.ms * is_run
        failed[name] += amount.runs * (kind[2] in FAILED_STATUSES)
    for kind, amount in (before or {}).items():
        if kind[2] != UNBILLED:
            runs.setdefault(key(kind), 0)
            earlier[key(kind)] += amount.runs
    return [
        (name, count, failed[name], ms[name] / 1000, None if before is None else earlier[name])
        for name, count in sorted(runs.items(), key=lambda one: (-one[1], -earlier[one[0]], one[0]))
    ]


def _runs(sums: _Sums | None, status: str) -> int | None:
    return None if sums is None else sum(amount.runs for kind, amount in sums.items() if kind[2] == status)


def _remarks(snapshot: Snapshot, this: _Sums | None, start_ms: int, oldest_ms: int, counted: str) -> Iterator[str]:
    if start_ms < oldest_ms:
        yield f"runs of the {counted} have been forgotten: they begin before storage.keep_runs"
    elif this is None:
        yield f"the {counted} are not completely known: their runs are still being read, or were never seen"
    elif not any(amount.runs for amount in this.values()):
        yield f"no run started in the {counted}"
    if this is not None:
        yield _LOWER_BOUND
    yield from left_out_remarks(snapshot, (start_ms, snapshot.now_ms))
