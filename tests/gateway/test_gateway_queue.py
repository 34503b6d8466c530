"""The queue: never above its limits, no caller starves, and places are kept for those who come back."""

from collections import Counter

import pytest

from exporter.gateway.runs.queue import (
    FIRST_GUESS_SECONDS,
    KEPT_SECONDS,
    LATE_SECONDS,
    LONGEST_RETRY_SECONDS,
    Place,
    Queue,
    Refused,
)


def make_queue(concurrency: int = 1, length: int = 100, per_caller: int = 20) -> Queue:
    return Queue(concurrency=concurrency, length=length, per_caller=per_caller, wait_seconds=50)


def placed(queue: Queue, caller: str, fingerprint: str = "f", now: float = 0.0, *, is_exclusive: bool = False) -> Place:
    place = queue.offer(caller, fingerprint, now, is_exclusive=is_exclusive)
    assert isinstance(place, Place)
    return place


def refused(queue: Queue, caller: str, fingerprint: str, now: float = 0.0) -> Refused:
    found = queue.offer(caller, fingerprint, now)
    assert isinstance(found, Refused)
    return found


class TestTurns:
    def test_no_more_runs_are_active_than_allowed(self) -> None:
        queue = make_queue(concurrency=3)
        places = [placed(queue, "ada", str(number)) for number in range(5)]

        assert queue.next(0) == tuple(places[:3])
        assert queue.next(0) == ()
        queue.remove(places[1], 10)
        assert queue.next(10) == (places[3],)
        assert (queue.active, queue.waiting) == (3, 1)

    def test_as_many_start_as_are_requested(self) -> None:
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
        first, exclusive = placed(queue, "ada"), placed(queue, "cyd", is_exclusive=True)

        assert queue.next(0) == (first, exclusive)

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
        first, second = placed(queue, "ada", is_exclusive=True), placed(queue, "ada", is_exclusive=True)
        assert first != second
        assert placed(queue, "ada") not in (first, second)

        queue.leave(first, 1)
        assert placed(queue, "ada", now=2, is_exclusive=True) == first

    def test_a_place_is_kept_and_nothing_starts_while_no_request_waits(self) -> None:
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

    def test_an_active_run_stays_without_its_caller(self) -> None:
        queue = make_queue()
        place = placed(queue, "ada")
        queue.next(0)
        queue.leave(place, 1)

        assert queue.expire(1000) == ()
        assert queue.active == 1

    def test_what_was_put_back_without_a_request_is_kept_from_then(self) -> None:
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

        assert refused(queue, "bob", "3", now=1000).retry_after_seconds == LATE_SECONDS

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
