"""`hex-exporter bundle DIR`: files that the programs take as they are, and that find each other."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from exporter.cli import main
from exporter.cli.commands import DEFAULT_INSTANCE, DEFAULT_JOB

ROOT = Path(__file__).resolve().parents[2]
SUITES = ["bookworm", "trixie", "sid"]


@pytest.fixture(scope="module")
def folder(bundle: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bundle") / "made"
    written = bundle(made, "--grafana-url=https://grafana.example", "--job=hex-prod")
    assert written.returncode == 0, written.stderr
    return made


def read(path: Path) -> Any:
    return yaml.load(path.read_text(), yaml.CSafeLoader)


class TestFiles:
    @pytest.mark.slow
    def test_are_those_of_the_repository(self, folder: Path) -> None:
        for source, target in (
            (ROOT / "dashboards", folder / "grafana" / "dashboards"),
            (ROOT / "alerts" / "rules", folder / "prometheus" / "rules"),
            (ROOT / "alerts" / "templates", folder / "alertmanager" / "templates"),
        ):
            wanted = {
                path.name: path.read_bytes() for path in source.iterdir() if path.suffix in {".json", ".yml", ".tmpl"}
            }
            assert wanted
            assert {path.name: path.read_bytes() for path in target.iterdir()} == wanted
        assert (folder / "alertmanager" / "alertmanager.yml").read_text() == (
            ROOT / "alerts/alertmanager.yml"
        ).read_text()

    def test_parse(self, folder: Path) -> None:
        for path in folder.rglob("*"):
            if path.suffix == ".yml":
                assert read(path)
            elif path.suffix == ".json":
                assert json.loads(path.read_text())["uid"]

    def test_prometheus_finds_rules_exporter_and_alertmanager(self, folder: Path) -> None:
        config = read(folder / "prometheus" / "prometheus.yml")

        assert config["global"]["external_labels"]["grafana_url"] == "https://grafana.example"
        assert config["global"]["external_labels"]["runbook_url"].endswith("/docs/runbooks.md")
        [job] = config["scrape_configs"]
        assert job == {"job_name": "hex-prod", "static_configs": [{"targets": [DEFAULT_INSTANCE]}]}
        [pattern] = config["rule_files"]
        assert list((folder / "prometheus").glob(pattern))

    def test_every_external_label_that_a_rule_uses_is_set_and_kept_from_alertmanager(self, folder: Path) -> None:
        config = read(folder / "prometheus" / "prometheus.yml")
        used = {
            word.partition("$externalLabels.")[2].split("}")[0].split()[0]
            for path in (folder / "prometheus" / "rules").iterdir()
            for word in path.read_text().split()
            if "$externalLabels." in word
        }

        assert used == set(config["global"]["external_labels"])
        [dropped] = config["alerting"]["alert_relabel_configs"]
        assert (dropped["action"], set(dropped["regex"].split("|"))) == ("labeldrop", used)

    def test_grafana_finds_its_dashboards_and_its_prometheus(self, folder: Path) -> None:
        [provider] = read(folder / "grafana/provisioning/dashboards/hex.yml")["providers"]
        [source] = read(folder / "grafana/provisioning/datasources/hex.yml")["datasources"]

        assert Path(provider["options"]["path"]) == folder / "grafana" / "dashboards"
        assert (source["type"], source["url"]) == ("prometheus", "http://localhost:9090")

    def test_nothing_clashes_with_what_a_grafana_has_already(self, folder: Path) -> None:
        """A second default data source stops Grafana; one of a name that is taken replaces it."""
        [provider] = read(folder / "grafana/provisioning/dashboards/hex.yml")["providers"]
        [source] = read(folder / "grafana/provisioning/datasources/hex.yml")["datasources"]

        assert source["isDefault"] is False
        assert (source["name"], source["uid"]) == ("Hex Prometheus", "hex-prometheus")
        assert (provider["name"], provider["folderUid"]) == ("hex-exporter", "hex-exporter")
        boards = [json.loads(path.read_text()) for path in (folder / "grafana" / "dashboards").iterdir()]
        assert all(board["uid"].startswith("hex-") for board in boards)

    def test_dashboards_name_no_data_source_but_their_variable(self, folder: Path) -> None:
        for path in (folder / "grafana" / "dashboards").iterdir():
            named = set(re.findall(r'"uid": "([^"]*)"', path.read_text())) - {json.loads(path.read_text())["uid"]}
            assert named == {"${datasource}"}, path.name

    def test_the_data_source_is_the_default_where_that_is_wanted(self, bundle: Any, tmp_path: Path) -> None:
        assert bundle(tmp_path / "own", "--default-datasource").returncode == 0

        [source] = read(tmp_path / "own/grafana/provisioning/datasources/hex.yml")["datasources"]
        assert source["isDefault"] is True

    def test_the_defaults_are_those_of_the_repositorys_own_configuration(self) -> None:
        """`history` writes these labels, so that imported and live series are one."""
        [job] = read(ROOT / "alerts" / "prometheus.yml")["scrape_configs"]

        assert job["job_name"] == DEFAULT_JOB
        assert job["static_configs"] == [{"targets": [DEFAULT_INSTANCE]}]
        options = {option.name: option.default for option in main.commands["history"].params}  # type: ignore[attr-defined]
        assert (options["job"], options["instance"]) == (DEFAULT_JOB, DEFAULT_INSTANCE)

    @pytest.mark.integration
    @pytest.mark.parametrize("promtool", SUITES, indirect=True)
    def test_prometheus_takes_it(self, folder: Path, promtool: Path) -> None:
        checked = run(promtool, "check", "config", folder / "prometheus" / "prometheus.yml")

        assert checked.returncode == 0, checked.stderr
        assert checked.stdout.count("SUCCESS") >= 1 + len(list((folder / "prometheus" / "rules").iterdir()))

    @pytest.mark.integration
    @pytest.mark.parametrize("amtool", SUITES, indirect=True)
    def test_alertmanager_takes_it(self, folder: Path, amtool: Path) -> None:
        checked = run(amtool, "check-config", folder / "alertmanager" / "alertmanager.yml")

        assert checked.returncode == 0, checked.stderr
        assert "1 templates" in checked.stdout


class TestFolder:
    def test_that_is_not_empty_is_left_alone(self, bundle: Any, tmp_path: Path) -> None:
        (tmp_path / "mine").write_text("precious")

        refused = bundle(tmp_path)

        assert refused.returncode == 1
        assert refused.stderr == (
            f"hex-exporter: {tmp_path}: is not empty; "
            "name an empty or a new folder, or write over what is in it with --force\n"
        )
        assert [path.name for path in tmp_path.iterdir()] == ["mine"]

    @pytest.mark.slow
    def test_that_is_not_empty_is_written_to_by_force(self, bundle: Any, tmp_path: Path) -> None:
        (tmp_path / "mine").write_text("precious")

        assert bundle(tmp_path, "--force").returncode == 0
        assert bundle(tmp_path, "--force", "--job=other").returncode == 0

        assert (tmp_path / "mine").read_text() == "precious"
        assert "job_name: other" in (tmp_path / "prometheus" / "prometheus.yml").read_text()

    def test_that_cannot_be_made_is_told_in_a_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        done = CliRunner().invoke(main, ["bundle", str(tmp_path / "file" / "made")])

        assert done.exit_code == 1
        assert "cannot be written: Not a directory" in done.output


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--target", "nonsense"], '--target: "nonsense" is not valid; write HOST:PORT, [IPV6]:PORT or :PORT'),
        (["--target", ":9891"], '--target: ":9891" has no host; write HOST:PORT'),
        (["--grafana-url", "grafana"], "--grafana-url: the address does not begin with https://; write https://HOST"),
        (["--job", " "], "--job: an empty name is not valid; write what Prometheus calls the exporter, such as hex"),
        (["--label", "a=b"], "--label: has no use without --kubernetes; leave it out"),
        (["--kubernetes", "--target", "a:1"], "--target: has no use with --kubernetes; leave it out"),
        (["--kubernetes", "--label", "a"], '--label: "a" is not a label; write KEY=VALUE, such as release=prom'),
        (
            ["--kubernetes", "--namespace", "Mine_"],
            '--namespace: "Mine_" is not a namespace; write lower-case letters, digits and hyphens',
        ),
        (
            ["--config.file", "no-such.yml"],
            "no-such.yml: cannot be read: No such file or directory; name the exporter's",
        ),
    ],
)
def test_an_option_that_is_wrong_or_not_used_is_refused(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = CliRunner().invoke(main, ["bundle", str(tmp_path / "made"), *arguments])

    assert done.exit_code == 1
    assert done.output.startswith(f"hex-exporter: {sentence}")
    assert not (tmp_path / "made").exists()
