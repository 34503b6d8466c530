"""From the simulated log to the figure: how often Hex's own cache answered is the simulator's truth."""

import asyncio
from collections import Counter, defaultdict
from contextlib import closing

import pytest

from exporter.config import Config, Storage, Warehouse, WarehousePrices, Workspace
from exporter.facts import Connection, Project
from exporter.hexapi import read_export
from exporter.ledger import RunProgress, open_ledger
from exporter.simulator import QueryLogTables, Simulation, VendorLog, cell_truth
from exporter.simulator.project_export import export
from exporter.warehouse import WarehouseMonitor
from tests.helpers.manual_clock import ManualClock

HOUR_MS = 3_600_000
NOW_MS = 1_800_000_000_000 - 1_800_000_000_000 % HOUR_MS
SINCE_MS, JOINED_MS = NOW_MS - 5 * 24 * HOUR_MS, NOW_MS - 3 * HOUR_MS
EXPECTED, SEEN, UNJUDGED = (f"hex_sql_cells_{one}_total" for one in ("expected", "seen", "unjudged_runs"))


def fill(known, simulation):
    """What polling would know: projects, their runs and exports, connections; first contact is now."""
    known.first_contact(NOW_MS)
    projects = [Project(project_id=one.project_id, created_ms=1, published_ms=1) for one in simulation.projects]
    known.record_projects(projects, NOW_MS)
    known.choose_members(100, NOW_MS)
    links = [
        Connection(connection_id=one.connection_id, name=one.name, connection_type="x") for one in simulation.links
    ]
    known.record_connections(links, NOW_MS)
    runs = defaultdict(list)
    for run in simulation.runs_between(SINCE_MS - 5 * 24 * HOUR_MS, NOW_MS):
        runs[run.project_id].append(run)
    for project in simulation.projects:
        mine = runs[project.project_id]
        progress = RunProgress(known_until_ms=NOW_MS, known_from_ms=0)
        known.record_runs(project.project_id, mine, progress, NOW_MS)
        for version in {"1"} | {run.version for run in mine if run.version}:
            content = export(simulation, project, int(version))["content"]
            known.record_version(read_export(content, version, project.project_id), None, NOW_MS)


@pytest.mark.slow
def test_the_rate_of_the_last_days_is_the_truth_on_the_first_day(tmp_path):
    clock = ManualClock(NOW_MS / 1000)
    simulation = Simulation(7, 12, clock=clock)
    QueryLogTables(tmp_path / "log.db", {"sent": VendorLog(simulation, "snowflake")}).fill(NOW_MS)
    prices = WarehousePrices(credit_micro_usd=3_000_000)
    warehouse = Warehouse(name="snow", kind="table", url_env="LOG", relation="sent", prices=prices)
    storage = Storage(url=f"sqlite:///{tmp_path / 'ledger.db'}")
    config = Config(workspaces=(Workspace(name="w", token_env="T"),), storage=storage, warehouses=(warehouse,))
    with closing(open_ledger(storage.url, clock=clock)) as ledger:
        known = ledger.workspace("w")
        fill(known, simulation)
        environ = {"LOG": f"sqlite:///{tmp_path / 'log.db'}"}
        asyncio.run(WarehouseMonitor("w", config, known, clock, environ).look(warehouse))
        found, reasons = defaultdict(Counter), Counter()
        for (metric, labels), amount in known.counted_since(SINCE_MS).items():
            found[labels[0]][metric] += amount
            reasons[labels[1:]] += amount
    truth = cell_truth(simulation, SINCE_MS, JOINED_MS)
    judged = {one: (cells[EXPECTED], cells[SEEN]) for one, cells in found.items() if not cells[UNJUDGED]}
    assert judged == {one: truth[one] for one in judged}
    assert sum(expected for expected, _ in judged.values()) > 20, reasons
    for project_id, cells in found.items():
        expected, seen = truth[project_id]
        assert cells[EXPECTED] <= expected
        assert cells[SEEN] <= seen
    assert any(seen < expected for expected, seen in judged.values())
