"""`demo` as a newcomer meets it: its lines are pasted as they are printed, and its file is changed and given back."""

import re
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner
from helpers.running import SCRIPT, Running, environment, wait_for

from exporter.cli import main
from exporter.cli.demo_banner import own_program
from exporter.clock import SystemClock
from exporter.simulator import Simulation, Tokens

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def started(tmp_path: Path) -> Callable[..., Running]:
    """Starts `hex-exporter demo` in the test's folder."""

    numbers = count()

    def start(*arguments: object) -> Running:
        command = [SCRIPT, "demo", "--storage", tmp_path / "demo", "--web.listen-address", "127.0.0.1:0"]
        return Running([*command, *arguments], tmp_path / f"out-{next(numbers)}", env=environment(HOME=str(tmp_path)))

    return start


def printed(demo: Running) -> str:
    wait_for(lambda: "Ctrl-C ends it" in demo.text, seconds=60)
    return demo.text


def metrics(text: str) -> str:
    [url] = re.findall(r"metrics +(http://\S+)", text)
    return str(urlopen(url, timeout=10).read().decode())


@pytest.mark.integration
@pytest.mark.timeout(400)
def test_its_lines_work_as_pasted_and_the_second_run_is_a_hit(started: Callable[..., Running], tmp_path: Path) -> None:
    """Of 28 projects, the fewest that have all that the lines name, one writes to a database."""
    with started("--projects", 28) as demo:
        text = printed(demo)
        wait_for(lambda: "hex_budget_used" in metrics(text), seconds=90, every=0.5)
        # Until a project's version is read, its runs pass by the cache: it may write to a database.
        wait_for(lambda: re.search(r'cost_basis_ratio.*"exact"} (0\.9|1)', metrics(text)), seconds=120, every=0.5)
        lines = re.findall(r"(?m)^  (\S*hex-exporter (?:report|audit|run|reconcile) .+)$", text)
        assert [line.split()[1] for line in lines] == ["report", "audit", "run", "reconcile"]

        def paste(line: str, **variables: str) -> subprocess.CompletedProcess[str]:
            shell = {**environment(HOME=str(tmp_path)), **variables}
            return subprocess.run(
                line, shell=True, cwd=Path.cwd(), env=shell, capture_output=True, text=True, check=False
            )

        for line in lines:
            done = paste(line)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            assert "miss" in done.stdout if " run " in line else done.stdout
        assert "Warning" not in text
        again = paste(lines[2])
        [writing] = re.findall(r"(?m)^    (\S*hex-exporter run .+)$", text)
        written = [paste(writing).stdout for _ in range(2)]
        checked = paste(lines[0].replace("report", "check").replace(" --last 7d", ""), HEX_API_TOKEN="anything")

    assert "hit" in again.stdout
    assert all("\nbypass" in one and "writes to a database" in one for one in written)
    assert len({line for one in written for line in one.splitlines() if line.startswith("run ")}) == 2
    assert checked.returncode == 0, checked.stdout
    assert "401" not in checked.stdout


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_its_file_is_changed_and_given_back(started: Callable[..., Running], tmp_path: Path) -> None:
    with started("--projects", 5) as demo:
        text = printed(demo)
    changed = tmp_path / "my.yml"
    changed.write_text((tmp_path / "demo" / "demo.yml").read_text().replace("limit: 500", "limit: 77"))

    with started("--projects", 5, "--config", changed) as demo:
        text = printed(demo)
        wait_for(lambda: "hex_budget_limit" in metrics(text), seconds=60)

        assert 'hex_budget_limit{workspace="demo",budget="weekly-runs",unit="runs"} 77' in metrics(text)
        assert str(changed) in text


def test_it_takes_no_configuration_of_a_real_workspace(tmp_path: Path) -> None:
    file = tmp_path / "real.yml"
    file.write_text("workspaces: [{name: acme, token_env: HEX_API_TOKEN}]\n")

    done = CliRunner().invoke(main, ["demo", "--storage", str(tmp_path / "d"), "--config.file", str(file)])

    assert done.exit_code == 1
    assert "workspaces[0].base_url: is not the address of a simulated Hex on this machine" in done.output


def test_its_api_takes_any_token() -> None:
    tokens = Tokens(is_open=True)

    assert tokens.identify("Bearer whatever", 0).is_workspace
    assert not tokens.identify("Bearer hxtp_mine", 0).is_workspace


def test_the_project_that_the_readme_runs_is_that_of_the_demo() -> None:
    from exporter.cli.demo import _triggered

    _, project_id = _triggered(Simulation(1, 40, clock=SystemClock(), plant_since_ms=0))

    assert f" {project_id} --wait" in (ROOT / "README.md").read_text("utf-8")


class TestOwnProgram:
    def test_it_is_named_by_its_path_from_the_folder(self, tmp_path: Path) -> None:
        assert own_program(str(tmp_path / ".venv/bin/hex-exporter"), tmp_path) == ".venv/bin/hex-exporter"

    def test_elsewhere_by_its_whole_path_quoted_for_a_shell(self, tmp_path: Path) -> None:
        assert own_program("/a b/bin/hex-exporter", tmp_path) == "'/a b/bin/hex-exporter'"

    def test_as_a_module_by_its_interpreter(self, tmp_path: Path) -> None:
        assert own_program("/x/exporter/__main__.py", tmp_path) == f"{sys.executable} -m exporter"

    def test_by_its_name_where_the_shell_finds_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "bin" / "hex-exporter"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))

        assert own_program(str(program), tmp_path) == "hex-exporter"
