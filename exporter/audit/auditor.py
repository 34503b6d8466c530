"""The audit of one workspace, every hour, out of the way of those who poll and those who scrape."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from exporter.audit.input_reader import are_runs_settled, is_settled, read_audit_input
from exporter.clock import Clock
from exporter.config import Config
from exporter.daemon_thread import in_daemon_thread
from exporter.errors import LedgerError
from exporter.insight.savings import Audit, AuditInput, advance, audit
from exporter.ledger import WorkspaceLedger

_log = structlog.get_logger()

_EVERY_SECONDS = 3600.0
_LOOK_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 900.0

_IsKnown = Callable[[WorkspaceLedger, Config, int], bool]


def audit_of(workspace: str, config: Config, audit_input: AuditInput) -> Audit:
    """What the input shows that need not be spent; days are those of the configured zone."""
    zone = ZoneInfo(config.week(workspace).timezone)
    return audit(audit_input, config.ignore, datetime.fromtimestamp(audit_input.now_ms / 1000, zone).date())


class Auditor:
    """Audits one workspace soon after the start, again once what is read last is known, and then every hour.

    Reading and thinking are done by a thread of their own; what was found is written by the thread of the event loop
    that `run` is in. `audit` may be read from any thread.
    """

    def __init__(self, ledger: WorkspaceLedger, config: Config, clock: Clock) -> None:
        self._ledger = ledger
        self._config = config
        self._clock = clock
        self._is_stopped = False
        self._audit: Audit | None = None

    @property
    def workspace(self) -> str:
        """Whose audits these are."""
        return self._ledger.name

    @property
    def audit(self) -> Audit | None:
        """The last audit, None before the first."""
        return self._audit

    async def run(self) -> None:
        """Audit every hour until it is cancelled. Trouble of the ledger is the ledger's to report."""
        try:
            began = self._clock.monotonic()
            await self._until(are_runs_settled, began)
            while True:
                # Tables take a request for each project; what does not go by them is worth knowing before.
                is_early = self._awaits(is_settled, began)
                await self._try()
                if is_early:
                    await self._until(is_settled, began)
                else:
                    await self._clock.sleep(_EVERY_SECONDS)
        finally:
            self._is_stopped = True

    async def _try(self) -> None:
        try:
            await self.once()
        except LedgerError as error:
            _log.warning("The audit could not be made", workspace=self.workspace, reason=str(error))
        except Exception:
            _log.exception("The audit failed; the last one stays", workspace=self.workspace)

    async def once(self) -> Audit:
        """Audit now, and keep what was found. Raises LedgerError; nothing is kept then."""
        now_ms = self._now_ms()
        found = await in_daemon_thread("audit", lambda: self._made(now_ms))
        self._keep(found)
        self._audit = found
        return found

    def _made(self, now_ms: int) -> Audit:
        audit_input = read_audit_input(self._ledger, self._config, now_ms, lambda: not self._is_stopped)
        return audit_of(self.workspace, self._config, audit_input)

    def _keep(self, found: Audit) -> None:
        findings = self._ledger.findings
        step = advance(findings.known(), found, findings.written_ms)
        findings.write(step.records, step.realised, found.now_ms, step.realised_money, found)

    async def _until(self, is_known: _IsKnown, began: float) -> None:
        """Wait while what is to be judged is still being read, though not without end."""
        while self._awaits(is_known, began):
            await self._clock.sleep(_LOOK_SECONDS)

    def _awaits(self, is_known: _IsKnown, began: float) -> bool:
        if self._clock.monotonic() - began >= _LONGEST_WAIT_SECONDS:
            return False
        try:
            return not is_known(self._ledger, self._config, self._now_ms())
        except LedgerError:
            return True  # it may be readable the next time, and reports its own trouble

    def _now_ms(self) -> int:
        return round(self._clock.now() * 1000)
