"""A ledger behind PgBouncer in transaction mode: leases, fences, deadlines and counts hold without a session."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.manual_clock import ManualClock
from helpers.pgbouncer import PORT, SESSIONS
from helpers.postgres import PostgresServer

from exporter.errors import LeaseLostError, LedgerError
from exporter.ledger import Replica, open_ledger
from exporter.ledger.engines import database_clock
from exporter.ledger.lease_plan import GONE_MS

SERIES = ("hex_exporter_bad_items_total", ("runs",))
NAMES = frozenset({"acme"})
WRITES = 20


def test_replicas_behind_pgbouncer_write_by_turns_and_count_exactly(
    pooler: Path, postgres_server: PostgresServer, manual_clock: ManualClock
) -> None:
    database = postgres_server.new_database()
    url = f"postgresql://postgres@/{database}?host={pooler}&port={PORT}&options=-csearch_path%3Dhex"
    with ThreadPoolExecutor(2) as pool:  # both make the tables at once
        here, there = pool.map(lambda _: open_ledger(url, clock=manual_clock), range(2))
    mine, theirs = here.leases("a"), there.leases("b")
    assert mine is not None
    assert theirs is not None

    (free,) = mine.beat(Replica(name="a", workspaces=NAMES)).leases
    assert mine.take(free) == 1
    mine.fence.open("acme", 1)
    with ThreadPoolExecutor(6) as pool:
        writing = [pool.submit(here.workspace("acme").count, *SERIES) for _ in range(WRITES)]
        reading = [pool.submit(there.workspace("acme").refresh) for _ in range(WRITES)]
        for one in (*writing, *reading):
            one.result(30)
    with postgres_server.connect(database) as connection:
        wanted = "select count(*) from pg_stat_activity where datname = %s and application_name = 'hex-exporter'"
        (sessions,) = connection.execute(wanted, (database,)).fetchone()
    assert 0 < sessions <= SESSIONS

    theirs._clock = lambda: database_clock() + GONE_MS
    (lost,) = theirs.beat(Replica(name="b", workspaces=NAMES)).leases
    assert theirs.take(lost) == 2
    theirs.fence.open("acme", 2)
    there.workspace("acme").refresh()
    with pytest.raises(LeaseLostError):
        here.workspace("acme").count(*SERIES)
    there.workspace("acme").count(*SERIES)

    there.workspace("acme").release_holds(there.now_ms + 90_000)
    assert {(one.metric, one.labels): one.value for one in there.workspace("acme").counters()}[SERIES] == WRITES + 1
    here.close()
    there.close()


def test_a_pooler_without_a_server_says_what_to_do(pooler: Path, manual_clock: ManualClock) -> None:
    with pytest.raises(LedgerError, match="create it with CREATE DATABASE") as caught:
        open_ledger(f"postgresql://postgres@/absent?host={pooler}&port={PORT}", clock=manual_clock)

    assert "absent" in str(caught.value)
