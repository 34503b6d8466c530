"""Where a budget will stand at the end of its period, by what earlier periods still added from this moment on.

Not a straight line: use that follows office hours spends five days' share in five days and nothing at the weekend, and
a line through Thursday afternoon ends far above the truth, in every healthy week (tests/benchmarks/bench_forecast.py).
The median keeps one runaway week from spoiling the weeks after it.
"""

from collections.abc import Sequence
from statistics import median

MOST_PERIODS = 4
"""How many earlier periods are looked at."""


def forecast(used: int, added_later: Sequence[int]) -> float | None:
    """What will have been used at the end of the period; None without an earlier period to go by.

    `added_later` has for each earlier period what was used from the same local moment to its end.
    """
    return used + median(added_later) if added_later else None
