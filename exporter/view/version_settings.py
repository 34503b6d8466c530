"""The settings that a project is published with, as far as its versions were read."""

from collections.abc import Iterable, Mapping

from exporter.facts import ProjectVersion
from exporter.ledger import KnownProject, WorkspaceLedger, newest_version


def published_settings(ledger: WorkspaceLedger, projects: Iterable[KnownProject]) -> Mapping[str, ProjectVersion]:
    """By project id the published version, or the newest one that was read while the published one was not yet."""
    found = {}
    for known in projects:
        version = newest_version(known.project, ledger.versions.of(known.project.project_id))
        if known.project.state == "published" and version is not None:
            found[known.project.project_id] = version
    return found
