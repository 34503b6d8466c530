"""compose.yaml against what exists: the image, the bundle that it mounts, and the addresses in it.

Docker is not run here. What it would start is the bundle, which the other tests give to the real programs.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from exporter import __version__
from exporter.cli import main

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.fixture
def bundled(tmp_path: Path) -> Path:
    """What the service `bundle` writes."""
    command = SERVICES["bundle"]["command"]
    done = CliRunner().invoke(main, [str(tmp_path) if part == "/bundle" else part for part in command])
    assert done.exit_code == 0, done.output
    return tmp_path


def test_images_are_pinned_by_version() -> None:
    for name, service in SERVICES.items():
        assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", service["image"]), name
    assert SERVICES["exporter"]["image"] == f"hex-exporter:{__version__}"
    assert SERVICES["import"]["image"] == SERVICES["prometheus"]["image"]


def test_every_address_is_of_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_services_and_volumes_that_are_named_exist() -> None:
    for service in SERVICES.values():
        assert service.get("depends_on", {}).keys() <= SERVICES.keys()
        assert {volume.partition(":")[0] for volume in service.get("volumes", ())} <= COMPOSE["volumes"].keys()


def test_paths_in_the_bundle_exist(bundled: Path) -> None:
    named = set(re.findall(r"/bundle/[\w./-]+", (ROOT / "compose.yaml").read_text()))

    assert len(named) >= 4
    for path in named:
        assert (bundled / path.removeprefix("/bundle/")).exists(), path
    mounted = [
        name for name, one in SERVICES.items() if any(v.startswith("bundle:/bundle") for v in one.get("volumes", ()))
    ]
    assert mounted == ["bundle", "prometheus", "alertmanager", "grafana"]


def test_services_find_each_other(bundled: Path) -> None:
    """Each address in the bundle is a service of this file, at the port on which it listens."""
    config = yaml.safe_load((bundled / "prometheus" / "prometheus.yml").read_text())
    [source] = yaml.safe_load((bundled / "grafana/provisioning/datasources/hex.yml").read_text())["datasources"]
    [job] = config["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    [alertmanager] = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]

    for address in (target, alertmanager, source["url"].removeprefix("http://")):
        service, _, port = address.partition(":")
        assert SERVICES[service]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert config["global"]["external_labels"]["grafana_url"] == "http://localhost:3000"
    assert source["isDefault"] is True  # Grafana here has no other


def test_the_history_is_imported_under_the_labels_of_live_scraping(bundled: Path) -> None:
    config = yaml.safe_load((bundled / "prometheus" / "prometheus.yml").read_text())
    [job] = config["scrape_configs"]
    script = SERVICES["history"]["command"][0]
    options = {option.opts[0] for option in main.commands["history"].params}  # type: ignore[attr-defined]

    assert f"--instance={job['static_configs'][0]['targets'][0]} " in script
    assert set(re.findall(r"--[a-z.]+", script)) <= options
    assert job["job_name"] == "hex"
    assert "--max-block-duration=240h" in SERVICES["import"]["command"][0]
    assert SERVICES["prometheus"]["depends_on"]["import"]["condition"] == "service_completed_successfully"


def test_retention_is_longer_than_the_history() -> None:
    [retention] = [part for part in SERVICES["prometheus"]["command"] if "retention" in part]

    assert int(re.findall(r"=(\d+)d", retention)[0]) > 365


@pytest.mark.parametrize("name", ["exporter", "history", "import"])
def test_scripts_are_right_for_a_posix_shell(name: str) -> None:
    script = SERVICES[name]["command"][0].replace("$$", "$")

    checked = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True, timeout=10, check=False)

    assert checked.returncode == 0, checked.stderr


def test_state_is_where_the_image_has_it() -> None:
    assert "VOLUME /var/lib/hex-exporter\n" in (ROOT / "Dockerfile").read_text()
    assert SERVICES["exporter"]["volumes"] == ["state:/var/lib/hex-exporter"]
