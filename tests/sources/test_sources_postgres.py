"""Probes of a real PostgreSQL: what moves the state of a table, and that nothing else can be moved."""

import socket
import threading

import psycopg
import pytest
from probing import refusal, sql_probe, state

from exporter.sources import read_only_sql
from exporter.sources import sql_probe as sql_probe_module

COUNTED = "select n_tup_ins + n_tup_upd + n_tup_del from pg_stat_all_tables where relid = to_regclass(%s)"


class Shop:
    """A database with the table `orders`; what `change` does can be seen by the counters when it returns."""

    def __init__(self, server):
        self.server = server
        self.name = server.new_database()
        self.url = server.url(self.name)
        self.connection = server.connect(self.name)
        self.change("create table orders (id integer, name text)", "insert into orders values (1, 'a'), (2, 'b')")

    def change(self, *statements):
        for one in statements:
            self.connection.execute(one)
        # A session hands its counts over when it pleases, unless requested.
        self.connection.execute("select pg_stat_force_next_flush()")
        self.connection.execute("select 1")

    def probe(self, *tables):
        return sql_probe(self.url, tables=tables)


@pytest.fixture
def shop(postgres_server):
    shop = Shop(postgres_server)
    yield shop
    shop.connection.close()


@pytest.mark.slow
def test_a_query_tells_the_state_of_what_it_reads(shop):
    probe = sql_probe(shop.url, "select max(id), count(*) from orders where name not like '%z%' and ':x' <> '%s'")

    first = state(probe)
    assert state(probe) == first
    shop.change("update orders set name = 'c'")
    assert state(probe) == first
    shop.change("insert into orders values (3, 'd')")
    assert state(probe) != first


@pytest.mark.parametrize("query", ["show server_version", "values (1)", "table orders", "with a as (select 1) table a"])
def test_every_kind_of_reading_statement_tells_something(shop, query):
    assert state(sql_probe(shop.url, query)) == state(sql_probe(shop.url, query))


@pytest.mark.parametrize(
    "written",
    [
        "insert into orders values (9, 'x')",
        "with new as (insert into orders values (9, 'x') returning id) select id from new",
        "select * into copy from orders",
        "select nextval('numbers')",
        "do $$ begin insert into orders values (9, 'x'); end $$",
        "create table other (id integer)",
    ],
)
@pytest.mark.slow
def test_the_transaction_refuses_writes_that_the_guard_would_let_through(shop, written, monkeypatch):
    shop.change("create sequence numbers")
    monkeypatch.setattr(sql_probe_module, "check_reading", lambda query: None)
    monkeypatch.setattr(sql_probe_module, "is_fetched_by_cursor", lambda query: False)

    assert "read-only transaction" in refusal(sql_probe(shop.url, written))
    assert shop.connection.execute("select count(*) from orders").fetchone() == (2,)
    assert shop.connection.execute("select to_regclass('copy'), to_regclass('other')").fetchone() == (None, None)


def test_a_url_that_asks_for_autocommit_is_refused_or_read_only_all_the_same(shop, monkeypatch):
    monkeypatch.setattr(read_only_sql, "_WRITING", frozenset())
    monkeypatch.setattr(sql_probe_module, "is_fetched_by_cursor", lambda query: False)
    written = "with new as (insert into orders values (9, 'x') returning id) select id from new"

    assert "read" in refusal(sql_probe(f"{shop.url}&autocommit=true", written))
    assert shop.connection.execute("select count(*) from orders").fetchone() == (2,)


def test_a_large_answer_is_not_fetched_whole(shop):
    reason = refusal(sql_probe(shop.url, "select repeat('x', 500), generate_series(1, 100000000)"))

    assert "more than 10000 rows" in reason


def test_the_server_ends_a_statement_at_the_deadline(shop):
    probe = sql_probe(shop.url, "select pg_sleep(600)", deadline=1.0)

    assert refusal(probe) in ("no answer within 1 s", "QueryCanceled: canceling statement due to statement timeout")

    for thread in threading.enumerate():
        if thread.name == "source-sql":
            thread.join(30)
    assert not probe.is_stuck


def test_a_table_that_somebody_has_locked_is_waited_for_until_the_deadline(shop):
    probe = sql_probe(shop.url, "select count(*) from orders", deadline=1.0)
    with shop.connection.transaction():
        shop.connection.execute("lock table orders in access exclusive mode")
        assert refusal(probe) in ("no answer within 1 s", "QueryCanceled: canceling statement due to statement timeout")
        assert state(shop.probe("orders"))
        for thread in threading.enumerate():
            if thread.name == "source-sql":
                thread.join(30)
    assert not probe.is_stuck
    assert state(probe)


