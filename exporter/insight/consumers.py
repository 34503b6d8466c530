"""Who used a budget: the largest by what they used of it, and the one who used more than in the period before."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import nlargest

from exporter.insight.growth import Growth

TOP = 5
"""How many consumers of a budget are shown: a list that a person reads on a phone, and few series."""

_STANDS_OUT = 0.05
_GROWN = 0.1
_COMPARABLE = 0.5

Way = tuple[str, ...]
"""How it was used: a run's trigger, or the source and the type of an AI thread."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """A project or a user (`key`: its id) and what it used of a budget in the period, in the budget's unit.

    `previous_used` is all of the period before, `growth` what was used beyond that period up to the same moment; None
    where that period is not known. `since_ms` is when the growth began, None if it is no great part.
    """

    key: str
    used: Mapping[Way, float]
    previous_used: float | None = None
    growth: float | None = None
    since_ms: int | None = None

    @property
    def total(self) -> float:
        """What it used in all ways."""
        return sum(self.used.values())

    @property
    def main_way(self) -> Way:
        """The way in which it used most."""
        return max(self.used, key=lambda way: (self.used[way], way))


def largest_consumers(
    used: Mapping[tuple[str, Way], int],
    before: Mapping[str, int] | None,
    growth_of: Callable[[str], Growth],
    size: int,
) -> tuple[Consumer, ...]:
    """The largest consumers, the largest first, and the one that grew most, from whole amounts by consumer and way.

    `before` has the period before by consumer, None where it is not known. `size` of the amounts make one of the unit.
    """
    totals: Counter[str] = Counter()
    for (key, _), amount in used.items():
        totals[key] += amount
    totals = +totals
    largest = nlargest(TOP, totals, key=lambda key: (totals[key], key))
    grown: dict[str, Growth] = {}
    if before is not None:
        risen = nlargest(TOP, totals, key=lambda key: (totals[key] - before.get(key, 0), key))
        grown = {key: growth_of(key) for key in dict.fromkeys((*largest, *risen))}
        most = max(grown, key=lambda key: (grown[key].amount, totals[key]), default=None)
        largest += [most] if most is not None and most not in largest else []
    ways: dict[str, dict[Way, float]] = {key: {} for key in largest}
    for (key, way), amount in used.items():
        if key in ways and amount:
            ways[key][way] = amount / size

    def consumer(key: str) -> Consumer:
        if before is None:
            return Consumer(key, ways[key])
        amount, since_ms = grown[key]
        is_large = amount >= _GROWN * totals[key]
        return Consumer(key, ways[key], before.get(key, 0) / size, amount / size, since_ms if is_large else None)

    return tuple(map(consumer, largest))


def culprit(found: tuple[Consumer, ...], limit: float, used: float | None) -> Consumer | None:
    """Who to look at first: who grew most, if that growth is notable, else the largest; None without any.

    Notable is a twentieth of the limit. Where the budget would be over its limit without that growth, it is half of
    what the largest used: with steady overuse a small riser is not the cause. The rule in alerts/rules/budgets.yml is
    the same.
    """
    largest = max(found, key=lambda one: (one.total, one.key), default=None)
    if largest is None:
        return None
    notable = max(_STANDS_OUT * limit, min(_COMPARABLE * largest.total, (used or 0) - limit))
    risen = [one for one in found if one.growth is not None and one.growth > notable]
    return max(risen, key=lambda one: (one.growth or 0, one.total, one.key), default=largest)
