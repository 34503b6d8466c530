"""Other start minutes for schedules that start together: every cadence stays, and the peak never rises."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from exporter.facts import Schedule
from exporter.insight.concurrency import peak
from exporter.insight.schedule_firings import firings

_MINUTE_MS = 60_000
_HOUR_MINUTES = 60

MOST_TRIED = 100
"""So many schedules are tried at other minutes at the most: no one would follow a longer list of moves."""


class Slot(NamedTuple):
    """One schedule, and how long its runs take."""

    schedule: Schedule
    duration_ms: int


class Staggered(NamedTuple):
    """The most runs at once before and after, by a slot's position the schedule that takes its place, and who meets.

    `meeting` are the positions of those that run while there are more runs than the limit.
    """

    before: int
    after: int
    moved: dict[int, Schedule]
    meeting: tuple[int, ...]


def peak_of(slots: Iterable[Slot], start_ms: int, end_ms: int) -> int:
    """How many runs of these schedules there are at once, at the most, of those that start in [start, end)."""
    return peak(_runs(slots, start_ms, end_ms))


def stagger(slots: Sequence[Slot], limit: int, start_ms: int, end_ms: int) -> Staggered:
    """New start minutes within the same hours, for as few schedules as bring the peak below the limit, if any do.

    Only a schedule with one minute of the hour is moved, and only one of those that meet beyond the limit. Nothing is
    moved unless the peak over the firings in [start, end) falls by it.
    """
    before = peak_of(slots, start_ms, end_ms)
    if before <= limit:
        return Staggered(before, before, {}, ())
    load = _Load(start_ms, end_ms)
    starts = [_minutes(slot, start_ms, end_ms) for slot in slots]
    lengths = [-(-slot.duration_ms // _MINUTE_MS) for slot in slots]
    for minutes, length in zip(starts, lengths, strict=True):
        load.add(minutes, length, 1)
    meeting = tuple(number for number in range(len(slots)) if load.most(starts[number], lengths[number]) > limit)

    tried = 0
    moved: dict[int, Schedule] = {}
    # The longest first, into the emptiest minutes; the short ones fill the gaps.
    for number in sorted(meeting, key=lambda number: (-lengths[number] * len(starts[number]), number)):
        minute, minutes, length = minute_of(slots[number].schedule), starts[number], lengths[number]
        if minute is None or load.most(minutes, length) <= limit:
            continue
        if tried == MOST_TRIED:
            break
        tried += 1
        load.add(minutes, length, -1)
        shift = load.best_shift(minutes, length, minute, limit)
        load.add([at + shift for at in minutes], length, 1)
        if shift:
            moved[number] = at_minute(slots[number].schedule, minute + shift)

    staggered = [slot._replace(schedule=moved.get(number, slot.schedule)) for number, slot in enumerate(slots)]
    after = peak_of(staggered, start_ms, end_ms)
    return Staggered(before, after, moved, meeting) if after < before else Staggered(before, before, {}, meeting)


def minute_of(schedule: Schedule) -> int | None:
    """The one minute of the hour at which a schedule fires; None if there are several, or it cannot be understood."""
    fields = (schedule.cron or "").split()
    if len(fields) != 5 or not (fields[0].isascii() and fields[0].isdigit()) or int(fields[0]) >= _HOUR_MINUTES:
        return None
    return int(fields[0])


def at_minute(schedule: Schedule, minute: int) -> Schedule:
    """The same schedule at another minute of the hour."""
    _, *others = (schedule.cron or "").split()
    return replace(schedule, cron=" ".join((str(minute), *others)))


class _Load:
    """How many runs there are in each minute of a span, an hour before and a day after it included."""

    def __init__(self, start_ms: int, end_ms: int) -> None:
        self._counts = [0] * ((end_ms - start_ms) // _MINUTE_MS + 26 * _HOUR_MINUTES)

    def add(self, minutes: Iterable[int], length: int, count: int) -> None:
        for at in minutes:
            for minute in range(at + _HOUR_MINUTES, min(at + _HOUR_MINUTES + length, len(self._counts))):
                self._counts[minute] += count

    def most(self, minutes: Iterable[int], length: int, enough: int | None = None) -> int:
        """The highest count in which a run would be; stops early once it is `enough`."""
        highest = 0
        for at in minutes:
            highest = max(highest, max(self._counts[at + _HOUR_MINUTES : at + _HOUR_MINUTES + length], default=0))
            if enough is not None and highest >= enough:
                break
        return highest

    def best_shift(self, minutes: Sequence[int], length: int, minute: int, limit: int) -> int:
        """By how many minutes to shift: the least that stays within the limit, else the least crowded."""
        best, lowest = 0, self.most(minutes, length)
        if lowest < limit:
            return best
        for to_minute in sorted(range(_HOUR_MINUTES), key=lambda to: (abs(to - minute), to)):
            shift = to_minute - minute
            most = self.most([at + shift for at in minutes], length, lowest)
            if most < lowest:
                best, lowest = shift, most
                if most < limit:
                    break
        return best


def _minutes(slot: Slot, start_ms: int, end_ms: int) -> list[int]:
    return [(at_ms - start_ms) // _MINUTE_MS for at_ms in firings(slot.schedule, start_ms, end_ms)]


def _runs(slots: Iterable[Slot], start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    for slot in slots:
        for at_ms in firings(slot.schedule, start_ms, end_ms):
            yield at_ms, at_ms + slot.duration_ms
