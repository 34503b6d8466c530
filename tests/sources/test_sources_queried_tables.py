"""Tables that Hex says a project queries: only through a connection that the configuration allows."""

import asyncio
import sqlite3

import pytest
from source_world import World, sql_source

from exporter.facts import Cell, QueriedTable
from exporter.sources.probe import ProbeError
from exporter.sources.queried_tables import QueriedTables

WAREHOUSE = {"connection_id": "c-1", "connection_name": "Warehouse"}


@pytest.fixture
def world(manual_clock):
    return World(manual_clock, sql_source(connection="Ware*"), projects=("a", "b"), environ={"URL": "sqlite:///x.db"})


def query(world, project_id, *tables):
    facts = [QueriedTable(**(WAREHOUSE | {"table": one} if isinstance(one, str) else one)) for one in tables]
    world.known.record_tables(project_id, facts, world.now_ms)


def through(world, connection, project_id="a"):
    return QueriedTables(world.known, world.clock).through(connection, project_id)


@pytest.mark.parametrize("connection", ["Warehouse", "ware*", "*", "c-1"])
def test_the_tables_of_a_connection_that_fits_are_told_once_each(world, connection):
    query(world, "a", "sales.orders", "items", "sales.orders")

    assert through(world, connection) == ["items", "sales.orders"]


@pytest.mark.parametrize("connection", ["House", "warehouse?", "c-2"])
def test_another_connection_is_not_allowed(world, connection):
    query(world, "a", "orders")

    with pytest.raises(
        ProbeError,
        match=f"also queries Warehouse, which does not match the connection {connection}".replace("?", r"\?"),
    ):
        through(world, connection)


def test_a_project_with_data_elsewhere_too_has_no_state(world):
    query(world, "a", "orders", {"connection_id": "c-2", "connection_name": "Own\nSheets", "table": "t"})

    with pytest.raises(ProbeError, match="the project also queries Own Sheets, which does not match"):
        through(world, "Ware*")


def test_a_project_of_which_no_table_is_known_has_no_state(world):
    with pytest.raises(ProbeError, match="has not listed the tables of the project yet"):
        through(world, "*")

    world.known.record_cells("a", [Cell(cell_id="1", connection_id="c-1")], None, world.now_ms)
    with pytest.raises(ProbeError, match="connections but not its tables"):
        through(world, "*")


def test_news_are_seen_after_half_a_minute(world, manual_clock):
    query(world, "a", "orders")
    queried = QueriedTables(world.known, manual_clock)
    assert queried.through("*", "a") == ["orders"]

    query(world, "a", "items")
    assert queried.through("*", "a") == ["orders"]
    manual_clock.advance(30)
    assert queried.through("*", "a") == ["items"]


def test_each_project_is_asked_about_its_own_tables(manual_clock, postgres_server):
    name = postgres_server.new_database()
    world = World(
        manual_clock,
        sql_source(connection="Ware*", deadline=30),
        projects=("a", "b", "c"),
        environ={"URL": postgres_server.url(name)},
    )
    query(world, "a", "orders")
    query(world, "b", "public.items")
    query(world, "c", 'orders"; drop table orders; --')

    def change(connection, *statements):
        for one in (*statements, "select pg_stat_force_next_flush()", "select 1"):
            connection.execute(one)

    with postgres_server.connect(name) as connection:
        change(connection, "create table orders (id integer)", "create table items (id integer)")
        asyncio.run(world.look())
        before = {one: world.standing(one).state for one in "abc"}
        change(connection, "insert into items values (1)")
        asyncio.run(world.look(after=300))
        after = {one: world.standing(one).state for one in "abc"}
    connection.close()

    assert before["a"].digest == after["a"].digest
    assert before["b"].digest != after["b"].digest
    assert after["c"].failure == (
        "found the table name 'orders\"; drop table orders; --', expected NAME, SCHEMA.NAME or A.B.C"
    )
    assert world.standing("a").is_known
    assert not world.standing("c").is_known


def test_a_database_file_of_the_ledgers_kind_is_not_asked_about_tables(manual_clock, tmp_path):
    path = tmp_path / "x.db"
    sqlite3.connect(path).close()
    world = World(manual_clock, sql_source(connection="*"), environ={"URL": f"sqlite:///{path}"})
    query(world, "a", "orders")

    asyncio.run(world.look())

    assert "sqlite does not record when a table changed" in world.standing().state.failure
