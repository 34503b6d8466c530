"""Items of a page that cannot be read: each counted whenever it comes, and logged once."""

import structlog

from exporter.hexapi import Page
from exporter.ledger import WorkspaceLedger

_MOST_LOGGED = 1000
"""A workspace whose every item is broken must not fill the log, nor the memory of what was logged."""


class BadItems:
    """The unreadable items of one workspace. For the thread that writes the ledger."""

    def __init__(self, ledger: WorkspaceLedger, log: structlog.typing.FilteringBoundLogger) -> None:
        self._ledger = ledger
        self._log = log
        self._logged: set[tuple[str, str]] = set()

    def take(self, page: Page, now_ms: int) -> None:
        """Count the unreadable items of a page, and log those that are new. Raises LedgerError."""
        if not page.bad:
            return
        endpoint = page.request.endpoint.value
        self._ledger.count("hex_exporter_bad_items_total", (endpoint,), len(page.bad), now_ms)
        for item in page.bad:
            key = (endpoint, item.item_id or item.reason)
            if key not in self._logged and len(self._logged) < _MOST_LOGGED:
                self._logged.add(key)
                self._log.warning("An item cannot be read", endpoint=endpoint, id=item.item_id, reason=item.reason)
