"""Which projects an entry of the configuration is about: glob patterns that all have to fit."""

from fnmatch import fnmatchcase

import msgspec

from exporter.facts import Project


def fits_glob(pattern: str, value: str) -> bool:
    """Whether the whole value fits the pattern of `*`, `?` and `[...]`, upper and lower case alike."""
    return fnmatchcase(value.lower(), pattern.lower())


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Glob patterns on a project and its workspace; a pattern that is None asks nothing.

    `group`, `category` and `collection` fit if any of the project's own does. A value that the project does not have
    fits `*` alone.
    """

    workspace: str | None = None
    project_id: str | None = None
    title: str | None = None
    owner: str | None = None
    group: str | None = None
    category: str | None = None
    project_status: str | None = None
    collection: str | None = None

    def fits(self, workspace: str, project: Project) -> bool:
        """Whether every pattern fits this project of this workspace; without patterns every project fits."""
        return (
            _fits_any(self.workspace, workspace)
            and _fits_any(self.project_id, project.project_id)
            and _fits_any(self.title, project.title)
            and _fits_any(self.owner, project.owner)
            and _fits_any(self.group, *project.groups)
            and _fits_any(self.category, *project.categories)
            and _fits_any(self.project_status, project.project_status)
            and _fits_any(self.collection, *project.collections)
        )


def _fits_any(pattern: str | None, *values: str | None) -> bool:
    if pattern is None or pattern == "*":
        return True
    return any(value is not None and fits_glob(pattern, value) for value in values)
