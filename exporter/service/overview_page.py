"""The page at `/` while the exporter runs: made anew with the metrics, so that it is ready before anyone asks."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import structlog

from exporter import __version__
from exporter.config import Config
from exporter.overview import Boards, Frame, render_overview, workspace_figures
from exporter.polling import PollReport
from exporter.service.lease_keeper import Standing, difference
from exporter.view import Snapshot

DOCS_URL = "https://github.com/hex-exporter/hex-exporter"

_log = structlog.get_logger()


class OverviewPage:
    """Holds the page. One thread builds it, any thread reads `body`: it is replaced whole."""

    def __init__(self) -> None:
        self._frame = Frame(version=__version__, telemetry_path="/metrics", docs_url=DOCS_URL)
        self._grafana_url: str | None = None
        self._opening: tuple[str, ...] = ()
        self._built = b""

    def begin(self, workspaces: Iterable[str], *, telemetry_path: str, grafana_url: str | None) -> None:
        """Show of these workspaces, until there is more to show, that the ledger is being opened.

        `telemetry_path` is where the metrics are below the page; `grafana_url` is preferred to that of the
        configuration.
        """
        self._frame = replace(self._frame, telemetry_path=telemetry_path)
        self._grafana_url = grafana_url
        self._opening = tuple(workspaces)

    def wait_for_ledger(self, problem: str) -> None:
        """Show why there is nothing to show yet."""
        states = dict.fromkeys(self._opening, "The ledger is waited for.")
        frame = replace(self._frame, states=states, reasons=dict.fromkeys(states, ()))
        frame = replace(frame, problems=(f"The ledger cannot be opened yet: {problem}",))
        self._built = render_overview(frame, ())

    @property
    def body(self) -> bytes:
        """The page; the first one is made when someone asks, so that no start waits for its template to load."""
        if self._built:
            return self._built
        states = dict.fromkeys(self._opening, "The ledger is being opened.")
        return render_overview(replace(self._frame, states=states, reasons=dict.fromkeys(states, ())), ())

    def build(
        self,
        config: Config,
        snapshots: Iterable[Snapshot],
        reports: Mapping[str, PollReport],
        problem: str | None,
        standing: Standing | None = None,
    ) -> None:
        """Show this; `problem` is what is wrong with the ledger, `standing` who owns what where replicas share it.

        A page that cannot be made leaves the last one.
        """
        board = None if standing is None else standing.board
        problems = [] if problem is None else [f"The ledger is not as it should be: {problem}"]
        if board is not None and board.configurations > 1:
            problems.append(f"Replicas differ in their configuration: {difference(board)}.")
        names = [workspace.name for workspace in config.workspaces]
        frame = replace(
            self._frame,
            boards=Boards(grafana_url=self._grafana_url or config.overview.grafana_url or ""),
            problems=tuple(problems),
            states={name: _state(name, reports.get(name), standing) for name in names},
            reasons={name: reports[name].problems if name in reports else () for name in names},
        )
        try:
            shown = [workspace_figures(one) for one in snapshots] if config.overview.enabled else []
            self._built = render_overview(frame, shown)
        except Exception:
            _log.exception("The overview cannot be made; the last one stays")


def _state(workspace: str, report: PollReport | None, standing: Standing | None) -> str:
    lease = None if standing is None else standing.board.lease(workspace)
    owners = []
    if standing is not None and lease is not None and lease.owner is not None:
        is_mine = workspace in standing.owned
        owners = [f"owned by {lease.owner}{', this replica' if is_mine else ''} (epoch {lease.epoch})"]
    if report is None:
        return "; ".join(owners) or "not followed yet"
    parts = [
        *owners,
        "followed" if report.is_followed else "not followed",
        f"{report.planned_requests_per_hour:.0f} of {report.allowed_requests_per_hour} requests an hour",
    ]
    if report.projects_with_older_history:
        parts.append(f"history of {report.projects_with_older_history} projects still to be read")
    if report.excluded_projects:
        parts.append(f"{report.excluded_projects} projects are left out by collect.match and collect.except")
    return "; ".join(parts)
