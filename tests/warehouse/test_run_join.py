"""The run of each query, and how often Hex's own cache answered: equal to the truth wherever it is judged."""

import asyncio
from collections import defaultdict
from contextlib import closing

import pytest
from query_log import HOUR_MS, QueryLog, commented

from exporter.config import Config, Storage, Workspace
from exporter.facts import ExportedCell, Project, ProjectVersion, Run
from exporter.ledger import RunProgress, RunQuery, open_ledger
from exporter.simulator import Simulation, hex_queries
from exporter.warehouse import WarehouseMonitor
from exporter.warehouse.run_join import EXPECTED, JOINS, SEEN, UNJUDGED, RunCells, cells_of, join
from tests.helpers.manual_clock import ManualClock

MINUTE_MS = 60_000
NOW_MS = 1_800_000_000_000 - 1_800_000_000_000 % HOUR_MS
SPAN = (NOW_MS - 24 * HOUR_MS, NOW_MS)
CELLS = RunCells(frozenset({"a", "b", "c", "d"}), frozenset({"a", "b", "c", "d", "chart"}))


def run(run_id="r", start=0, minutes=10, **fields):
    start_ms = SPAN[0] + HOUR_MS + start * MINUTE_MS
    known = {"project_id": "p", "status": "completed", "start_ms": start_ms, "end_ms": start_ms + minutes * MINUTE_MS}
    return Run(run_id=run_id, **{**known, **fields})


def query(cell="a", minute=1, project="p"):
    start_ms = SPAN[0] + HOUR_MS + minute * MINUTE_MS
    return "snow", RunQuery(project, cell, start_ms, start_ms + 1000), 1


def joined(queries, runs, cells=lambda run: CELLS):
    return dict(join(by_project(queries), runs, cells, SPAN))


def by_project(queries):
    return sorted(queries, key=lambda one: one[1].project_id)


def test_what_a_run_did_not_send_was_answered_by_hexs_cache():
    found = joined([query("a"), query("b", 2), query("b", 3)], [run()])

    assert found == {(JOINS, ("snow", "run")): 3, (EXPECTED, ("p",)): 4, (SEEN, ("p",)): 2}


def test_two_runs_at_once_are_ambiguous_and_neither_is_judged():
    found = joined([query("a", 6), query("b", 1)], [run("r"), run("s", start=5)])

    assert found == {
        (JOINS, ("snow", "ambiguous")): 1,
        (JOINS, ("snow", "run")): 1,
        (UNJUDGED, ("p", "ambiguous")): 2,
    }


@pytest.mark.parametrize(
    ("queries", "cells", "reason"),
    [
        ([query("new")], CELLS, "unexpected_cell"),
        ([query("a"), query("", 4, project="")], CELLS, "unreadable_comment"),
        ([query("a")], "cells_unknown", "cells_unknown"),
    ],
)
def test_what_cannot_be_known_is_not_judged_with_its_reason(queries, cells, reason):
    found = joined(queries, [run()], lambda run: cells)

    assert {key: value for key, value in found.items() if key[0] != JOINS} == {(UNJUDGED, ("p", reason)): 1}


def test_a_query_of_no_run_and_runs_that_failed_or_ended_elsewhere_count_in_no_rate():
    found = joined(
        [query("a", 30), query("", 200, project="")],
        [run(status="errored"), run("later", start=24 * 60), run("going", start=100, status="running", end_ms=None)],
    )

    assert found == {(JOINS, ("snow", "no_run")): 1}


def test_cells_are_those_of_components_too_and_only_of_watched_connections():
    own = (
        ExportedCell(cell_id="a", cell_type="sql", connection_id="c1", queries=True),
        ExportedCell(cell_id="b", cell_type="sql", connection_id="c2", queries=True),
        ExportedCell(cell_id="x", cell_type="code", queries=False),
        ExportedCell(cell_id="i", cell_type="component_import", component_id="lib"),
    )
    version = ProjectVersion(project_id="p", version="1", cells=own)
    lib = ProjectVersion(
        project_id="lib",
        version="1",
        cells=(ExportedCell(cell_id="l", cell_type="sql", connection_id="c1", queries=True),),
    )

    found = cells_of(version, {"lib": lib}.get, lambda one: one == "c1")

    assert found == RunCells(frozenset({"a", "l"}), frozenset({"a", "b", "x", "l"}))
    assert cells_of(version, {}.get, lambda one: True) == "cells_unknown"
    assert cells_of(None, {}.get, lambda one: True) == "cells_unknown"
    assert cells_of(version, {"lib": lib}.get, lambda one: False) == "no_sql_cells"


