"""`hex-exporter bundle --kubernetes DIR`: manifests that refer to each other by names that exist."""

import json
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.history_server import serving, until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(bundle: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bundle") / "made"
    written = bundle(
        made,
        "--kubernetes",
        "--grafana-url=https://grafana.example",
        "--job=hex-prod",
        "--namespace=observability",
        "--label=release=prom",
        "--label=team=data",
    )
    assert written.returncode == 0, written.stderr
    return made


@pytest.fixture(scope="module")
def manifests(folder: Path) -> list[dict[str, Any]]:
    kustomization = yaml.load((folder / "kustomization.yaml").read_text(), yaml.CSafeLoader)
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "config.yml",
        "kustomization.yaml",
        *kustomization["resources"],
    }
    return [
        manifest
        for name in kustomization["resources"]
        for manifest in yaml.load_all((folder / name).read_text(), yaml.CSafeLoader)
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
    probes = [container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert probes == ["/-/ready", "/-/healthy", "/-/ready"]
    [claim] = of_kind(manifests, "PersistentVolumeClaim")
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["state"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()


@pytest.mark.slow
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


def test_the_token_comes_from_a_secret_that_is_not_written(folder: Path, manifests: list[dict[str, Any]]) -> None:
    [deployment] = of_kind(manifests, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    [token] = [volume["secret"]["secretName"] for volume in pod["volumes"] if volume["name"] == "token"]
    [mounted] = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "token"]

    assert of_kind(manifests, "Secret") == []
    assert token in (folder / "README.md").read_text()
    [workspace] = yaml.load((folder / "config.yml").read_text(), yaml.CSafeLoader)["workspaces"]
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


OPERATOR = [
    {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": label}
    for label, source in {
        "namespace": "namespace",
        "service": "service_name",
        "pod": "pod_name",
        "container": "pod_container_name",
        "job": "service_name",
    }.items()
] + [{"target_label": "endpoint", "replacement": "metrics"}]
"""What the Prometheus operator puts before the relabelings of a ServiceMonitor."""


class Counting(BaseHTTPRequestHandler):
    """A page with a counter, and one whose own label the operator's would clash with."""

    value = 10

    def do_GET(self) -> None:
        body = f'hex_runs_total{{workspace="a"}} {self.value}\nhex_api_requests_total{{endpoint="runs"}} 1\n'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.integration
@pytest.mark.parametrize("prometheus", ["bookworm", "trixie"], indirect=True)
def test_one_series_goes_through_a_change_of_pods(
    manifests: list[dict[str, Any]], prometheus: Path, tmp_path: Path
) -> None:
    [monitor] = of_kind(manifests, "ServiceMonitor")
    [endpoint] = monitor["spec"]["endpoints"]
    snake = {"targetLabel": "target_label", "replacement": "replacement", "action": "action", "regex": "regex"}
    ours = [{snake[key]: value for key, value in one.items()} for one in endpoint["relabelings"]]
    page = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    targets = tmp_path / "targets.json"

    def schedule(pod: str) -> None:
        labels = {
            "namespace": "observability",
            "service_name": "hex-exporter",
            "pod_name": pod,
            "pod_container_name": "hex-exporter",
        }
        meta = {f"__meta_kubernetes_{key}": value for key, value in labels.items()}
        made = tmp_path / "made.json"
        made.write_text(json.dumps([{"targets": [f"127.0.0.1:{page.server_port}"], "labels": meta}]))
        made.rename(targets)

    schedule("hex-exporter-1")
    scrape = {
        "job_name": "serviceMonitor/hex-exporter/0",
        "scrape_interval": "1s",
        "honor_labels": endpoint["honorLabels"],
        "file_sd_configs": [{"files": [str(targets)], "refresh_interval": "1s"}],
        "relabel_configs": [*OPERATOR, *ours],
    }
    with serving(prometheus, tmp_path / "prometheus", [scrape], itself=False) as server:
        until(lambda: server.value_now("hex_runs_total") == 10)
        schedule("hex-exporter-2")
        until(lambda: "hex-exporter-2" in json.dumps(server.ask("targets", state="active")))
        Counting.value = 17
        until(lambda: server.value_now("hex_runs_total") == 17)
        found = server.ask("series", **{"match[]": '{__name__=~"hex_.*"}'})
    page.shutdown()
    page.server_close()
    Counting.value = 10

    fixed = {"job": "hex-prod", "instance": "hex-exporter"}
    assert sorted(found, key=lambda one: one["__name__"]) == [
        {"__name__": "hex_api_requests_total", "endpoint": "runs", **fixed},
        {"__name__": "hex_runs_total", "workspace": "a", **fixed},
    ]


def test_what_is_selected_by_labels_has_those_that_were_given(manifests: list[dict[str, Any]]) -> None:
    selected = [
        one
        for one in manifests
        if one["kind"] in {"ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"}
        or "grafana_dashboard" in one["metadata"]["labels"]
    ]

    assert len(selected) == 3 + len(list((ROOT / "dashboards").glob("*.json")))
    assert all({"release": "prom", "team": "data"}.items() <= one["metadata"]["labels"].items() for one in selected)


@pytest.mark.slow
def test_without_labels_the_readme_says_why_nothing_would_be_scraped(bundle: Any, tmp_path: Path) -> None:
    assert bundle(tmp_path / "k", "--kubernetes").returncode == 0

    text = (tmp_path / "k" / "README.md").read_text()
    assert "without it nothing is scraped" in text
    assert "--label release=NAME" in text


@pytest.mark.integration
def test_kustomize_gives_the_configuration_a_name_with_a_hash(folder: Path, kubectl: Path, tmp_path: Path) -> None:
    """A changed configuration gets a ConfigMap of a new name, so that the pods are replaced."""

    def rendered(of: Path) -> list[dict[str, Any]]:
        done = subprocess.run([kubectl, "kustomize", of], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        # YAML 1.1 has a type of its own for a lone "=", which kubectl writes without quotes.
        return list(yaml.load_all(done.stdout, Loader=yaml.BaseLoader))

    def used(of: list[dict[str, Any]]) -> str:
        [deployment], [cron] = of_kind(of, "Deployment"), of_kind(of, "CronJob")
        pods = (deployment["spec"]["template"]["spec"], cron["spec"]["jobTemplate"]["spec"]["template"]["spec"])
        [name] = {one["configMap"]["name"] for pod in pods for one in pod["volumes"] if one["name"] == "config"}
        [config] = [one for one in of_kind(of, "ConfigMap") if one["metadata"]["name"] == name]
        assert "config.yml" in config["data"]
        return str(name)

    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "config.yml").write_text((folder / "config.yml").read_text() + "limits: {projects_with_series: 5}\n")

    assert used(rendered(folder)) != used(rendered(other))
    assert {one["metadata"]["namespace"] for one in rendered(folder)} == {"observability"}


@pytest.mark.slow
def test_a_gateway_has_a_port_a_service_and_its_certificate(bundle: Any, tmp_path: Path) -> None:
    file = tmp_path / "hex.yml"
    file.write_text(
        "workspaces: [{name: acme, token_file: /run/secrets/hex/token}]\n"
        "week: {timezone: Pacific/Auckland, starts: sunday}\n"
        'gateway: {listen_address: ":9892", web_config_file: /run/secrets/tls/web.yml}\n'
    )
    assert bundle(tmp_path / "k", "--kubernetes", "--config.file", file).returncode == 0

    made = [
        one for path in (tmp_path / "k").glob("*.yaml") for one in yaml.load_all(path.read_text(), yaml.CSafeLoader)
    ]
    [deployment], [policy] = of_kind(made, "Deployment"), of_kind(made, "NetworkPolicy")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": "gateway", "containerPort": 9892} in container["ports"]
    assert "/run/secrets/tls" in {mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}
    certificate, web_config = volumes["tls"]["projected"]["sources"]
    assert certificate["secret"]["name"] in (tmp_path / "k" / "README.md").read_text()
    [item] = web_config["configMap"]["items"]
    assert item["path"] == "web.yml"
    kustomization = yaml.load((tmp_path / "k" / "kustomization.yaml").read_text(), yaml.CSafeLoader)
    assert kustomization["configMapGenerator"] == [{"name": "hex-exporter", "files": ["config.yml", item["key"]]}]
    tls = yaml.load((tmp_path / "k" / item["key"]).read_text(), yaml.CSafeLoader)["tls_server_config"]
    assert tls == {"cert_file": "tls.crt", "key_file": "tls.key"}
    [service] = [one for one in of_kind(made, "Service") if one["metadata"]["name"] == "hex-gateway"]
    assert service["spec"]["ports"] == [{"name": "gateway", "port": 443, "targetPort": "gateway"}]
    [monitor] = of_kind(made, "ServiceMonitor")
    assert not monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert {"port": "gateway"} in policy["spec"]["ingress"][0]["ports"]
    assert (tmp_path / "k" / "config.yml").read_text() == file.read_text()
    boards = [json.loads(text) for one in of_kind(made, "ConfigMap") for text in one["data"].values()]
    assert {(board["timezone"], board["weekStart"]) for board in boards} == {("Pacific/Auckland", "sunday")}


@pytest.mark.parametrize("place", ["web.yml", "/etc/hex-exporter/web.yml"])
def test_a_certificate_needs_a_folder_that_nothing_else_is_mounted_at(bundle: Any, tmp_path: Path, place: str) -> None:
    file = tmp_path / "hex.yml"
    file.write_text(f'workspaces: [{{name: a}}]\ngateway: {{listen_address: ":9892", web_config_file: {place}}}\n')

    refused = bundle(tmp_path / "k", "--kubernetes", "--config.file", file)

    assert refused.returncode == 1
    assert "gateway.web_config_file: its certificate is mounted beside it" in refused.stderr
    assert "write /run/secrets/tls/web.yml" in refused.stderr


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
        for group in yaml.load(path.read_text(), yaml.CSafeLoader)["groups"]
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))

    checked = subprocess.run(
        [promtool, "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, timeout=60, check=False
    )

    assert checked.returncode == 0, checked.stderr
    alerts = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
    assert [*alerts, "Watchdog"] == sorted(
        [rule["alert"] for group in plain for rule in group["rules"] if "alert" in rule],
        key=lambda name: name == "Watchdog",
    )
    labelled = [rule["labels"]["namespace"] for group in groups for rule in group["rules"] if "alert" in rule]
    assert set(labelled) == {"observability"}
    said = json.dumps(groups)
    assert "$externalLabels" not in said
    assert "https://grafana.example" in said
