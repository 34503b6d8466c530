"""How many things happened at one time."""

from collections.abc import Iterable


def peak(intervals: Iterable[tuple[int, int]]) -> int:
    """The largest number of intervals [start, end) that hold one instant; an empty interval holds none."""
    changes: list[tuple[int, int]] = []
    for start, end in intervals:
        if start < end:
            changes += ((start, 1), (end, -1))

    highest = present = 0
    for _, change in sorted(changes):
        present += change
        highest = max(highest, present)
    return highest
