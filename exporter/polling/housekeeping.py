"""Housekeeping: what is older than the ledger keeps is pruned now and then, never by the word of one clock."""

import structlog

from exporter.conditions import Conditions
from exporter.ledger import WorkspaceLedger
from exporter.polling.due_times import HOUR_MS, MINUTE_MS
from exporter.polling.workspace_clock import WorkspaceClock

_log = structlog.get_logger()

_EVERY_SECONDS = 600.0
_FIRST_SECONDS = 3600.0  # a machine that starts with a wrong clock has it set by then
_DAY_MS = 24 * HOUR_MS
_USUAL_MS = 20 * MINUTE_MS
_PRUNING = "pruning"


class Housekeeper:
    """Prunes one workspace's part of the ledger. For the thread that writes it.

    Not in the first hour of the process, nor while this machine's clock and the agreed time are more than a day apart;
    and each time by a day at the most beyond the time that has passed.
    """

    def __init__(
        self, ledger: WorkspaceLedger, keep_runs_seconds: float, clock: WorkspaceClock, conditions: Conditions
    ) -> None:
        self._ledger = ledger
        self._keep_ms = round(keep_runs_seconds * 1000)
        self._clock = clock
        self._conditions = conditions
        self._due = clock.began + _FIRST_SECONDS
        self._pruned: float | None = None

    def prune_if_due(self) -> None:
        """Prune unless that was tried in the last ten minutes. Raises LedgerError."""
        steady = self._clock.monotonic()
        skew_seconds = self._clock.skew_seconds
        if steady < self._due or skew_seconds is None:
            return
        self._due = steady + _EVERY_SECONDS
        if abs(skew_seconds) * 1000 > _DAY_MS:
            reason = f"this machine's clock is {skew_seconds / 86_400:+.1f} days from Hex's: set it"
            self._conditions.report(_PRUNING, "Old runs are kept", what=_PRUNING, reason=reason)
            return
        self._conditions.clear(_PRUNING)
        self._prune(steady)

    def _prune(self, steady: float) -> None:
        now_ms = self._clock.now_ms()
        known_ms = self._ledger.oldest_kept_ms()
        if known_ms is None:
            return
        passed_ms = 0 if self._pruned is None else round((steady - self._pruned) * 1000)
        before_ms = min(now_ms - self._keep_ms, known_ms + passed_ms + _DAY_MS)
        if before_ms <= known_ms:
            return
        count = self._ledger.prune(before_ms, now_ms)
        self._pruned = steady
        if count and before_ms - known_ms > passed_ms + _USUAL_MS:
            days = round((before_ms - known_ms) / _DAY_MS, 2)
            _log.info("More runs than usual are forgotten", workspace=self._ledger.name, runs=count, days=days)
