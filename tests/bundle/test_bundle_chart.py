"""charts/hex-exporter, rendered by Helm: the same objects as the bundle writes."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.kubernetes_fields import faults

from charts.receivers import receivers_text
from exporter import __version__
from exporter.bundle.alertmanager_resource import alertmanager_spec
from exporter.bundle.packaged_files import read_packaged_files
from exporter.config import Week

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "hex-exporter"
VALUES = sorted((CHART / "ci").glob("*.yaml"))
OF_HELM = {"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "helm.sh/chart", "helm.sh/resource-policy"}

Manifest = dict[str, Any]
Helm = Callable[..., subprocess.CompletedProcess[str]]


class Loader(yaml.CSafeLoader):
    """YAML 1.1 has a type of its own for a lone "=", which Go writes without quotes."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)


@pytest.fixture
def run(helm: Path, tmp_path: Path) -> Helm:
    """Runs Helm with these arguments and no settings of this machine."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(helm), *map(str, arguments)]
        place = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, env=place, capture_output=True, text=True, timeout=60, check=False)

    return run


def rendered(run: Helm, *arguments: object, release: str = "hex-exporter") -> dict[tuple[str, str], Manifest]:
    """The objects by kind and name."""
    done = run("template", release, CHART, "--namespace=observability", *arguments)
    assert done.returncode == 0, done.stderr
    return by_name(one for one in yaml.load_all(done.stdout, Loader) if one is not None)


def by_name(manifests: Iterator[Manifest]) -> dict[tuple[str, str], Manifest]:
    found = [((one["kind"], one["metadata"]["name"]), one) for one in manifests]
    assert len(found) == len(dict(found))
    return dict(found)


def without_helm(value: Any) -> Any:
    """The value without what a chart adds: labels of the release, the policy to keep, the hash of the configuration."""
    if isinstance(value, list):
        return [without_helm(one) for one in value]
    if not isinstance(value, dict):
        return value
    dropped = {*OF_HELM, "checksum/config", "imagePullPolicy"}
    plain = {key: without_helm(one) for key, one in value.items() if key not in dropped}
    return {key: one for key, one in plain.items() if not (key == "annotations" and not one)}


def of_kind(objects: dict[tuple[str, str], Manifest], kind: str) -> list[Manifest]:
    return [one for (found, _), one in objects.items() if found == kind]


@pytest.mark.integration
@pytest.mark.parametrize("values", [file for file in VALUES if file.stem != "own-values"], ids=lambda path: path.stem)
def test_it_gives_the_objects_of_the_bundle(run: Helm, bundle: Any, values: Path, tmp_path: Path) -> None:
    given = {**yaml.safe_load((CHART / "values.yaml").read_text()), **yaml.safe_load(values.read_text())}
    config = tmp_path / "hex.yml"
    config.write_text(yaml.safe_dump(given["config"]))
    options = [f"--label={key}={value}" for key, value in given["labels"].items()]
    options += [f"--job={given['job']}", f"--grafana-url={given['grafanaUrl']}", f"--runbook-url={given['runbookUrl']}"]
    options += [
        "--namespace=observability",
        "--image=hex-exporter:1.2",
        f"--config.file={config}",
        f"--replicas={given['replicas']}",
    ]
    folder = tmp_path / "k"
    written = bundle(folder, "--kubernetes", *options)
    assert written.returncode == 0, written.stderr
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    theirs = by_name(
        one for name in kustomization["resources"] for one in yaml.load_all((folder / name).read_text(), Loader)
    )

    ours = rendered(run, "--values", values, "--set=image.tag=1.2")
    configuration = ours.pop(("ConfigMap", "hex-exporter"))["data"]

    assert {name: yaml.safe_load(text) for name, text in configuration.items()} == {
        name: yaml.safe_load((folder / name).read_text()) for name in kustomization["configMapGenerator"][0]["files"]
    }
    assert ours.keys() == theirs.keys()
    for name, theirs_one in theirs.items():
        assert comparable(ours[name]) == comparable(theirs_one), name


def comparable(manifest: Manifest) -> Manifest:
    """Boards as data, and intervals, which are alternatives, in one order."""
    plain = without_helm(manifest)
    if manifest["kind"] == "ConfigMap":
        return {**plain, "data": {name: json.loads(text) for name, text in plain["data"].items()}}
    for interval in plain["spec"].get("muteTimeIntervals", ()):
        interval["timeIntervals"].sort(key=lambda one: json.dumps(one, sort_keys=True))
    return plain


@pytest.mark.integration
@pytest.mark.parametrize("zone", ["Europe/Zurich", "America/Los_Angeles", "Asia/Kolkata"])
def test_office_hours_are_those_of_the_bundle_in_every_zone(run: Helm, zone: str) -> None:
    packaged = read_packaged_files()
    theirs = alertmanager_spec(packaged.alertmanager, packaged.templates, Week(timezone=zone))

    [ours] = of_kind(rendered(run, f"--set=config.week.timezone={zone}"), "AlertmanagerConfig")

    assert comparable(ours)["spec"] == comparable({"kind": "AlertmanagerConfig", "spec": theirs})["spec"]


@pytest.mark.integration
@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_helm_finds_nothing_wrong(run: Helm, values: Path) -> None:
    linted = run("lint", "--strict", CHART, "--values", values)

    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "1 chart(s) linted, 0 chart(s) failed" in linted.stdout


@pytest.mark.integration
def test_a_cluster_has_its_own_volume_proxy_and_nodes(run: Helm) -> None:
    objects = rendered(run, "--values", CHART / "ci" / "own-values.yaml")
    [deployment] = of_kind(objects, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert {kind for kind, _ in objects} == {"ConfigMap", "Deployment", "Service"}
    assert [fault for one in objects.values() for fault in faults(one)] == []
    assert container["image"] == "registry.example:5000/hex-exporter:0.1.0-postgres"
    assert {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"} in container["env"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["state"]["persistentVolumeClaim"]["claimName"] == "ledger"
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}
    service = objects["Service", "hex-gateway"]
    assert service["spec"]["ports"] == [{"name": "gateway", "port": 80, "targetPort": "gateway"}]
    assert {"name": "gateway", "containerPort": 9000} in container["ports"]


@pytest.mark.integration
def test_two_releases_share_a_namespace(run: Helm) -> None:
    """Neither takes a name, or selects a pod, of the other."""
    leave_out = ("--set=dashboards=false", "--set=rules=false", "--set=alertmanagerConfig=false")
    first = rendered(run)
    second = rendered(run, *leave_out, release="labs")

    assert not first.keys() & second.keys()
    assert ("Deployment", "labs-exporter") in second
    [deployment], [service] = of_kind(second, "Deployment"), of_kind(second, "Service")
    [other] = of_kind(first, "Deployment")
    selected = service["spec"]["selector"].items()
    assert selected <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert not selected <= other["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.integration
def test_a_changed_configuration_replaces_the_pod(run: Helm) -> None:
    def pod(*arguments: str) -> Manifest:
        [deployment] = of_kind(rendered(run, *arguments), "Deployment")
        return dict(deployment["spec"]["template"])

    assert pod() == pod("--set=grafanaUrl=https://grafana.example")
    assert pod() != pod("--set=config.limits.projects_with_series=5")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("storage.sizes=1Gi", "additional properties 'sizes' not allowed"),
        ("lables.release=prom", "additional properties 'lables' not allowed"),
        ("grafanaUrl=grafana.example", "/grafanaUrl"),
        ("config.workspaces=null", "/config"),
        ("config.gateway.listen_address=127.0.0.1:9892", "is reached from within its pod only; write :9892"),
        ("config.week.timezone=Europe/Zurick", "Helm finds no time zone Europe/Zurick"),
    ],
)
def test_values_that_are_wrong_are_refused(run: Helm, wrong: str, said: str) -> None:
    refused = run("template", "hex-exporter", CHART, f"--set={wrong}")

    assert refused.returncode != 0
    assert said in refused.stderr


@pytest.mark.integration
def test_notes_say_why_nothing_would_be_scraped(run: Helm) -> None:
    def notes(*arguments: str) -> str:
        installed = run("install", "hex-exporter", CHART, "--dry-run=client", *arguments)
        assert installed.returncode == 0, installed.stderr
        return installed.stdout.partition("NOTES:")[2]

    assert "nothing is scraped" in notes()
    assert "nothing is scraped" not in notes("--set=labels.release=prom")


@pytest.mark.integration
def test_a_package_of_it_is_whole(run: Helm, tmp_path: Path) -> None:
    assert run("package", CHART, "--destination", tmp_path).returncode == 0
    [package] = tmp_path.glob("*.tgz")

    done = run("template", "hex-exporter", package, "--namespace=observability")

    assert package.name == f"hex-exporter-{__version__}.tgz"
    packed = by_name(one for one in yaml.load_all(done.stdout, Loader) if one is not None)
    assert packed == rendered(run)


def test_its_computed_file_is_up_to_date() -> None:
    assert (CHART / "files" / "alertmanagerconfig.yml").read_text() == receivers_text(), "run `make chart`"


def test_its_version_is_that_of_the_program() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_every_value_is_in_the_schema_and_in_the_readme() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    readme = (CHART / "README.md").read_text()

    assert schema["properties"].keys() - {"global"} == values.keys()
    unsaid = {"image", "resources", "historyResources", "podAnnotations", "nodeSelector", "tolerations", "gateway"}
    assert {name for name in values if not re.search(rf"`{name}[`.]", readme)} <= unsaid
