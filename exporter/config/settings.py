"""The settings as the other rooms see them: frozen records, checked where they are made.

A field whose key in the file has another name carries that name; durations are seconds.
"""

from datetime import date
from typing import Literal

from msgspec import Struct, field

from exporter.config.audit_settings import Audit, Ignore
from exporter.config.budget_settings import DEFAULT_BUDGET, Budget
from exporter.config.cluster_settings import Cluster
from exporter.config.collect_settings import Collect, Exports
from exporter.config.contract_settings import DOLLARS, Chargeback, Contract, Currency
from exporter.config.error_wording import guess, printable
from exporter.config.gateway_settings import Gateway
from exporter.config.match import PATTERNS, Match, matches_glob
from exporter.config.overview_settings import Overview
from exporter.config.price_settings import Compute, Prices, price_history
from exporter.config.route_settings import Route
from exporter.config.source_settings import Source
from exporter.config.trigger_settings import Trigger
from exporter.config.urls import is_postgres, without_secrets
from exporter.config.warehouse_settings import Warehouse
from exporter.errors import ConfigError, ConfigProblem
from exporter.facts import Project

PUBLIC_BASE_URL = "https://app.hex.tech/api/v1"
"""Hex's own multi-tenant deployment."""

DAY_SECONDS = 86_400.0


class RateLimit(Struct, frozen=True, kw_only=True):
    """What Hex allows the workspace, and the share of it that the exporter may spend."""

    per_minute: int = 30
    per_hour: int = 1800
    share: float = 0.5

    @property
    def allowed_per_hour(self) -> float:
        """How many requests the exporter may send in an hour."""
        return min(self.per_hour, 60 * self.per_minute) * self.share


class Workspace(Route, frozen=True, kw_only=True):
    """One Hex workspace and the way to it. The token is never here: only the file or the variable that has it.

    `base_url` has no trailing slash. Raises ValueError when both places of the token are given.
    """

    name: str = "default"
    base_url: str = PUBLIC_BASE_URL
    token_file: str | None = None
    token_env: str | None = None
    rate_limit: RateLimit = RateLimit()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.token_file is not None and self.token_env is not None:
            raise ValueError("both token_file and token_env are given; remove one of them")


class Storage(Struct, frozen=True, kw_only=True):
    """Where the ledger is kept, and for how long a run's own record is.

    `url` is what `url_file` or `url_env` has, where one of them is given, and names the `schema`. Its password is in no
    `repr`.
    """

    url: str
    url_file: str | None = None
    url_env: str | None = None
    schema: str | None = None
    keep_runs_seconds: float = field(default=400 * DAY_SECONDS, name="keep_runs")

    @property
    def is_file(self) -> bool:
        """Whether it is a SQLite ledger, which one process writes."""
        return self.url_file is None and self.url_env is None and not is_postgres(self.url)

    def __repr__(self) -> str:
        places = {"url": without_secrets(self.url), "url_file": self.url_file, "url_env": self.url_env}
        given = ", ".join(f"{name}={value!r}" for name, value in places.items() if value is not None)
        return f"Storage({given}, schema={self.schema!r}, keep_runs={self.keep_runs_seconds})"


class Week(Struct, frozen=True, kw_only=True):
    """When a week begins in the workspaces that match the glob `workspace`; `starts` counts from Monday = 0."""

    timezone: str = "UTC"
    starts: int = 0
    workspace: str = "*"


class Team(Struct, frozen=True, kw_only=True):
    """A name for the projects that match. Raises ValueError when the match has no pattern at all."""

    name: str
    match: Match

    def __post_init__(self) -> None:
        if self.match == Match():
            raise ValueError(f"match has no pattern; add one of {', '.join(PATTERNS)}")


class Seats(Struct, frozen=True, kw_only=True):
    """When a seat is called unused, and when the seats were last reviewed."""

    inactive_after_seconds: float = field(default=90 * DAY_SECONDS, name="inactive_after")
    reviewed_on: date | None = None


class Labels(Struct, frozen=True, kw_only=True):
    """How people appear in labels. Raises ValueError when owners are to be hashed without a key."""

    owner: Literal["email", "hash", "none"] = "email"
    hash_key_file: str | None = None

    def __post_init__(self) -> None:
        if self.owner == "hash" and self.hash_key_file is None:
            raise ValueError("owner: hash needs a key; add hash_key_file")


class SeriesLimits(Struct, frozen=True, kw_only=True):
    """How many projects have series of their own; the rest share `other`.

    `connection_runs`: how many runs one data connection handles at once, None if not configured.
    """

    projects_with_series: int = 500
    connection_runs: int | None = None


