"""When a trigger runs its project, and when it does not."""

import random
from collections.abc import Awaitable, Callable

import pytest
from helpers.virtual import LoopClock, in_virtual_time
from trigger_world import PROJECT, Watched, config, real, trigger

from exporter.config import Config, QuietTime
from exporter.ledger import GatewayRun
from exporter.triggers import RunAnswer

NIGHT = QuietTime(22 * 60, 5 * 60)


def play(story: Callable[[Watched], Awaitable[None]], settings: Config) -> None:
    async def live(clock: LoopClock) -> None:
        watched = Watched(clock, settings)
        await story(watched)
        await watched.runner.aclose()
        watched.book.close()

    in_virtual_time(live)


@pytest.mark.slow
def test_one_run_for_each_settled_change_of_a_day_and_none_without() -> None:
    """Loads of one to five changes a minute apart, and hours between them: one run for each load."""

    async def story(world: Watched) -> None:
        rng = random.Random(4)
        await world.live(60)
        assert not world.requests, "the first sight of a source is no change"
        for load in range(1, 6):
            for part in range(rng.randint(1, 5)):
                world.data = f"{load}.{part}"
                await world.live(1)
            await world.live(rng.randint(30, 120))
            assert len(world.requests) == load
        assert len({one.name for one in world.requests}) == 5
        assert world.counted() == {"started": 5}
        assert world.counted("hex_trigger_lag_seconds_count") == {"": 5}

    play(story, config(real()))


@pytest.mark.slow
def test_a_dry_run_starts_nothing_and_says_what_the_schedule_would_have_done() -> None:
    async def story(world: Watched) -> None:
        await world.live(1)
        for change in ("a", "b"):
            world.data = change
            await world.live(5 * 60)
        assert not world.requests
        assert world.counted() == {"dry_run": 2}
        # Hourly: the first change comes at once, the second five hours later, with five firings between them.
        assert world.counted("hex_trigger_replaced_runs_total") == {PROJECT: 4}

    play(story, config(trigger()))


def test_the_source_has_to_rest_and_a_probe_has_to_have_seen_it() -> None:
    async def story(world: Watched) -> None:
        await world.live(2)
        world.data = "1"
        world.probe()
        await world.live(5, probes=False)
        assert not world.looks
        await world.live(1, probes=False)
        assert world.looks == 1, "no probe has looked since, so one does now"
        assert not world.requests
        await world.live(1, probes=False)
        assert len(world.requests) == 1

    play(story, config(real()))


def test_a_source_that_flaps_is_not_run_until_it_rests() -> None:
    async def story(world: Watched) -> None:
        await world.live(2)
        for number in range(120):
            world.data = str(number % 2)
            await world.live(1)
        assert not world.requests
        await world.live(10)
        assert len(world.requests) == 1

    play(story, config(real()))


def test_one_that_never_rests_is_run_by_latest() -> None:
    async def story(world: Watched) -> None:
        for number in range(5 * 60):
            world.data = str(number)
            await world.live(1)
        assert [one.is_forced for one in world.requests] == [True, True]

    play(story, config(real(latest_seconds=7200.0)))


def test_min_interval_holds_a_change_back_and_loses_none() -> None:
    async def story(world: Watched) -> None:
        await world.live(2)
        for change in ("1", "2", "3"):
            world.data = change
            await world.live(10)
        assert len(world.requests) == 1
        await world.live(60)
        assert len(world.requests) == 2, "the two changes that waited share one run"
        await world.live(120)
        assert len(world.requests) == 2

    play(story, config(real(min_interval_seconds=3600.0)))


@pytest.mark.slow
def test_what_changed_in_a_quiet_time_runs_after_it() -> None:
    async def story(world: Watched) -> None:
        world.clock.step(20.5 * 3600)
        await world.live(2)
        world.data = "evening"
        await world.until("2026-11-23T23:50", "Europe/Zurich")
        assert len(world.requests) == 1
        world.data = "night"
        await world.until("2026-11-24T04:59", "Europe/Zurich")
        assert len(world.requests) == 1
        await world.until("2026-11-24T05:02", "Europe/Zurich")
        assert len(world.requests) == 2

    play(story, config(real(quiet=(NIGHT,)), timezone="Europe/Zurich"))


