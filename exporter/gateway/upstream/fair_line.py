"""Whose turn it is among several: deficit round-robin, by weight. Pure."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


def same_weight(key: str) -> int:
    """The default: whoever it is has one turn at a time."""
    return 1


class FairLine(Generic[_Item]):
    """Items that wait, in one line for each key. A key with weight 3 has three turns in a row; one item costs one turn.

    Memory is bounded by what waits: of a key without items nothing is kept.
    """

    def __init__(self, weigh: Callable[[str], int] = same_weight) -> None:
        self._weigh = weigh
        # The keys in the order of their turns, and how many turns each has left of those in a row.
        self._lines: OrderedDict[str, deque[_Item]] = OrderedDict()
        self._turns_left: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def waiting(self, key: str) -> int:
        """How many items of the key wait."""
        return len(self._lines.get(key, ()))

    def add(self, key: str, item: _Item) -> None:
        """Have an item wait, behind all others of its key."""
        self._lines.setdefault(key, deque()).append(item)

    def remove(self, key: str, item: _Item) -> bool:
        """Take an item out; whether it was there."""
        line = self._lines.get(key)
        if line is None or item not in line:
            return False
        line.remove(item)
        self._forget_if_empty(key)
        return True

    def next(self) -> _Item | None:
        """Take out the item whose turn it is, None if none waits."""
        if not self._lines:
            return None
        key, line = next(iter(self._lines.items()))
        item = line.popleft()
        left = self._turns_left.get(key, self._weigh(key)) - 1
        if left > 0:
            self._turns_left[key] = left
        else:
            self._turns_left.pop(key, None)
            self._lines.move_to_end(key)
        self._forget_if_empty(key)
        return item

    def ahead(self, key: str) -> int:
        """How many turns others have, and the key's own items, before an item that is added to the key now."""
        own = self.waiting(key)
        rounds = own // self._weigh(key) + 1
        others = (min(len(line), rounds * self._weigh(one)) for one, line in self._lines.items() if one != key)
        return own + sum(others)

    def _forget_if_empty(self, key: str) -> None:
        if not self._lines[key]:
            del self._lines[key]
            self._turns_left.pop(key, None)
