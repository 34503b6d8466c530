"""The scripts of compose.yaml's one-shot services, run as they stand, without Docker: from a ledger to blocks."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.history_server import serving
from history_world import HOUR_MS

pytestmark = pytest.mark.integration

SERVICES = yaml.safe_load((Path(__file__).resolve().parents[2] / "compose.yaml").read_text())["services"]


@pytest.fixture
def state(historian: Any, tmp_path: Path) -> Path:
    """The volume `state`, with the configuration that `demo` leaves in it."""
    folder = tmp_path / "state"
    (folder / "demo").mkdir(parents=True)
    config = f'workspaces: [{{name: acme}}]\nstorage: {{url: "{historian.url}"}}\n'
    (folder / "demo" / "demo.yml").write_text(config)
    return folder


def run(service: str, folder: Path, *places: tuple[str, Path], programs: tuple[Path, ...] = (), **environ: str) -> None:
    """Run a service's script in a folder, its volumes being elsewhere; it has to succeed."""
    script, *arguments = SERVICES[service]["command"]
    script = script.replace("$$", "$")
    for mounted, place in places:
        script = script.replace(mounted, str(place))
    path = ":".join(
        [str(Path(sys.executable).parent), *(str(program.parent) for program in programs), os.environ["PATH"]]
    )
    done = subprocess.run(
        [*SERVICES[service]["entrypoint"], script, *arguments],
        cwd=folder,
        env={"PATH": path, "HEX_API_TOKEN": "", "HISTORY_WAIT": "1", **environ},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("prometheus", "promtool"), [("sid", "sid")], indirect=True)
def test_history_is_in_prometheus_under_the_target_that_it_scrapes(
    historian: Any, state: Path, prometheus: Path, promtool: Path, tmp_path: Path
) -> None:
    historian.learn([historian.run(str(hour), historian.contact_ms - hour * HOUR_MS) for hour in range(1, 100)])
    volumes = (("/prometheus", tmp_path / "data"), ("/state", state))
    (tmp_path / "data").mkdir()

    run("history", state)
    run("import", tmp_path, *volumes, programs=(promtool,))
    blocks = {path.name for path in (tmp_path / "data").iterdir()}
    run("history", state)
    run("import", tmp_path, *volumes, programs=(promtool,))

    assert {path.name for path in (tmp_path / "data").iterdir()} == blocks, "a second start imports nothing"
    with serving(prometheus, tmp_path) as server:
        query = 'sum(hex_runs_total{job="hex",instance="exporter:9891"})'
        assert server.value(query, historian.contact_ms) == 99


def test_a_workspace_without_a_past_keeps_nothing_from_starting(historian: Any, state: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()

    run("history", state)
    run("import", tmp_path, ("/prometheus", tmp_path / "data"), ("/state", state))

    assert list((tmp_path / "data").iterdir()) == []
