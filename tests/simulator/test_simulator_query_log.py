"""The queries that the simulated workspace sends: one past however it is cut, and nothing from nowhere."""

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from exporter.simulator import VendorLog, cell_truth, hex_queries
from exporter.simulator.event_times import DAY_MS, HOUR_MS


@pytest.fixture
def simulation(make_simulation):
    return make_simulation(projects=40)


def test_windows_of_any_length_give_the_same_queries(simulation):
    end_ms = simulation.now_ms - simulation.now_ms % HOUR_MS
    start_ms = end_ms - DAY_MS
    cut = [*range(start_ms, end_ms, 5 * HOUR_MS), end_ms]
    pieces = [one for span in pairwise(cut) for one in hex_queries(simulation, *span)]
    assert pieces == hex_queries(simulation, start_ms, end_ms)
    assert {one.context for one in pieces} >= {"SCHEDULED_RUN", "APP_VIEW", "LOGIC_VIEW"}
    assert len({one.query_id for one in pieces}) == len(pieces)


def test_a_completed_run_sends_each_cell_once_unless_hex_had_its_result(simulation):
    span = (simulation.now_ms - 4 * DAY_MS, simulation.now_ms - DAY_MS)
    queries, cells = Counter(), defaultdict(set)
    for one in hex_queries(simulation, span[0] - DAY_MS, span[1]):
        cells[one.project_id].add(one.cell_id)
        run = simulation.find_run(one.project_id, one.run_id) if one.run_id else None
        if run is not None:
            assert run.start_ms <= one.start_ms < one.end_ms <= run.end_ms
            if run.outcome == "completed" and span[0] <= run.end_ms < span[1]:
                queries[one.project_id] += 1
    truth = cell_truth(simulation, *span)
    assert {project_id: seen for project_id, (_, seen) in truth.items() if seen} == dict(queries)
    assert all(seen <= expected for expected, seen in truth.values())
    assert sum(seen for _, seen in truth.values()) < sum(expected for expected, _ in truth.values())


def test_a_relation_has_what_is_true_and_nothing_of_hours_that_are_not_over(simulation):
    log = VendorLog(simulation, "snowflake", ["Snowflake*"])
    end_ms = simulation.now_ms - simulation.now_ms % HOUR_MS
    span = (end_ms - DAY_MS, end_ms)
    entries, truth = list(log.relation(*span)), log.truth(*span)
    queries = sum(used.queries for used in truth.values())
    assert sum(entry.row["part"] == "query" for entry in entries) == queries > 0
    assert {one.row["part"] for one in entries} == {"query", "bill", "idle"}
    assert all(one.visible_ms >= one.row["end_ms"] for one in entries)
    assert {key.connection for key in truth} <= {"", "Snowflake", "Snowflake (old)"}
