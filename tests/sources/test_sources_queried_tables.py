"""Tables that Hex says a project queries: only through a connection that the configuration allows."""

import asyncio
import sqlite3

import pytest
from watching_sources import AuditContext, sql_source

from exporter.facts import Cell, QueriedTable
from exporter.sources.probe import ProbeError
from exporter.sources.queried_tables import QueriedTables

WAREHOUSE = {"connection_id": "c-1", "connection_name": "Warehouse"}


@pytest.fixture
def scene(manual_clock):
    return AuditContext(
        manual_clock, sql_source(connection="Ware*"), projects=("a", "b"), environ={"URL": "sqlite:///x.db"}
    )


def query(scene, project_id, *tables):
    facts = [QueriedTable(**(WAREHOUSE | {"table": one} if isinstance(one, str) else one)) for one in tables]
    scene.known.record_tables(project_id, facts, scene.now_ms)


def through(scene, connection, project_id="a"):
    return QueriedTables(scene.known, scene.clock).through(connection, project_id)


@pytest.mark.parametrize("connection", ["Warehouse", "ware*", "*", "c-1"])
def test_the_tables_of_a_connection_that_fits_are_told_once_each(scene, connection):
    query(scene, "a", "sales.orders", "items", "sales.orders")

    assert through(scene, connection) == ["items", "sales.orders"]


@pytest.mark.parametrize("connection", ["House", "warehouse?", "c-2"])
def test_another_connection_is_not_allowed(scene, connection):
    query(scene, "a", "orders")

    with pytest.raises(
        ProbeError, match=f"also queries Warehouse, which does not fit the connection {connection}".replace("?", r"\?")
    ):
        through(scene, connection)


def test_a_project_with_data_elsewhere_too_has_no_state(scene):
    query(scene, "a", "orders", {"connection_id": "c-2", "connection_name": "Own\nSheets", "table": "t"})

    with pytest.raises(ProbeError, match="the project also queries Own, which does not fit"):
        through(scene, "Ware*")


def test_a_project_of_which_no_table_is_known_has_no_state(scene):
    with pytest.raises(ProbeError, match="has not told yet which tables the project queries"):
        through(scene, "*")

    scene.known.record_cells("a", [Cell(cell_id="1", connection_id="c-1")], None, scene.now_ms)
    with pytest.raises(ProbeError, match="connections but not its tables"):
        through(scene, "*")


def test_news_are_seen_after_half_a_minute(scene, manual_clock):
    query(scene, "a", "orders")
    queried = QueriedTables(scene.known, manual_clock)
    assert queried.through("*", "a") == ["orders"]

    query(scene, "a", "items")
    assert queried.through("*", "a") == ["orders"]
    manual_clock.advance(30)
    assert queried.through("*", "a") == ["items"]


def test_each_project_is_asked_about_its_own_tables(manual_clock, postgres_server):
    name = postgres_server.new_database()
    scene = AuditContext(
        manual_clock,
        sql_source(connection="Ware*", deadline=30),
        projects=("a", "b", "c"),
        environ={"URL": postgres_server.url(name)},
    )
    query(scene, "a", "orders")
    query(scene, "b", "public.items")
    query(scene, "c", 'orders"; drop table orders; --')

    def change(connection, *statements):
        for one in (*statements, "select pg_stat_force_next_flush()", "select 1"):
            connection.execute(one)

    with postgres_server.connect(name) as connection:
        change(connection, "create table orders (id integer)", "create table items (id integer)")
        asyncio.run(scene.look())
        before = {one: scene.standing(one).state for one in "abc"}
        change(connection, "insert into items values (1)")
        asyncio.run(scene.look(after=300))
        after = {one: scene.standing(one).state for one in "abc"}
    connection.close()

    assert before["a"].digest == after["a"].digest
    assert before["b"].digest != after["b"].digest
    assert after["c"].failure == (
        "found the table name 'orders\"; drop table orders; --', expected NAME, SCHEMA.NAME or A.B.C"
    )
    assert scene.standing("a").is_known
    assert not scene.standing("c").is_known


def test_a_database_file_of_the_ledgers_kind_is_not_asked_about_tables(manual_clock, tmp_path):
    path = tmp_path / "x.db"
    sqlite3.connect(path).close()
    scene = AuditContext(manual_clock, sql_source(connection="*"), environ={"URL": f"sqlite:///{path}"})
    query(scene, "a", "orders")

    asyncio.run(scene.look())

    assert "sqlite does not tell when a table changed" in scene.standing().state.failure
