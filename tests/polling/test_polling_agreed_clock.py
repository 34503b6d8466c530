"""Agreed time: whatever one clock or a passing answer says, it goes on; what lasts is adopted."""

import pytest
from helpers.sizes import size
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.polling.agreed_clock import ERROR_MS, AgreedClock, Sample

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
START = 1_795_392_000_000


class World:
    """True time, a machine whose two clocks stray from it, and a Hex whose answers are dated as a test wants."""

    def __init__(self, machine_off_ms: int = 0) -> None:
        self.true_ms, self.slept_ms, self.machine_off_ms = START, 0, machine_off_ms
        self.clock = AgreedClock()

    @property
    def steady_ms(self) -> int:
        return self.true_ms - self.slept_ms - START + 5_000_000

    @property
    def error_ms(self) -> int:
        now_ms = self.clock.now_ms(self.steady_ms)
        assert now_ms is not None
        return now_ms - self.true_ms

    def passes(self, ms: int) -> None:
        self.true_ms += ms

    def sleeps(self, ms: int) -> None:
        """The machine is suspended: its steady clock stands still."""
        self.true_ms += ms
        self.slept_ms += ms

    def answer(
        self,
        off_ms: int | None = 0,
        newest_ms: int | None = None,
        date_ms: int | None = None,
        took_ms: int = 0,
        dated: float = 0.5,
    ) -> int:
        """An exchange that ends after `took_ms`, dated at that share of it."""
        began_ms = self.true_ms
        self.passes(took_ms)
        if date_ms is None and off_ms is not None:
            date_ms = (began_ms + round(took_ms * dated) + off_ms) // SECOND * SECOND
        return self.clock.observe(
            Sample(
                wall_ms=self.true_ms + self.machine_off_ms - took_ms // 2,
                steady_ms=self.steady_ms - took_ms // 2,
                date_ms=date_ms,
                newest_ms=newest_ms,
                took_ms=took_ms,
            )
        )

    def answers(self, count: int, every_ms: int, off_ms: int | None = 0) -> None:
        for _ in range(count):
            self.passes(every_ms)
            self.answer(off_ms)


@pytest.fixture
def world() -> World:
    world = World()
    world.answer()
    return world


class TestBeginning:
    def test_one_answer_is_enough_where_it_and_the_machine_agree(self):
        world = World(machine_off_ms=1_200)
        world.answer()

        assert world.clock.is_agreed
        assert world.error_ms == 1_200

    @pytest.mark.parametrize("off", [20 * SECOND, -90 * SECOND, 4 * DAY, -800 * DAY])
    def test_a_machine_that_is_off_is_outvoted_by_a_few_answers_within_seconds(self, off):
        world = World(machine_off_ms=off)
        world.answer()
        assert not world.clock.is_agreed
        world.answers(4, 3_500)

        assert abs(world.error_ms) <= ERROR_MS

    def test_answers_at_one_moment_are_one_opinion(self):
        world = World(machine_off_ms=DAY)
        world.answers(20, 10)

        assert not world.clock.is_agreed

    def test_a_stale_date_does_not_begin_time_where_the_answer_knows_better(self):
        """A proxy answers from its cache: dated 30 days ago, and yet it lists what happened an hour ago."""
        world = World()
        for _ in range(5):
            world.answer(-30 * DAY, newest_ms=world.true_ms - HOUR)
            world.passes(5_000)

        assert abs(world.error_ms) <= ERROR_MS

    def test_a_future_item_says_nothing_against_a_date(self):
        world = World(machine_off_ms=-2 * HOUR)
        for _ in range(5):
            world.answer(newest_ms=world.true_ms + 400 * DAY)
            world.passes(3_000)

        assert abs(world.error_ms) <= ERROR_MS

    def test_a_date_that_stands_still_is_none(self):
        world = World()
        stopped = START - HOUR
        for _ in range(10):
            world.answer(date_ms=stopped)
            world.passes(3_000)

        assert world.error_ms == 0

    def test_without_dates_the_machine_is_believed(self):
        world = World(machine_off_ms=77_000)
        world.answer(None)
        assert not world.clock.is_agreed
        world.answers(2, SECOND, off_ms=None)

        assert world.error_ms == 77_000

    def test_dates_that_contradict_each_other_are_none(self):
        world = World()
        for number in range(40):
            world.answer((-1) ** number * (number + 1) * HOUR)
            world.passes(3_000)

        assert world.error_ms == 0


