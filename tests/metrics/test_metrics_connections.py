"""Data connections and their use."""

from typing import Any

import pytest

from exporter.config import Prices
from exporter.facts import Cell, Connection, QueriedTable

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
USE = {"hex_connection_projects", "hex_connection_last_run_timestamp_seconds", "hex_connection_peak_runs"}


@pytest.fixture
def connected(world: Any) -> Any:
    """Two connections, of which p1 and p2 query the first."""
    world.acme.record_connections(
        [
            Connection(connection_id="c1", name="Warehouse", connection_type="snowflake"),
            Connection(connection_id="c2", name="Old", connection_type="postgres"),
        ],
        world.now_ms,
    )
    world.list_projects(world.published("p1"), world.published("p2"))
    return world


def query(world: Any, project_id: str, *connection_ids: str) -> None:
    tables = [QueriedTable(connection_id=each, table=f"t{number}") for number, each in enumerate(connection_ids)]
    world.acme.record_tables(project_id, tables, world.now_ms)


def test_connections_are_counted_and_named(connected: Any) -> None:
    figures = connected.figures()

    assert figures["hex_connections"] == {("snowflake",): 1, ("postgres",): 1}
    assert figures["hex_connection_info"] == {
        ("c1", "Warehouse", "snowflake"): 1,
        ("c2", "Old", "postgres"): 1,
    }


def test_their_use_is_not_told_where_it_cannot_be_known(connected: Any) -> None:
    assert not USE & connected.figures().keys()


def test_a_project_counts_once_for_each_connection_it_queries(connected: Any) -> None:
    query(connected, "p1", "c1", "c1")
    query(connected, "p2", "c1")

    assert connected.figures()["hex_connection_projects"] == {("c1",): 2, ("c2",): 0}


def test_cells_tell_where_there_are_no_queried_tables(connected: Any) -> None:
    connected.acme.record_cells("p1", [Cell(cell_id="1", connection_id="c2")], 1, connected.now_ms)

    assert connected.figures()["hex_connection_projects"] == {("c1",): 0, ("c2",): 1}


def test_a_connection_that_is_not_listed_has_no_series(connected: Any) -> None:
    query(connected, "p1", "deleted")

    assert set(connected.figures()["hex_connection_projects"]) == {("c1",), ("c2",)}


def test_the_last_run_is_the_latest_of_any_project_that_queries_it(connected: Any) -> None:
    query(connected, "p1", "c1")
    query(connected, "p2", "c1")
    connected.read_runs("p1", connected.run("r1", 5 * HOUR_MS))
    connected.read_runs("p2", connected.run("r2", 2 * HOUR_MS, project_id="p2", status="errored"))

    assert connected.figures()["hex_connection_last_run_timestamp_seconds"] == {
        ("c1",): connected.clock.now() - 2 * 3600
    }


class TestPeak:
    def test_it_is_the_most_runs_at_one_time(self, connected: Any) -> None:
        """Over all projects that query the connection; a run in progress lasts until now."""
        query(connected, "p1", "c1")
        query(connected, "p2", "c1", "c2")
        connected.read_runs(
            "p1",
            connected.run("r1", 5 * HOUR_MS, lasts_ms=2 * HOUR_MS),
            connected.run("r2", 4 * HOUR_MS, lasts_ms=HOUR_MS // 2),
        )
        connected.read_runs("p2", connected.active("r3", 4 * HOUR_MS, project_id="p2"))

        assert connected.figures()["hex_connection_peak_runs"] == {("c1",): 3, ("c2",): 1}

    def test_it_forgets_after_seven_days(self, connected: Any) -> None:
        query(connected, "p1", "c1")
        connected.read_runs("p1", connected.run("r1", 8 * DAY_MS))
        connected.read_runs("p2")

        assert connected.figures()["hex_connection_peak_runs"] == {("c1",): 0, ("c2",): 0}

    def test_it_waits_until_seven_days_are_known(self, connected: Any) -> None:
        query(connected, "p1", "c1")
        connected.read_runs("p1", connected.run("r1"))

        assert "hex_connection_peak_runs" not in connected.figures()


def test_connections_disappear_when_their_listing_is_too_old(connected: Any) -> None:
    query(connected, "p1", "c1")
    connected.clock.advance(6 * 3600 + 1)

    assert not {"hex_connections", "hex_connection_info", *USE} & connected.figures().keys()


def test_what_runs_through_each_connection(connected: Any) -> None:
    connected.configure(price_lists=(Prices(plan="team", run_micro_usd=50_000),))
    query(connected, "p1", "c1", "c2")
    query(connected, "p2", "c1")
    connected.read_runs("p1", *connected.many(3, HOUR_MS, "a"))
    connected.read_runs("p2", *(connected.run(f"b{number}", HOUR_MS, project_id="p2") for number in range(2)))

    figures = connected.figures()

    assert figures["hex_connection_runs_7d"] == {("c1",): 5, ("c2",): 3}
    costs = figures["hex_connection_cost_week_money_usd"]
    assert (costs["c1", "estimate"], costs["c2", "estimate"]) == (0.25, 0.15)
