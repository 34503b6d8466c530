"""The monitor of sources when something fails: databases that hang, errors, faults of this program."""

import asyncio
import sqlite3
import threading

import httpx
from monitor_story import above_debug
from msgspec import structs
from source_world import World, http_source, sql_source, until
from structlog.testing import capture_logs

from exporter.config import FileSource, Match, Source
from exporter.errors import LedgerError
from exporter.sources.sql_probe import SqlProbe


def test_a_source_that_hangs_delays_no_other(manual_clock, tmp_path):
    (tmp_path / "a.csv").write_text("a")
    file = Source(match=Match(title="b"), file=FileSource(paths=(str(tmp_path / "*.csv"),)), every_seconds=60)
    world = World(manual_clock, http_source(title="a", deadline=0.5), file, projects=("a", "b"))
    hang = asyncio.Event()
    world.answer = lambda _: hang.wait()

    async def follow():
        world.monitor.step()
        await until(lambda: world.standing("b").state is not None)
        assert world.standing("a").state is None
        await world.monitor.settled()

    asyncio.run(follow())

    assert world.standing("a").state.failure == "no complete answer within 0.5 s"
    assert not world.standing("a").is_known
    assert world.standing("b").is_fresh


def test_a_database_that_hangs_gets_four_threads_at_most_and_no_thread_outlives_it(manual_clock, tmp_path, monkeypatch):
    release = threading.Event()
    started = []

    def hang(self, *arguments):
        started.append(arguments)
        release.wait(60)
        return "state"

    monkeypatch.setattr(SqlProbe, "_query", hang)
    sources = [
        structs.replace(sql_source(title=f"p{number}", query=f"select {number}", deadline=0.1), name="warehouse")
        for number in range(10)
    ]
    projects = [f"p{number}" for number in range(10)]
    world = World(manual_clock, *sources, http_source(), projects=[*projects, "other"], environ={"URL": "sqlite:///x"})

    async def follow():
        await world.follow(3600, step=60)
        assert len(started) == 4
        assert world.standing("other").is_fresh
        release.set()
        while not all(world.standing(one).is_known for one in projects):
            await world.look(after=60)

    asyncio.run(follow())


def test_failures_are_recorded_and_logged_once_and_so_is_their_end(manual_clock):
    world = World(manual_clock, http_source())

    with capture_logs() as logs:
        asyncio.run(world.look())
        known = world.standing().state
        world.answer = httpx.Response(503)
        asyncio.run(world.follow(1200))
        requests_failed = len(world.requested) - 1
        failed = world.standing()
        world.answer = httpx.Response(500)
        asyncio.run(world.follow(1200))
        world.answer = "one"
        asyncio.run(world.follow(1200))

    assert requests_failed <= 8
    assert failed.state.failure == "the answer was 503, expected 200"
    assert failed.state.digest == known.digest
    assert not failed.is_known
    assert [(one["log_level"], one.get("reason")) for one in above_debug(logs)] == [
        ("warning", "the answer was 503, expected 200"),
        ("info", None),
    ]
    assert {one["source"] for one in logs} == {world.config.sources[0].name}
    assert world.standing().is_fresh
    assert world.standing().state.since_ms == known.since_ms


def test_runs_that_cannot_be_judged_are_logged_once(manual_clock, monkeypatch):
    world = World(manual_clock, http_source())

    def broken(*_):
        raise ValueError("never seen")

    monkeypatch.setattr(world.monitor._judge, "judge", broken)
    with capture_logs() as logs:
        asyncio.run(world.follow(900))

    assert len(world.requested) > 2
    assert [one["event"] for one in above_debug(logs)] == ["The runs of a source cannot be judged"]


def test_a_driver_that_hangs_gets_one_thread_and_no_more(manual_clock, tmp_path, monkeypatch):
    path = tmp_path / "x.db"
    sqlite3.connect(path).close()
    release = threading.Event()
    ask = SqlProbe._query
    started = []

    def hang(self, *arguments):
        started.append(arguments)
        release.wait(60)
        return ask(self, *arguments)

    monkeypatch.setattr(SqlProbe, "_query", hang)
    world = World(manual_clock, sql_source(query="select 1", deadline=0.5), environ={"URL": f"sqlite:///{path}"})

    async def follow():
        await world.follow(3600, step=60)
        assert len(started) == 1
        assert world.standing().state.failure == "no answer within 0.5 s"
        monkeypatch.setattr(SqlProbe, "_query", ask)
        release.set()
        for thread in threading.enumerate():
            if thread.name == "source-sql":
                await asyncio.to_thread(thread.join, 30)
        while not world.standing().is_fresh:
            await world.look(after=60)

    asyncio.run(follow())


def test_a_ledger_that_cannot_be_written_is_logged_once_and_the_monitor_goes_on(manual_clock, monkeypatch):
    world = World(manual_clock, http_source())

    def refuse(*_):
        raise LedgerError("the disk is full")

    with capture_logs() as logs, monkeypatch.context() as patch:
        patch.setattr(world.known.sources, "record", refuse)
        asyncio.run(world.follow(900))
        patch.undo()
        asyncio.run(world.follow(600))

    assert [one["reason"] for one in logs if one["log_level"] == "error"] == ["the disk is full"]
    assert world.standing().is_fresh


def test_a_fault_of_this_program_is_a_failure_that_shows_no_text_of_it(manual_clock):
    world = World(manual_clock, http_source())

    def broken(_):
        raise RuntimeError("s3cret")

    world.answer = broken
    with capture_logs() as logs:
        asyncio.run(world.look())

    assert world.standing().state.failure.startswith("a fault of this program: RuntimeError at broken:")
    assert "s3cret" not in repr(logs)


def test_a_fault_is_logged_and_the_monitor_goes_on(manual_clock, monkeypatch):
    class YieldingClock(type(manual_clock)):
        async def sleep(self, seconds):
            self.advance(seconds)
            await asyncio.sleep(0)

    world = World(YieldingClock(), http_source())
    step, stumbles = world.monitor.step, [ValueError("once"), LedgerError("twice")]

    def stumble():
        if stumbles:
            raise stumbles.pop(0)
        return step()

    async def follow():
        monkeypatch.setattr(world.monitor, "step", stumble)
        running = asyncio.ensure_future(world.monitor.run())
        await until(lambda: world.requested)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await world.monitor.aclose()

    with capture_logs() as logs:
        asyncio.run(follow())

    assert [one["event"] for one in above_debug(logs)] == [
        "The monitor of sources failed",
        "Source states cannot be recorded",
        "That works again",
        "That works again",
    ]
