"""A workspace whose facts a test writes by hand, for the audit."""

from typing import Any

from exporter.audit.auditor import audit_of
from exporter.audit.input_reader import read_audit_input
from exporter.facts import Connection, Project, QueriedTable, Run, Schedule, Seat
from exporter.ledger import RunProgress, open_ledger


def audited(ledger: Any, config: Any, now_ms: int) -> Any:
    return audit_of(ledger.name, config, read_audit_input(ledger, config, now_ms))


HOUR_MS = 3_600_000


class Known:
    """A ledger of a few facts, at one moment."""

    def __init__(self, clock: Any) -> None:
        self.now_ms = round(clock.now() * 1000)
        self.ledger = open_ledger("sqlite://", clock=clock).workspace("w")
        self.ledger.first_contact(self.now_ms)

    def projects(self, *projects: Project, known_from_ms: int = 0, tables: bool = True) -> None:
        self.ledger.record_projects(projects, self.now_ms)
        self.ledger.record_collector("projects", True, self.now_ms)
        for project in projects:
            progress = RunProgress(known_until_ms=self.now_ms, known_from_ms=known_from_ms)
            self.ledger.record_runs(project.project_id, [], progress, self.now_ms)
            if tables:
                self.ledger.record_tables(project.project_id, [QueriedTable(connection_id="c", table="t")], self.now_ms)

    def runs(self, project_id: str, *runs: Run) -> None:
        progress = RunProgress(known_until_ms=self.now_ms, known_from_ms=0)
        self.ledger.record_runs(project_id, runs, progress, self.now_ms)

    def seats(self, *seats: Seat) -> None:
        self.ledger.record_seats(seats, self.now_ms)
        self.ledger.record_collector("users", True, self.now_ms)

    def rest(self) -> None:
        self.ledger.record_connections([Connection(connection_id="c")], self.now_ms)
        self.ledger.record_threads([], self.now_ms)
        for collector in ("connections", "threads"):
            self.ledger.record_collector(collector, True, self.now_ms)


def scheduled(project_id: str, number: int, start_ms: int, status: str = "completed", **fields: Any) -> Run:
    return Run(
        run_id=f"{project_id}-{number}",
        project_id=project_id,
        status=status,
        trigger="scheduled",
        start_ms=start_ms,
        **fields,
    )


DAILY = (Schedule(cadence="daily", enabled=True, cron="0 6 * * *"),)
