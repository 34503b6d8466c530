"""What each project's runs add to, found out again only for a project that has changed."""

from collections.abc import Iterable, Mapping

from exporter.config import Config
from exporter.facts import Project
from exporter.ledger import KnownProject, KnownVersion
from exporter.view.compute_profiles import project_profiles
from exporter.view.daily_usage import Share

_VERSIONS_EVERY_MS = 60_000
"""While versions of many projects are being read, each makes weeks of runs be priced again: not more often."""


class ProjectShares:
    """The compute profiles and budgets of the projects of one workspace. For one thread at a time."""

    def __init__(self, config: Config, workspace: str) -> None:
        self._name = workspace
        self._compute = config.compute(workspace)
        self._budgets = config.budgets_of(workspace)
        self._shares: Mapping[str, tuple[Project, Share]] = {}
        self._versions: Mapping[str, Mapping[str, KnownVersion]] = {}
        self._versions_looked_ms: int | None = None

    def of(
        self, projects: Iterable[KnownProject], versions: Mapping[str, Mapping[str, KnownVersion]], now_ms: int
    ) -> dict[str, Share]:
        """The share of each project, by its id, with the versions of it that were read by now."""
        self._look_at_versions(versions, now_ms)
        after: dict[str, tuple[Project, Share]] = {}
        for known in projects:
            project = known.project
            before = self._shares.get(project.project_id)
            is_same = before is not None and (before[0] is project or before[0] == project)
            after[project.project_id] = before if before is not None and is_same else (project, self._share(project))
        self._shares = after
        return {project_id: share for project_id, (_, share) in after.items()}

    def _look_at_versions(self, versions: Mapping[str, Mapping[str, KnownVersion]], now_ms: int) -> None:
        """Take up versions that were read since the last look."""
        looked_ms = self._versions_looked_ms
        if looked_ms is not None and 0 <= now_ms - looked_ms < _VERSIONS_EVERY_MS:
            return
        self._versions_looked_ms = now_ms
        before = self._versions
        self._shares = {key: one for key, one in self._shares.items() if before.get(key) is versions.get(key)}
        self._versions = versions

    def _share(self, project: Project) -> Share:
        versions = self._versions.get(project.project_id, {})
        profiles = project_profiles(self._compute, self._name, project, versions)
        mine = (index for index, budget in enumerate(self._budgets) if budget.match.matches(self._name, project))
        return Share(profiles, tuple(mine))
