"""The week's report: the same runs from what was recorded, from the API, from `/metrics` and from the ledger."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from helpers.serving import serving
from hex_of_states import NOON, TOKEN, Clock
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from exporter.client import CostMonitor, HexClient
from exporter.facts import Project, Run
from exporter.insight import week_bounds
from exporter.ledger import RunProgress, open_ledger
from exporter.simulator import RateLimits, Simulation, create_app

WEEK = week_bounds(round(NOON * 1000), "UTC", 0)


def test_what_was_recorded_is_counted_by_project_and_week() -> None:
    clock = Clock(NOON)
    monitor = CostMonitor(budget=10, clock=clock)
    for project_id, days in (("a", 0), ("a", 0.1), ("b", 0.2), ("old", 9)):
        monitor.record_run(project_id, NOON - days * 86_400)
    monitor.record_run("b")
    report = monitor.weekly_report()

    assert (report.total_runs, report.by_project) == (4, {"a": 2, "b": 2})
    assert (report.budget, report.left) == (10, 6)
    assert report.forecast == pytest.approx(4 * (WEEK[1] - WEEK[0]) / (NOON * 1000 - WEEK[0]))


@pytest.mark.slow
def test_by_the_api_it_is_every_run_of_every_project() -> None:
    clock = Clock(NOON)
    simulation = Simulation(1, 12, clock=clock)
    transport = httpx.ASGITransport(app=create_app(simulation, limits=RateLimits.off()))
    expected = Counter(
        run.project_id
        for project in simulation.projects
        for run in (one.seen(simulation.now_ms) for one in simulation.newest(project.project_id))
        if run.status != "unable_to_allocate_kernel" and (run.start_ms or 0) >= WEEK[0]
    )
    with HexClient("http://hex.test/api/v1", TOKEN, transport=transport, clock=clock) as client:
        report = CostMonitor.from_api(client, clock=clock).weekly_report()

    assert report.total_runs == sum(expected.values()) > 0
    assert report.by_project == dict(expected)


PAGE = """\
# TYPE hex_up gauge
hex_up{workspace="w"} 1
# TYPE hex_project_week_runs gauge
hex_project_week_runs{workspace="w",project_id="a"} 3
hex_project_week_runs{workspace="w",project_id="b"} 5
hex_project_week_runs{workspace="w",project_id="c"} 0
# TYPE hex_budget_limit gauge
hex_budget_limit{workspace="w",budget="weekly-runs",unit="runs"} 500
# TYPE hex_budget_used gauge
hex_budget_used{workspace="w",budget="weekly-runs",unit="runs"} 8
# TYPE hex_budget_forecast gauge
hex_budget_forecast{workspace="w",budget="weekly-runs",unit="runs"} 21.5
"""


def test_by_metrics_it_is_what_the_page_says() -> None:
    app = Starlette(routes=[Route("/metrics", lambda _: PlainTextResponse(PAGE))])
    with serving(app) as url:
        report = CostMonitor.from_metrics(f"{url}/metrics").weekly_report()
        with pytest.raises(ValueError, match="has the workspaces w"):
            CostMonitor.from_metrics(f"{url}/metrics", workspace="other").weekly_report()

    assert (report.total_runs, report.by_project) == (8, {"b": 5, "a": 3})
    assert (report.budget, report.left, report.forecast) == (500, 492, 21.5)


def test_by_the_ledger_it_is_what_the_report_says(tmp_path: Path, manual_clock: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("exporter.client.ledger_report.SystemClock", lambda: manual_clock)
    text = f"storage: {{url: 'sqlite:///{tmp_path}/ledger.db'}}\nbudgets: [{{name: b, unit: runs, limit: 7}}]"
    (tmp_path / "hex.yml").write_text(text)
    now_ms = round(manual_clock.now() * 1000)
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=manual_clock)
    workspace = ledger.workspace("default")
    workspace.record_projects([Project(project_id=one, published_ms=1) for one in ("a", "b")], now_ms)
    progress = RunProgress(known_from_ms=0, known_until_ms=now_ms, last_read_ms=now_ms)
    for project_id, count in (("a", 3), ("b", 1)):
        runs = [
            Run(run_id=f"{project_id}{number}", project_id=project_id, status="completed", start_ms=now_ms - 60_000)
            for number in range(count)
        ]
        workspace.record_runs(project_id, runs, progress, now_ms)
    workspace.record_collector("projects", True, now_ms)
    ledger.close()
    report = CostMonitor.from_ledger(tmp_path / "hex.yml").weekly_report()

    assert (report.total_runs, report.by_project) == (4, {"a": 3, "b": 1})
    assert (report.budget, report.left) == (7, 3)


def test_a_program_with_a_loop_of_its_own_may_use_it_too() -> None:
    async def within() -> int:
        monitor = CostMonitor(clock=Clock(NOON))
        monitor.record_run("a")
        return monitor.weekly_report().total_runs

    assert asyncio.run(within()) == 1
