"""The queue of run requests: who may start a run next. Pure: time is passed in, and nothing here waits.

A place belongs to a caller and a fingerprint. Callers take turns, by weight; within one caller the first to come is the
first.
"""

import itertools
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from exporter.gateway.upstream.fair_line import same_weight

KEPT_SECONDS = 60.0
"""How long a place is kept for a caller that has hung up."""

FIRST_GUESS_SECONDS = 30.0
"""What a run is taken to last before one was seen to end."""

LATE_SECONDS = 30.0
"""A run that lasts longer than others is looked at again after so long at most."""

LONGEST_RETRY_SECONDS = 3600.0
"""A longer `Retry-After` helps no client: it should look again within the hour."""

_REMEMBERED_RUNS = 50  # whose mean is what a run is taken to last


@dataclass(frozen=True, slots=True)
class Place:
    """A caller's place for one run, for one request only if it `is_exclusive`. Places differ by their number.

    `needs_room` is False for what starts no kernel, a dry run: it waits for no other run.
    """

    caller: str
    fingerprint: str
    number: int
    is_exclusive: bool = False
    address: str = ""
    needs_room: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """There is no place; `retry_after_seconds` is when one can be expected, in whole seconds from 1 to an hour."""

    retry_after_seconds: int
    reason: str


@dataclass(slots=True)
class _Stay:
    """How a place is held: requests that wait for it, since when there are none, and since when its run is active.

    `is_left`: the last request hung up, so that no client is expected to come back. `free_by` is when an active place
    will be free at the latest, where that is known.
    """

    attached: int = 1
    left_at: float = -math.inf
    started_at: float = -math.inf
    is_apart: bool = False
    is_left: bool = False
    free_by: float | None = None


