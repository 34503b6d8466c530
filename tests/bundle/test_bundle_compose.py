"""compose.yaml against what exists: the image, the bundle that it mounts, and the addresses in it.

Docker is not run here, Compose is. What it would start is the bundle, which the other tests give to the real programs.
"""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from exporter import __version__
from exporter.cli import main
from exporter.config import load_config

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.fixture
def bundled(tmp_path: Path) -> Path:
    """What the service `bundle` writes."""
    _, name, *options = SERVICES["bundle"]["command"]
    done = CliRunner().invoke(main, [name, str(tmp_path), *options])
    assert done.exit_code == 0, done.output
    return tmp_path


def test_images_are_pinned_by_version() -> None:
    for name, service in SERVICES.items():
        assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+(\.\d+)?", service["image"]), name
    assert SERVICES["exporter"]["image"] == f"hex-exporter:{__version__}"
    assert SERVICES["import"]["image"] == SERVICES["prometheus"]["image"]


def test_every_address_is_of_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_services_and_volumes_that_are_named_exist() -> None:
    for service in SERVICES.values():
        assert service.get("depends_on", {}).keys() <= SERVICES.keys()
        given = {volume.partition(":")[0] for volume in service.get("volumes", ()) if not volume.startswith("$")}
        assert given <= COMPOSE["volumes"].keys()


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
        assert f"127.0.0.1:{port}:{port}" in SERVICES[service]["ports"]
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


def test_two_replicas_share_one_ledger_and_one_prometheus_scrapes_both() -> None:
    [scraped] = yaml.safe_load(COMPOSE["configs"]["prometheus-ha"]["content"])["scrape_configs"]
    targets = {target.rpartition(":")[2] for target in scraped["static_configs"][0]["targets"]}
    replicas = [SERVICES[name] for name in ("replica-1", "replica-2")]

    assert targets == {one["command"][-1].rpartition(":")[2] for one in replicas}
    assert len({one["environment"]["HEX_LEDGER_URL"] for one in replicas}) == 1
    text = COMPOSE["configs"]["ha"]["content"]
    environ = {"HEX_LEDGER_URL": replicas[0]["environment"]["HEX_LEDGER_URL"]}
    assert not load_config(text, source="ha.yml", environ=environ, state_dir=Path("/state")).storage.is_file


def test_retention_is_longer_than_the_history() -> None:
    [retention] = [part for part in SERVICES["prometheus"]["command"] if "retention" in part]

    assert int(re.findall(r"=(\d+)d", retention)[0]) > 365


@pytest.mark.parametrize("name", ["exporter", "bundle", "history", "import", "replica-1", "replica-2"])
def test_scripts_are_right_for_a_posix_shell(name: str) -> None:
    script = SERVICES[name]["command"][0].replace("$$", "$")

    checked = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True, timeout=10, check=False)

    assert checked.returncode == 0, checked.stderr


def test_state_is_where_the_image_has_it() -> None:
    assert "VOLUME /var/lib/hex-exporter\n" in (ROOT / "Dockerfile").read_text()
    assert "state:/var/lib/hex-exporter" in SERVICES["exporter"]["volumes"]


@dataclass(frozen=True, kw_only=True)
class Made:
    """A folder with a configuration and secrets, and what the services run there instead of the exporter's program."""

    folder: Path

    def command(self, service: str, **environment: str) -> list[str]:
        """The arguments that a service's script gives to `hex-exporter`, in the order in which Compose would."""
        script, *arguments = SERVICES[service]["command"]
        script = script.replace("$$", "$").replace("/etc/hex-exporter/config.yml", str(self.folder / "hex.yml"))
        program = self.folder / "hex-exporter"
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        program.chmod(0o755)
        done = subprocess.run(
            ["sh", "-c", script, *arguments],
            cwd=self.folder,
            env={"PATH": f"{self.folder}:/usr/bin:/bin", **environment},
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.replace(str(self.folder), "/made").splitlines()


@pytest.mark.parametrize("service", ["exporter", "bundle", "history"])
def test_each_service_takes_the_configuration_that_is_given(service: str, tmp_path: Path) -> None:
    made = Made(folder=tmp_path)
    given = "--config.file=/made/hex.yml"

    assert given not in made.command(service)
    assert given not in made.command(service, HEX_API_TOKEN="x")
    (tmp_path / "hex.yml").write_text("workspaces: [{name: a}]\n")
    assert given in made.command(service)


def test_without_a_configuration_the_token_decides_between_hex_and_the_demo(tmp_path: Path) -> None:
    made = Made(folder=tmp_path)

    assert made.command("exporter") == ["demo", "--web.listen-address=:9891"]
    assert made.command("exporter", HEX_API_TOKEN="x") == ["serve", "--web.listen-address=:9891"]
    assert "--config.file=demo/demo.yml" in made.command("history")


@pytest.mark.integration
@pytest.mark.parametrize("docker_compose", ["trixie"], indirect=True)
def test_compose_mounts_what_is_given_and_else_nothing(docker_compose: Path) -> None:
    def mounted(**environment: str) -> dict[str, str]:
        command = [docker_compose, "--file", ROOT / "compose.yaml", "config"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        exporter = yaml.safe_load(done.stdout)["services"]["exporter"]
        return {volume["target"]: volume["source"] for volume in exporter["volumes"]}

    given = mounted(HEX_CONFIG="/home/me/hex.yml", HEX_SECRETS="/home/me/secrets")

    state = {"/var/lib/hex-exporter": "state"}
    config, secrets = "/etc/hex-exporter/config.yml", "/run/secrets/hex"
    assert given == {**state, config: "/home/me/hex.yml", secrets: "/home/me/secrets"}
    assert mounted() == {**state, config: "/dev/null", secrets: "secrets"}


class TestUp:
    """`scripts/up`, with a `docker` that only says how it was called."""

    @pytest.fixture
    def up(self, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
        def up(*arguments: str, docker: str) -> subprocess.CompletedProcess[str]:
            (tmp_path / "docker").write_text(f"#!/bin/sh\n{docker}\n")
            (tmp_path / "docker").chmod(0o755)
            environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
            command = [ROOT / "scripts" / "up", *arguments]
            return subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=10, check=False
            )

        return up

    def test_one_line_says_that_compose_is_missing(self, up: Any) -> None:
        refused = up(docker='echo "docker: unknown command: docker $1" >&2; exit 1')

        assert refused.returncode == 1
        [line] = refused.stderr.splitlines()
        assert line.startswith("Docker Compose v2 is missing: install docker-compose-plugin")

    def test_compose_gets_whole_paths(self, up: Any, tmp_path: Path) -> None:
        (tmp_path / "hex.yml").write_text("workspaces: [{name: a}]\n")
        (tmp_path / "secrets").mkdir()

        started = up("hex.yml", "secrets", docker='echo "$* $PWD $HEX_CONFIG $HEX_SECRETS"')

        assert started.returncode == 0, started.stderr
        assert started.stdout == f"compose up {ROOT} {tmp_path}/hex.yml {tmp_path}/secrets\n"

    def test_a_file_that_is_not_there_is_refused(self, up: Any) -> None:
        refused = up("hx.yml", docker="exit 0")

        assert (refused.returncode, refused.stderr) == (1, "hx.yml does not exist; name a configuration file\n")
