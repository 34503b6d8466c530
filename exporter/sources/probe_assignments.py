"""What there is to probe: each distinct source of the projects that can run, once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.config import Config, Source
from exporter.facts import Project
from exporter.ledger import KnownProject


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAssignment:
    """One thing to probe and the projects whose data it is; of several intervals `source` has the shortest."""

    key: str
    source: Source
    project_ids: tuple[str, ...]


class ProbeAssignments:
    """The assignments of one workspace, kept up to date as its projects change: patterns are matched once a project."""

    def __init__(self, config: Config, workspace_name: str) -> None:
        self._config = config
        self._workspace_name = workspace_name
        self._placed: dict[str, tuple[Project, Source | None, str]] = {}
        self._assignments: Mapping[str, ProbeAssignment] = {}

    def of(self, projects: Iterable[KnownProject]) -> Mapping[str, ProbeAssignment]:
        """What to probe for these projects, by key; the same object as before while nothing changes."""
        placed: dict[str, tuple[Project, Source | None, str]] = {}
        is_changed = False
        for known in projects:
            project = known.project
            before = self._placed.get(project.project_id)
            # The ledger replaces a project that changed, so that the same object is the same project.
            if before is not None and before[0] is project:
                placed[project.project_id] = before
            else:
                placed[project.project_id] = self._place(project)
                is_changed = True
        if is_changed or placed.keys() != self._placed.keys():
            self._placed = placed
            self._assignments = _assignments(placed)
        return self._assignments

    def _place(self, project: Project) -> tuple[Project, Source | None, str]:
        source = None
        if project.state == "published":
            source = self._config.source_of(self._workspace_name, project)
        return project, source, "" if source is None else source.key(project.project_id)


def _assignments(placed: Mapping[str, tuple[Project, Source | None, str]]) -> Mapping[str, ProbeAssignment]:
    sources: dict[str, Source] = {}
    members: dict[str, list[str]] = {}
    for project_id, (_, source, key) in placed.items():
        if source is None:
            continue
        members.setdefault(key, []).append(project_id)
        if key not in sources or source.every_seconds < sources[key].every_seconds:
            sources[key] = source
    return {
        key: ProbeAssignment(key=key, source=source, project_ids=tuple(members[key])) for key, source in sources.items()
    }
