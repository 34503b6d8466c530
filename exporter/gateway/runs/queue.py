"""The queue of run requests: who may start a run next. Pure: time is passed in, and nothing here waits.

A place belongs to a caller and a fingerprint. Callers take turns; within one caller the first to come is the first.
"""

import itertools
import math
from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

KEPT_SECONDS = 60.0
"""How long a place is kept for a caller that has hung up."""

FIRST_GUESS_SECONDS = 30.0
"""What a run is taken to last before one was seen to end."""

LONGEST_RETRY_SECONDS = 3600.0
"""A longer `Retry-After` helps no client: it should look again within the hour."""

_REMEMBERED_RUNS = 50
"""Of so many runs that ended last the mean is what a run is taken to last."""


@dataclass(frozen=True, slots=True)
class Place:
    """A caller's place for one run, for one request only if it `is_exclusive`. Places differ by their number."""

    caller: str
    fingerprint: str
    number: int
    is_exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """There is no place; `retry_after_seconds` is when one can be expected, in whole seconds from 1 to an hour."""

    retry_after_seconds: int
    reason: str


@dataclass(slots=True)
class _Stay:
    """How a place is held: requests that wait for it, since when there are none, and since when its run is active."""

    attached: int = 1
    left_at: float = -math.inf
    started_at: float = -math.inf


