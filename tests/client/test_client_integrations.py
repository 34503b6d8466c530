"""The drop-ins of integrations/ in the packages that are published, before a simulated Hex.

`./test -m clients` runs these: each package gets an environment of its own in `.cache/clients/`, once.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers.client_packages import python_with
from helpers.running import ROOT, TOKEN, environment
from helpers.serving import serving
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from exporter.clock import SystemClock
from exporter.simulator import Fault, Faults, RateLimits, Simulation, create_app
from exporter.simulator.timeline import Timeline

pytestmark = [pytest.mark.clients, pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]

SCRIPTS = Path(__file__).parent
PACKAGES = {
    "airflow 2.10": ("airflow_deferred_task.py", "apache-airflow==2.10.5"),
    "airflow 3": ("airflow_deferred_task.py", "apache-airflow==3.0.6"),
    "dagster": ("dagster_resource_job.py", "dagster==1.13.29"),
}
FOLDER = str(ROOT / "integrations")


@dataclass(frozen=True)
class Task:
    python: Path
    script: Path
    home: Path

    def run(self, host: str, project_id: str, **more: Any) -> subprocess.CompletedProcess[str]:
        ask = {"host": host, "token": TOKEN, "project_id": project_id, "folder": FOLDER, **more}
        variables = environment(
            HOME=str(self.home), AIRFLOW_HOME=str(self.home), DAGSTER_HOME=str(self.home), NO_PROXY="*"
        )
        return subprocess.run(
            [self.python, self.script, json.dumps(ask)],
            env=variables,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@dataclass(frozen=True)
class Hex:
    simulation: Simulation
    faults: Faults
    url: str

    def project(self, sort: str) -> str:
        return next(one.project_id for one in self.simulation.projects if one.is_runnable and one.sort == sort)

    def ends(self, project_id: str) -> list[str]:
        runs = self.simulation._asked.get(project_id, ())
        seen = (self.simulation._changed.get(run.run_id, run) for run in runs)
        return [run.seen(self.simulation.now_ms).status for run in seen]


@pytest.fixture(params=PACKAGES)
def task(request: pytest.FixtureRequest, tmp_path: Path) -> Task:
    script, requirement = PACKAGES[request.param]
    return Task(python_with(request.config, (requirement,)), SCRIPTS / script, tmp_path)


@pytest.fixture
def hex_() -> Iterator[Hex]:
    simulation, faults = Simulation(1, 40, clock=SystemClock(), run_seconds=2.0), Faults()
    with serving(create_app(simulation, faults=faults, limits=RateLimits.off())) as url:
        yield Hex(simulation, faults, url)


def test_it_is_green_when_the_run_has_completed_and_not_before(
    task: Task, hex_: Hex, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = Timeline.plan
    monkeypatch.setattr(Timeline, "plan", lambda *known: planned(*known)._replace(outcome="completed"))
    project = hex_.project("weekly")
    hex_.faults.add(Fault(kind="429", endpoint="run_project", count=1, retry_after=1))
    hex_.faults.add(Fault(kind="500", endpoint="run_status", count=1))
    done = task.run(hex_.url, project, inputs={"region": "north"})
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["status"] == "COMPLETED"
    assert result["run_id"] in result["run_url"]
    assert hex_.ends(project) == ["completed"]


def test_a_failed_run_is_red(task: Task, hex_: Hex) -> None:
    project = hex_.project("failing")
    done = task.run(hex_.url, project)
    assert done.returncode != 0
    assert "ERRORED" in done.stderr
    assert hex_.ends(project) == ["errored"]


def test_a_run_that_takes_too_long_is_red_and_airflow_cancels_it_where_that_is_wanted(task: Task, hex_: Hex) -> None:
    project = hex_.project("weekly")
    hex_.simulation._run_seconds = 600.0
    done = task.run(hex_.url, project, timeout=1, cancels=True)
    assert done.returncode != 0
    assert "not over after 1 s" in done.stderr
    assert hex_.ends(project) == (["killed"] if "airflow" in task.script.name else ["running"])


@pytest.mark.parametrize(
    ("status", "ends"), [("KILLED", False), ("UNABLE_TO_ALLOCATE_KERNEL", False), ("MELTED", True)]
)
def test_states_that_other_packages_do_not_know_are_red(task: Task, status: str, ends: bool) -> None:
    async def started(request: Any) -> JSONResponse:
        return JSONResponse({"runId": "r1", "runUrl": "https://hex.example/r1"}, 201)

    async def state(request: Any) -> JSONResponse:
        return JSONResponse({"status": status, "endTime": "2026-11-20T10:00:00Z" if ends else None})

    path = "/api/v1/projects/p1/runs"
    app = Starlette(routes=[Route(path, started, methods=["POST"]), Route(f"{path}/r1", state)])
    with serving(app) as url:
        done = task.run(url, "p1")
    assert done.returncode != 0
    assert f"run r1: {status}" in done.stderr


def test_a_start_without_an_answer_is_not_repeated(task: Task) -> None:
    seen: list[str] = []

    async def lost(request: Any) -> JSONResponse:
        seen.append(request.method)
        return JSONResponse({}, 502)

    with serving(Starlette(routes=[Route("/api/v1/projects/p1/runs", lost, methods=["POST"])])) as url:
        done = task.run(url, "p1")
    assert done.returncode != 0
    assert "whether a run" in done.stderr
    assert seen == ["POST"]
