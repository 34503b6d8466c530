"""The watch: each source in its own time, none in another's way."""

import asyncio
import sqlite3
import threading

import httpx
import pytest
from msgspec import structs
from structlog.testing import capture_logs
from watching_sources import AuditContext, http_source, sql_source, until

from exporter.clock import SystemClock
from exporter.config import FileSource, Match, Source
from exporter.errors import LedgerError
from exporter.ledger import RunProgress
from exporter.sources.sql_probe import SqlProbe

PER_PROJECT = "https://data.example/of/{project_id}"


def states(scene):
    return scene.known.sources.states()


def test_a_source_of_many_projects_is_asked_once_and_what_it_says_is_known(manual_clock):
    scene = AuditContext(manual_clock, http_source(), projects=("a", "b", "c"))

    asyncio.run(scene.look())

    assert scene.asked == ["/orders"]
    (state,) = states(scene).values()
    assert (state.began_ms, state.failure, state.changed_ms) == (scene.now_ms, None, None)
    assert scene.standing("a") == scene.standing("c")
    assert scene.standing().is_fresh


def test_a_source_per_project_has_a_state_for_each(manual_clock):
    scene = AuditContext(manual_clock, http_source(PER_PROJECT), projects=("a", "b"))
    scene.answer = lambda request: request.url.path[-1]

    asyncio.run(scene.look())

    assert sorted(scene.asked) == ["/of/a", "/of/b"]
    assert len({state.digest for state in states(scene).values()}) == 2


def test_the_state_never_gets_older_than_its_interval_and_is_not_asked_much_more_often(manual_clock):
    scene = AuditContext(manual_clock, http_source(every=300))

    async def watch():
        await scene.look()
        for _ in range(1440):
            manual_clock.advance(5)
            assert scene.standing().is_fresh
            await scene.look()

    asyncio.run(watch())

    assert 7200 / 300 <= len(scene.asked) <= 7200 / 200


def test_a_change_is_seen_with_the_time_of_the_probe_that_saw_it(manual_clock):
    scene = AuditContext(manual_clock, http_source())

    async def watch():
        await scene.look()
        first = scene.standing().state
        await scene.look(after=300)
        assert scene.standing().state.digest == first.digest
        scene.answer = "two"
        await scene.look(after=300)
        assert scene.standing().state.digest != first.digest

    asyncio.run(watch())

    assert scene.standing().state.changed_ms == scene.now_ms


def test_the_shortest_interval_counts_where_matches_share_a_source(manual_clock):
    scene = AuditContext(
        manual_clock, http_source(title="a", every=3600), http_source(title="b", every=60), projects=("a", "b")
    )

    asyncio.run(scene.follow(600))

    assert len(states(scene)) == 1
    assert 10 <= len(scene.asked) <= 16


def test_projects_that_cannot_run_are_not_probed_for(manual_clock):
    scene = AuditContext(manual_clock, http_source(PER_PROJECT), projects=())
    scene.list("draft", published_ms=None)

    asyncio.run(scene.look())
    assert scene.asked == []

    scene.list("draft", "new")
    asyncio.run(scene.look(after=10))
    assert sorted(scene.asked) == ["/of/draft", "/of/new"]

    scene.list("new")
    asyncio.run(scene.follow(600))
    assert scene.asked.count("/of/draft") == 1
    assert scene.asked.count("/of/new") > 2


def test_a_source_that_hangs_delays_no_other(manual_clock, tmp_path):
    (tmp_path / "a.csv").write_text("a")
    file = Source(match=Match(title="b"), file=FileSource(paths=(str(tmp_path / "*.csv"),)), every_seconds=60)
    scene = AuditContext(manual_clock, http_source(title="a", deadline=0.5), file, projects=("a", "b"))
    hang = asyncio.Event()
    scene.answer = lambda _: hang.wait()

    async def watch():
        scene.watch.step()
        await until(lambda: scene.standing("b").state is not None)
        assert scene.standing("a").state is None
        await scene.watch.settled()

    asyncio.run(watch())

    assert scene.standing("a").state.failure == "no complete answer within 0.5 s"
    assert not scene.standing("a").is_known
    assert scene.standing("b").is_fresh


