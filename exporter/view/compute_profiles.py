"""The compute profiles of projects: by configuration, and by their versions as far as these were read."""

from collections.abc import Iterable, Mapping

from exporter.config import Compute
from exporter.facts import Project
from exporter.insight import BASES, Basis, ProjectProfiles
from exporter.ledger import LATEST, KnownVersion, WorkspaceLedger
from exporter.view.daily_usage import ProfileOfRuns, Total


def project_profiles(
    compute: Compute, workspace: str, project: Project, versions: Mapping[str, KnownVersion]
) -> ProjectProfiles:
    """What is known of one project's compute; a version whose profile the export did not name is left out."""
    numbered = sorted(
        (int(number), known.facts.profile)
        for number, known in versions.items()
        if number.isdecimal() and known.facts.profile is not None
    )
    return ProjectProfiles(
        stated=compute.stated_profile_of(workspace, project),
        versions=tuple(numbered),
        latest=_latest(versions),
        default=compute.default,
    )


def all_project_profiles(
    compute: Compute, ledger: WorkspaceLedger, projects: Iterable[Project]
) -> dict[str, ProjectProfiles]:
    """The same of each project, by its id."""
    return {
        project.project_id: project_profiles(compute, ledger.name, project, ledger.versions.of(project.project_id))
        for project in projects
    }


def run_time_by_basis(profiles: Mapping[ProfileOfRuns, Total]) -> dict[Basis, int]:
    """The run time in milliseconds by what its profile rests on; together that of all runs."""
    sums: dict[Basis, int] = dict.fromkeys(BASES, 0)
    for (_, profile), total in profiles.items():
        sums[profile.basis] += total.duration_ms
    return sums


def _latest(versions: Mapping[str, KnownVersion]) -> str | None:
    """The profile of what was published last, unless a version with a number was read at a later publication."""
    latest = versions.get(LATEST)
    if latest is None:
        return None
    published_ms = latest.published_ms or 0
    is_newest = all((known.published_ms or 0) <= published_ms for known in versions.values())
    return latest.facts.profile if is_newest else None
