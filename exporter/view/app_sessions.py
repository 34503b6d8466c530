"""The apps of a workspace that run again for each viewer, with their views of seven days."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from exporter.insight import AppSessions, ViewedApp, sessions_cost, tariff

if TYPE_CHECKING:
    from exporter.view.snapshot import Snapshot


def sessions_of_7d(snapshot: "Snapshot") -> AppSessions | None:
    """What the sessions of the last seven days may have cost; None where it is not known which apps rerun."""
    if not snapshot.stored.settings:
        return None
    prices = snapshot.config.prices(snapshot.name)
    return sessions_cost(_viewed(snapshot), tariff(prices))


def _viewed(snapshot: "Snapshot") -> Iterator[ViewedApp]:
    usual = _usual_ms(snapshot)
    for known in snapshot.listed:
        project = known.project
        settings = snapshot.stored.settings.get(project.project_id)
        if settings is not None and settings.auto_rerun_app and project.views_7d:
            profile = snapshot.profiles_of(project).current.name
            yield ViewedApp(project.views_7d, usual.get(project.project_id), profile)


def _usual_ms(snapshot: "Snapshot") -> dict[str, int]:
    """The mean time of each project's completed runs of seven days."""
    sums: dict[str, tuple[int, int]] = {}
    for (project_id, _, status), amount in snapshot.stored.last_7d.items():
        if status == "completed":
            runs, ms = sums.get(project_id, (0, 0))
            sums[project_id] = runs + amount.runs, ms + amount.ms
    return {project_id: ms // runs for project_id, (runs, ms) in sums.items() if runs}
