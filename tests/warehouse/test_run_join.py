"""The run of each query, and how often Hex's own cache answered: equal to the truth wherever it is judged."""

import asyncio
from collections import Counter, defaultdict

import pytest
from msgspec import structs
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
    return summed(join(by_project(queries), runs, cells, SPAN))


def summed(hours):
    """Of all hours."""
    total = Counter()
    for one in hours.values():
        total.update(one)
    return dict(total)


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
    hours = join(by_project(queries), runs, lambda one: RunCells(*[frozenset(every[one.project_id])] * 2), span)
    found = summed(hours)

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


class Story:
    """A workspace that was first seen 20 hours ago, a project with four SQL cells, and the log of its warehouse."""

    def __init__(self, folder):
        self.clock = ManualClock(NOW_MS / 1000)
        self.log = QueryLog(folder / "log.db")
        self.ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}", clock=self.clock)
        known = self.known = self.ledger.workspace("w")
        known.first_contact(NOW_MS - 20 * HOUR_MS)
        known.warehouses.begin("snow", NOW_MS - 20 * HOUR_MS)
        known.record_projects([Project(project_id="p1", created_ms=1, published_ms=1)], NOW_MS)
        known.choose_members(10, NOW_MS)

    def export(self):
        cells = tuple(ExportedCell(cell_id=f"c{n}", cell_type="sql", connection_id="x", queries=True) for n in range(4))
        self.known.record_version(ProjectVersion(project_id="p1", version="3", cells=cells), None, NOW_MS)

    def run(self, run_id, hours_ago):
        """A run that queries from two of its cells."""
        start_ms = NOW_MS - hours_ago * HOUR_MS
        one = Run(
            run_id=run_id, project_id="p1", status="completed", start_ms=start_ms, elapsed_ms=600_000, version="3"
        )
        self.known.record_runs("p1", [one], RunProgress(known_until_ms=NOW_MS, known_from_ms=0), NOW_MS)
        for cell in ("c0", "c1"):
            self.log.add(start_ms + 60_000, query_id=f"{run_id}-{cell}", text=commented(cell=cell))
        self.log.add(start_ms + 90_000, query_id=f"{run_id}-v", text=commented(cell="c3", context="APP_VIEW"))

    def look(self, name="snow"):
        warehouse = structs.replace(self.log.warehouse, name=name)
        workspaces, storage = (Workspace(name="w", token_env="T"),), Storage(url="sqlite:///ledger.db")
        config = Config(workspaces=workspaces, storage=storage, warehouses=(warehouse,))
        asyncio.run(WarehouseMonitor("w", config, self.known, self.clock, self.log.environ).look(warehouse))

    def counted(self):
        self.known.release_holds(round(self.clock.now() * 1000) + 300_000)
        return {(one.metric, one.labels): one.value for one in self.known.counters()}

    def of_days(self):
        return self.known.counted_since(NOW_MS - 7 * 24 * HOUR_MS)


@pytest.fixture
def story(tmp_path):
    made = Story(tmp_path)
    yield made
    made.ledger.close()


def test_the_monitor_counts_each_run_once_over_restarts_and_late_rows(story):
    story.export()
    story.run("r", hours_ago=6)
    for _ in range(2):
        story.look()
    counted = story.counted()
    assert (counted[EXPECTED, ("p1",)], counted[SEEN, ("p1",)]) == (4, 2)
    assert counted[JOINS, ("snow", "run")] == 2


def test_runs_of_the_past_are_in_the_sums_over_days_and_in_no_counter(story):
    story.export()
    story.run("old", hours_ago=30)
    story.run("new", hours_ago=6)
    story.look()
    counted, of_days = story.counted(), story.of_days()
    assert (counted[EXPECTED, ("p1",)], counted[SEEN, ("p1",)]) == (4, 2)
    assert (of_days[EXPECTED, ("p1",)], of_days[SEEN, ("p1",)]) == (8, 4)


def test_no_run_is_judged_while_the_cells_of_the_projects_are_being_read(story):
    story.run("r", hours_ago=6)
    story.look()
    assert not any(metric == UNJUDGED for metric, _ in story.counted())
    story.export()
    story.look()
    assert story.counted()[EXPECTED, ("p1",)] == 4


def test_without_their_cells_runs_are_not_judged_after_a_day(story):
    story.run("r", hours_ago=6)
    story.clock.advance(5 * 3600)
    story.look()
    assert story.counted()[UNJUDGED, ("p1", "cells_unknown")] == 1


def test_a_project_that_is_archived_is_not_waited_for(story):
    story.export()
    story.known.record_projects(
        [
            Project(project_id="p1", created_ms=1, published_ms=1),
            Project(project_id="old", created_ms=1, published_ms=1, archived_ms=2),
        ],
        NOW_MS,
    )
    story.run("r", hours_ago=6)
    story.look()
    assert story.counted()[EXPECTED, ("p1",)] == 4


def test_a_log_that_is_configured_later_counts_from_then_on(story):
    """Or under another name: what is in it already was not seen to happen."""
    story.export()
    story.run("r", hours_ago=6)
    story.look("renamed")
    assert not any(labels[-1] == "renamed" for _, labels in story.counted())
    assert story.of_days()[EXPECTED, ("p1",)] == 4
    assert sum(one.queries for one in story.known.warehouses.between(0, NOW_MS).values()) == 3
