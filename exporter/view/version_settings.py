"""The settings that a project is published with, as far as its versions were read."""

from collections.abc import Iterable, Mapping

from exporter.facts import Project, ProjectVersion
from exporter.ledger import LATEST, KnownProject, KnownVersion, WorkspaceLedger


def published_settings(ledger: WorkspaceLedger, projects: Iterable[KnownProject]) -> Mapping[str, ProjectVersion]:
    """By project id the published version, or the newest one that was read while the published one was not yet."""
    found = {}
    for known in projects:
        version = _newest(known.project, ledger.versions.of(known.project.project_id))
        if known.project.state == "published" and version is not None:
            found[known.project.project_id] = version
    return found


def _newest(project: Project, versions: Mapping[str, KnownVersion]) -> ProjectVersion | None:
    latest = versions.get(LATEST)
    if latest is not None and latest.published_ms == project.published_ms:
        return latest.facts
    # An old version may be read after a new one: of those with a number the highest is the newest.
    numbered = max((int(version) for version in versions if version.isdecimal()), default=None)
    newest = None if numbered is None else versions[str(numbered)]
    if latest is not None and (newest is None or (newest.published_ms or 0) < (latest.published_ms or 0)):
        return latest.facts
    return None if newest is None else newest.facts
