"""What the owner of a workspace knows by itself, kept in the ledger, so that every replica's page shows it."""

import time

import msgspec
from msgspec import Struct

from exporter.ledger import Ledger
from exporter.polling import PollReport
from exporter.view import GatewayState

_KEY = "owner_figures"
_WRITE_SECONDS = 10.0  # a page is made that often when nothing else happens


class OwnerFigures(Struct, frozen=True, kw_only=True):
    """The state of a workspace's polling and gateway. They are of the owner in that epoch, and of no later one."""

    epoch: int
    report: PollReport
    gateway: GatewayState | None = None


class FigureSharing:
    """Writes the figures of the workspaces that this process owns. For one thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._written: dict[str, tuple[float, OwnerFigures]] = {}

    def write(self, workspace: str, figures: OwnerFigures) -> None:
        """Keep them where they have changed, though not more often than every ten seconds in one epoch.

        Raises LedgerError.
        """
        at, known = self._written.get(workspace, (float("-inf"), None))
        is_early = time.monotonic() - at < _WRITE_SECONDS and known is not None and known.epoch == figures.epoch
        if figures == known or is_early:
            return
        self._ledger.workspace(workspace).set_value(_KEY, figures)
        self._written[workspace] = time.monotonic(), figures


def read_owner_figures(ledger: Ledger, workspace: str) -> OwnerFigures | None:
    """What an owner wrote last, None if none ever did or another version of the program did. Raises LedgerError."""
    try:
        return msgspec.convert(ledger.workspace(workspace).value(_KEY), OwnerFigures | None)
    except msgspec.ValidationError:
        return None
