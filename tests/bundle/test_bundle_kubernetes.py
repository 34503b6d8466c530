"""`hex-exporter bundle --kubernetes DIR`: manifests that refer to each other by names that exist."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(bundle: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bundle") / "made"
    written = bundle(made, "--kubernetes", "--grafana-url=https://grafana.example", "--job=hex-prod")
    assert written.returncode == 0, written.stderr
    return made


@pytest.fixture(scope="module")
def manifests(folder: Path) -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert {path.name for path in folder.iterdir()} == {"kustomization.yaml", *kustomization["resources"]}
    return [
        manifest for name in kustomization["resources"] for manifest in yaml.safe_load_all((folder / name).read_text())
    ]


def of_kind(manifests: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


@pytest.mark.slow
def test_every_manifest_has_a_name_of_its_own(manifests: list[dict[str, Any]]) -> None:
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]

    assert len(names) == len(set(names))
    assert all(manifest["metadata"]["labels"] for manifest in manifests)


@pytest.mark.slow
def test_the_exporter_runs_once_with_a_volume_and_without_rights(manifests: list[dict[str, Any]]) -> None:
    [deployment] = of_kind(manifests, "Deployment")
    spec = deployment["spec"]
    pod = spec["template"]["spec"]
    [container] = pod["containers"]

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert {container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")} == {
        "/-/healthy",
        "/-/ready",
    }
    [claim] = of_kind(manifests, "PersistentVolumeClaim")
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["state"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()


def test_volume_user_and_port_are_those_of_the_image(manifests: list[dict[str, Any]]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    [deployment] = of_kind(manifests, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    user = pod["securityContext"]["runAsUser"]

    assert f"USER {user}:{pod['securityContext']['fsGroup']}\n" in dockerfile
    assert f"EXPOSE {container['ports'][0]['containerPort']}\n" in dockerfile
    [state] = [mount for mount in container["volumeMounts"] if mount["name"] == "state"]
    assert f"VOLUME {state['mountPath']}\n" in dockerfile


def test_the_token_comes_from_a_secret_that_is_not_written(manifests: list[dict[str, Any]]) -> None:
    [deployment] = of_kind(manifests, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    [token] = [volume["secret"]["secretName"] for volume in pod["volumes"] if volume["name"] == "token"]
    [config] = [one for one in of_kind(manifests, "ConfigMap") if "config.yml" in one["data"]]
    [mounted] = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "token"]

    assert token not in {manifest["metadata"]["name"] for manifest in of_kind(manifests, "Secret")}
    [workspace] = yaml.safe_load(config["data"]["config.yml"])["workspaces"]
    assert workspace["token_file"] == f"{mounted}/token"


def test_monitor_service_and_pods_select_each_other(manifests: list[dict[str, Any]]) -> None:
    [monitor], [service], [deployment] = (
        of_kind(manifests, kind) for kind in ("ServiceMonitor", "Service", "Deployment")
    )

    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    [endpoint], [port] = monitor["spec"]["endpoints"], service["spec"]["ports"]
    assert endpoint["port"] == port["name"]
    assert port["targetPort"] == deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"]


def test_series_keep_their_job_and_instance_when_the_pod_is_another(manifests: list[dict[str, Any]]) -> None:
    [monitor] = of_kind(manifests, "ServiceMonitor")
    [endpoint] = monitor["spec"]["endpoints"]

    assert {one["targetLabel"]: one["replacement"] for one in endpoint["relabelings"]} == {
        "job": "hex-prod",
        "instance": "hex-exporter",
    }


@pytest.mark.slow
def test_grafanas_sidecar_finds_every_dashboard(manifests: list[dict[str, Any]]) -> None:
    found = {
        name: text
        for manifest in of_kind(manifests, "ConfigMap")
        if manifest["metadata"]["labels"].get("grafana_dashboard") == "1"
        for name, text in manifest["data"].items()
    }

    assert {name: json.loads(text) for name, text in found.items()} == {
        path.name: json.loads(path.read_text()) for path in (ROOT / "dashboards").glob("*.json")
    }
    assert all(len(text.encode()) < 250_000 for text in found.values()), "kubectl apply keeps a copy, of 256 kB at most"


@pytest.mark.integration
@pytest.mark.parametrize("promtool", ["bookworm", "trixie", "sid"], indirect=True)
def test_the_rules_are_those_of_the_repository_with_addresses_in_them(
    manifests: list[dict[str, Any]], promtool: Path, tmp_path: Path
) -> None:
    [rule] = of_kind(manifests, "PrometheusRule")
    groups = rule["spec"]["groups"]
    plain = [
        group
        for path in sorted((ROOT / "alerts/rules").iterdir())
        for group in yaml.safe_load(path.read_text())["groups"]
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))

    checked = subprocess.run(
        [promtool, "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, timeout=60, check=False
    )

    assert checked.returncode == 0, checked.stderr
    assert [(group["name"], len(group["rules"])) for group in groups] == [
        (one["name"], len(one["rules"])) for one in plain
    ]
    said = json.dumps(groups)
    assert "$externalLabels" not in said
    assert "https://grafana.example" in said