class Config(Struct, frozen=True, kw_only=True):
    """Everything that can be configured."""

    workspaces: tuple[Workspace, ...]
    storage: Storage
    collect: Collect = Collect()
    exports: Exports = Exports()
    weeks: tuple[Week, ...] = field(default=(Week(),), name="week")
    budgets: tuple[Budget, ...] = (DEFAULT_BUDGET,)
    teams: tuple[Team, ...] = ()
    price_lists: tuple[Prices, ...] = field(default=(Prices(),), name="prices")
    compute_lists: tuple[Compute, ...] = field(default=(Compute(),), name="compute")
    contracts: tuple[Contract, ...] = field(default=(), name="contract")
    chargeback: Chargeback | None = None
    currencies: tuple[Currency, ...] = field(default=(), name="currency")
    seats: Seats = Seats()
    labels: Labels = Labels()
    limits: SeriesLimits = SeriesLimits()
    sources: tuple[Source, ...] = ()
    warehouses: tuple[Warehouse, ...] = ()
    gateway: Gateway | None = None
    triggers: tuple[Trigger, ...] = ()
    cluster: Cluster | None = None
    audit: Audit = Audit()
    ignore: tuple[Ignore, ...] = ()
    overview: Overview = Overview()

    @property
    def gateway_workspace(self) -> Workspace:
        """The workspace that the gateway is for: the one it names, else the only one; raises ConfigError."""
        name = None if self.gateway is None else self.gateway.workspace
        if name is None and len(self.workspaces) == 1:
            return self.workspaces[0]
        for workspace in self.workspaces:
            if workspace.name == name:
                return workspace
        known = ", ".join(workspace.name for workspace in self.workspaces)
        problem = "no workspace is named" if name is None else f'"{printable(name)}" is not a workspace'
        nearest = "" if name is None else guess(name, (workspace.name for workspace in self.workspaces))
        raise ConfigError(ConfigProblem("gateway.workspace", f"{problem}; write one of {known}{nearest}"))

    def source_of(self, workspace_name: str, project: Project) -> Source | None:
        """The first source that matches the project, None if it has none."""
        return next((source for source in self.sources if source.match.matches(workspace_name, project)), None)

    def trigger_of(self, workspace_name: str, project: Project) -> Trigger | None:
        """The first trigger that matches the project, None if it has none."""
        return next((trigger for trigger in self.triggers if trigger.matches(workspace_name, project)), None)

    def warehouses_of(self, workspace_name: str) -> tuple[Warehouse, ...]:
        """The warehouses behind the workspace."""
        return tuple(one for one in self.warehouses if matches_glob(one.workspace, workspace_name))

    def week(self, workspace_name: str) -> Week:
        """The first week whose glob matches the workspace; without one, Monday to Sunday in UTC."""
        return next((week for week in self.weeks if matches_glob(week.workspace, workspace_name)), Week())

    def team_of(self, workspace_name: str, project: Project) -> str:
        """The name of the first team that matches the project, empty if none does."""
        return next((team.name for team in self.teams if team.match.matches(workspace_name, project)), "")

    def budgets_of(self, workspace_name: str) -> tuple[Budget, ...]:
        """The budgets that this workspace has."""
        return tuple(budget for budget in self.budgets if budget.is_for(workspace_name))

    def price_history(self, workspace_name: str) -> tuple[Prices, ...]:
        """What applied from which day on, the earliest first: the entries with the first glob that matches.

        Without any, the book of each day and nothing else.
        """
        globs = (one.workspace for one in self.price_lists if matches_glob(one.workspace, workspace_name))
        glob = next(globs, None)
        return price_history(one for one in self.price_lists if one.workspace == glob) or (Prices(),)

    def prices(self, workspace_name: str, day: date = date.max) -> Prices:
        """What applies on the day, by default the last that is known."""
        history = self.price_history(workspace_name)
        return next((one for one in reversed(history) if (one.valid_from or date.min) <= day), history[0])

    def contract(self, workspace_name: str) -> Contract | None:
        """The first contract whose glob matches the workspace, None without one."""
        matching = (one for one in self.contracts if matches_glob(one.workspace, workspace_name))
        return next(matching, None)

    def currency(self, day: date = date.max) -> Currency:
        """What people are shown money in, at the rate of the day: before the first that is known, that one."""
        history = sorted(self.currencies, key=lambda one: one.valid_from or date.min)
        valid = [one for one in history if (one.valid_from or date.min) <= day]
        return (valid[-1:] or history[:1] or [DOLLARS])[0]

    def compute(self, workspace_name: str) -> Compute:
        """The first compute profiles whose glob matches the workspace; without any, all projects are `medium`."""
        matching = (compute for compute in self.compute_lists if matches_glob(compute.workspace, workspace_name))
        return next(matching, Compute())