class TestGoingOn:
    def test_a_burst_of_wrong_dates_changes_nothing(self, world):
        world.answers(50, 2_000, off_ms=2 * DAY)

        assert world.error_ms == 0
        assert world.clock.dispute_ms(world.steady_ms) == pytest.approx(2 * DAY, abs=ERROR_MS)
        world.answers(1, SECOND)
        assert world.clock.dispute_ms(world.steady_ms) is None

    def test_a_step_of_the_machine_changes_nothing(self, world):
        for off in (800 * DAY, -3 * HOUR, 40_000):
            world.machine_off_ms = off
            world.answers(200, MINUTE)

            assert abs(world.error_ms) <= ERROR_MS

    def test_a_sleep_that_both_other_clocks_saw_is_made_good_at_the_first_answer(self, world):
        world.sleeps(8 * HOUR)
        assert world.error_ms == -8 * HOUR

        assert world.answer() == 8 * HOUR
        assert world.error_ms == 0

    def test_a_sleep_of_a_machine_that_is_off(self):
        world = World(machine_off_ms=-DAY)
        world.answers(5, 5_000)
        world.sleeps(HOUR)
        world.answer()

        assert abs(world.error_ms) <= ERROR_MS

    @pytest.mark.parametrize(("off", "after_ms"), [(5 * MINUTE, 11 * MINUTE), (4 * HOUR, 61 * MINUTE)])
    def test_what_lasts_is_adopted(self, world, off, after_ms):
        world.answers(13, after_ms // 12, off_ms=off)

        assert abs(world.error_ms - off) <= ERROR_MS

    def test_what_is_interrupted_does_not_last(self, world):
        for _ in range(30):
            world.answers(9, 6 * MINUTE, off_ms=DAY)
            world.answers(1, MINUTE)

        assert abs(world.error_ms) <= ERROR_MS

    def test_a_drift_is_followed_without_a_step(self, world):
        """A steady clock that gains 50 seconds a day."""
        for _ in range(24 * 60):
            world.passes(MINUTE)
            world.slept_ms -= 35
            assert world.answer() == 0

        assert abs(world.error_ms) <= ERROR_MS


quick = st.tuples(st.integers(0, SECOND), st.sampled_from([0, 0.5, 1]))
answers = st.tuples(st.just("answer"), st.integers(0, 10 * MINUTE), quick)
machine_steps = st.tuples(
    st.just("machine"),
    st.one_of(st.integers(-4_000, 4_000), st.sampled_from([-90_000, HOUR + 7_000, -3 * DAY, 800 * DAY])),
    quick,
)
sleeps = st.tuples(st.just("sleep"), st.one_of(st.integers(0, 9_000), st.integers(0, 9 * HOUR)), quick)
bursts = st.tuples(
    st.just("burst"),
    st.tuples(
        st.sampled_from([None, 10_000, -40_000, 7 * MINUTE, -2 * DAY, 900 * DAY]),
        st.integers(1, 9),
        st.integers(0, 8 * HOUR),
    ),
    quick,
)
events = st.lists(st.one_of(answers, machine_steps, sleeps, bursts), max_size=40)


AT_ONCE = (0, 0.5)


@pytest.mark.slow
@settings(max_examples=size(100, 1000))
@example(
    [
        ("answer", 0, AT_ONCE),
        ("machine", 2_000, AT_ONCE),
        ("answer", 297_022, AT_ONCE),
        ("sleep", 5_000, AT_ONCE),
        ("sleep", 10_500, AT_ONCE),
    ],
    0,
)
@example(
    [
        ("answer", 138_659, AT_ONCE),
        ("machine", 2_000, AT_ONCE),
        ("burst", (None, 3, 513_779), AT_ONCE),
        ("sleep", 5_000, AT_ONCE),
        ("answer", 4, AT_ONCE),
        ("machine", 0, AT_ONCE),
        ("sleep", 5_000, AT_ONCE),
    ],
    0,
)
@example([("sleep", 2_500, AT_ONCE)] * 9, 0)
@given(events, st.sampled_from([0, 1_700, -90_000, 3 * DAY]))
def test_law_passing_trouble_changes_nothing_and_time_never_runs_back(happened, machine_off):
    """Steps of the machine, sleeps, wrong and missing dates: once right, agreed time stays right, and only grows."""
    world = World(machine_off)
    world.answers(5, 5_000)
    assert abs(world.error_ms) <= ERROR_MS
    for kind, what, (took_ms, dated) in happened:
        before_ms = world.clock.now_ms(world.steady_ms)
        if kind == "answer":
            world.passes(what)
        elif kind == "machine":
            world.machine_off_ms = what
        elif kind == "sleep":
            world.sleeps(what)
        else:
            off, count, every = what
            world.answers(count, every, off_ms=off)
            world.passes(SECOND)
        world.answer(took_ms=took_ms, dated=dated)
        after_ms = world.clock.now_ms(world.steady_ms)
        assert after_ms >= before_ms
        assert abs(world.error_ms) <= ERROR_MS


@pytest.mark.slow
@settings(max_examples=100)
@given(events, st.sampled_from([20_000, -5 * MINUTE, HOUR + 1, -30 * DAY, 900 * DAY]), st.integers(10, 20))
def test_law_a_true_and_lasting_change_is_adopted(happened, off, count):
    world = World()
    world.answer()
    for kind, what, _ in happened:
        if kind == "machine":
            world.machine_off_ms = what
            world.answer()
        elif kind == "burst":
            world.answers(what[1], what[2], off_ms=what[0])
    world.answers(1, SECOND)
    world.answers(count + 1, HOUR // count + SECOND, off_ms=off)

    assert abs(world.error_ms - off) <= ERROR_MS
