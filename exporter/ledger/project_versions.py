"""What is known of the versions of projects: settings and cells as Hex exported them, each read once."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import Select, bindparam, func, select

from exporter.facts import Project, ProjectVersion
from exporter.ledger.changed_rows import ChangedRows
from exporter.ledger.codec import decode, encode, storable
from exporter.ledger.cost_schema import PROJECT_VERSIONS
from exporter.ledger.schema import RUNS, upsert
from exporter.ledger.store import Store, Transaction

LATEST = "latest"
"""The version of what was published last while no run has named its number."""


_NONE: Mapping[str, "KnownVersion"] = MappingProxyType({})


class RunVersion(NamedTuple):
    """A version that runs of a project name: their run time in milliseconds, when the first and the last started."""

    version: str
    run_ms: int
    first_ms: int
    last_ms: int


class KnownVersion(NamedTuple):
    """A version that was read, and when the project had been published last by then (None: not known)."""

    published_ms: int | None
    facts: ProjectVersion


def newest_version(project: Project, versions: Mapping[str, KnownVersion]) -> ProjectVersion | None:
    """The published version of a project, or the newest one that was read while the published one was not yet."""
    latest = versions.get(LATEST)
    if latest is not None and latest.published_ms == project.published_ms:
        return latest.facts
    # An old version may be read after a new one: of those with a number the highest is the newest.
    numbered = max((int(version) for version in versions if version.isdecimal()), default=None)
    newest = None if numbered is None else versions[str(numbered)]
    if latest is not None and (newest is None or (newest.published_ms or 0) < (latest.published_ms or 0)):
        return latest.facts
    return None if newest is None else newest.facts


class ProjectVersions:
    """The versions of one workspace's projects. Reads may come from any thread."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace
        self._reading = ChangedRows(store, PROJECT_VERSIONS, workspace)
        self._named_by_runs = _named_by_runs(workspace)
        self._known: dict[str, dict[str, KnownVersion]] = {}
        self.revision = 0
        """Grows whenever a version is recorded."""
        self.load()

    def load(self, *, only_changes: bool = False) -> None:
        """Read again what is mirrored in memory, or what another replica has written since."""
        rows = self._reading.rows(only_changes=only_changes)
        if not rows and only_changes:
            return
        known: dict[str, dict[str, KnownVersion]] = {}
        if only_changes:
            known = {project_id: dict(versions) for project_id, versions in self._known.items()}
        for row in rows:
            facts = decode(row.body, ProjectVersion)
            if facts is not None:
                known.setdefault(row.project_id, {})[row.version] = KnownVersion(row.published_ms, facts)
        self._known = known
        self.revision += 1

    def of(self, project_id: str) -> Mapping[str, KnownVersion]:
        """The known versions of a project, by their number, or LATEST."""
        return self._known.get(storable(project_id), _NONE)

    def record(self, transaction: Transaction, facts: ProjectVersion, published_ms: int | None, at_ms: int) -> None:
        """A version was read, of a project that had been published last then."""
        project_id, version = storable(facts.project_id), storable(facts.version)
        row = {"workspace": self._workspace, "project_id": project_id, "version": version, "at_ms": at_ms}
        upsert(
            transaction.connection,
            PROJECT_VERSIONS,
            [{**row, "published_ms": published_ms, "body": encode(facts), "lease_version": transaction.version}],
        )
        versions = {**self._known.get(project_id, {}), version: KnownVersion(published_ms, facts)}

        def show() -> None:
            self._known[project_id] = versions
            self.revision += 1

        transaction.after_commit(show)

    def named_by_runs(self, since_ms: int) -> dict[str, tuple[RunVersion, ...]]:
        """The versions that runs since then name, of each project, the one that ran last first."""
        found: dict[str, list[RunVersion]] = {}
        with self._store.reading() as connection:
            for row in connection.execute(self._named_by_runs, {"since_ms": since_ms}):
                one = RunVersion(row.version, int(row.run_ms), row.first_ms, row.last_ms)
                found.setdefault(row.project_id, []).append(one)
        return {project_id: tuple(versions) for project_id, versions in found.items()}


def _named_by_runs(workspace: str) -> Select[tuple[object, ...]]:
    """Made once: to make the statement takes longer than to execute it."""
    run = RUNS.c
    last = func.max(run.started_ms).label("last_ms")
    first, run_ms = func.min(run.started_ms).label("first_ms"), func.sum(func.coalesce(run.elapsed_ms, 0))
    return (
        select(run.project_id, run.version, run_ms.label("run_ms"), first, last)
        .where(run.workspace == workspace, run.started_ms >= bindparam("since_ms"), run.version.is_not(None))
        .group_by(run.project_id, run.version)
        .order_by(last.desc())
    )
