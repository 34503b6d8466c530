"""The monitor of sources: each in its own time, none in another's way."""

import asyncio

import httpx
import pytest
from monitor_story import PER_PROJECT, live, states
from source_world import World, http_source, until
from structlog.testing import capture_logs

from exporter.clock import SystemClock
from exporter.ledger import RunProgress


def test_a_source_of_many_projects_is_asked_once_and_what_it_says_is_known(manual_clock):
    world = World(manual_clock, http_source(), projects=("a", "b", "c"))

    asyncio.run(world.look())

    assert world.requested == ["/orders"]
    (state,) = states(world).values()
    assert (state.began_ms, state.failure, state.changed_ms) == (world.now_ms, None, None)
    assert world.standing("a") == world.standing("c")
    assert world.standing().is_fresh


def test_a_source_per_project_has_a_state_for_each(manual_clock):
    world = World(manual_clock, http_source(PER_PROJECT), projects=("a", "b"))
    world.answer = lambda request: request.url.path[-1]

    asyncio.run(world.look())

    assert sorted(world.requested) == ["/of/a", "/of/b"]
    assert len({state.digest for state in states(world).values()}) == 2


def test_the_state_never_gets_older_than_its_interval_and_is_not_asked_much_more_often(manual_clock):
    world = World(manual_clock, http_source(every=300))

    async def follow():
        await world.look()
        for _ in range(1440):
            manual_clock.advance(5)
            assert world.standing().is_fresh
            await world.look()

    asyncio.run(follow())

    assert 7200 / 300 <= len(world.requested) <= 7200 / 200


def test_a_change_is_seen_with_the_time_of_the_probe_that_saw_it(manual_clock):
    world = World(manual_clock, http_source())

    async def follow():
        await world.look()
        first = world.standing().state
        await world.look(after=300)
        assert world.standing().state.digest == first.digest
        world.answer = "two"
        await world.look(after=300)
        assert world.standing().state.digest != first.digest

    asyncio.run(follow())

    assert world.standing().state.changed_ms == world.now_ms


def test_the_shortest_interval_counts_where_matches_share_a_source(manual_clock):
    world = World(
        manual_clock, http_source(title="a", every=3600), http_source(title="b", every=60), projects=("a", "b")
    )

    asyncio.run(world.follow(600))

    assert len(states(world)) == 1
    assert 10 <= len(world.requested) <= 16


def test_projects_that_cannot_run_are_not_probed_for(manual_clock):
    world = World(manual_clock, http_source(PER_PROJECT), projects=())
    world.list("draft", published_ms=None)

    asyncio.run(world.look())
    assert world.requested == []

    world.list("draft", "new")
    asyncio.run(world.look(after=10))
    assert sorted(world.requested) == ["/of/draft", "/of/new"]

    world.list("new")
    asyncio.run(world.follow(600))
    assert world.requested.count("/of/draft") == 1
    assert world.requested.count("/of/new") > 2


