"""What pages show beside the ledger's facts: what this process knows of its workspaces, and what their owners do."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from exporter.config import Config
from exporter.errors import LedgerError
from exporter.insight.savings import Audit
from exporter.ledger import Ledger
from exporter.polling import PollReport, WorkspaceClock
from exporter.service.owned_workspaces import OwnedWorkspaces
from exporter.service.owner_figures import FigureSharing, OwnerFigures
from exporter.view import GatewayState, Status

_DAY_MS = 86_400_000


class PageStates:
    """Leaves in `status` what pages show of each workspace. For the thread that builds them.

    `gateways` return the state of this process's, by workspace.
    """

    def __init__(
        self,
        ledger: Ledger,
        status: Status,
        owned: OwnedWorkspaces,
        gateways: Mapping[str, Callable[[], GatewayState]],
        clock_of: Callable[[str], WorkspaceClock],
    ) -> None:
        self._ledger = ledger
        self._status = status
        self._owned = owned
        self._gateways = gateways
        self._clock_of = clock_of
        self._sharing = FigureSharing(ledger)
        self._audits: dict[str, tuple[int, Audit | None]] = {}

    @property
    def reports(self) -> Mapping[str, PollReport]:
        """How the loop of each workspace is doing, whichever replica it runs in."""
        others = {name: figures.report for name, figures in self._owned.figures().items()}
        return {**others, **self._own_reports()}

    def share(self) -> None:
        """Let other replicas know how the workspaces fare that this one owns. Trouble is the ledger's to report."""
        for name, report in self._own_reports().items():
            epoch = self._owned.epoch(name)
            if epoch is not None:
                with suppress(LedgerError):
                    self._sharing.write(name, OwnerFigures(epoch=epoch, report=report, gateway=self._gateway(name)))

    def gather(self, config: Config) -> None:
        """Bring the state up to this moment."""
        if shared := self._owned.states():
            self._status.shared(*shared)
        for name, figures in self._owned.figures().items():
            self._update(name, figures.report, self._own_skew(name, figures.report), figures.gateway)
        for name, report in self._own_reports().items():
            self._update(name, report, report.clock_skew_seconds, self._gateway(name))
        for workspace in config.workspaces:
            self._status.update(workspace.name, audit=self._audit(workspace.name))

    def _update(self, name: str, report: PollReport, skew_seconds: float | None, gateway: GatewayState | None) -> None:
        self._status.update(
            name,
            planned_requests_per_hour=report.planned_requests_per_hour,
            allowed_requests_per_hour=report.allowed_requests_per_hour,
            overdue_projects=report.overdue_projects,
            clock_skew_seconds=skew_seconds,
            gateway=gateway,
        )

    def _gateway(self, name: str) -> GatewayState | None:
        state = self._gateways.get(name)
        return None if state is None else state()

    def _audit(self, name: str) -> Audit | None:
        """The last one of this process, else the one that was kept last, if that was within a day."""
        workers = self._owned.workers.get(name)
        if workers is not None and workers.auditor.audit is not None:
            return workers.auditor.audit
        findings = self._ledger.workspace(name).findings
        with suppress(LedgerError):
            written_ms = findings.written_ms or 0
            if self._audits.get(name, (0, None))[0] != written_ms:
                self._audits[name] = written_ms, findings.last_audit()
        kept = self._audits.get(name, (0, None))[1]
        is_recent = kept is not None and abs(self._clock_of(name).now_ms() - kept.now_ms) <= _DAY_MS
        return kept if is_recent else None

    def _own_reports(self) -> Mapping[str, PollReport]:
        return {name: workers.poller.report for name, workers in self._owned.workers.items()}

    def _own_skew(self, name: str, report: PollReport) -> float | None:
        """How far this machine's clock is ahead of the time that the owner agreed on with Hex."""
        return None if report.clock_skew_seconds is None else self._clock_of(name).ahead_ms / 1000
