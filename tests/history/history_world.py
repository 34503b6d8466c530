"""A workspace with a past, in a ledger on disk, and what the import says of it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from exporter.config import Config, Storage, Workspace
from exporter.facts import Project, Run
from exporter.history import Past, Span, Written, history, read_past, span_of
from exporter.ledger import RunProgress, open_ledger
from exporter.metrics import Collector, Status

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CONTACT_MS = 1_795_000_000_000 // HOUR_MS * HOUR_MS + 1_234_567

Samples = dict[str, dict[tuple[str, ...], dict[int, float]]]
"""Values by metric, label values without workspace and target, and milliseconds."""


class Historian:
    """A workspace `acme` of published projects whose runs were read at first contact."""

    def __init__(self, clock: Any, path: Path) -> None:
        self.clock = clock
        self.url = f"sqlite:///{path}"
        self.config = Config(workspaces=(Workspace(name="acme"),), storage=Storage(url=self.url))
        self.ledger = open_ledger(self.url, clock=clock)
        self.acme = self.ledger.workspace("acme")
        self.contact_ms = CONTACT_MS

    def configure(self, **changes: Any) -> None:
        self.config = msgspec.structs.replace(self.config, **changes)

    def project(self, project_id: str = "p1", **fields: Any) -> Project:
        long_ago = self.contact_ms - 200 * DAY_MS
        return Project(project_id=project_id, **{"created_ms": long_ago, "published_ms": long_ago, **fields})

    def run(self, run_id: str, start_ms: int, lasts_ms: int = 60_000, **fields: Any) -> Run:
        given = {"project_id": "p1", "status": "completed", "trigger": "scheduled", **fields}
        return Run(run_id=run_id, start_ms=start_ms, end_ms=start_ms + lasts_ms, elapsed_ms=lasts_ms, **given)

    def learn(self, runs: Sequence[Run], *projects: Project, members: int = 500, known_from_ms: int = 0) -> None:
        """First contact, a listing of the projects, and each one's whole history."""
        projects = projects or tuple(self.project(one) for one in sorted({run.project_id for run in runs}))
        learn(self.ledger.workspace("acme"), projects, runs, self.contact_ms, members, known_from_ms)

    def span(self, now_ms: int | None = None, days: int = 90) -> Span | None:
        oldest = next(self.acme.runs_between(0, self.contact_ms))
        assert oldest.start_ms is not None
        return span_of(self.contact_ms, oldest.start_ms, now_ms or self.contact_ms + 30 * DAY_MS, days)

    def past(self, now_ms: int | None = None, days: int = 90) -> Past:
        span = self.span(now_ms, days)
        assert span is not None
        [snapshot] = Collector(self.ledger, Status()).snapshots(self.config, self.contact_ms)
        oldest = next(self.acme.runs_between(0, self.contact_ms))
        assert oldest.start_ms is not None
        return read_past(self.acme, snapshot, span, oldest.start_ms)

    def text(self, now_ms: int | None = None, days: int = 90) -> str:
        return "".join(history([self.past(now_ms, days)], job="hex", instance="localhost:9891", count=Written()))

    def samples(self, now_ms: int | None = None, days: int = 90) -> Samples:
        return parsed(self.text(now_ms, days))


def learn(
    workspace: Any,
    projects: Sequence[Project],
    runs: Sequence[Run],
    at_ms: int,
    members: int = 500,
    known_from_ms: int = 0,
) -> None:
    workspace.first_contact(at_ms)
    workspace.record_projects(projects, at_ms)
    workspace.choose_members(members, at_ms)
    workspace.record_collector("projects", True, at_ms)
    for project in projects:
        mine = [run for run in runs if run.project_id == project.project_id]
        progress = RunProgress(known_until_ms=at_ms, known_from_ms=known_from_ms, last_read_ms=at_ms)
        workspace.record_runs(project.project_id, mine, progress, at_ms)


_SERIES = re.compile(r"(\w+)\{(.*)\}")
_PAIR = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_OF_THE_TARGET = {"workspace", "job", "instance"}


def parsed(text: str) -> Samples:
    found: Samples = {}
    series: dict[str, dict[int, float]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        head, value, seconds = line.rsplit(" ", 2)
        if head not in series:
            sample = _SERIES.fullmatch(head)
            assert sample is not None, line
            labels = tuple(value for label, value in _PAIR.findall(sample[2]) if label not in _OF_THE_TARGET)
            series[head] = found.setdefault(sample[1], {}).setdefault(labels, {})
        series[head][int(seconds) * 1000] = float(value)
    return found
