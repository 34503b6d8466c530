"""`hex-exporter serve` with its gateway as a process: answered from outside, killed, started again."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from helpers.running import TOKEN, Exporter, Simulator, configuration, wait_for

pytestmark = pytest.mark.integration

GATEWAY = """
sources:
  - {{match: {{project_id: "*"}}, file: {{paths: ["{data}"]}}, every: 1m}}
gateway:
  listen_address: 127.0.0.1:0
  concurrency: 2
"""


class Gatewayed(Exporter):
    """An exporter with a gateway; `ask` goes through the gateway."""

    def opened(self) -> str:
        """Wait until the gateway answers; where it listens."""
        self.listening()
        self.gateway = self.said(r'event="The gateway is listening" address=(\S+)').group(1)
        self.client = httpx.Client(
            base_url=f"http://{self.gateway}/api/v1",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=90,
            trust_env=False,
            verify=False,
        )
        wait_for(lambda: self.client.get("users/me").status_code == 200)
        return self.gateway

    def kill(self) -> None:
        super().kill()
        if hasattr(self, "client"):
            self.client.close()

    def knows_the_source(self, project_id: str) -> bool:
        """Whether the project's source has been probed and reported its state."""
        url = f"http://{self.gateway}/gateway/v1/projects/{project_id}/source"
        return bool(self.client.get(url).json()["fresh"])

    def run(self, project_id: str) -> httpx.Response:
        return self.client.post(f"projects/{project_id}/runs")

    def rows(self, what: str) -> list[tuple[object, ...]]:
        """What a query of the ledger finds."""
        with sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True) as connection:
            return connection.execute(what).fetchall()

    def metric(self, name: str) -> float:
        """The sum of all series of a metric on the page."""
        lines = [line for line in self.get().text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


@pytest.fixture
def folder(tmp_path: Path, simulator: Simulator) -> Path:
    data = tmp_path / "orders.csv"
    data.write_text("1,2\n")
    more = GATEWAY.format(data=data)
    (tmp_path / "hex-exporter.yml").write_text(configuration(simulator.base_url, tmp_path / "ledger.db", more))
    return tmp_path


@pytest.fixture
def gatewayed(folder: Path, simulator: Simulator) -> Iterator[Gatewayed]:
    with Gatewayed(folder, simulator.base_url) as running:
        running.opened()
        yield running


def runnable(simulator: Simulator) -> list[str]:
    """Projects that can be run, the same in each simulated workspace of this size."""
    listed = httpx.get(
        f"{simulator.base_url}/projects?limit=100",
        headers={"Authorization": f"Bearer {TOKEN}"},
        trust_env=False,
        verify=False,
    ).json()["values"]
    return [one["id"] for one in listed if one["lastPublishedAt"] and not one["archivedAt"] and not one["trashedAt"]]


def run_requests(simulator: Simulator) -> int:
    return sum(one["count"] for one in simulator.ask("state")["requests"] if one["endpoint"] == "run_project")


def test_a_kill_while_runs_are_queued_and_running_loses_and_doubles_nothing(
    folder: Path, simulator: Simulator, gatewayed: Gatewayed
) -> None:
    projects = runnable(simulator)[:3]
    wait_for(lambda: all(gatewayed.knows_the_source(project) for project in projects))
    first = [gatewayed.run(project) for project in projects[:2]]
    assert [answer.headers["X-Hex-Exporter-Cache"] for answer in first] == ["miss", "miss"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(gatewayed.run, projects[2])
        wait_for(lambda: gatewayed.metric("hex_gateway_queue_length") == 1)
        gatewayed.kill()
        with pytest.raises(httpx.HTTPError):
            waiting.result(60)
    assert run_requests(simulator) == 2
    assert sorted(gatewayed.rows("select state from gateway_runs")) == [("started",), ("started",)]

    with Gatewayed(folder, simulator.base_url) as again:
        again.opened()
        joined = [again.run(project) for project in projects[:2]]
        caches = [answer.headers["X-Hex-Exporter-Cache"] for answer in joined]
        assert set(caches) <= {"joined", "hit"}, caches
        assert [answer.json()["runId"] for answer in joined] == [answer.json()["runId"] for answer in first]
        assert run_requests(simulator) == 2
        for project, answer in zip(projects, first, strict=False):
            assert again.client.delete(f"projects/{project}/runs/{answer.json()['runId']}").status_code in (204, 400)
            again.client.delete(f"projects/{project}/runs/{answer.json()['runId']}")
        assert again.run(projects[2]).headers["X-Hex-Exporter-Cache"] == "miss"
        assert run_requests(simulator) == 3
        text = again.text
    assert TOKEN not in gatewayed.text + text


def test_the_page_shows_the_gateway(simulator: Simulator, gatewayed: Gatewayed) -> None:
    project = runnable(simulator)[0]
    wait_for(lambda: gatewayed.knows_the_source(project))
    assert gatewayed.run(project).headers["X-Hex-Exporter-Cache"] == "miss"
    assert gatewayed.run(project).headers["X-Hex-Exporter-Cache"] in ("joined", "hit")
    wait_for(lambda: gatewayed.metric("hex_gateway_active_runs") == 1)
    lines = [line for line in gatewayed.get().text.splitlines() if line.startswith("hex_gateway_requests_total{")]
    assert {line.partition('outcome="')[2].partition('"')[0] for line in lines} >= {"hit", "miss", "joined", "refused"}


def test_a_stop_is_quick_while_callers_wait(simulator: Simulator, gatewayed: Gatewayed) -> None:
    projects = runnable(simulator)[:3]
    for project in projects[:2]:
        gatewayed.run(project)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(gatewayed.run, projects[2])
        wait_for(lambda: gatewayed.metric("hex_gateway_queue_length") == 1)
        gatewayed.process.terminate()
        assert gatewayed.exit_status(seconds=20) == 0
        with pytest.raises(httpx.HTTPError):
            waiting.result(60)
    assert "Traceback" not in gatewayed.text
