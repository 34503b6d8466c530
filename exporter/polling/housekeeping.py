"""Housekeeping: what is older than the ledger keeps is pruned now and then."""

from exporter.ledger import WorkspaceLedger
from exporter.polling.due_times import MINUTE_MS

_EVERY_MS = 10 * MINUTE_MS


class Housekeeper:
    """Prunes one workspace's part of the ledger. For the thread that writes it."""

    def __init__(self, ledger: WorkspaceLedger, keep_runs_seconds: float) -> None:
        self._ledger = ledger
        self._keep_ms = round(keep_runs_seconds * 1000)
        self._last_ms: int | None = None

    def prune_if_due(self, now_ms: int) -> None:
        """Prune unless that was tried in the last ten minutes. Raises LedgerError."""
        if self._last_ms is not None and abs(now_ms - self._last_ms) < _EVERY_MS:
            return
        self._last_ms = now_ms
        self._ledger.prune(now_ms - self._keep_ms)
