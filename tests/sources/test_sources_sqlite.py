"""Probes of SQLite files."""

import asyncio
import sqlite3
import sys
import threading
from contextlib import closing

import pytest
from probing import refusal, sql_probe, sqlite_url, state

from exporter.sources import sql_probe as sql_probe_module
from exporter.sources.probe import ProbeError

ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"


@pytest.fixture
def orders(tmp_path):
    """A database with two orders, and a function that changes it."""
    path = tmp_path / "or ders #1.db"

    def change(statement):
        with sqlite3.connect(path) as connection:
            connection.execute(statement)
        connection.close()

    change("create table orders (id integer, name text)")
    change("insert into orders values (1, 'a'), (2, 'b')")
    change.path = path
    return change


def url(orders):
    return sqlite_url(orders.path)


def test_the_state_is_the_rows_and_changes_with_them(orders):
    probe = sql_probe(url(orders), "select max(id), count(*) from orders")

    first = state(probe)
    assert state(probe) == first
    orders("update orders set name = 'c' where id = 1")
    assert state(probe) == first
    orders("insert into orders values (3, 'd')")
    assert state(probe) != first


def test_the_order_of_rows_is_no_part_of_the_state(orders):
    assert state(sql_probe(url(orders), "select id from orders order by id")) == state(
        sql_probe(url(orders), "select id from orders order by id desc")
    )
    assert state(sql_probe(url(orders), "select 1 union all select 1")) != state(sql_probe(url(orders), "select 1"))


def test_percent_signs_and_colons_in_a_query_are_text(orders):
    state(sql_probe(url(orders), "select count(*), ':name', '%s' from orders where name like '%a%'"))


@pytest.mark.slow
@pytest.mark.parametrize("statement", ["delete from orders", "insert into orders values (9, 'x')", "drop table orders"])
def test_the_database_itself_refuses_what_the_guard_would_let_through(orders, statement, monkeypatch):
    monkeypatch.setattr(sql_probe_module, "check_reading", lambda query: None)

    reason = refusal(sql_probe(url(orders), statement))

    assert "readonly database" in reason
    with sqlite3.connect(orders.path) as connection:
        assert connection.execute("select count(*) from orders").fetchone() == (2,)
    connection.close()


def test_a_missing_file_is_a_failure_and_is_not_made(tmp_path):
    path = tmp_path / "nothing.db"

    assert "unable to open database file" in refusal(sql_probe(sqlite_url(path), "select 1"))
    assert not path.exists()


def test_a_database_that_somebody_writes_right_now_is_read_as_it_was_committed(tmp_path):
    path = tmp_path / "wal.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("pragma journal_mode = wal")
        writer.execute("create table orders (id integer)")
        probe = sql_probe(sqlite_url(path), "select count(*) from orders")
        first = state(probe)
        writer.execute("begin immediate")
        writer.execute("insert into orders values (1)")
        assert state(probe) == first
        writer.execute("commit")
        assert state(probe) != first


@pytest.mark.slow
@pytest.mark.parametrize(
    "written", ["sqlite://", "sqlite:///:memory:", "sqlite:///file::memory:?cache=shared&uri=true"]
)
def test_a_database_in_memory_has_no_state(written):
    assert refusal(sql_probe(written, "select 1")) == "found a SQLite database in memory, expected sqlite:////PATH"


@pytest.mark.slow
def test_more_rows_than_a_state_has_are_refused(orders):
    many = "with recursive n(i) as (select 1 union all select i + 1 from n where i < {}) select i from n"

    state(sql_probe(url(orders), many.format(10_000)))
    assert "more than 10000 rows" in refusal(sql_probe(url(orders), many.format(10_001)))
    assert "8388608 characters" in refusal(sql_probe(url(orders), "select printf('%.*c', 9000000, 'x')"))


def test_a_query_beyond_its_deadline_is_ended_and_leaves_no_thread(orders):
    probe = sql_probe(url(orders), ENDLESS, deadline=0.2)

    assert refusal(probe) == "no answer within 0.2 s"

    for thread in threading.enumerate():
        if thread.name == "source-sql":
            thread.join(20)
    assert not probe.is_stuck


