import asyncio

import pytest

from exporter.web.connection_limits import ConnectionLimits, Connections, Phase


class Guest:
    """A visitor that notes how it was shown out; it leaves at once unless it is busy."""

    def __init__(self, visitors: Connections, *, is_busy: bool = False) -> None:
        self.fate = "in"
        self._visitors = visitors
        self._is_busy = is_busy

    def dismiss(self) -> None:
        if not self._is_busy:
            self.fate = "dismissed"
            self._visitors.leave(self)

    def abort(self) -> None:
        self.fate = "aborted"
        self._visitors.leave(self)


LIMITS = ConnectionLimits(
    connections=3, handshake_seconds=1.0, request_seconds=2.0, answer_seconds=3.0, idle_seconds=4.0
)


@pytest.fixture
def visitors(manual_clock) -> Connections:
    return Connections(LIMITS, monotonic=manual_clock.monotonic)


@pytest.mark.parametrize(
    ("phase", "seconds"),
    [(Phase.HANDSHAKE, 1.0), (Phase.REQUEST, 2.0), (Phase.ANSWER, 3.0), (Phase.IDLE, 4.0)],
)
def test_each_phase_may_take_its_time_and_no_more(visitors: Connections, manual_clock, phase, seconds) -> None:
    guest = Guest(visitors)
    visitors.enter(guest, phase)

    manual_clock.advance(seconds)
    visitors.drop_overdue()
    assert guest.fate == "in"

    manual_clock.advance(0.01)
    visitors.drop_overdue()
    assert (guest.fate, len(visitors)) == ("aborted", 0)


def test_a_new_phase_has_its_own_time(visitors: Connections, manual_clock) -> None:
    guest = Guest(visitors)
    visitors.enter(guest, Phase.REQUEST)
    manual_clock.advance(1.9)
    visitors.enter(guest, Phase.ANSWER)

    manual_clock.advance(2.9)
    visitors.drop_overdue()

    assert guest.fate == "in"


def test_a_newcomer_takes_the_place_of_who_has_been_quiet_longest(visitors: Connections, manual_clock) -> None:
    guests = [Guest(visitors) for _ in range(4)]
    for guest in guests[:3]:
        visitors.enter(guest, Phase.REQUEST)
        manual_clock.advance(0.1)
    visitors.enter(guests[0], Phase.IDLE)

    visitors.enter(guests[3], Phase.HANDSHAKE)

    assert [guest.fate for guest in guests] == ["in", "aborted", "in", "in"]
    assert len(visitors) == 3


def test_answers_under_way_go_last(visitors: Connections, manual_clock) -> None:
    guests = [Guest(visitors) for _ in range(4)]
    for guest, phase in zip(guests, (Phase.ANSWER, Phase.ANSWER, Phase.IDLE), strict=False):
        visitors.enter(guest, phase)
        manual_clock.advance(0.1)

    visitors.enter(guests[3], Phase.REQUEST)

    assert [guest.fate for guest in guests] == ["in", "in", "aborted", "in"]


def test_a_house_full_of_answers_still_lets_a_newcomer_in(visitors: Connections, manual_clock) -> None:
    guests = [Guest(visitors) for _ in range(4)]
    for guest in guests:
        visitors.enter(guest, Phase.ANSWER)
        manual_clock.advance(0.1)

    assert [guest.fate for guest in guests] == ["aborted", "in", "in", "in"]


def test_the_end_waits_for_answers_under_way_for_a_while_only(visitors: Connections) -> None:
    quiet, busy = Guest(visitors), Guest(visitors, is_busy=True)
    visitors.enter(quiet, Phase.IDLE)
    visitors.enter(busy, Phase.ANSWER)

    asyncio.run(visitors.dismiss_all(0.01))

    assert (quiet.fate, busy.fate, len(visitors)) == ("dismissed", "aborted", 0)


def test_an_empty_house_ends_at_once(visitors: Connections) -> None:
    asyncio.run(asyncio.wait_for(visitors.dismiss_all(3600.0), 20))
