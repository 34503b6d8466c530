"""The queue: never above its limits, nobody starves, and places are kept for those who come back."""

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exporter.gateway.runs.queue import FIRST_GUESS_SECONDS, KEPT_SECONDS, LONGEST_RETRY_SECONDS, Place, Queue, Refused


def make_queue(concurrency: int = 1, length: int = 100, per_caller: int = 20) -> Queue:
    return Queue(concurrency=concurrency, length=length, per_caller=per_caller, wait_seconds=50)


def placed(queue: Queue, caller: str, fingerprint: str = "f", now: float = 0.0, *, is_alone: bool = False) -> Place:
    place = queue.offer(caller, fingerprint, now, is_alone=is_alone)
    assert isinstance(place, Place)
    return place


def refused(queue: Queue, caller: str, fingerprint: str, now: float = 0.0) -> Refused:
    found = queue.offer(caller, fingerprint, now)
    assert isinstance(found, Refused)
    return found


class TestTurns:
    def test_no_more_runs_are_on_than_allowed(self) -> None:
        queue = make_queue(concurrency=3)
        places = [placed(queue, "ada", str(number)) for number in range(5)]

        assert queue.next(0) == tuple(places[:3])
        assert queue.next(0) == ()
        queue.remove(places[1], 10)
        assert queue.next(10) == (places[3],)
        assert (queue.active, queue.waiting) == (3, 1)

    def test_as_many_start_as_are_asked_for(self) -> None:
        queue = make_queue(concurrency=3)
        first, second = placed(queue, "ada", "1"), placed(queue, "ada", "2")

        assert queue.next(0, 1) == (first,)
        assert queue.next(0, 0) == ()
        assert queue.next(0, 5) == (second,)

    def test_callers_take_turns_however_many_places_one_has(self) -> None:
        queue = make_queue()
        for number in range(5):
            placed(queue, "ada", f"a{number}")
        placed(queue, "bob", "b0")
        placed(queue, "cyd", "c0")
        placed(queue, "bob", "b1")

        order = []
        while places := queue.next(0):
            order += [place.fingerprint for place in places]
            queue.remove(places[0], 0)
        assert order == ["a0", "b0", "c0", "a1", "b1", "a2", "a3", "a4"]

    def test_one_run_at_a_time_for_a_fingerprint(self) -> None:
        queue = make_queue(concurrency=3)
        first, second, other = placed(queue, "ada"), placed(queue, "bob"), placed(queue, "bob", "g")

        assert queue.next(0) == (first, other)
        queue.remove(first, 1)
        assert queue.next(1) == (second,)

    def test_a_run_of_ones_own_starts_beside_the_same_of_others(self) -> None:
        queue = make_queue(concurrency=3)
        first, alone = placed(queue, "ada"), placed(queue, "cyd", is_alone=True)

        assert queue.next(0) == (first, alone)

    def test_a_caller_that_is_held_keeps_its_turn(self) -> None:
        queue = make_queue(concurrency=3)
        first, second = placed(queue, "ada", "1"), placed(queue, "bob", "2")

        assert queue.next(0, 1, held={"ada"}) == (second,)
        assert queue.next(0, 1) == (first,)

    def test_a_run_that_could_not_start_is_next_again(self) -> None:
        queue = make_queue()
        first, second, other = placed(queue, "ada", "1"), placed(queue, "ada", "2"), placed(queue, "bob", "3")
        assert queue.next(0) == (first,)
        queue.back(first, 1)

        order = []
        while places := queue.next(1):
            order.append(places[0])
            queue.remove(places[0], 1)
        assert order == [first, other, second]

    def test_runs_of_an_earlier_process_count(self) -> None:
        queue = make_queue(concurrency=2)
        adopted = [queue.adopt("", f"old{number}", 0) for number in range(3)]
        waiting = placed(queue, "ada")

        assert queue.active == 3
        queue.remove(adopted[0], 1)
        assert queue.next(1) == ()
        queue.remove(adopted[1], 2)
        assert queue.next(2) == (waiting,)