class Queue:
    """Which places wait and which have a run. All times are seconds of one steady clock; used on one event loop.

    At most `concurrency` runs are active at once, `length` places wait, `per_caller` of them for one caller and
    `per_address` from one address. Each request that was given a place leaves it once, unless it was answered; a place
    that all have left is kept for `kept_seconds` and nothing is started for it meanwhile; one whose client hung up only
    until others need it.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        length: int,
        per_caller: int,
        wait_seconds: float,
        per_address: int | None = None,
        kept_seconds: float = KEPT_SECONDS,
        weigh: Callable[[str], int] = same_weight,
    ) -> None:
        self.wait_seconds = wait_seconds
        self._concurrency = concurrency
        self._length = length
        self._per_caller = per_caller
        self._per_address = length if per_address is None else per_address
        self._weigh = weigh
        self._turns_left: dict[str, int] = {}
        self._given_up: list[Place] = []
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

    @property
    def is_short(self) -> bool:
        """Whether places wait for others to be over."""
        return bool(self._waiting) and self._room() <= 0

    def offer(
        self,
        caller: str,
        fingerprint: str,
        now: float,
        *,
        is_exclusive: bool = False,
        address: str = "",
        needs_room: bool = True,
    ) -> Place | Refused:
        """The place of a request: the one that this caller has for the fingerprint already, or a new one.

        With `is_exclusive` the run is for one request only: two such requests at a time have two places, and only a
        place that was left is taken up again. Where all are taken one whose client hung up is
        given up, which `expire` returns.
        """
        self._give_up_old(now)
        line = self._lines.get(caller, ())
        for place in line:
            stay = self._waiting[place]
            is_same = (place.fingerprint, place.is_exclusive) == (fingerprint, is_exclusive)
            if is_same and not (is_exclusive and stay.attached):
                stay.attached, stay.is_left = stay.attached + 1, False
                return place
        near = [place for place in self._waiting if address and place.address == address]
        for taken, most, reason in (
            (list(line), self._per_caller, f"{self._per_caller} places are taken by this caller"),
            (near, self._per_address, f"{self._per_address} places are taken by this address"),
            (list(self._waiting), self._length, f"all {self._length} places are taken"),
        ):
            taken = [place for place in taken if place in self._waiting]
            if len(taken) >= most and not self._evict(taken):
                return Refused(self._until_room(taken, now), reason)

        place = Place(caller, fingerprint, next(self._numbers), is_exclusive, address, needs_room)
        self._waiting[place] = _Stay()
        self._lines.setdefault(caller, deque()).append(place)
        return place

    def _evict(self, places: Iterable[Place]) -> bool:
        """Give up the one of these places whose client hung up longest ago; whether there was one."""
        left = [place for place in places if self._waiting[place].is_left]
        if not left:
            return False
        oldest = min(left, key=lambda place: self._waiting[place].left_at)
        self._take_out(oldest)
        self._given_up.append(oldest)
        return True

    def next(self, now: float, most: int | None = None, *, held: Collection[str] = ()) -> tuple[Place, ...]:
        """The places whose runs may start now, at most `most`; from here on they are active, until `done` or `back`.

        Never one whose fingerprint has an active run already, which is to be joined instead; nor one of the callers in
        `held`, for whom nothing can be started at the moment.
        """
        self._give_up_old(now)
        started: list[Place] = []
        while most is None or len(started) < most:
            place = next(self._startable(held), None)
            if place is None:
                break
            left = self._turns_left.get(place.caller, self._weigh(place.caller)) - 1
            stay = self._take_out(place)
            if place.caller in self._lines and left > 0:
                self._turns_left[place.caller] = left
            elif place.caller in self._lines:
                self._turns_left.pop(place.caller, None)
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

    def set_apart(self, place: Place) -> None:
        """Have a waiting place wait no longer for the active runs of its fingerprint: it may join none of them."""
        if place in self._waiting:
            self._waiting[place].is_apart = True

    def rejoin(self, place: Place) -> None:
        """Note that one more request holds the place, which leaves it once."""
        stay = self._waiting.get(place) or self._active.get(place)
        if stay is not None:
            stay.attached, stay.is_left = stay.attached + 1, False

    def free_by(self, place: Place, at: float | None) -> None:
        """Note that an active place will be free by then at the latest; None: that is not known."""
        if place in self._active:
            self._active[place].free_by = at

    def leave(self, place: Place, now: float, *, hung_up: bool = False) -> None:
        """Note that one request that was given the place has gone; an active run stays active."""
        stay = self._waiting.get(place) or self._active.get(place)
        if stay is not None and stay.attached:
            stay.attached -= 1
            stay.left_at = now
            stay.is_left = hung_up and not stay.attached

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
        """Give up the places that all requests left too long ago; all that were given up since the last call."""
        self._give_up_old(now)
        gone, self._given_up = tuple(self._given_up), []
        return gone

    def _give_up_old(self, now: float) -> None:
        old = [
            place
            for place, stay in self._waiting.items()
            if not stay.attached and now - stay.left_at >= self._kept_seconds
        ]
        for place in old:
            self._take_out(place)
        self._given_up += old

    def expires_at(self) -> float | None:
        """When the next kept place will have to be given up, None if none is kept."""
        kept = (stay.left_at + self._kept_seconds for stay in self._waiting.values() if not stay.attached)
        return min(kept, default=None)

    def retry_after(self, place: Place, now: float, held_seconds: float = 0.0) -> int:
        """The `Retry-After` of a request that gives up waiting in its place: whole seconds, at least 1.

        When its run can be expected to start, nothing starting for the next `held_seconds`; but soon enough to find
        the place still kept.
        """
        if place not in self._waiting:
            return 1
        same = [one for one in self._active if self._is_same(one, place)]
        waits = (self._remaining(self._active[one], now) for one in same)
        estimate = max(held_seconds, self._until_start(self._ahead(place), now), *waits)
        return _whole(min(estimate, self._kept_seconds / 2))

    def _startable(self, held: Collection[str]) -> Iterator[Place]:
        """The waiting places that a request waits at and whose fingerprint has no run, in the order of turns."""
        active = {place.fingerprint for place in self._active if not place.is_exclusive}
        has_room = self._room() > 0
        for line in (line for caller, line in self._lines.items() if caller not in held):
            for place in line:
                stay = self._waiting[place]
                is_needed = stay.attached and (has_room or not place.needs_room)
                if is_needed and (place.is_exclusive or stay.is_apart or place.fingerprint not in active):
                    yield place
                    break

    def _room(self) -> int:
        return self._concurrency - sum(place.needs_room for place in self._active)

    @staticmethod
    def _is_same(active: Place, place: Place) -> bool:
        return not (active.is_exclusive or place.is_exclusive) and active.fingerprint == place.fingerprint

    def _take_out(self, place: Place) -> _Stay:
        line = self._lines[place.caller]
        line.remove(place)
        if not line:
            del self._lines[place.caller]
            self._turns_left.pop(place.caller, None)
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
        ends = sorted(self._remaining(stay, now) for stay in self._active.values())
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

    def _remaining(self, stay: _Stay, now: float) -> float:
        """How long an active place is expected to be held still."""
        if stay.free_by is not None:
            return max(1.0, stay.free_by - now)
        lasting, age = self._mean_seconds(), now - stay.started_at
        # A run that lasts longer than others will still last a while: as long again as it is late, as far as is known.
        return max(lasting / 4, lasting - age, min(age - lasting, LATE_SECONDS))

    def _mean_seconds(self) -> float:
        return sum(self._durations) / len(self._durations) if self._durations else FIRST_GUESS_SECONDS


def _whole(seconds: float) -> int:
    return math.ceil(min(max(1.0, seconds), LONGEST_RETRY_SECONDS))
