"""Opening the ledger for `serve`: a database that is not there yet is waited for."""

import threading
from collections.abc import Callable, Iterable

from exporter.clock import Clock
from exporter.errors import LedgerAwayError
from exporter.ledger import Ledger, open_ledger
from exporter.metrics import METRICS, Family, Page, build_page, exporter_families
from exporter.service.lease_keeper import LeaseKeeper
from exporter.view import ProcessStatus

_RETRY_SECONDS = 3.0  # a database that has started is found sooner than a fail-over may take


class StoppedError(Exception):
    """The process ends before the ledger could be opened."""


def await_ledger(
    url: str,
    *,
    clock: Clock,
    keep: Callable[[Ledger], LeaseKeeper | None],
    on_absent: Callable[[str], None],
    stop: threading.Event,
) -> tuple[Ledger, LeaseKeeper | None]:
    """The ledger at a URL and what `keep` makes for it, tried until `stop` is set, which raises StoppedError.

    `on_absent` gets the problem after each try that failed. Raises LedgerError where waiting would not help.
    """
    while True:
        try:
            ledger = open_ledger(url, clock=clock)
            try:
                return ledger, keep(ledger)
            except BaseException:
                ledger.close()
                raise
        except LedgerAwayError as error:
            on_absent(str(error))
        if stop.wait(_RETRY_SECONDS):
            raise StoppedError


def down_page(workspaces: Iterable[str], status: ProcessStatus, *, is_absent: bool = False) -> Page:
    """The metrics without a ledger: no workspace is up; nothing is written down where it is known to be absent."""
    families = [Family(METRICS["hex_up"], [((name,), 0) for name in workspaces])]
    if is_absent:
        families.append(Family(METRICS["hex_exporter_ledger_durable"], [((), 0)]))
    return build_page([*families, *exporter_families(status)])
