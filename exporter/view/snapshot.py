"""Everything that the figures of one workspace are made of: the ledger's facts, the configuration and the hour."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from exporter.config import Config, Workspace
from exporter.facts import Connection, Identity, Project, ProjectVersion, QueriedTable, Run, Seat
from exporter.insight import ProjectProfiles, SeatUse
from exporter.ledger import (
    OTHER,
    CollectorState,
    CounterValue,
    KnownFinding,
    KnownProject,
    KnownVersion,
    Listing,
    RunAmount,
    SourceState,
    TriggerState,
    UnreadableRuns,
    WarehouseKey,
    WarehouseState,
    WarehouseSums,
)
from exporter.view.accounts import Accounts
from exporter.view.attribution import NOW, Attribution
from exporter.view.completeness import (
    awaited,
    complete_until_ms,
    is_complete_from,
    is_mostly_unreadable,
    unreadable,
)
from exporter.view.compute_profiles import project_profiles
from exporter.view.daily_usage import RunKind
from exporter.view.features import FeatureState, feature_states
from exporter.view.owner_labels import OwnerLabel
from exporter.view.recent_runs import RecentRuns
from exporter.view.status import WorkspaceStatus
from exporter.view.teams import team_of_person
from exporter.view.week_hours import WeekCurve

_TOLERATED_MS = 3_000  # clocks that differ by less agree


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the ledger holds of one workspace. `projects` has those that are gone, too.

    The weeks are start and end, the counts runs by project; `previous_week_by_now` up to the same local moment.
    `last_7d` are the runs that started in the last 7 x 24 hours, by project, trigger and status; `counted_7d` is what
    counters that runs cannot give grew by since the hour seven days ago, by metric and labels. `excluded` has the ids
    of projects that are left out of all of it; `versions` are those of each project that were read, by number, and
    `settings` those that projects are published with; `excluded_projects` is how many of them are listed.
    `unknown_projects` is how many the listing has that cannot be read and were never known. The `warehouse_` weeks are
    by warehouse and key, without hours.
    """

    first_contact_ms: int | None
    projects: tuple[KnownProject, ...]
    collectors: Mapping[str, CollectorState]
    users: Listing[Seat] | None
    connections: Listing[Connection] | None
    identity: Identity | None
    tables: Mapping[str, tuple[QueriedTable, ...]]
    week: tuple[int, int]
    week_counts: Mapping[str, int]
    previous_week: tuple[int, int]
    previous_week_counts: Mapping[str, int]
    active_runs: tuple[Run, ...]
    last_runs: Mapping[tuple[str, str], int]
    counters: tuple[CounterValue, ...]
    cool_down_until_ms: int | None
    sources: Mapping[str, SourceState]
    findings: tuple[KnownFinding, ...]
    recent: RecentRuns
    curve: WeekCurve
    last_7d: Mapping[RunKind, RunAmount]
    previous_week_by_now: Mapping[str, int] = field(default_factory=dict)
    counted_7d: Mapping[tuple[str, tuple[str, ...]], int] = field(default_factory=dict)
    versions: Mapping[str, Mapping[str, KnownVersion]] = field(default_factory=dict)
    settings: Mapping[str, ProjectVersion] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()
    excluded_projects: int = 0
    unknown_projects: int = 0
    triggers: Mapping[str, TriggerState] = field(default_factory=dict)
    unreadable_runs: tuple[UnreadableRuns, ...] = ()
    warehouse_states: Mapping[str, WarehouseState] = field(default_factory=dict)
    warehouse_week: Mapping[tuple[str, WarehouseKey], WarehouseSums] = field(default_factory=dict)
    warehouse_previous_week: Mapping[tuple[str, WarehouseKey], WarehouseSums] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One workspace at one moment: what is stored, and what follows from it for several figures.

    `attribution` has what projects and people were when a closed period was closed; what it lacks is as it is now.

    `now_ms` is the agreed time; while it is in doubt `is_time_known` is False, and no figure of a period is known.
    """

    workspace: Workspace
    config: Config
    now_ms: int
    stored: Stored
    status: WorkspaceStatus
    owner_label: OwnerLabel
    accounts: Accounts | None
    is_time_known: bool = True
    attribution: Attribution = NOW

    @property
    def name(self) -> str:
        """The value of the label `workspace`."""
        return self.workspace.name

    def at_close(self, attribution: Attribution) -> "Snapshot":
        """The same with the titles and owners, teams and profiles that a period was closed with."""
        known = attribution.projects
        projects = tuple(
            replace(one, project=replace(one.project, title=then.title, owner=then.owner))
            if (then := known.get(one.project.project_id))
            else one
            for one in self.stored.projects
        )
        return replace(self, stored=replace(self.stored, projects=projects), attribution=attribution)

    def team_of(self, project: Project) -> str:
        """The team that the project belongs to, or belonged to; empty if there is none."""
        known = self.attribution.projects.get(project.project_id)
        return self.config.team_of(self.name, project) if known is None else known.team

    def profile_of(self, project: Project) -> str:
        """The compute profile of the project, as it is or was."""
        known = self.attribution.projects.get(project.project_id)
        return self.profiles_of(project).current.name if known is None else known.profile

    def profiles_of(self, project: Project) -> ProjectProfiles:
        """What is known of the project's compute."""
        known = self.profiles.get(project.project_id)
        return project_profiles(self.config.compute(self.name), self.name, project, {}) if known is None else known

    @cached_property
    def profiles(self) -> Mapping[str, ProjectProfiles]:
        """What is known of the compute of each project, by its id."""
        compute, versions = self.config.compute(self.name), self.stored.versions
        return {
            one.project.project_id: project_profiles(
                compute, self.name, one.project, versions.get(one.project.project_id, {})
            )
            for one in self.stored.projects
        }

    def team_of_person(self, use: SeatUse) -> str:
        """The team that the holder of a seat belongs to, or belonged to; empty if there is none."""
        known = self.attribution.people.get(use.user_id)
        return team_of_person(self.config, self.name, use.email) if known is None else known

    def is_fresh(self, at_ms: int | None) -> bool:
        """Whether a listing read then may still be shown."""
        return self.config.collect.is_fresh(at_ms, self.now_ms)

    def past(self, at_ms: int | None) -> int | None:
        """A moment of the past; None for one that is still to come, which was noted by a wrong clock."""
        return at_ms if at_ms is not None and at_ms <= self.now_ms + _TOLERATED_MS else None

    @cached_property
    def listed_ms(self) -> int | None:
        """When the projects were last listed whole."""
        state = self.stored.collectors.get("projects")
        return None if state is None else state.last_success_ms

    @cached_property
    def listed(self) -> tuple[KnownProject, ...]:
        """The projects of the last listing; none once it is too old to be shown."""
        if not self.is_fresh(self.listed_ms):
            return ()
        return tuple(known for known in self.stored.projects if known.gone_since_ms is None)

    @cached_property
    def awaited(self) -> tuple[KnownProject, ...]:
        """The projects whose runs there is something to know about."""
        return tuple(awaited(self.stored.projects))

    @cached_property
    def unreadable(self) -> tuple[KnownProject, ...]:
        """The projects that can run and whose runs Hex has never shown."""
        return tuple(unreadable(self.stored.projects))

    @cached_property
    def members(self) -> frozenset[str]:
        """The ids of the projects with series of their own."""
        return frozenset(known.project.project_id for known in self.stored.projects if known.has_series)

    @cached_property
    def features(self) -> Mapping[str, FeatureState]:
        """Why there is no data, by feature."""
        return feature_states(self)

    def series_of(self, project_id: str) -> str:
        """The label value under which gauges count the project: its id, or `other`."""
        return project_id if project_id in self.members else OTHER

    def is_complete_from(self, start_ms: int) -> bool:
        """Whether every run since then is known of the projects whose runs Hex shows, and those are most."""
        if self.listed_ms is None or not self.is_time_known:
            return False
        if is_mostly_unreadable(self.stored.projects, self.config.collect.refused_share):
            return False
        return is_complete_from(self.awaited, start_ms, self.stored.first_contact_ms)

    @property
    def complete_until_ms(self) -> int | None:
        """Every run of every readable project that started before this time is known; None if nothing can be said.

        Not later than the last listing of projects: one that was made since may have runs, too.
        """
        if not self.awaited:
            return None if self.unreadable else self.past(self.listed_ms)
        until_ms = self.past(complete_until_ms(self.awaited, self.stored.first_contact_ms))
        return until_ms if until_ms is None or self.listed_ms is None else min(until_ms, self.listed_ms)
