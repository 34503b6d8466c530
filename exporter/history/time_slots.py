"""Whole amounts by five minutes: the sum over any time that begins and ends on them, in little memory."""

from array import array
from itertools import accumulate

from exporter.history.span import STEP_MS


def integers() -> "array[int]":
    """An empty array of integers of eight bytes."""
    return array("q")


class TimeSlots:
    """Amounts are added in any order; sums are taken once `close` was called.

    Weeks, months and windows begin on five minutes: every zone in use is a multiple of a quarter of an hour from UTC.
    """

    def __init__(self, start_ms: int, end_ms: int) -> None:
        """Amounts before `start_ms` are left out, as are those from `end_ms` on."""
        self._first = start_ms // STEP_MS
        self._amounts = array("q", bytes(8 * (end_ms // STEP_MS - self._first + 1)))
        self._sums = array("q")

    def add(self, at_ms: int, amount: int) -> None:
        """Add what was used at this instant."""
        index = at_ms // STEP_MS - self._first
        if 0 <= index < len(self._amounts):
            self._amounts[index] += amount

    def close(self) -> None:
        """Make the sums."""
        self._sums = array("q", accumulate(self._amounts, initial=0))

    def between(self, start_ms: int, end_ms: int) -> int:
        """The sum over [start, end)."""
        start = max(start_ms // STEP_MS - self._first, 0)
        end = min(end_ms // STEP_MS - self._first, len(self._amounts))
        return self._sums[end] - self._sums[start] if start < end else 0