@pytest.mark.slow
@pytest.mark.parametrize("hours", [-26, -1, 26])
def test_a_clock_that_is_put_elsewhere_starts_nothing_twice_and_nothing_for_ever(hours: int) -> None:
    async def story(world: Watched) -> None:
        world.clock.step(4.5 * 3600)
        await world.live(2)
        world.data = "night"
        await world.live(40)
        assert len(world.requests) == 1
        world.clock.step(hours * 3600)
        await world.live(120)
        assert len(world.requests) == 1, "nothing has changed"
        world.data = "day"
        await world.live(150)
        assert len(world.requests) == 2

    play(story, config(real(quiet=(NIGHT,), min_interval_seconds=3600.0)))


def test_a_source_that_cannot_be_read_starts_nothing_and_loses_no_change() -> None:
    async def story(world: Watched) -> None:
        await world.live(2)
        world.data = None
        await world.live(60)
        assert not world.requests
        world.data = "1"
        await world.live(10)
        assert len(world.requests) == 1

    play(story, config(real()))


class TestFailures:
    def test_a_run_that_fails_is_started_again_after_a_back_off_and_given_up_in_the_end(self) -> None:
        async def story(world: Watched) -> None:
            await world.live(2)
            world.ends = ["errored"] * 3
            world.data = "1"
            await world.live(8)
            assert len(world.requests) == 2, "the second attempt comes a minute after the first"
            await world.live(60)
            assert len(world.requests) == 3
            assert world.counted() == {"started": 1, "retried": 2, "failed": 1}
            world.data = "2"
            await world.live(10)
            assert len(world.requests) == 4, "the next change has its own attempts"
            assert world.counted()["started"] == 2

        play(story, config(real()))

    def test_a_run_that_someone_cancels_is_not_started_again(self) -> None:
        async def story(world: Watched) -> None:
            await world.live(2)
            world.ends = ["killed"]
            world.data = "1"
            await world.live(120)
            assert len(world.requests) == 1

        play(story, config(real()))

    @pytest.mark.slow
    def test_what_hex_refuses_is_not_asked_again_until_it_is_mended(self) -> None:
        async def story(world: Watched) -> None:
            await world.live(2)
            world.answers = [RunAnswer(kind="stop", message="Hex answered 422: no input region")]
            world.data = "1"
            await world.live(600)
            assert len(world.requests) == 1
            assert world.counted() == {"stopped": 1}
            assert "no input region" in world.state.stopped
            world.begin()
            await world.live(60)
            assert len(world.requests) == 1, "a restart mends nothing"
            world.settings = config(real(inputs=(("area", "north"),)))
            world.begin()
            await world.live(10)
            assert [dict(one.inputs) for one in world.requests] == [{}, {"area": "north"}]
            assert world.counted() == {"stopped": 1, "started": 1}

        play(story, config(real()))

    def test_a_gateway_that_has_no_run_now_is_asked_for_the_same_run_again(self) -> None:
        async def story(world: Watched) -> None:
            await world.live(2)
            world.answers = [RunAnswer(kind="wait", message="429", retry_after_seconds=120)] * 3
            world.data = "1"
            await world.live(30)
            assert len(world.requests) == 4
            assert len({one.name for one in world.requests}) == 1
            assert world.counted() == {"started": 1}

        play(story, config(real()))

    def test_a_result_from_before_the_change_is_not_taken_for_it(self) -> None:
        async def story(world: Watched) -> None:
            await world.live(2)
            old: GatewayRun = world.sent("an earlier request", "completed")
            world.data = "1"
            world.answers = [RunAnswer(kind="run", how="hit", run=old)]
            await world.live(10)
            assert len(world.requests) == 2
            assert len({one.name for one in world.requests}) == 2, "the first name has been given that result"
            assert world.counted() == {"started": 1}

        play(story, config(real()))


def test_the_first_trigger_that_matches_applies() -> None:
    async def story(world: Watched) -> None:
        await world.live(2)
        world.data = "1"
        await world.live(10)
        assert world.counted() == {"dry_run": 1}
        assert not world.requests

    play(story, config(trigger(), real()))
