"""What can be known about a Hex workspace: small frozen records, the same in every room.

Times are integer milliseconds since the epoch (`_ms`), None where Hex has none. Enumerations are lower case and open:
a value that Hex invents tomorrow arrives as it came, in lower case. Text is as Hex sent it; making it safe for
labels is the page's affair.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

ACTIVE_STATUSES = frozenset({"pending", "running"})
"""A run in one of these has not ended."""

TERMINAL_STATUSES = ("completed", "errored", "killed", "unable_to_allocate_kernel")
"""The documented end states of a run."""

TRIGGERS = ("scheduled", "api", "app_refresh")
"""The documented triggers of a run; `unknown` stands for a run that came without one."""

UNKNOWN_TRIGGER = "unknown"
"""The trigger of a run that Hex lists without one."""

ROLES = ("admin", "manager", "editor", "explorer", "member", "guest", "embedded_user", "anonymous")
"""The documented roles of a user."""

FINDING_KINDS = (
    "abandoned_project",
    "unviewed_schedule",
    "over_refreshed",
    "over_scheduled",
    "replaceable_schedule",
    "failing_schedule",
    "duplicate_projects",
    "idle_paid_seat",
    "costly_role",
    "costly_plan",
    "overlapping_connections",
    "unused_connection",
    "colliding_schedules",
    "recurring_threads",
    "sql_on_paid_compute",
    "oversized_compute",
    "uncached_app",
    "query_cache_off",
    "repeated_queries",
    "costliest_cell",
    "full_refresh",
    "notebook_by_hand",
)
"""Every kind of finding. Of two equal claims on a project's runs, or on a seat, that of the earlier kind applies."""


def finding_kind_words(kind: str) -> str:
    """The name of a kind of finding as people read it, in tables, on boards and in messages: `idle paid seat`."""
    return kind.replace("_", " ")


