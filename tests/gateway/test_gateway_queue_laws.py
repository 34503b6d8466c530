"""The queue's laws: a random sequence of requests, ends and time beside a plain account of who waits where."""

from collections import Counter
from collections.abc import Iterable

import pytest
from helpers.sizes import size
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exporter.gateway.runs.queue import KEPT_SECONDS, LONGEST_RETRY_SECONDS, Place, Queue, Refused

CALLERS = st.sampled_from(["ada", "bob", "cyd"])
FINGERPRINTS = st.sampled_from(["1", "2", "3", "4"])
PICKS = st.integers(0, 5)


def picked(pick: int, places: Iterable[Place]) -> Place:
    """One of the places, the same for the same number."""
    ordered = sorted(places, key=lambda place: place.number)
    return ordered[pick % len(ordered)]


class Machine(RuleBasedStateMachine):
    """The queue beside a plain account of who waits where; everything that is promised of it always holds."""

    @initialize(concurrency=st.integers(1, 3), length=st.integers(1, 6), per_caller=st.integers(1, 3))
    def start(self, concurrency: int, length: int, per_caller: int) -> None:
        self.limits = (concurrency, length, per_caller)
        self.queue = Queue(concurrency=concurrency, length=length, per_caller=per_caller, wait_seconds=50)
        self.now = 0.0
        self.attached: Counter[Place] = Counter()
        self.left_at: dict[Place, float] = {}
        self.waiting: set[Place] = set()
        self.active: set[Place] = set()
        self.put_back = 0
        self.overtaken: Counter[tuple[str, str]] = Counter()

    @rule(caller=CALLERS, fingerprint=FINGERPRINTS, is_exclusive=st.booleans())
    def offer(self, caller: str, fingerprint: str, is_exclusive: bool) -> None:
        self.forget_kept()
        mine = [place for place in self.waiting if place.caller == caller]
        same = [place for place in mine if (place.fingerprint, place.is_exclusive) == (fingerprint, is_exclusive)]
        reusable = [place for place in same if not (is_exclusive and self.attached[place])]
        found = self.queue.offer(caller, fingerprint, self.now, is_exclusive=is_exclusive)

        _, length, per_caller = self.limits
        if isinstance(found, Refused):
            assert not reusable
            assert len(mine) >= per_caller or len(self.waiting) >= length
            assert 1 <= found.retry_after_seconds <= LONGEST_RETRY_SECONDS
            return
        if reusable:
            assert found in reusable
        else:
            assert len(mine) < per_caller
            assert len(self.waiting) < length
            assert found not in self.waiting | self.active
        self.waiting.add(found)
        self.attached[found] += 1

    @rule(most=st.none() | st.integers(0, 2), held=st.frozensets(CALLERS, max_size=1))
    def next(self, most: int | None, held: frozenset[str]) -> None:
        self.forget_kept()
        room = self.limits[0] - len(self.active)
        started = self.queue.next(self.now, most, held=held)
        assert len(started) <= max(0, room if most is None else min(room, most))
        for place in started:
            assert place.caller not in held
            assert self.is_startable(place)
            self.note_turn(place.caller, held)
            self.waiting.remove(place)
            self.active.add(place)
        if len(started) < (room if most is None else min(room, most)):
            assert not [place for place in self.waiting if self.is_startable(place) and place.caller not in held]

    @precondition(lambda self: any(self.attached[place] for place in self.waiting | self.active))
    @rule(pick=PICKS)
    def leave(self, pick: int) -> None:
        place = picked(pick, [place for place in self.waiting | self.active if self.attached[place]])
        self.attached[place] -= 1
        self.left_at[place] = self.now
        self.queue.leave(place, self.now)

    @precondition(lambda self: self.active)
    @rule(pick=PICKS, has_run=st.booleans(), goes_on=st.booleans())
    def done(self, pick: int, has_run: bool, goes_on: bool) -> None:
        place = picked(pick, self.active)
        self.active.remove(place)
        self.queue.remove(place, self.now, has_run=has_run)
        if goes_on:
            self.next(None, frozenset())

    @precondition(lambda self: self.active)
    @rule(pick=PICKS)
    def back(self, pick: int) -> None:
        place = picked(pick, self.active)
        self.active.remove(place)
        self.waiting.add(place)
        self.left_at[place] = self.now
        self.put_back += 1
        self.queue.back(place, self.now)
        # It has had no run: its turn is not over.
        for key in [key for key in self.overtaken if key[1] == place.caller]:
            self.overtaken[key] -= 1

    @precondition(lambda self: self.waiting)
    @rule(pick=PICKS)
    def withdraw(self, pick: int) -> None:
        place = picked(pick, self.waiting)
        self.waiting.remove(place)
        self.queue.remove(place, 0)

    @rule(seconds=st.sampled_from([0.5, 10.0, 59.0, 60.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.waiting | self.active)
    @rule(pick=PICKS, held_seconds=st.sampled_from([0.0, 7.0, 10_000.0]))
    def ask(self, pick: int, held_seconds: float) -> None:
        place = picked(pick, self.waiting | self.active)
        assert 1 <= self.queue.retry_after(place, self.now, held_seconds) <= KEPT_SECONDS / 2

    @invariant()
    def within_bounds(self) -> None:
        concurrency, length, per_caller = self.limits
        assert self.queue.active == len(self.active) <= concurrency
        assert self.queue.waiting == len(self.waiting) <= length + concurrency
        most = max(Counter(place.caller for place in self.waiting).values(), default=0)
        assert most <= per_caller + min(self.put_back, concurrency)

    @invariant()
    def no_caller_is_overtaken_twice(self) -> None:
        for caller in {caller for caller, _ in self.overtaken}:
            if not any(place.caller == caller and self.is_startable(place) for place in self.waiting):
                self.forgive(caller)
        assert max(self.overtaken.values(), default=0) <= 1

    def teardown(self) -> None:
        """Every request that stays is served, every one that left is forgotten, and nothing remains."""
        if not hasattr(self, "queue"):
            return
        rounds = len(self.waiting) + len(self.active) + 1
        for _ in range(rounds):
            while self.active:
                self.done(0, True, False)
            self.next(None, frozenset())
        assert not any(self.attached[place] for place in self.waiting)
        assert not self.active
        self.now += KEPT_SECONDS
        self.forget_kept()
        assert (self.queue.waiting, self.queue.active, self.queue.expires_at()) == (0, 0, None)
        assert not vars(self.queue)["_lines"]

    def is_startable(self, place: Place) -> bool:
        on = {active.fingerprint for active in self.active if not active.is_exclusive}
        return bool(self.attached[place]) and (place.is_exclusive or place.fingerprint not in on)

    def note_turn(self, caller: str, held: frozenset[str]) -> None:
        self.forgive(caller)
        for other in {place.caller for place in self.waiting if self.is_startable(place)} - held - {caller}:
            self.overtaken[other, caller] += 1

    def forgive(self, caller: str) -> None:
        for key in [key for key in self.overtaken if key[0] == caller]:
            del self.overtaken[key]

    def forget_kept(self) -> None:
        gone = {
            place
            for place in self.waiting
            if not self.attached[place] and self.now - self.left_at[place] >= KEPT_SECONDS
        }
        assert set(self.queue.expire(self.now)) == gone
        self.waiting -= gone


TestMachine = Machine.TestCase
TestMachine = pytest.mark.slow(TestMachine)
TestMachine.settings = settings(max_examples=size(50, 500), stateful_step_count=40, deadline=None)
