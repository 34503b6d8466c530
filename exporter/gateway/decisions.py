"""What the gateway decides on requests: counted, logged with the reason in a sentence, and kept to be read later."""

import structlog

from exporter.clock import Clock
from exporter.gateway.journal import Journal
from exporter.ledger import GatewayDecision

_NAME_LENGTH = 12
"""Digits of a caller's keyed hash that are shown: enough to distinguish callers."""

_log = structlog.get_logger()


def log_decision(outcome: str, reason: str, **more: object) -> None:
    """Log one decision at debug level; `reason` is a sentence without secrets. `caller`, a keyed hash, is cut short."""
    _log.debug("gateway_decision", outcome=outcome, reason=reason, **_shown(more))


class RunDecisions:
    """Counts, logs and keeps the outcomes of run requests: only this knows which counters an outcome adds to.

    Each run request of a caller whose token Hex has accepted leaves one line in the log and one in the ledger.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    def hit(self, project_id: str, caller: str, run_id: str, reason: str, saved_ms: int) -> None:
        """A request was answered with the result of an earlier run, which took so long."""
        self._answered_without_run("hit", project_id)
        self._journal.count("hex_cache_saved_seconds_total", (project_id,), saved_ms)
        self._record("hit", project_id, caller, run_id, reason)

    def joined(self, project_id: str, caller: str, run_id: str, reason: str) -> None:
        """A request was answered with a run that others started."""
        self._answered_without_run("joined", project_id)
        self._record("joined", project_id, caller, run_id, reason)

    def sent(self, project_id: str, *, is_bypass: bool) -> None:
        """A run was sent for a request, whether or not Hex has answered."""
        self._journal.count("hex_gateway_requests_total", ("bypass" if is_bypass else "miss",))
        if not is_bypass:
            self._journal.count("hex_cache_lookups_total", (project_id,))

    def started(self, project_id: str, caller: str, run_id: str | None, reason: str, *, is_bypass: bool) -> None:
        """A request was given the run that was started for it; None: it was a dry run."""
        self._record("bypass" if is_bypass else "miss", project_id, caller, run_id, reason)

    def refused(self, project_id: str, caller: str, reason: str) -> None:
        """A request was sent away with a 429: the queue is full, or its wait was too long."""
        self._journal.count("hex_gateway_requests_total", ("refused",))
        self._record("refused", project_id, caller, None, reason)

    def failed(self, project_id: str, caller: str, reason: str) -> None:
        """A request got an error: of Hex, or of the gateway, or it was one that cannot be."""
        self._record("failed", project_id, caller, None, reason)

    def gone(self, project_id: str, caller: str, reason: str) -> None:
        """A caller hung up before its request was answered."""
        self._record("gone", project_id, caller, None, reason)

    def _answered_without_run(self, outcome: str, project_id: str) -> None:
        self._journal.count("hex_gateway_requests_total", (outcome,))
        self._journal.count("hex_cache_lookups_total", (project_id,))
        self._journal.count("hex_cache_hits_total", (project_id,))

    def _record(self, outcome: str, project_id: str, caller: str, run_id: str | None, reason: str) -> None:
        more = _shown({"caller": caller, "run_id": run_id})
        _log.info("gateway_decision", outcome=outcome, reason=reason, project_id=project_id, **more)
        self._journal.decide(
            GatewayDecision(
                at_ms=round(self._clock.now() * 1000),
                project_id=project_id,
                caller=caller[:_NAME_LENGTH],
                outcome=outcome,
                reason=reason,
                run_id=run_id,
            )
        )


def _shown(more: dict[str, object]) -> dict[str, object]:
    caller = more.get("caller")
    return more | {"caller": caller[:_NAME_LENGTH]} if isinstance(caller, str) else more