def test_few_of_one_entry_are_asked_at_a_time_and_fewer_of_those_that_fail(manual_clock):
    projects = [f"p{number}" for number in range(20)]
    scene = AuditContext(manual_clock, http_source(PER_PROJECT, deadline=30), projects=projects)
    asked_at_once, together = [], []
    gate = asyncio.Event()

    async def answer(request):
        asked_at_once.append(request.url.path)
        together.append(len(asked_at_once))
        await gate.wait()
        asked_at_once.remove(request.url.path)
        return httpx.Response(503)

    async def flood():
        scene.watch.step()
        scene.watch.step()
        await asyncio.sleep(0)
        await until(lambda: len(asked_at_once) >= 4)
        gate.set()
        while len(scene.asked) < 20:
            manual_clock.advance(0.25)
            await scene.look()
        assert max(together) == 4

        gate.clear()
        together.clear()
        manual_clock.advance(100)
        scene.watch.step()
        scene.watch.step()
        await until(lambda: len(asked_at_once) >= 2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert max(together) == 2
        gate.set()
        await scene.watch.settled()

    scene.answer = answer
    asyncio.run(flood())


def test_what_waits_for_a_lane_follows_without_another_look(manual_clock):
    scene = AuditContext(manual_clock, http_source(PER_PROJECT), projects=[f"p{number}" for number in range(30)])

    asyncio.run(scene.look())

    assert len(scene.asked) == len(set(scene.asked)) == 30


def test_a_database_that_hangs_gets_four_threads_at_most_and_no_thread_outlives_it(manual_clock, tmp_path, monkeypatch):
    release = threading.Event()
    started = []

    def hang(self, *arguments):
        started.append(arguments)
        release.wait(60)
        return "state"

    monkeypatch.setattr(SqlProbe, "_ask", hang)
    sources = [
        structs.replace(sql_source(title=f"p{number}", query=f"select {number}", deadline=0.1), name="warehouse")
        for number in range(10)
    ]
    projects = [f"p{number}" for number in range(10)]
    scene = AuditContext(
        manual_clock, *sources, http_source(), projects=[*projects, "other"], environ={"URL": "sqlite:///x"}
    )

    async def watch():
        await scene.follow(3600, step=60)
        assert len(started) == 4
        assert scene.standing("other").is_fresh
        release.set()
        while not all(scene.standing(one).is_known for one in projects):
            await scene.look(after=60)

    asyncio.run(watch())


def test_failures_are_recorded_told_once_for_each_reason_and_their_end_too(manual_clock):
    scene = AuditContext(manual_clock, http_source())

    with capture_logs() as logs:
        asyncio.run(scene.look())
        known = scene.standing().state
        scene.answer = httpx.Response(503)
        asyncio.run(scene.follow(1200))
        requests_failed = len(scene.asked) - 1
        failed = scene.standing()
        scene.answer = httpx.Response(500)
        asyncio.run(scene.follow(1200))
        scene.answer = "one"
        asyncio.run(scene.follow(1200))

    assert requests_failed <= 8
    assert failed.state.failure == "the answer was 503, expected 200"
    assert failed.state.digest == known.digest
    assert not failed.is_known
    assert [(one["log_level"], one.get("reason")) for one in logs] == [
        ("warning", "the answer was 503, expected 200"),
        ("warning", "the answer was 500, expected 200"),
        ("info", None),
    ]
    assert {one["source"] for one in logs} == {scene.config.sources[0].name}
    assert scene.standing().is_fresh
    assert scene.standing().state.since_ms == known.since_ms


def test_a_restart_asks_only_what_is_due(manual_clock):
    scene = AuditContext(manual_clock, http_source(every=300))

    asyncio.run(scene.look())
    scene.watch = scene.new_watch()
    asyncio.run(scene.look(after=60))
    assert len(scene.asked) == 1
    asyncio.run(scene.look(after=240))
    assert len(scene.asked) == 2


def test_a_driver_that_hangs_gets_one_thread_and_no_more(manual_clock, tmp_path, monkeypatch):
    path = tmp_path / "x.db"
    sqlite3.connect(path).close()
    release = threading.Event()
    ask = SqlProbe._ask
    started = []

    def hang(self, *arguments):
        started.append(arguments)
        release.wait(60)
        return ask(self, *arguments)

    monkeypatch.setattr(SqlProbe, "_ask", hang)
    scene = AuditContext(manual_clock, sql_source(query="select 1", deadline=0.5), environ={"URL": f"sqlite:///{path}"})

    async def watch():
        await scene.follow(3600, step=60)
        assert len(started) == 1
        assert scene.standing().state.failure == "no answer within 0.5 s"
        monkeypatch.setattr(SqlProbe, "_ask", ask)
        release.set()
        for thread in threading.enumerate():
            if thread.name == "source-sql":
                await asyncio.to_thread(thread.join, 30)
        while not scene.standing().is_fresh:
            await scene.look(after=60)

    asyncio.run(watch())


def test_a_ledger_that_cannot_be_written_is_told_once_and_the_watch_goes_on(manual_clock, monkeypatch):
    scene = AuditContext(manual_clock, http_source())

    def refuse(*_):
        raise LedgerError("the disk is full")

    with capture_logs() as logs, monkeypatch.context() as patch:
        patch.setattr(scene.known.sources, "record", refuse)
        asyncio.run(scene.follow(900))
        patch.undo()
        asyncio.run(scene.follow(600))

    assert [one["reason"] for one in logs if one["log_level"] == "error"] == ["the disk is full"]
    assert scene.standing().is_fresh


def test_a_fault_of_this_program_is_a_failure_that_shows_no_text_of_it(manual_clock):
    scene = AuditContext(manual_clock, http_source())

    def broken(_):
        raise RuntimeError("s3cret")

    scene.answer = broken
    with capture_logs() as logs:
        asyncio.run(scene.look())

    assert scene.standing().state.failure.startswith("a fault of this program: RuntimeError at broken:")
    assert "s3cret" not in repr(logs)


def test_it_runs_until_it_is_cancelled_and_drops_what_is_under_way(tmp_path):
    scene = AuditContext(SystemClock(), http_source(deadline=60))
    hang = asyncio.Event()
    scene.answer = lambda _: hang.wait()

    async def watch():
        running = asyncio.ensure_future(scene.watch.run())
        await until(lambda: scene.asked)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await scene.watch.aclose()
        assert running.cancelled()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(watch())
    assert scene.standing().state is None


def test_a_stumble_is_logged_and_the_watch_goes_on(manual_clock, monkeypatch):
    class YieldingClock(type(manual_clock)):
        async def sleep(self, seconds):
            self.advance(seconds)
            await asyncio.sleep(0)

    scene = AuditContext(YieldingClock(), http_source())
    step, stumbles = scene.watch.step, [ValueError("once"), LedgerError("twice")]

    def stumble():
        if stumbles:
            raise stumbles.pop(0)
        return step()

    async def watch():
        monkeypatch.setattr(scene.watch, "step", stumble)
        running = asyncio.ensure_future(scene.watch.run())
        await until(lambda: scene.asked)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await scene.watch.aclose()

    with capture_logs() as logs:
        asyncio.run(watch())

    assert [one["event"] for one in logs] == ["The watch over sources stumbled", "What sources told cannot be kept"]


@pytest.mark.parametrize("number", [10_000])
def test_ten_thousand_projects_without_a_source_cost_nothing_but_a_look(manual_clock, number):
    scene = AuditContext(manual_clock, http_source(title="x"), projects=[f"p{one}" for one in range(number)])

    asyncio.run(scene.look())

    assert scene.asked == []
    assert scene.known.projects()[0].progress == RunProgress()