class TestPlaces:
    def test_a_caller_has_one_place_for_a_fingerprint(self) -> None:
        queue = make_queue()
        place = placed(queue, "ada")

        assert placed(queue, "ada") == place
        assert placed(queue, "bob") != place
        assert placed(queue, "ada", "g") != place
        assert queue.waiting == 3

    def test_requests_of_their_own_have_places_of_their_own(self) -> None:
        queue = make_queue()
        first, second = placed(queue, "ada", is_alone=True), placed(queue, "ada", is_alone=True)
        assert first != second
        assert placed(queue, "ada") not in (first, second)

        queue.leave(first, 1)
        assert placed(queue, "ada", now=2, is_alone=True) == first

    def test_a_place_is_kept_and_nothing_starts_for_nobody(self) -> None:
        queue = make_queue()
        kept, other = placed(queue, "ada"), placed(queue, "bob", "g")
        queue.leave(kept, 10)

        assert queue.next(11) == (other,)
        queue.remove(other, 12)
        assert queue.next(12) == ()
        assert queue.expires_at() == 10 + KEPT_SECONDS
        assert placed(queue, "ada", now=69.9) == kept
        assert queue.expires_at() is None
        assert queue.next(70) == (kept,)

    def test_who_comes_back_has_not_lost_the_turn(self) -> None:
        queue = make_queue()
        kept = placed(queue, "ada")
        others = [placed(queue, name, name) for name in ("bob", "cyd")]
        queue.leave(kept, 0)
        assert queue.next(0) == (others[0],)
        queue.remove(others[0], 1)

        assert placed(queue, "ada", now=1) == kept
        assert queue.next(1) == (kept,)

    def test_one_of_two_requests_that_leaves_does_not_matter(self) -> None:
        queue = make_queue()
        place = placed(queue, "ada")
        placed(queue, "ada")
        queue.leave(place, 0)

        assert queue.expire(KEPT_SECONDS) == ()
        assert queue.next(KEPT_SECONDS) == (place,)

    def test_after_a_minute_it_is_given_up(self) -> None:
        queue = make_queue()
        place = placed(queue, "ada")
        queue.leave(place, 10)

        assert queue.expire(69.9) == ()
        assert queue.expire(70) == (place,)
        assert queue.waiting == 0
        assert placed(queue, "ada", now=70) != place

    def test_a_run_that_is_on_goes_on_without_its_caller(self) -> None:
        queue = make_queue()
        place = placed(queue, "ada")
        queue.next(0)
        queue.leave(place, 1)

        assert queue.expire(1000) == ()
        assert queue.active == 1

    def test_what_was_put_back_with_nobody_there_is_kept_from_then(self) -> None:
        queue = make_queue()
        place = placed(queue, "ada")
        queue.next(0)
        queue.leave(place, 1)
        queue.back(place, 100)

        assert queue.next(101) == ()
        assert queue.expire(159) == ()
        assert queue.expire(160) == (place,)

    def test_what_is_answered_in_another_way_is_taken_out(self) -> None:
        queue = make_queue()
        place = placed(queue, "ada")
        queue.remove(place, 0)
        queue.remove(place, 0)

        assert queue.waiting == 0
        assert queue.next(0) == ()

    def test_what_it_does_not_know_changes_nothing(self) -> None:
        queue = make_queue()
        stranger = Place("ada", "f", 99)
        queue.leave(stranger, 0)
        queue.remove(stranger, 0)
        queue.back(stranger, 0)

        assert (queue.waiting, queue.active) == (0, 0)
        assert queue.retry_after(stranger, 0) == 1


class TestBounds:
    def test_one_caller_cannot_take_all(self) -> None:
        queue = make_queue(length=5, per_caller=2)
        placed(queue, "ada", "1")
        placed(queue, "ada", "2")

        assert refused(queue, "ada", "3").reason == "2 places are taken by this caller"
        assert isinstance(queue.offer("ada", "2", 0), Place)
        assert isinstance(queue.offer("bob", "3", 0), Place)

    def test_all_together_cannot_take_more_than_there_are(self) -> None:
        queue = make_queue(length=2)
        placed(queue, "ada")
        placed(queue, "bob")

        assert refused(queue, "cyd", "f").reason == "all 2 places are taken"
        assert isinstance(queue.offer("bob", "f", 0), Place)

    def test_kept_places_count_until_they_are_given_up(self) -> None:
        queue = make_queue(length=1)
        queue.leave(placed(queue, "ada"), 0)

        assert refused(queue, "bob", "f", now=20).retry_after_seconds == KEPT_SECONDS - 20
        assert isinstance(queue.offer("bob", "f", KEPT_SECONDS), Place)