def test_few_of_one_entry_are_asked_at_a_time_and_fewer_of_those_that_fail(manual_clock):
    projects = [f"p{number}" for number in range(20)]
    world = World(manual_clock, http_source(PER_PROJECT, deadline=30), projects=projects)
    asked_at_once, together = [], []
    gate = asyncio.Event()

    async def answer(request):
        asked_at_once.append(request.url.path)
        together.append(len(asked_at_once))
        await gate.wait()
        asked_at_once.remove(request.url.path)
        return httpx.Response(503)

    async def flood():
        world.monitor.step()
        world.monitor.step()
        await asyncio.sleep(0)
        await until(lambda: len(asked_at_once) >= 4)
        gate.set()
        while len(world.requested) < 20:
            manual_clock.advance(0.25)
            await world.look()
        assert max(together) == 4

        gate.clear()
        together.clear()
        manual_clock.advance(100)
        world.monitor.step()
        world.monitor.step()
        await until(lambda: len(asked_at_once) >= 2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert max(together) == 2
        gate.set()
        await world.monitor.settled()

    world.answer = answer
    asyncio.run(flood())


def test_what_waits_for_a_lane_follows_without_another_look(manual_clock):
    world = World(manual_clock, http_source(PER_PROJECT), projects=[f"p{number}" for number in range(30)])

    asyncio.run(world.look())

    assert len(world.requested) == len(set(world.requested)) == 30


@pytest.mark.usefixtures("debug_logs")
def test_each_probe_leaves_one_line_at_debug_level(manual_clock):
    world = World(manual_clock, http_source(PER_PROJECT), projects=("a",))

    with capture_logs() as logs:
        asyncio.run(world.look())
        world.answer = httpx.Response(503)
        asyncio.run(world.look(after=300))

    lines = [one for one in logs if one["event"] == "source_probe"]
    about = {"source": world.config.sources[0].name, "project_id": "a", "workspace": "w", "milliseconds": 0}
    about |= {"event": "source_probe", "log_level": "debug"}
    assert lines == [
        about | {"outcome": "ok"},
        about | {"outcome": "failed", "reason": "the answer was 503, expected 200"},
    ]


def test_a_restart_asks_only_what_is_due(manual_clock):
    world = World(manual_clock, http_source(every=300))

    asyncio.run(world.look())
    world.monitor = world.new_monitor()
    asyncio.run(world.look(after=60))
    assert len(world.requested) == 1
    asyncio.run(world.look(after=240))
    assert len(world.requested) == 2


def test_it_runs_until_it_is_cancelled_and_drops_what_is_under_way(tmp_path):
    world = World(SystemClock(), http_source(deadline=60))
    hang = asyncio.Event()
    world.answer = lambda _: hang.wait()

    async def follow():
        running = asyncio.ensure_future(world.monitor.run())
        await until(lambda: world.requested)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await world.monitor.aclose()
        assert running.cancelled()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(follow())
    assert world.standing().state is None


@pytest.mark.slow
@pytest.mark.parametrize("number", [10_000])
def test_ten_thousand_projects_without_a_source_cost_nothing_but_a_look(manual_clock, number):
    world = World(manual_clock, http_source(title="x"), projects=[f"p{one}" for one in range(number)])

    asyncio.run(world.look())

    assert world.requested == []
    assert world.known.projects()[0].progress == RunProgress()


class TestLooks:
    def test_a_look_probes_at_once_whatever_is_due(self, manual_clock):
        async def story(world):
            await world.look()
            key = world.standing().key
            assert world.requested == ["/orders"]
            world.answer = "two"
            assert await world.monitor.look(key) is True
            await world.monitor.settled()
            assert world.requested == ["/orders", "/orders"]
            assert world.standing().state.changed_ms is not None
            assert await world.monitor.look("no such key") is False

        live(manual_clock, story, http_source())

    def test_a_look_waits_for_a_probe_that_began_after_it_and_those_who_come_meanwhile_share_the_next(
        self, manual_clock
    ):
        async def story(world):
            gates = [asyncio.Event() for _ in range(3)]
            begun = []

            async def answer(_request):
                begun.append(len(begun))
                await gates[begun[-1]].wait()
                return f"state-{begun[-1]}"

            world.answer = answer
            world.monitor.step()
            await until(lambda: len(begun) == 1)
            (key,) = world.monitor._running
            looks = [asyncio.ensure_future(world.monitor.look(key)) for _ in range(5)]
            await asyncio.sleep(0)
            gates[0].set()
            await until(lambda: len(begun) == 2)
            assert not any(look.done() for look in looks), "the first probe began before they came"
            late = asyncio.ensure_future(world.monitor.look(key))
            await asyncio.sleep(0)
            gates[1].set()
            assert await asyncio.gather(*looks) == [True] * 5
            gates[2].set()
            assert await late is True
            await world.monitor.settled()
            assert len(begun) == 3

        live(manual_clock, story, http_source())

    def test_a_look_at_a_source_that_cannot_be_read_finds_nothing(self, manual_clock):
        async def story(world):
            world.answer = httpx.Response(500)
            await world.look()
            key = next(iter(world.known.sources.states()))
            assert await world.monitor.look(key) is False
            await world.monitor.settled()

        live(manual_clock, story, http_source())