def finding_kind_of(written: str) -> str | None:
    """The kind by its name, as it is printed or as the label has it, in any case; None if there is none."""
    kind = re.sub(r"[\s_-]+", "_", written.strip().lower())
    return kind if kind in FINDING_KINDS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One schedule of a project.

    `cron` is the five-field expression with the same firings (None: the entry cannot be understood), `timezone` what
    Hex sent with it: an offset such as `+08:00` or an IANA name, `UTC` where it sent nothing.
    """

    cadence: str
    enabled: bool
    cron: str | None
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project of a listing. `published_ms` None: never published, so it has no run history.

    `groups` and `collections` are the names it is shared with; `views_*` are Hex's rolling windows, None if not given.
    """

    project_id: str
    title: str = ""
    owner: str | None = None
    creator: str | None = None
    project_status: str | None = None
    categories: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    created_ms: int | None = None
    edited_ms: int | None = None
    published_ms: int | None = None
    viewed_ms: int | None = None
    results_updated_ms: int | None = None
    archived_ms: int | None = None
    trashed_ms: int | None = None
    views_7d: int | None = None
    views_14d: int | None = None
    views_30d: int | None = None
    views_all: int | None = None
    schedules: tuple[Schedule, ...] = ()

    @property
    def state(self) -> str:
        """`trashed`, `archived`, `published` or `unpublished`, the strongest that holds."""
        if self.trashed_ms is not None:
            return "trashed"
        if self.archived_ms is not None:
            return "archived"
        return "unpublished" if self.published_ms is None else "published"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a published project, as last seen."""

    run_id: str
    project_id: str
    status: str
    trigger: str = UNKNOWN_TRIGGER
    start_ms: int | None = None
    end_ms: int | None = None
    elapsed_ms: int | None = None
    version: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether it may still change its state; an unknown status has ended once it has an end."""
        if self.status in ACTIVE_STATUSES:
            return True
        return self.status not in TERMINAL_STATUSES and self.end_ms is None

    @property
    def ended_ms(self) -> int | None:
        """When it ended, by its end, else start plus elapsed, else start; None while active or if not known."""
        if self.is_active:
            return None
        if self.end_ms is not None:
            return self.end_ms
        if self.start_ms is not None:
            return self.start_ms + (self.elapsed_ms or 0)
        return None

    @property
    def duration_ms(self) -> int | None:
        """How long it ran: what Hex says, else end minus start; None if neither is known. Never negative."""
        if self.elapsed_ms is not None:
            return max(0, self.elapsed_ms)
        if self.start_ms is not None and self.end_ms is not None:
            return max(0, self.end_ms - self.start_ms)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One user of the workspace and the role that is billed."""

    user_id: str
    email: str = ""
    name: str | None = None
    role: str = "unknown"
    last_login_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom the token belongs to; a workspace token has only the organisation and its own expiry."""

    org_id: str | None = None
    email: str | None = None
    role: str | None = None
    token_expires_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group of users; names are not unique."""

    group_id: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One data connection. `target` names account or host, port and database where the token may see them, else None.

    `target` serves to find overlaps and is never a label.
    """

    connection_id: str
    name: str = ""
    connection_type: str = "unknown"
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One AI thread; `credits_milli` is its running total in thousandths of a credit, None if Hex does not say.

    `updated_ms` is its last change, `title` None for a private one, `model` the one that answered.
    """

    thread_id: str
    source: str = "unknown"
    thread_type: str = "unknown"
    user_id: str | None = None
    created_ms: int | None = None
    credits_milli: int | None = None
    updated_ms: int | None = None
    title: str | None = None
    model: str = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueriedTable:
    """One table that a published project queries, and through which connection.

    Where only the cells of its draft are known `table` is empty, and `queries` a digest of all its queries and code:
    equal for two projects that compute the same. It is empty where an input may make them differ.
    """

    connection_id: str
    table: str
    connection_name: str = ""
    queries: str = ""


CELL_KINDS = frozenset(
    (
        *("code", "sql", "dbt_metric", "writeback", "input", "filter", "pivot", "explore", "component_import"),
        *("markdown", "text", "metric", "map", "chart", "chartv2", "vega_chart", "table_display", "display_table"),
        *("block", "collapsible", "cell_group"),
    )
)
"""The kinds of cells that Hex documents; what one of another kind does is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedCell:
    """One cell of a version: what it is, never what is written in it.

    `queries`: it queries a warehouse; `writes`: a run makes it write to a database. `source` is a digest of its SQL,
    None for cells of other kinds, and for SQL that is filled in from an input. None where something is not known.
    """

    cell_id: str
    cell_type: str
    connection_id: str | None = None
    queries: bool | None = None
    component_id: str | None = None
    writes: bool | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectVersion:
    """One version of a project, which never changes: its settings and its cells. What Hex did not say is None.

    `profile` is the compute profile that its runs get, `image` the kernel's; `logic_cache` and `published_cache` how
    long query results are kept in the notebook and in the app: `90m`, `24h`, `lastscheduledrun` or `disabled`.
    `is_generated`: its app is made of generated files. `schema` is the version of the file's form, `digest` a hash of
    the whole file. `is_from_file`: it was read from a file of Hex's git export, whose age is that of its checkout.
    """

    project_id: str
    version: str
    schema: str | None = None
    profile: str | None = None
    image: str | None = None
    prerun_app: bool | None = None
    auto_rerun_app: bool | None = None
    cache_published_app: bool | None = None
    refresh_stale_app: bool | None = None
    logic_cache: str | None = None
    published_cache: str | None = None
    is_generated: bool | None = None
    cells: tuple[ExportedCell, ...] | None = None
    digest: str = ""
    is_from_file: bool = False

    @property
    def writes_on_runs(self) -> bool | None:
        """Whether a run writes to a database, None if that is not known, as of a component."""
        if self.cells is None:
            return None
        return _any(None if cell.cell_type == "component_import" else cell.writes for cell in self.cells)

    @property
    def is_sql_only(self) -> bool | None:
        """Whether a warehouse computes all of it, by SQL, which needs no paid compute; None if that is not known.

        SQL on a dataframe is computed where code is.
        """
        if self.cells is None:
            return None
        kinds = {cell.cell_type for cell in self.cells}
        is_remote = all(cell.queries is True for cell in self.cells if cell.cell_type == "sql")
        return is_remote and "sql" in kinds and kinds <= CELL_KINDS - {"code", "component_import", "writeback"}


def _any(answers: Iterable[bool | None]) -> bool | None:
    """Whether any is true; None if none is, and one is not known."""
    found = set(answers)
    return True if True in found else None if None in found else False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a project's draft: the connection it queries, and a digest of its query or code.

    `source` is empty for cells of other kinds, and None where it cannot be known whether two of them are the same:
    the cell is an input, or its query is filled in from one.
    """

    cell_id: str
    connection_id: str | None = None
    source: str | None = ""
