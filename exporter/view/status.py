"""What the process knows of itself and the ledger does not: the facts behind its own metrics."""

import platform
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import exporter
from exporter.insight.savings import Audit


@dataclass(frozen=True, slots=True)
class GatewayState:
    """How busy the run gateway is: the requests that wait, and the runs that it sent and that may still run."""

    queue_length: int
    active_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseState:
    """Who owns a workspace: the name of the replica, whether that is this one, and how many owners there were.

    `page_lag_seconds` is how far the page may be behind the ledger: 0 where this replica is the owner.
    """

    owner: str | None
    is_mine: bool
    epoch: int
    page_lag_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceStatus:
    """The process's view of one workspace; None where it has none yet.

    `clock_skew_seconds` is this machine's clock minus the agreed time. `audit` is the last search for savings.
    """

    planned_requests_per_hour: float | None = None
    allowed_requests_per_hour: float | None = None
    overdue_projects: int | None = None
    clock_skew_seconds: float | None = None
    gateway: GatewayState | None = None
    audit: Audit | None = None
    lease: LeaseState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    """The replicas that live, this one included, and how many different configurations they have."""

    replicas: int
    configurations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """The state of the process at one moment. Times are epoch milliseconds, None: not yet."""

    version: str
    python_version: str
    is_last_reload_successful: bool = True
    last_reload_success_ms: int | None = None
    heartbeat_ms: int | None = None
    page_build_seconds: float | None = None
    page_series: int | None = None
    page_duplicates: int | None = None
    cluster: ClusterState | None = None
    workspaces: Mapping[str, WorkspaceStatus] = field(default_factory=lambda: MappingProxyType({}))


class Status:
    """Where the rooms leave their state; any thread may write, and `current` is one frozen record."""

    def __init__(self, version: str = exporter.__version__) -> None:
        self._guard = threading.Lock()
        self._current = ProcessStatus(version=version, python_version=platform.python_version())

    @property
    def current(self) -> ProcessStatus:
        """The state now."""
        return self._current

    def reloaded(self, is_successful: bool, at_ms: int) -> None:
        """A configuration was read: it is in use, or it was refused."""
        with self._guard:
            self._current = replace(
                self._current,
                is_last_reload_successful=is_successful,
                last_reload_success_ms=at_ms if is_successful else self._current.last_reload_success_ms,
            )

    def beat(self, at_ms: int) -> None:
        """The polling loop is alive."""
        with self._guard:
            self._current = replace(self._current, heartbeat_ms=at_ms)

    def page_built(self, seconds: float, series: int, duplicates: int) -> None:
        """A page was built in so many seconds."""
        with self._guard:
            self._current = replace(
                self._current, page_build_seconds=seconds, page_series=series, page_duplicates=duplicates
            )

    def shared(self, cluster: ClusterState, leases: Mapping[str, LeaseState]) -> None:
        """Who owns what: the process has no view of its own of a workspace that another replica owns."""
        with self._guard:
            known = self._current.workspaces
            workspaces = {
                name: replace(known.get(name, WorkspaceStatus()) if lease.is_mine else WorkspaceStatus(), lease=lease)
                for name, lease in leases.items()
            }
            self._current = replace(
                self._current, cluster=cluster, workspaces=MappingProxyType({**known, **workspaces})
            )

    def update(
        self,
        workspace: str,
        *,
        planned_requests_per_hour: float | None = None,
        allowed_requests_per_hour: float | None = None,
        overdue_projects: int | None = None,
        clock_skew_seconds: float | None = None,
        gateway: GatewayState | None = None,
        audit: Audit | None = None,
    ) -> None:
        """Take in what is new about a workspace; None leaves what was known."""
        with self._guard:
            known = self._current.workspaces.get(workspace, WorkspaceStatus())
            news = WorkspaceStatus(
                planned_requests_per_hour=_either(planned_requests_per_hour, known.planned_requests_per_hour),
                allowed_requests_per_hour=_either(allowed_requests_per_hour, known.allowed_requests_per_hour),
                overdue_projects=known.overdue_projects if overdue_projects is None else overdue_projects,
                clock_skew_seconds=_either(clock_skew_seconds, known.clock_skew_seconds),
                gateway=known.gateway if gateway is None else gateway,
                audit=known.audit if audit is None else audit,
                lease=known.lease,
            )
            workspaces = MappingProxyType({**self._current.workspaces, workspace: news})
            self._current = replace(self._current, workspaces=workspaces)


def _either(news: float | None, known: float | None) -> float | None:
    return known if news is None else news
