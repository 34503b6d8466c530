"""Active runs of projects that have left the listing: they end as gone."""

from collections.abc import Container, Mapping

from exporter.ledger import WorkspaceLedger

_GONE_AFTER_MS = 30 * 60_000
"""How long after its project has left the listing an active run is taken for gone; the listing may have been wrong."""

ActiveRuns = Mapping[str, dict[str, int | None]]
"""By project, the runs that are active and when each started."""


class UnlistedRuns:
    """Remembers since when projects with active runs have been out of the listing."""

    def __init__(self, ledger: WorkspaceLedger) -> None:
        self._ledger = ledger
        self._since_ms: dict[str, int] = {}

    def end(self, active: ActiveRuns, listed: Container[str], now_ms: int) -> dict[str, dict[str, int | None]]:
        """What is still active of the projects that are not listed; what was so for long enough is gone."""
        gone_since = {one.project.project_id: one.gone_since_ms for one in self._ledger.projects(include_gone=True)}
        self._since_ms = {
            project_id: min(gone_since.get(project_id) or now_ms, self._since_ms.get(project_id, now_ms))
            for project_id, runs in active.items()
            if runs and project_id not in listed
        }
        left = {project_id: active[project_id] for project_id in self._since_ms}
        for project_id, since_ms in self._since_ms.items():
            if now_ms - since_ms >= _GONE_AFTER_MS:
                self._ledger.record_gone_runs(project_id, list(active[project_id]))
                left[project_id] = {}
        return left