class TestRetryAfter:
    def test_before_a_run_was_seen_it_is_a_guess(self) -> None:
        queue = make_queue(length=1)
        queue.next(0)
        placed(queue, "ada")
        queue.next(0)
        placed(queue, "bob", "g")

        assert refused(queue, "cyd", "h").retry_after_seconds == FIRST_GUESS_SECONDS

    def test_it_follows_how_long_runs_last_and_how_many_are_before(self) -> None:
        queue = make_queue(concurrency=2, length=3)
        seen = placed(queue, "ada", "seen")
        queue.next(0)
        queue.remove(seen, 10)
        for name in "abcde":
            placed(queue, name, name, 100)
            queue.next(100)
        place = placed(queue, "e", "e", 104)

        assert queue.retry_after(place, 104) == 16
        assert refused(queue, "f", "f", now=104).retry_after_seconds == 6

    def test_runs_that_were_none_teach_nothing(self) -> None:
        queue = make_queue(length=1)
        none = placed(queue, "ada", "none")
        queue.next(0)
        queue.remove(none, 0.1, has_run=False)
        placed(queue, "ada", "1")
        queue.next(1)
        placed(queue, "ada", "2", 1)

        assert refused(queue, "bob", "3", now=1).retry_after_seconds == FIRST_GUESS_SECONDS

    def test_a_run_that_is_late_still_takes_a_while(self) -> None:
        queue = make_queue(length=1)
        placed(queue, "ada", "1")
        queue.next(0)
        placed(queue, "ada", "2")

        assert refused(queue, "bob", "3", now=1000).retry_after_seconds == 8

    def test_whoever_has_a_place_comes_back_before_it_is_lost(self) -> None:
        queue = make_queue()
        slow = placed(queue, "ada", "slow")
        queue.next(0)
        queue.remove(slow, 5000)
        placed(queue, "ada", "1", 5000)
        queue.next(5000)
        place = placed(queue, "bob", "2", 5000)
        seconds = queue.retry_after(place, 5050, held_seconds=900)
        queue.leave(place, 5050)

        assert seconds < KEPT_SECONDS
        assert placed(queue, "bob", "2", 5050 + seconds) == place

    def test_it_is_an_hour_at_most(self) -> None:
        queue = make_queue(length=1)
        slow = placed(queue, "ada", "slow")
        queue.next(0)
        queue.remove(slow, 10**6)
        placed(queue, "ada", "1", 10**6)
        queue.next(10**6)
        placed(queue, "ada", "2", 10**6)

        assert refused(queue, "bob", "3", now=10**6).retry_after_seconds == LONGEST_RETRY_SECONDS


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
        self.queue = make_queue(concurrency, length, per_caller)
        self.now = 0.0
        self.attached: Counter[Place] = Counter()
        self.left_at: dict[Place, float] = {}
        self.waiting: set[Place] = set()
        self.active: set[Place] = set()
        self.put_back = 0
        self.overtaken: Counter[tuple[str, str]] = Counter()

    @rule(caller=CALLERS, fingerprint=FINGERPRINTS, is_alone=st.booleans())
    def offer(self, caller: str, fingerprint: str, is_alone: bool) -> None:
        self.forget_kept()
        mine = [place for place in self.waiting if place.caller == caller]
        same = [place for place in mine if (place.fingerprint, place.is_alone) == (fingerprint, is_alone)]
        reusable = [place for place in same if not (is_alone and self.attached[place])]
        found = self.queue.offer(caller, fingerprint, self.now, is_alone=is_alone)

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
    def nobody_is_overtaken_twice(self) -> None:
        for caller in {caller for caller, _ in self.overtaken}:
            if not any(place.caller == caller and self.is_startable(place) for place in self.waiting):
                self.forgive(caller)
        assert max(self.overtaken.values(), default=0) <= 1

    def teardown(self) -> None:
        """Everybody who stays is served, everybody who left is forgotten, and nothing remains."""
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
        on = {active.fingerprint for active in self.active if not active.is_alone}
        return bool(self.attached[place]) and (place.is_alone or place.fingerprint not in on)

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
TestMachine.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("callers", [1, 3, 10])
def test_places_are_exhausted_fairly_under_a_flood(callers: int) -> None:
    """One caller floods, the others ask once each round: they wait for one round at most."""
    queue = make_queue(concurrency=1, length=100, per_caller=20)
    served: Counter[str] = Counter()
    for now in range(50):
        for number in range(20):
            queue.offer("flood", f"{now}-{number}", now)
        for number in range(callers):
            queue.offer(f"caller{number}", "f", now)
        for place in queue.next(now):
            served[place.caller] += 1
            queue.remove(place, now)

    assert max(served.values()) - min(served.values()) <= 1
