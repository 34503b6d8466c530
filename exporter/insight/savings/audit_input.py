"""What the audit goes by: everything that is known of a workspace at an instant, None where it is not known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from urllib.parse import quote

from exporter.config import Contract
from exporter.facts import Connection, Project, ProjectVersion, QueriedTable, Seat, Thread
from exporter.insight.calendar_period import Period
from exporter.insight.credit_use import CreditUse
from exporter.insight.tariffs import Tariff

DAY_MS = 86_400_000

WINDOW_MS = 28 * DAY_MS
"""The time over which runs are summed: whole weeks, so that every weekday counts as often."""


class Amount(NamedTuple):
    """So many runs and their run time together, in milliseconds."""

    runs: int
    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectUse:
    """What one project's runs were in [since, now), those without a kernel left out.

    `by` is by trigger and status. `last_scheduled` are the statuses of the last scheduled runs that ended, newest
    first, as many as `failed_runs` asks or fewer, from any time, without those that got no kernel. `last_ms` is the
    start of the last run of each trigger, from any time. `unviewed_week`: scheduled and refresh runs a week whose
    result no one had viewed when the next came, None unless that was watched for a week at least. `longest_ms` is the
    longest of its completed runs in [since, now), 0 without any.
    """

    by: Mapping[tuple[str, str], Amount] = field(default_factory=dict)
    last_scheduled: tuple[str, ...] = ()
    last_ms: Mapping[str, int] = field(default_factory=dict)
    unviewed_week: float | None = None
    longest_ms: int = 0


class SourceUse(NamedTuple):
    """How the data behind a project was seen to change between two instants, by its probes.

    `checked_runs` are the scheduled runs whose source state is known, `unchanged_runs` those of them that repeated
    an unchanged source; both 0 if that was not compared.
    """

    name: str
    since_ms: int
    until_ms: int
    changes: int
    checked_runs: int = 0
    unchanged_runs: int = 0


class QueryHour(NamedTuple):
    """What queries of a cell with a context cost in an hour of a warehouse, in millionths of a dollar."""

    hour_ms: int
    project_id: str
    cell_id: str
    context: str
    queries: int
    usd_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseQueries:
    """What the logs of all warehouses have of so much time; `url` is where people find the workspace in Hex."""

    span_ms: int
    hours: tuple[QueryHour, ...]
    url: str = ""

    def cell_url(self, project_id: str, cell_id: str) -> str:
        """Where people find a cell in Hex."""
        return f"{self.url}/hex/{quote(project_id, safe='')}/draft/logic?selectedCellId={quote(cell_id, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditInput:
    """Everything that is known. Collections are None where they cannot be read, and empty where there is nothing.

    `since_ms` None: the runs are not known far enough back to be judged. `uses` and `compute_hour_micro` (the price of
    an hour of the project's compute, 0 if absent) are by project id; `sources` too, only where probes show enough.
    `teams` is by project id and user id. `tables` has an entry for each project whose tables are known; where only
    cells are known the tables have no name. `seen_ms` is by user id: what shows that somebody works besides logins and
    projects. `credits` is what threads used and when; `month` is the month by which plans are compared. `missing` says
    by collector (projects, users, connections, queried_tables, threads, runs, exports) why it cannot be read, where
    that is known. `contract` is one that goes on: None once it is to be renewed. `settings` are those that projects are
    published with, `profiles` the compute profiles that they run on; both by project id, without what is not known.
    `queries` is what they cost in the warehouses, None unless their logs are known for a week.
    `triggers` says by project id whether its trigger is on or only a dry run.
    """

    now_ms: int
    since_ms: int | None
    tariff: Tariff
    month: Period
    projects: tuple[Project, ...] | None = None
    uses: Mapping[str, ProjectUse] = field(default_factory=dict)
    compute_hour_micro: Mapping[str, int] = field(default_factory=dict)
    seats: tuple[Seat, ...] | None = None
    seen_ms: Mapping[str, int] = field(default_factory=dict)
    threads: tuple[Thread, ...] | None = None
    credits: CreditUse | None = None
    connections: tuple[Connection, ...] | None = None
    tables: Mapping[str, tuple[QueriedTable, ...]] | None = None
    sources: Mapping[str, SourceUse] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    connection_runs: int | None = None
    inactive_after_ms: int = 90 * DAY_MS
    unused_after_ms: int = 30 * DAY_MS
    failed_runs: int = 5
    contract: Contract | None = None
    settings: Mapping[str, ProjectVersion] | None = None
    profiles: Mapping[str, str] = field(default_factory=dict)
    triggers: Mapping[str, Literal["on", "dry"]] = field(default_factory=dict)
    queries: WarehouseQueries | None = None
