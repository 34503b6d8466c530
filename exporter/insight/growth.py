"""How much more was used than in the period before, and since when: what stands out of a budget's present."""

from collections.abc import Sequence
from typing import NamedTuple

Amounts = Sequence[tuple[int, int]]
"""Pairs of an instant in epoch milliseconds and what was used at it."""

_MOST = 0.9
_MINUTE_MS = 60_000


class Growth(NamedTuple):
    """What was used beyond the period before, and when that began; None: nothing was."""

    amount: int = 0
    since_ms: int | None = None


def growth_between(used: Amounts, before: Amounts) -> Growth:
    """The most that any span up to now used beyond the same span of the period before.

    `before` has that period's amounts up to the same moment, moved into this period. The span begins where nine tenths
    of the growth do, or earlier by what is as dense: a single extra use on Monday is not the start of Friday's loop.
    """
    total = most = 0
    sums: list[tuple[int, int]] = []
    changes = [*used, *((at_ms, -amount) for at_ms, amount in before)]
    for at_ms, amount in sorted(changes, key=lambda change: (-change[0], change[1])):
        total += amount
        if total > most:
            most = total
            sums.append((at_ms, most))
    if not sums:
        return Growth()
    place = next(place for place, (_, reached) in enumerate(sums) if reached >= _MOST * most)
    gaps = [earlier[0] - later[0] for later, earlier in zip(sums[1:], sums, strict=False)]
    usual_ms = 2 * max(_MINUTE_MS, *gaps[:place], 0)
    while place < len(gaps) and gaps[place] <= usual_ms:
        place += 1
    return Growth(most, sums[place][0])
