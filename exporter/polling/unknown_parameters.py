"""Parameters that the server does not know: kept in the ledger, so that they are not requested at each start."""

from collections.abc import Mapping

from exporter.hexapi import Endpoint
from exporter.ledger import WorkspaceLedger
from exporter.polling.due_times import HOUR_MS

_KEY = "unknown_parameters"
_KEPT_MS = 7 * 24 * HOUR_MS
"""A server that is updated learns them; one request a week finds that out."""


def read_unknown(ledger: WorkspaceLedger, now_ms: int) -> dict[Endpoint, tuple[str, ...]]:
    """The parameters to leave out, by endpoint. Raises LedgerError."""
    kept = ledger.value(_KEY) or {"at_ms": 0, "names": {}}
    if not 0 <= now_ms - kept["at_ms"] < _KEPT_MS:
        return {}
    return {Endpoint(endpoint): tuple(names) for endpoint, names in kept["names"].items()}


def write_unknown(ledger: WorkspaceLedger, unknown: Mapping[Endpoint, tuple[str, ...]], now_ms: int) -> None:
    """Keep them. Raises LedgerError."""
    names = {endpoint.value: list(found) for endpoint, found in unknown.items()}
    ledger.set_value(_KEY, {"at_ms": now_ms, "names": names})
