"""Which projects an entry of the configuration is about: glob patterns that all have to match."""

from fnmatch import fnmatchcase

import msgspec

from exporter.facts import Project


def matches_glob(pattern: str, value: str) -> bool:
    """Whether the whole value matches the pattern of `*`, `?` and `[...]`, upper and lower case alike."""
    return fnmatchcase(value.lower(), pattern.lower())


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Glob patterns on a project and its workspace; a pattern that is None matches anything.

    `group`, `category` and `collection` match if any of the project's own does. A value that the project does not have
    matches only `*`.
    """

    workspace: str | None = None
    project_id: str | None = None
    title: str | None = None
    owner: str | None = None
    group: str | None = None
    category: str | None = None
    project_status: str | None = None
    collection: str | None = None

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
        )


def _matches_any(pattern: str | None, *values: str | None) -> bool:
    if pattern is None or pattern == "*":
        return True
    return any(value is not None and matches_glob(pattern, value) for value in values)
