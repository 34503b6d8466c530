"""The clients that docs/gateway.md names, as they are published, through a gateway process before a simulated Hex.

`./test -m clients` runs them: each package gets an environment of its own in `.cache/clients/`, once, which takes
minutes; the other test runs leave them out.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from helpers.client_packages import python_with
from helpers.running import SCRIPT, TOKEN, Running, environment, wait_for
from helpers.serving import serving

from exporter.clock import SystemClock
from exporter.simulator import Fault, Faults, RateLimits, Simulation, create_app

pytestmark = [pytest.mark.clients, pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]

SCRIPTS = Path(__file__).parent / "clients"
CLIENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "hex-toolkit": ("toolkit_script.py", ("hex-toolkit==0.6.0",)),
    "dagster-hex": ("dagster_job.py", ("dagster-hex==0.1.10",)),
    "airflow-provider-hex": ("airflow_task.py", ("airflow-provider-hex==0.1.9", "apache-airflow==2.10.5")),
    "prefect-hex": ("prefect_flow.py", ("prefect-hex==0.2.1", "prefect<3", "pendulum==2.1.2")),
}
RATE = "{per_minute: 6000, per_hour: 60000}"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LISTENING = r'The gateway is listening" address=(\S+)'


@dataclass(frozen=True)
class Workplace:
    """A gateway before a simulated Hex whose runs last two seconds, and the data that its notebooks read."""

    simulation: Simulation
    faults: Faults
    host: str
    hex_host: str
    data: Path

    def run(self, project_id: str, body: object = None) -> httpx.Response:
        """What a plain script does, once the source has been probed."""
        source = f"{self.host}/gateway/v1/projects/{project_id}/source"
        wait_for(lambda: httpx.get(source, headers=BEARER, trust_env=False).json()["fresh"])
        address = f"{self.host}/api/v1/projects/{project_id}/runs"
        return httpx.post(address, json=body or {}, headers=BEARER, timeout=60, trust_env=False)

    def project(self, sort: str | None = None) -> str:
        """A project whose runs complete, or one of a sort."""
        wanted = [one for one in self.simulation.projects if one.is_runnable]
        if sort is None:
            return next(one.project_id for one in wanted if one.sort not in ("failing", "flaky"))
        return next(one.project_id for one in wanted if one.sort == sort)

    def started(self) -> int:
        """How many runs Hex has started for requests."""
        return sum(len(runs) for runs in self.simulation._requested.values())

    def ends(self, project_id: str) -> list[str]:
        """How the project's requested runs have ended so far, in the order in which they were started."""
        runs = (self.simulation._changed.get(run.run_id, run) for run in self.simulation._requested[project_id])
        return [run.seen(self.simulation.now_ms).status for run in runs]


