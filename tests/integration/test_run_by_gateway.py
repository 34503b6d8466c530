"""`hex-exporter run` through the gateway of a running exporter, with a simulated Hex behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from helpers.running import SCRIPT, TOKEN, Running, environment, wait_for
from helpers.serving import serving

from exporter.cli import main
from exporter.clock import SystemClock
from exporter.simulator import RateLimits, Simulation, create_app
from exporter.simulator.timeline import Timeline

LISTENING = r'The gateway is listening" address=(\S+)'


@dataclass(frozen=True)
class Shell:
    """A shell on the machine of the gateway: its configuration file, and a project that ends well."""

    config_file: Path
    url: str
    project_id: str

    def run(self, *arguments: str) -> Result:
        cleared = {"HEX_BASE_URL": None, "HEX_GATEWAY_URL": None, "HEX_API_TOKEN": TOKEN}
        command = ["run", self.project_id, "--gateway", self.url, "--config.file", str(self.config_file), *arguments]
        return CliRunner(env=cleared).invoke(main, command)


@pytest.fixture
def shell(tmp_path, monkeypatch) -> Iterator[Shell]:
    planned = Timeline.plan  # a simulated run fails now and then
    monkeypatch.setattr(Timeline, "plan", lambda *known: planned(*known)._replace(outcome="completed"))
    simulation = Simulation(1, 10, clock=SystemClock(), run_seconds=0.2)
    project = next(one for one in simulation.projects if one.is_runnable and one.sort not in ("failing", "flaky"))
    with serving(create_app(simulation, limits=RateLimits.off())) as hex_url:
        path = tmp_path / "hex.yml"
        path.write_text(
            f"workspaces: [{{name: acme, base_url: {hex_url}/api/v1}}]\n"
            f"storage: {{url: 'sqlite:///{tmp_path}/ledger.db'}}\n"
            "collect: {exports: false}\n"
            "gateway: {listen_address: '127.0.0.1:0', policies: [{min_interval: 1h}]}\n"
        )
        variables = environment(HEX_API_TOKEN=TOKEN, HOME=str(tmp_path))
        command = [SCRIPT, "--config.file", path, "--web.listen-address", "127.0.0.1:0"]
        with Running(command, tmp_path / "out", env=variables) as exporter:
            address = exporter.said(LISTENING)[1]
            yield Shell(path, f"http://{address}", project.project_id)


def run_id(result: Result) -> str:
    return next(line for line in result.output.splitlines() if line.startswith("run "))


@pytest.mark.integration
def test_a_result_is_used_again_unless_the_shell_says_no(shell):
    first = shell.run("--input", "a=1", "--wait")
    again = shell.run("--input", "a=1", "--wait")
    other = shell.run("--input", "a=2")
    fresh = shell.run("--input", "a=1", "--no-cache")

    for result, outcome in ((first, "miss"), (again, "hit"), (other, "miss"), (fresh, "bypass")):
        assert result.exit_code == 0, result.output
        assert f"\n{outcome}  " in result.output
    assert run_id(first) == run_id(again) != run_id(other)
    assert again.output.splitlines()[-1].startswith("ended   completed")


@pytest.mark.integration
def test_what_is_known_of_the_source_can_be_asked(shell):
    path = f"{shell.url}/gateway/v1/projects/{shell.project_id}/source"

    def answered() -> httpx.Response | None:
        answer = httpx.get(path, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, verify=False)
        return None if answer.status_code == 503 else answer

    answer = wait_for(answered)
    stranger = httpx.get(path, trust_env=False, verify=False)

    assert answer.status_code == 200
    assert answer.json()["source"] is None
    assert stranger.status_code == 401
