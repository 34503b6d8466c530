"""Clock skew: how far this machine's clock is from Hex's, by the Date header of its answers."""

from exporter.hexapi import Page

# A clock that is off by less is the network and the whole seconds of the Date header.
_TOLERATED_MS = 3_000

DATE_STEP_MS = 1_000
"""The Date header names whole seconds: Hex's clock is known to no more than that."""

_DATE_MIDDLE_MS = DATE_STEP_MS // 2  # a second that was cut off is half over on average


class ClockSkew:
    """The skew as the last answer showed it; 0 while it is tolerated. For one thread at a time."""

    def __init__(self) -> None:
        self._skew_ms = 0

    @property
    def seconds(self) -> float:
        """This machine's clock minus Hex's."""
        return -self._skew_ms / 1000

    def observe(self, page: Page, received_ms: int) -> None:
        """Take the answer's date for the middle of its exchange; `received_ms` is when it came, by the local clock."""
        if page.server_ms is None:
            return
        skew_ms = page.server_ms + _DATE_MIDDLE_MS - (page.sent_ms + received_ms) // 2
        self._skew_ms = skew_ms if abs(skew_ms) > _TOLERATED_MS else 0

    def hex_ms(self, local_ms: int) -> int:
        """What Hex's clock shows when the local one shows this."""
        return local_ms + self._skew_ms