@pytest.mark.slow
def test_a_server_that_accepts_and_says_nothing_is_given_up_and_its_thread_ends():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        probe = sql_probe(f"postgresql://user:secret@127.0.0.1:{port}/db?gssencmode=disable", "select 1", deadline=0.3)

        assert refusal(probe) == "no answer within 0.3 s"
        assert probe.is_stuck
        for thread in threading.enumerate():
            if thread.name == "source-sql":
                thread.join(30)
        assert not probe.is_stuck


def test_a_password_is_in_no_reason(shop):
    url = shop.server.url("nowhere", password="p@ss/w:rd%")

    reason = refusal(sql_probe(url, "select 1"))

    assert 'database "nowhere" does not exist' in reason
    assert "p@ss" not in reason
    assert "p%40ss" not in reason
    assert "***" in refusal(sql_probe(shop.server.url("p@ss/w:rd%", password="p@ss/w:rd%"), "select 1"))


@pytest.mark.parametrize(
    "change",
    [
        "insert into orders values (3, 'c')",
        "update orders set name = 'z' where id = 1",
        "delete from orders where id = 1",
        "truncate orders",
        "drop table orders; create table orders (id integer, name text)",
    ],
)
def test_each_change_of_a_table_changes_its_state_and_reading_does_not(shop, change):
    probe = shop.probe("orders")
    first = state(probe)
    shop.change("select * from orders", "create table other (id integer)", "insert into other values (1)")
    assert state(probe) == first

    shop.change(change)

    assert state(probe) != first


def test_a_change_of_any_table_counts_and_of_another_does_not(shop):
    shop.change("create schema raw", 'create table raw."Mixed Case" (id integer)', "create table other (id integer)")
    probe = shop.probe("ORDERS", 'raw."Mixed Case"')
    first = state(probe)

    shop.change("insert into other values (1)")
    assert state(probe) == first
    shop.change('insert into raw."Mixed Case" values (1)')
    assert state(probe) != first


def test_a_partitioned_table_changes_with_its_parts(shop):
    shop.change(
        "create table events (id integer) partition by range (id)",
        "create table events_1 partition of events for values from (0) to (10) partition by range (id)",
        "create table events_1_1 partition of events_1 for values from (0) to (5)",
        "create table events_2 partition of events for values from (10) to (20)",
    )
    probe = shop.probe("events")
    states = [state(probe)]
    for change in ("insert into events values (1)", "insert into events values (11)", "drop table events_2"):
        shop.change(change)
        states.append(state(probe))

    assert len(set(states)) == 4


def test_a_materialized_view_changes_when_it_is_refreshed(shop):
    shop.change("create materialized view totals as select count(*) from orders")
    probe = shop.probe("totals")
    first = state(probe)
    assert state(probe) == first

    shop.change("refresh materialized view totals")

    assert state(probe) != first


def test_counters_that_were_reset_are_another_state(shop):
    probe = shop.probe("orders")
    shop.change("select pg_stat_reset()", "insert into orders values (3, 'c')")
    first = state(probe)

    shop.change("select pg_stat_reset()", "insert into orders values (3, 'c')")

    assert state(probe) != first


def test_the_database_before_the_schema_is_understood(shop):
    assert state(shop.probe(f"{shop.name}.public.orders"))
    assert "cross-database" in refusal(shop.probe("elsewhere.public.orders"))


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("nothing", "the database does not show the table nothing: it is not there or not visible"),
        ("nowhere.orders", "the database does not show the table nowhere.orders"),
        ('"ORDERS"', "the database does not show the table ORDERS"),
        ("all_orders", "all_orders is no table but a view or a foreign one, expected a table, or a query"),
        ('"or""ders"', 'the database does not show the table or"ders'),
        ("'; drop table orders; --", "found the table name"),
        ('"x""; drop table orders; --"', "the database does not show the table"),
    ],
)
@pytest.mark.slow
def test_a_table_that_has_no_state_is_named(shop, table, reason):
    shop.change("create view all_orders as select * from orders")

    assert refusal(shop.probe("orders", table)).startswith(reason)
    assert shop.connection.execute("select count(*) from orders").fetchone() == (2,)


def test_a_user_who_may_not_read_the_table_sees_its_changes(shop):
    """Counters are open to everybody: the URL need not be one that sees data."""
    user = f"watcher_of_{shop.name}"
    shop.change(f"create user {user}")
    probe = sql_probe(shop.server.url(shop.name, user=user), tables=("orders",))
    with (
        psycopg.connect(f"host={shop.server.folder} user={user} dbname={shop.name}") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("select * from orders")

    first = state(probe)
    shop.change("insert into orders values (3, 'c')")

    assert state(probe) != first