def test_of_a_simulated_week_every_judged_run_has_the_cells_that_it_sent():
    clock = ManualClock(NOW_MS / 1000)
    simulation = Simulation(7, 12, clock=clock)
    span = (NOW_MS - 3 * 24 * HOUR_MS, NOW_MS)
    sent = hex_queries(simulation, span[0] - 24 * HOUR_MS, span[1])
    queries = [
        ("snow", RunQuery(one.project_id, one.cell_id, one.start_ms, one.end_ms), 1)
        if one.is_readable
        else ("snow", RunQuery("", "", one.start_ms, one.end_ms), 1)
        for one in sent
        if one.run_id is not None or not one.is_readable
    ]
    runs = list(simulation.runs_between(span[0] - 24 * HOUR_MS, span[1]))
    every = defaultdict(set)
    truth = defaultdict(set)
    for one in sent:
        every[one.project_id].add(one.cell_id)
        if one.run_id is not None:
            truth[one.run_id].add(one.cell_id)
    unreadable = [one.start_ms for one in sent if not one.is_readable]
    mine = defaultdict(list)
    for one in runs:
        if one.start_ms is not None and one.ended_ms is not None:
            mine[one.project_id].append((one.start_ms - 2000, one.ended_ms + 2000, one))
    clean = {
        one.run_id
        for project in mine.values()
        for start_ms, end_ms, one in project
        if not any(start_ms <= at_ms <= end_ms for at_ms in unreadable)
        and not any(s <= end_ms and start_ms <= e for s, e, other in project if other is not one)
    }
    found = join(by_project(queries), runs, lambda one: RunCells(*[frozenset(every[one.project_id])] * 2), span)

    judged = 0
    for project_id, project in mine.items():
        ended = [one for *_, one in project if one.status == "completed" and span[0] <= one.ended_ms < span[1]]
        if ended and clean.issuperset(one.run_id for one in ended):
            judged += len(ended)
            assert found[EXPECTED, (project_id,)] == len(ended) * len(every[project_id])
            assert found[SEEN, (project_id,)] == sum(len(truth[one.run_id]) for one in ended)
            assert not any(key[0] == UNJUDGED and key[1][0] == project_id for key in found)
    assert judged > 5
    assert any(key[0] == UNJUDGED for key in found)


def test_the_monitor_counts_each_run_once_over_restarts_and_late_rows(tmp_path):
    clock = ManualClock(NOW_MS / 1000)
    log = QueryLog(tmp_path / "log.db")
    config = Config(
        workspaces=(Workspace(name="w", token_env="T"),),
        storage=Storage(url=f"sqlite:///{tmp_path / 'ledger.db'}"),
        warehouses=(log.warehouse,),
    )
    start_ms = NOW_MS - 6 * HOUR_MS
    cells = tuple(ExportedCell(cell_id=f"c{n}", cell_type="sql", connection_id="x", queries=True) for n in range(4))
    with closing(open_ledger(config.storage.url, clock=clock)) as ledger:
        known = ledger.workspace("w")
        known.first_contact(NOW_MS - 20 * HOUR_MS)
        known.record_projects([Project(project_id="p1", created_ms=1, published_ms=1)], NOW_MS)
        known.choose_members(10, NOW_MS)
        one = Run(run_id="r", project_id="p1", status="completed", start_ms=start_ms, elapsed_ms=600_000, version="3")
        known.record_runs("p1", [one], RunProgress(known_until_ms=NOW_MS, known_from_ms=0), NOW_MS)
        known.record_version(ProjectVersion(project_id="p1", version="3", cells=cells), None, NOW_MS)
        log.add(start_ms + 60_000, query_id="a", text=commented(cell="c0"))
        log.add(start_ms + 90_000, query_id="b", text=commented(cell="c1"))
        log.add(start_ms + 90_000, query_id="v", text=commented(cell="c3", context="APP_VIEW"))
        for _ in range(2):
            monitor = WarehouseMonitor("w", config, known, clock, log.environ)
            asyncio.run(monitor.look(log.warehouse))
        clock.advance(300)
        known.release_holds(NOW_MS + 300_000)
        counted = {(one.metric, one.labels): one.value for one in known.counters()}
        of_7_days = known.counted_since(NOW_MS - 7 * 24 * HOUR_MS)

    assert (of_7_days[EXPECTED, ("p1",)], of_7_days[SEEN, ("p1",)]) == (4, 2)
    assert counted[EXPECTED, ("p1",)] == 4
    assert counted[SEEN, ("p1",)] == 2
    assert counted[JOINS, ("snow", "run")] == 2
