"""When AI credits were used, by what each thread's running total grew between two looks at it.

Hex gives a total for each thread and no instants. What a thread grew by lies between the last look at it and its last
change. Over that time it is shared out evenly, as meters are billed between two readings and as Hex settles seats by
the day (billing FAQ, in the price book's sources): after a missed look each day gets its part. Shares are whole
thousandths, rounded down as a running sum, so that the parts of any division add up to the growth.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple, TypeVar

from exporter.facts import Thread

Key = TypeVar("Key", bound=Hashable)

_SHORT_MS = 86_400_000
"""Growth over longer spans is looked through one by one; it is rare: a missed look, or a thread's first sight."""


class CreditGrowth(NamedTuple):
    """What one thread used in [from_ms, until_ms), or at that instant if both are the same, in thousandths of a credit.

    `seen_ms` is the look that saw it.
    """

    thread_id: str
    user_id: str | None
    source: str
    thread_type: str
    model: str
    from_ms: int
    until_ms: int
    seen_ms: int
    credits_milli: int

    def before(self, at_ms: int) -> int:
        """The part that was used before an instant."""
        if at_ms > self.until_ms or (at_ms == self.until_ms and self.from_ms < self.until_ms):
            return self.credits_milli
        if at_ms <= self.from_ms:
            return 0
        return self.credits_milli * (at_ms - self.from_ms) // (self.until_ms - self.from_ms)

    def between(self, start_ms: int, end_ms: int) -> int:
        """The part that was used in [start, end)."""
        return self.before(end_ms) - self.before(start_ms) if start_ms < end_ms else 0


def growth_span(
    thread: Thread, looked_ms: int | None, previous_look_ms: int | None, at_ms: int
) -> tuple[int, int] | None:
    """When a thread must have used what it has grown by, as [from, until]; None if nothing says.

    `looked_ms` is the last look at this thread, None if it was never seen; `previous_look_ms` the last whole look at
    all of them; `at_ms` this one. A thread that is seen for the first time has grown since it was made: to its last
    change if Hex names that, else to this look if it is new since the last one, else at once.
    """
    made_ms = None if thread.created_ms is None else min(thread.created_ms, at_ms)
    changed_ms = None if thread.updated_ms is None else min(thread.updated_ms, at_ms)
    since_ms = previous_look_ms if looked_ms is None else max(looked_ms, made_ms or 0)
    if looked_ms is None and made_ms is not None:
        is_new = previous_look_ms is not None and made_ms >= previous_look_ms
        since_ms = made_ms
        if changed_ms is None or changed_ms < made_ms:
            changed_ms = at_ms if is_new else made_ms
    elif since_ms is None:
        return None if changed_ms is None else (changed_ms, changed_ms)
    since_ms = min(since_ms, at_ms)
    # A change before the last look cannot have been the one: the total was late, or it moves no date.
    is_in_span = changed_ms is not None and (changed_ms > since_ms or looked_ms is None)
    return since_ms, max(since_ms, changed_ms) if is_in_span and changed_ms is not None else at_ms


class CreditUse:
    """The credits that a workspace's visible threads used, over any span of time. Immutable."""

    def __init__(self, growths: Iterable[CreditGrowth]) -> None:
        """Takes growth in any order."""
        ordered = sorted(growths, key=lambda one: one.until_ms)
        self._growths = tuple(ordered)
        self._short = tuple(one for one in ordered if one.until_ms - one.from_ms <= _SHORT_MS)
        self._long = tuple(one for one in ordered if one.until_ms - one.from_ms > _SHORT_MS)
        self._ends = array("q", (one.until_ms for one in self._short))
        self._sums = array("q", accumulate((one.credits_milli for one in self._short), initial=0))
        self.since_ms: int | None = min((one.from_ms for one in ordered), default=None)

    @property
    def growths(self) -> tuple[CreditGrowth, ...]:
        """Everything, by its end."""
        return self._growths

    @property
    def total(self) -> int:
        """The sum of everything."""
        return sum(one.credits_milli for one in self._growths)

    def between(self, start_ms: int, end_ms: int) -> int:
        """Thousandths of a credit used in [start, end)."""
        return self._before(end_ms) - self._before(start_ms) if start_ms < end_ms else 0

    def by(self, key: Callable[[CreditGrowth], Key], start_ms: int, end_ms: int) -> "Counter[Key]":
        """The same by what `key` says of each growth; the parts add up to the whole."""
        found: Counter[Key] = Counter()
        for one, amount in self._within(start_ms, end_ms):
            found[key(one)] += amount
        return found

    def of(self, is_wanted: Callable[[CreditGrowth], bool]) -> "CreditUse":
        """Only the growth that is wanted: of one user, or what had been seen by an instant."""
        return CreditUse(one for one in self._growths if is_wanted(one))

    def _before(self, at_ms: int) -> int:
        whole = bisect_left(self._ends, at_ms)
        total = self._sums[whole] + sum(one.before(at_ms) for one in self._long)
        for place in range(whole, len(self._short)):
            if self._ends[place] > at_ms + _SHORT_MS:
                break
            total += self._short[place].before(at_ms)
        return total

    def _within(self, start_ms: int, end_ms: int) -> Iterator[tuple[CreditGrowth, int]]:
        for place in range(bisect_left(self._ends, start_ms), len(self._short)):
            if self._ends[place] > end_ms + _SHORT_MS:
                break
            if amount := self._short[place].between(start_ms, end_ms):
                yield self._short[place], amount
        for one in self._long:
            if amount := one.between(start_ms, end_ms):
                yield one, amount
