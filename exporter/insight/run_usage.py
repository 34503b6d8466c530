"""What runs use: the few facts of a run that counting needs, and sums of them over any span of time."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

UNBILLED = "unable_to_allocate_kernel"
"""The status of a run that never ran and adds to nothing."""

UNITS: Mapping[str, int] = {
    "runs": 1,
    "usd": 1_000_000,
    "bill_usd": 1_000_000,
    "warehouse_usd": 1_000_000,
    "compute_minutes": 60_000,
    "ai_credits": 1_000,
}
"""How many of the integers that are summed make one of a budget's unit: millionths of a dollar, milliseconds..."""


class Use(NamedTuple):
    """One run as far as budgets and costs go. `started_ms` is its start, else when it was first seen.

    `duration_ms` is 0 while it is not known, so a run in progress uses time and money from its end on. `version`
    is the project's version that ran, None where Hex did not name it.
    """

    project_id: str
    trigger: str
    status: str
    started_ms: int
    duration_ms: int
    version: str | None = None

    @property
    def is_counted(self) -> bool:
        """Whether it ran, or may still."""
        return self.status != UNBILLED


class Tally:
    """Whole amounts by the instant at which each was used: the sum over any span of time by two look-ups."""

    __slots__ = ("_instants", "_sums")

    def __init__(self, amounts: Iterable[tuple[int, int]]) -> None:
        """Takes pairs of an instant in epoch milliseconds and an amount, in any order."""
        ordered = sorted(amounts)
        self._instants = _packed([at_ms for at_ms, _ in ordered])
        self._sums = _packed([*accumulate((amount for _, amount in ordered), initial=0)])

    @property
    def since_ms(self) -> int | None:
        """The first instant, None without any."""
        return self._instants[0] if self._instants else None

    @property
    def total(self) -> int:
        """The sum of everything."""
        return self._sums[-1]

    def between(self, start_ms: int, end_ms: int) -> int:
        """The sum over [start, end)."""
        start, end = bisect_left(self._instants, start_ms), bisect_left(self._instants, end_ms)
        return self._sums[end] - self._sums[start] if start < end else 0


def _packed(numbers: list[int]) -> Sequence[int]:
    """The same in a quarter of the memory, unless a number is beyond 64 bits."""
    try:
        return array("q", numbers)
    except OverflowError:
        return numbers