class Queue:
    """Which places wait and which have a run. All times are seconds of one steady clock; used on one event loop.

    At most `concurrency` runs are active at once, `length` places wait, `per_caller` of them for one caller. Each
    request that was given a place leaves it once, unless it was answered; a place that all have left is kept for
    `kept_seconds` and nothing is started for it meanwhile.
    """

    def __init__(
        self, *, concurrency: int, length: int, per_caller: int, wait_seconds: float, kept_seconds: float = KEPT_SECONDS
    ) -> None:
        self.wait_seconds = wait_seconds
        self._concurrency = concurrency
        self._length = length
        self._per_caller = per_caller
        self._kept_seconds = kept_seconds
        self._numbers = itertools.count(1)
        # The callers in the order of their turns: who has had one goes to the end.
        self._lines: OrderedDict[str, deque[Place]] = OrderedDict()
        self._waiting: dict[Place, _Stay] = {}
        self._active: dict[Place, _Stay] = {}
        self._durations: deque[float] = deque(maxlen=_REMEMBERED_RUNS)

    @property
    def waiting(self) -> int:
        """How many places wait, those that are kept for a caller that has hung up included."""
        return len(self._waiting)

    @property
    def active(self) -> int:
        """How many runs are active."""
        return len(self._active)

    def offer(self, caller: str, fingerprint: str, now: float, *, is_exclusive: bool = False) -> Place | Refused:
        """The place of a request: the one that this caller has for the fingerprint already, or a new one.

        With `is_exclusive` the run is for one request only: two such requests at a time have two places, and only a
        place that was left is taken up again.
        """
        self.expire(now)
        line = self._lines.get(caller, ())
        for place in line:
            stay = self._waiting[place]
            is_same = (place.fingerprint, place.is_exclusive) == (fingerprint, is_exclusive)
            if is_same and not (is_exclusive and stay.attached):
                stay.attached += 1
                return place
        if len(line) >= self._per_caller:
            return Refused(self._until_room(line, now), f"{self._per_caller} places are taken by this caller")
        if len(self._waiting) >= self._length:
            return Refused(self._until_room(self._waiting, now), f"all {self._length} places are taken")

        place = Place(caller, fingerprint, next(self._numbers), is_exclusive)
        self._waiting[place] = _Stay()
        self._lines.setdefault(caller, deque()).append(place)
        return place

    def next(self, now: float, most: int | None = None, *, held: Collection[str] = ()) -> tuple[Place, ...]:
        """The places whose runs may start now, at most `most`; from here on they are active, until `done` or `back`.

        Never one whose fingerprint has an active run already, which is to be joined instead; nor one of the callers in
        `held`, for whom nothing can be started at the moment.
        """
        self.expire(now)
        started: list[Place] = []
        room = self._concurrency - len(self._active)
        while len(started) < (room if most is None else min(room, most)):
            place = next(self._startable(held), None)
            if place is None:
                break
            stay = self._take_out(place)
            if place.caller in self._lines:
                self._lines.move_to_end(place.caller)
            stay.started_at = now
            self._active[place] = stay
            started.append(place)
        return tuple(started)

    def adopt(self, caller: str, fingerprint: str, now: float) -> Place:
        """The active place of a run of an earlier process; it may exceed the concurrency."""
        place = Place(caller, fingerprint, next(self._numbers))
        self._active[place] = _Stay(attached=0, left_at=now, started_at=now)
        return place

    def leave(self, place: Place, now: float) -> None:
        """Note that one request that was given the place has gone; an active run stays active."""
        stay = self._waiting.get(place) or self._active.get(place)
        if stay is not None and stay.attached:
            stay.attached -= 1
            stay.left_at = now

    def remove(self, place: Place, now: float, *, has_run: bool = True) -> None:
        """Take a place out, whether it waits or is active; nothing happens for one that is out already.

        `has_run`: an active place had a run, which is over now; else there was none.
        """
        if place in self._waiting:
            self._take_out(place)
        stay = self._active.pop(place, None)
        if stay is not None and has_run:
            self._durations.append(max(0.0, now - stay.started_at))

    def back(self, place: Place, now: float) -> None:
        """Put a place whose run could not be started back where it was: first in its caller's line, its turn next."""
        stay = self._active.pop(place, None)
        if stay is None:
            return
        stay.left_at = now
        self._waiting[place] = stay
        self._lines.setdefault(place.caller, deque()).appendleft(place)
        self._lines.move_to_end(place.caller, last=False)

    def expire(self, now: float) -> tuple[Place, ...]:
        """Give up and return the places that all requests left too long ago."""
        gone = tuple(
            place
            for place, stay in self._waiting.items()
            if not stay.attached and now - stay.left_at >= self._kept_seconds
        )
        for place in gone:
            self._take_out(place)
        return gone

    def expires_at(self) -> float | None:
        """When the next kept place will have to be given up, None if none is kept."""
        kept = (stay.left_at + self._kept_seconds for stay in self._waiting.values() if not stay.attached)
        return min(kept, default=None)

    def retry_after(self, place: Place, now: float, held_seconds: float = 0.0) -> int:
        """The `Retry-After` of a request that gives up waiting in its place: whole seconds, at least 1.

        When its run can be expected to start, nothing starting for the next `held_seconds`; but soon enough to find
        the place still kept.
        """
        estimate = max(held_seconds, self._until_start(self._ahead(place), now)) if place in self._waiting else 1.0
        return _whole(min(estimate, self._kept_seconds / 2))

    def _startable(self, held: Collection[str]) -> Iterator[Place]:
        """The waiting places that a request waits at and whose fingerprint has no run, in the order of turns."""
        active = {place.fingerprint for place in self._active if not place.is_exclusive}
        for line in (line for caller, line in self._lines.items() if caller not in held):
            for place in line:
                if self._waiting[place].attached and (place.is_exclusive or place.fingerprint not in active):
                    yield place
                    break

    def _take_out(self, place: Place) -> _Stay:
        line = self._lines[place.caller]
        line.remove(place)
        if not line:
            del self._lines[place.caller]
        return self._waiting.pop(place)

    def _ahead(self, place: Place) -> int:
        """How many waiting places come before this one if all requests stay."""
        own = self._lines[place.caller].index(place)
        ahead, is_before = own, True
        for caller, line in self._lines.items():
            if caller == place.caller:
                is_before = False
            else:
                ahead += min(len(line), own + 1 if is_before else own)
        return ahead

    def _until_start(self, ahead: int, now: float) -> float:
        """Seconds until a run starts that has so many before it, if each lasts as long as those seen did on average."""
        lasting = self._mean_seconds()
        # A run that lasts longer than others will still last a while.
        ends = sorted(max(lasting / 4, stay.started_at + lasting - now) for stay in self._active.values())
        free = self._concurrency - len(ends)
        slots = [0.0] * max(0, free) + ends[max(0, -free) :]
        # The slots come free in this order again and again, one run's time apart.
        rounds, slot = divmod(ahead, self._concurrency)
        return slots[slot] + rounds * lasting

    def _until_room(self, places: Iterable[Place], now: float) -> int:
        """Seconds until one of the places is free: its run starts, or it is kept no longer."""
        waits = []
        for place in places:
            stay = self._waiting[place]
            if stay.attached:
                waits.append(self._until_start(self._ahead(place), now))
            else:
                waits.append(stay.left_at + self._kept_seconds - now)
        return _whole(min(waits, default=math.inf))

    def _mean_seconds(self) -> float:
        return sum(self._durations) / len(self._durations) if self._durations else FIRST_GUESS_SECONDS


def _whole(seconds: float) -> int:
    return math.ceil(min(max(1.0, seconds), LONGEST_RETRY_SECONDS))
