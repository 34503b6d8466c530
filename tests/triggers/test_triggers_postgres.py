"""Loads into a real PostgreSQL, in compressed time: one run for each load that has settled, none without."""

import asyncio
import random
from itertools import pairwise

import psycopg
import pytest
from helpers.manual_clock import ManualClock
from helpers.postgres import PostgresServer
from msgspec import structs
from trigger_world import PROJECT, TOKEN, config, trigger

from exporter.config import Match, Source, SqlSource
from exporter.facts import Project
from exporter.ledger import open_ledger
from exporter.sources import SourceMonitor
from exporter.triggers import RunAnswer, RunRequest, TriggerRunner

pytestmark = pytest.mark.slow

ORDERS = Source(
    match=Match(title="Orders*"), sql=SqlSource(url_env="URL", query="select count(*) from orders"), every_seconds=300
)


def test_a_day_of_loads_has_one_run_for_each(postgres_server: PostgresServer, manual_clock: ManualClock) -> None:
    name = postgres_server.new_database()
    with postgres_server.connect(name) as database:
        database.execute("create table orders (id integer)")
        asyncio.run(_live(manual_clock, postgres_server.url(name), database))


async def _live(clock: ManualClock, url: str, database: psycopg.Connection) -> None:
    settings = structs.replace(config(trigger()), sources=(ORDERS,))
    ledger = open_ledger("sqlite://", clock=clock)
    known = ledger.workspace("w")
    known.record_projects([Project(project_id=PROJECT, title="Orders", published_ms=1)], round(clock.now() * 1000))
    monitor = SourceMonitor("w", settings, known, clock, {"URL": url})
    runner = TriggerRunner("w", settings, known, clock, TOKEN, look=monitor.look, ask=_unasked)
    rng = random.Random(3)
    # Each load is one to three inserts, five minutes apart, and up to an hour of rest.
    steps = [0]
    for _ in range(6):
        steps += [1] * rng.randint(1, 3) + [0] * rng.randint(4, 12)
    loads = due = 0
    for before, inserts in pairwise([0, *steps]):
        loads += bool(inserts and not before)
        for _ in range(inserts):
            database.execute("insert into orders values (1)")
            database.commit()
        assert await monitor.look(ORDERS.key(PROJECT))
        runner.step()
        await runner.settled()
        clock.advance(300)
        known.release_holds(round(clock.now() * 1000) + 90_001)
        counted = {one.labels: one.value for one in known.counters() if one.metric == "hex_triggers_total"}
        due = sum(counted.values())
        assert due <= loads
    assert due == loads == 6
    await runner.aclose()
    await monitor.aclose()
    ledger.close()


async def _unasked(request: RunRequest) -> RunAnswer:
    raise AssertionError(request)
