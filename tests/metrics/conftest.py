"""A small workspace in a real ledger, and what the collector says of it."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from exporter.config import Config, Storage, Workspace
from exporter.facts import Project, Run
from exporter.ledger import RunProgress, open_ledger
from exporter.metrics import Collector, Status

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class World:
    """A ledger in memory with the workspace `acme`, its configuration, and the time of the manual clock."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.ledger = open_ledger("sqlite://", clock=clock)
        self.acme = self.ledger.workspace("acme")
        self.status = Status(version="1.2.3")
        self.config = Config(workspaces=(Workspace(name="acme"),), storage=Storage(url="sqlite://"))
        self.collector = Collector(self.ledger, self.status)

    @property
    def now_ms(self) -> int:
        return round(self.clock.now() * 1000)

    def configure(self, **changes: Any) -> None:
        """Change settings of the configuration."""
        self.config = msgspec.structs.replace(self.config, **changes)

    def list_projects(self, *projects: Project, members: int = 500) -> None:
        """A complete project listing, now."""
        self.acme.first_contact(self.now_ms)
        self.acme.record_projects(projects, self.now_ms)
        self.acme.choose_members(members, self.now_ms)
        self.acme.record_collector("projects", True, self.now_ms)

    def read_runs(self, project_id: str, *runs: Run, known_from_ms: int = 0, **progress: Any) -> None:
        """The runs of one project, complete until now and back to `known_from_ms`."""
        known = {"known_until_ms": self.now_ms, "last_read_ms": self.now_ms, **progress}
        self.acme.record_runs(project_id, runs, RunProgress(known_from_ms=known_from_ms, **known), self.now_ms)

    def release(self) -> None:
        """Let two minutes pass, so that no counter is held at 0."""
        self.clock.advance(120)
        self.acme.release_holds(self.now_ms)

    def figures(self) -> dict[str, dict[tuple[str, ...], Any]]:
        """What is collected now: by metric, by label values without the workspace."""
        return {
            family.metric.name: {
                labels[1:] if family.metric.labels[:1] == ("workspace",) else labels: value
                for labels, value in family.samples
            }
            for family in self.collector.collect(self.config, self.now_ms)
        }

    def published(self, project_id: str = "p1", **fields: Any) -> Project:
        """A project that was created and published a hundred days ago."""
        long_ago = self.now_ms - 100 * DAY_MS
        return Project(project_id=project_id, **{"created_ms": long_ago, "published_ms": long_ago, **fields})

    def run(self, run_id: str, ago_ms: int = HOUR_MS, lasts_ms: int = 60_000, **fields: Any) -> Run:
        """A scheduled run that was completed a while ago."""
        start_ms = self.now_ms - ago_ms
        completed = {
            "project_id": "p1",
            "status": "completed",
            "trigger": "scheduled",
            "start_ms": start_ms,
            "end_ms": start_ms + lasts_ms,
            "elapsed_ms": lasts_ms,
        }
        return Run(run_id=run_id, **{**completed, **fields})

    def active(self, run_id: str, ago_ms: int = HOUR_MS, **fields: Any) -> Run:
        """A run that has not ended."""
        return self.run(run_id, ago_ms, **{"status": "running", "end_ms": None, "elapsed_ms": None, **fields})

    def many(self, count: int, ago_ms: int, prefix: str = "r") -> Sequence[Run]:
        """Runs that started at one time."""
        return [self.run(f"{prefix}{number}", ago_ms) for number in range(count)]


@pytest.fixture
def world(manual_clock: Any) -> Iterator[World]:
    made = World(manual_clock)
    yield made
    made.ledger.close()
