"""The manifests of several replicas: what they share, and how they are replaced."""

from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture(scope="module")
def replicated(bundle: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The objects in exporter.yaml for three replicas with a gateway, by kind."""
    made = tmp_path_factory.mktemp("bundle")
    config = made / "hex.yml"
    config.write_text(
        "storage: {url_env: HEX_LEDGER_URL}\n"
        "gateway: {listen_address: ':9892', web_config_file: /run/secrets/tls/web.yml}\n"
        "cluster: {advertise_env: HEX_EXPORTER_ADVERTISE, secret_file: /run/secrets/hex-cluster/secret}\n"
    )
    written = bundle(made / "k", "--kubernetes", "--replicas", "3", "--config.file", config)
    assert written.returncode == 0, written.stderr
    return {one["kind"]: one for one in yaml.load_all((made / "k" / "exporter.yaml").read_text(), yaml.CSafeLoader)}


def test_replicas_are_replaced_one_by_one_on_nodes_of_their_own(replicated: dict[str, dict[str, Any]]) -> None:
    spec = replicated["Deployment"]["spec"]

    assert spec["replicas"] == 3
    assert spec["strategy"]["type"] == "RollingUpdate"
    assert "podAntiAffinity" in spec["template"]["spec"]["affinity"]
    assert replicated["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    assert "PersistentVolumeClaim" not in replicated


def test_replicas_take_the_ledgers_address_from_a_secret_and_advertise_their_own(
    replicated: dict[str, dict[str, Any]],
) -> None:
    pod = replicated["Deployment"]["spec"]["template"]["spec"]
    env = {one["name"]: one for one in pod["containers"][0]["env"]}

    assert env["HEX_LEDGER_URL"]["valueFrom"]["secretKeyRef"] == {"name": "hex-ledger", "key": "url"}
    assert env["HEX_EXPORTER_ADVERTISE"]["value"] == "$(POD_IP):9892"
    assert {"name": "cluster", "secret": {"secretName": "hex-cluster"}} in pod["volumes"]


@pytest.mark.parametrize(
    ("config", "wanted"),
    [("collect: {}", "url_env: HEX_LEDGER_URL"),
     ("storage: {url_env: HEX_LEDGER_URL}\ngateway: {}", "advertise_env: HEX_EXPORTER_ADVERTISE")],
)  # fmt: skip
def test_a_configuration_that_replicas_cannot_share_is_refused(
    bundle: Any, tmp_path: Path, config: str, wanted: str
) -> None:
    (tmp_path / "hex.yml").write_text(config)
    written = bundle(tmp_path / "k", "--kubernetes", "--replicas=2", "--config.file", tmp_path / "hex.yml")

    assert written.returncode == 1
    assert wanted in written.stderr