def test_a_driver_that_hangs_is_left_alone_and_seen(orders, monkeypatch):
    release, entered = threading.Event(), threading.Event()

    def hang(*_):
        entered.set()
        release.wait(60)
        raise ProbeError("too late")

    async def ask():
        probe = sql_probe(url(orders), "select 1", deadline=0.2)
        monkeypatch.setattr(probe, "_query", hang)
        with pytest.raises(ProbeError, match=r"no answer within 0\.2 s"):
            await probe.state()
        assert entered.wait(20)
        assert probe.is_stuck
        release.set()
        await asyncio.to_thread(next(one for one in threading.enumerate() if one.name == "source-sql").join, 20)
        assert not probe.is_stuck

    asyncio.run(ask())


def test_what_no_thread_can_return_to_is_dropped(orders, monkeypatch):
    """The loop is closed before the driver comes back."""
    release = threading.Event()
    probe = sql_probe(url(orders), "select 1", deadline=0.1)
    monkeypatch.setattr(probe, "_query", lambda *_: str(release.wait(60)))

    assert refusal(probe) == "no answer within 0.1 s"
    release.set()
    for thread in threading.enumerate():
        if thread.name == "source-sql":
            thread.join(20)
    assert not probe.is_stuck


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("nonsense", "the database URL cannot be read, expected DIALECT://USER:PASSWORD@HOST/DATABASE"),
        ("postgresql://u:secret@host:port/x", "the database URL cannot be read, expected DIALECT://USER:PASSWORD@HOST"),
        ("", "the environment variable URL is empty or not set"),
        ("a\nb", "the environment variable URL holds more than one line of text"),
        (
            "snowflake://u:secret@account/db",
            "no driver for snowflake is installed: in a checkout, pip install '.[snowflake]'",
        ),
        (
            "bigquery://project/dataset",
            "no driver for bigquery is installed: in a checkout, pip install '.[bigquery]'",
        ),
        ("oracle+nothing://u:secret@host/db", "no driver for oracle is installed, expected its SQLAlchemy dialect"),
        ("sqlite+aiosqlite:///x.db", "no driver for sqlite is installed"),
    ],
)
@pytest.mark.slow
def test_a_url_that_leads_nowhere_is_explained(written, reason):
    found = refusal(sql_probe(written, "select 1"))

    assert found.startswith(reason)
    assert "secret" not in found


@pytest.mark.parametrize(
    ("written", "module", "extra"),
    [
        ("snowflake://u:secret@account/db", "snowflake.sqlalchemy", "snowflake"),
        ("bigquery://project/dataset", "sqlalchemy_bigquery", "bigquery"),
        ("postgresql://u:secret@host/db", "psycopg", "postgres"),
        ("postgres://u:secret@host/db", "psycopg", "postgres"),
    ],
)
@pytest.mark.slow
def test_a_missing_driver_is_named_with_the_extra_that_brings_it(written, module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)

    reason = refusal(sql_probe(written, "select 1"))

    assert reason == f"no driver for {reason.split()[3]} is installed: in a checkout, pip install '.[{extra}]'"


def test_an_error_of_the_database_is_told_in_one_line(orders):
    assert refusal(sql_probe(url(orders), "select x\nfrom nowhere")) == "OperationalError: no such table: nowhere"


def test_tables_of_sqlite_need_a_query(orders):
    assert "expected a query instead of tables" in refusal(sql_probe(url(orders), tables=("orders",)))


def test_a_url_in_a_file_is_read_again_each_time(orders, tmp_path):
    from exporter.config import SqlSource
    from exporter.sources.credentials import Credential
    from exporter.sources.sql_probe import SqlProbe

    file = tmp_path / "url"
    source = SqlSource(url_file=str(file), query="select 1")
    probe = SqlProbe(source, Credential({}, file=str(file)), lambda: ())

    assert refusal(probe) == f"the file {file} cannot be read: No such file or directory"
    file.write_text(url(orders) + "\n")
    state(probe)
    file.write_text("")
    assert refusal(probe) == f"the file {file} is empty or not set"
