"""Which projects an entry of the configuration is about: glob patterns that all have to match, and exceptions."""

from fnmatch import fnmatchcase

from msgspec import Struct, field

from exporter.facts import Project

PATTERNS = ("workspace", "project_id", "title", "owner", "group", "category", "project_status", "collection")
"""The patterns that every match may have; all but those of teams also have `team`, and all have `except`."""

TEAM_OR_PATTERNS = (*PATTERNS, "team")
"""The patterns of every match but those of teams."""


def matches_glob(pattern: str, value: str) -> bool:
    """Whether the whole value matches the pattern of `*`, `?` and `[...]`, upper and lower case alike."""
    return fnmatchcase(value.lower(), pattern.lower())


class Match(Struct, frozen=True, kw_only=True):
    """Glob patterns on a project and its workspace; a pattern that is None matches anything.

    `group`, `category` and `collection` match if any of the project's own does. A value that the project does not have
    matches only `*`. What matches any of `left_out` does not match.
    """

    workspace: str | None = None
    project_id: str | None = None
    title: str | None = None
    owner: str | None = None
    group: str | None = None
    category: str | None = None
    project_status: str | None = None
    collection: str | None = None
    team: "TeamPattern | None" = None
    left_out: "tuple[Match, ...]" = field(default=(), name="except")

    def matches(self, workspace: str, project: Project) -> bool:
        """Whether every pattern matches this project of this workspace; without patterns every project does."""
        return (
            _matches_any(self.workspace, workspace)
            and _matches_any(self.project_id, project.project_id)
            and _matches_any(self.title, project.title)
            and _matches_any(self.owner, project.owner)
            and _matches_any(self.group, *project.groups)
            and _matches_any(self.category, *project.categories)
            and _matches_any(self.project_status, project.project_status)
            and _matches_any(self.collection, *project.collections)
            and (self.team is None or self.team.matches(workspace, project))
            and not any(one.matches(workspace, project) for one in self.left_out)
        )

    def is_for(self, workspace: str) -> bool:
        """Whether projects of this workspace can match."""
        is_left_out = any(one.is_of_workspaces and one.is_for(workspace) for one in self.left_out)
        return _matches_any(self.workspace, workspace) and not is_left_out

    @property
    def is_of_workspaces(self) -> bool:
        """Whether nothing but workspaces is matched, and left out."""
        return all(getattr(self, name) is None for name in (*PATTERNS[1:], "team")) and all(
            one.is_of_workspaces for one in self.left_out
        )

    @property
    def is_of_owners(self) -> bool:
        """Whether projects are matched by their owners, and perhaps workspaces, and by nothing else."""
        others = (name for name in (*PATTERNS, "team") if name not in ("workspace", "owner"))
        return self.owner is not None and all(getattr(self, name) is None for name in others)


class TeamPattern(Struct, frozen=True):
    """The projects of the teams whose name matches the glob.

    `teams` are all of them, each with its match: of those that match a project the first applies.
    """

    pattern: str
    teams: tuple[tuple[str, Match], ...]

    def matches(self, workspace: str, project: Project) -> bool:
        """Whether the project is of such a team; one that is of none matches only `*`."""
        team = next((name for name, match in self.teams if match.matches(workspace, project)), None)
        return _matches_any(self.pattern, team)


def _matches_any(pattern: str | None, *values: str | None) -> bool:
    if pattern is None or pattern == "*":
        return True
    return any(value is not None and matches_glob(pattern, value) for value in values)
