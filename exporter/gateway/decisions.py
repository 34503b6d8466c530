"""What the gateway decides on requests: counted, and logged with the reason, one line each (`--log.level debug`)."""

import structlog

from exporter.gateway.journal import Journal

_NAME_LENGTH = 12
"""Digits of a caller's keyed hash that a log line shows: enough to distinguish callers."""

_log = structlog.get_logger()


def log_decision(outcome: str, reason: str, **more: object) -> None:
    """Log one decision; `reason` is a sentence without secrets. `caller`, a keyed hash, is cut short."""
    if isinstance(caller := more.get("caller"), str):
        more["caller"] = caller[:_NAME_LENGTH]
    _log.debug("gateway_decision", outcome=outcome, reason=reason, **more)


class RunDecisions:
    """Counts and logs the outcomes of run requests: the only place that knows which counters an outcome adds to."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def hit(self, project_id: str, caller: str, run_id: str, reason: str, saved_ms: int) -> None:
        """A request was answered with the result of an earlier run, which took so long."""
        self._answered_without_run("hit", project_id)
        self._journal.count("hex_cache_saved_seconds_total", (project_id,), saved_ms)
        log_decision("hit", reason, project_id=project_id, caller=caller, run_id=run_id)

    def joined(self, project_id: str, caller: str, run_id: str, reason: str) -> None:
        """A request was answered with a run that others started."""
        self._answered_without_run("joined", project_id)
        log_decision("joined", reason, project_id=project_id, caller=caller, run_id=run_id)

    def sent(self, project_id: str, caller: str, run_id: str | None, reason: str, *, is_bypass: bool) -> None:
        """A run was sent for a request (miss or bypass); `run_id` is None where Hex gave no answer."""
        self._journal.count("hex_gateway_requests_total", ("bypass" if is_bypass else "miss",))
        if not is_bypass:
            self._journal.count("hex_cache_lookups_total", (project_id,))
        log_decision("bypass" if is_bypass else "miss", reason, project_id=project_id, caller=caller, run_id=run_id)

    def refused(self, project_id: str, caller: str, reason: str) -> None:
        """A request was sent away with a 429: the queue is full, or its wait was too long."""
        self._journal.count("hex_gateway_requests_total", ("refused",))
        log_decision("refused", reason, project_id=project_id, caller=caller)

    def _answered_without_run(self, outcome: str, project_id: str) -> None:
        self._journal.count("hex_gateway_requests_total", (outcome,))
        self._journal.count("hex_cache_lookups_total", (project_id,))
        self._journal.count("hex_cache_hits_total", (project_id,))