@dataclass(frozen=True)
class Client:
    """One package's way to run a project."""

    python: Path
    script: Path
    home: Path

    def run(self, workplace: Workplace, project_id: str, **more: Any) -> "Ended":
        ask = {"host": workplace.host, "token": TOKEN, "project_id": project_id, **more}
        variables = environment(
            HOME=str(self.home), AIRFLOW_HOME=str(self.home), DAGSTER_HOME=str(self.home), NO_PROXY="*"
        )
        done = subprocess.run(
            [self.python, self.script, json.dumps(ask)],
            env=variables,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Ended:
    status: int
    output: str
    said: str

    @property
    def run_id(self) -> str:
        assert self.status == 0, self.output + self.said
        return str(json.loads(self.output.splitlines()[-1])["run_id"])


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    simulation = Simulation(1, 40, clock=SystemClock(), run_seconds=2.0)
    faults = Faults()
    data = tmp_path / "orders.csv"
    data.write_text("1,2\n")
    with serving(create_app(simulation, faults=faults, limits=RateLimits.off())) as hex_url:
        path = tmp_path / "hex.yml"
        path.write_text(
            f"workspaces: [{{name: acme, base_url: {hex_url}/api/v1, rate_limit: {RATE}}}]\n"
            f"storage: {{url: 'sqlite:///{tmp_path}/ledger.db'}}\n"
            f"sources: [{{match: {{project_id: '*'}}, file: {{paths: ['{data}']}}, every: 5m}}]\n"
            "gateway: {listen_address: '127.0.0.1:0', queue: {wait: 3s}, concurrency: 1}\n"
        )
        command = [SCRIPT, "--config.file", path, "--web.listen-address", "127.0.0.1:0"]
        variables = environment(HEX_API_TOKEN=TOKEN, HOME=str(tmp_path))
        with Running(command, tmp_path / "out", env=variables) as exporter:
            host = f"http://{exporter.said(LISTENING)[1]}"
            wait_for(lambda: httpx.get(f"{host}/api/v1/users/me", headers=BEARER, trust_env=False).status_code == 200)
            yield Workplace(simulation, faults, host, hex_url, data)


def client_of(name: str, config: pytest.Config, folder: Path) -> Client:
    script, requirements = CLIENTS[name]
    home = folder / "home"
    home.mkdir()
    return Client(python_with(config, requirements), SCRIPTS / script, home)


@pytest.fixture(params=[name for name in CLIENTS if name != "prefect-hex"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Client:
    return client_of(request.param, request.config, tmp_path)


@pytest.fixture
def prefect(request: pytest.FixtureRequest, tmp_path: Path) -> Client:
    return client_of("prefect-hex", request.config, tmp_path)


@pytest.mark.usefixtures("all_runs_complete")
def test_what_it_runs_is_run_once_for_the_same_data_and_again_for_new(workplace: Workplace, client: Client) -> None:
    project = workplace.project()
    first = client.run(workplace, project, inputs={"region": "north"})
    again = client.run(workplace, project, inputs={"region": "north"})
    assert first.run_id == again.run_id
    assert workplace.started() == 1

    workplace.data.write_text("1,2\n3,4\n")
    fresh = client.run(workplace, project, inputs={"region": "north"})
    assert fresh.run_id != first.run_id
    assert workplace.ends(project) == ["completed", "completed"]


def test_a_failed_run_fails_it(workplace: Workplace, client: Client) -> None:
    project = workplace.project("failing")
    ended = client.run(workplace, project)
    assert ended.status != 0
    assert workplace.ends(project) == ["errored"]


def test_a_full_queue_fails_it_and_starts_nothing(workplace: Workplace, client: Client) -> None:
    other, project = workplace.project("weekly"), workplace.project()
    workplace.simulation._run_seconds = 600.0
    assert workplace.run(other).status_code == 201
    ended = client.run(workplace, project)
    assert ended.status != 0
    assert "429" in ended.output + ended.said or "Rate limit" in ended.said
    assert workplace.started() == 1


def test_a_run_that_takes_too_long_fails_it_and_is_cancelled_in_hex(workplace: Workplace, client: Client) -> None:
    project = workplace.project()
    workplace.simulation._run_seconds = 600.0
    ended = client.run(workplace, project, timeout=3)
    assert ended.status != 0
    assert workplace.ends(project) == ["killed"]


@pytest.mark.usefixtures("all_runs_complete")
def test_a_hiccup_of_hex_while_it_polls_is_what_it_would_be_without_the_gateway(workplace, client) -> None:
    workplace.faults.add(Fault(kind="429", endpoint="run_status", count=2, retry_after=1))
    assert client.run(workplace, workplace.project()).run_id


@pytest.mark.usefixtures("all_runs_complete")
def test_prefect_is_given_the_result_of_a_run_that_has_ended(workplace: Workplace, prefect: Client) -> None:
    project = workplace.project()
    run_id = workplace.run(project, {"inputParams": {"region": "north"}}).json()["runId"]
    status = f"{workplace.host}/api/v1/projects/{project}/runs/{run_id}"
    wait_for(lambda: httpx.get(status, headers=BEARER, trust_env=False).json()["status"] == "COMPLETED")
    assert prefect.run(workplace, project, inputs={"region": "north"}).run_id == run_id
    assert workplace.started() == 1


def test_prefect_cannot_read_a_run_that_is_running_with_or_without_the_gateway(workplace, prefect: Client) -> None:
    workplace.simulation._run_seconds = 600.0
    for host in (workplace.host, workplace.hex_host):
        ended = prefect.run(workplace, workplace.project(), host=host)
        assert ended.status != 0
        assert "elapsedTime" in ended.said
