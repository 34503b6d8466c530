"""Every object of the bundle has only fields that Kubernetes and the Prometheus operator know, with values they take.

kubernetes_fields.txt restates the schemas. The chart's objects are those of the bundle: test_bundle_chart.py.
"""

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml
from helpers.kubernetes_fields import FIELDS, faults

from exporter.bundle.addresses import Addresses, Cluster
from exporter.bundle.kubernetes_bundle import kubernetes_files
from exporter.bundle.packaged_files import read_packaged_files

CLUSTER = Cluster(
    namespace="observability",
    labels={"release": "prom"},
    gateway_port=9892,
    gateway_web_config=PurePosixPath("/run/secrets/tls/web.yml"),
)


@pytest.fixture(scope="module")
def manifests() -> dict[str, dict[str, Any]]:
    """The objects by kind and name, those of replicas with their number."""
    packaged = read_packaged_files()
    several = kubernetes_files(packaged, Addresses(), replace(CLUSTER, replicas=3))
    files = {**kubernetes_files(packaged, Addresses(), CLUSTER), "3.yaml": several["exporter.yaml"]}
    return {
        f"{one['kind']} {one['metadata']['name']}{' of 3' if name == '3.yaml' else ''}": one
        for name, text in files.items()
        if name.endswith(".yaml") and name != "kustomization.yaml"
        for one in yaml.load_all(text, yaml.CSafeLoader)
    }


@pytest.mark.slow
def test_an_api_server_would_take_every_object(manifests: dict[str, dict[str, Any]]) -> None:
    assert {name: found for name, one in manifests.items() if (found := faults(one))} == {}
    assert {one["kind"] for one in manifests.values()} == {name for name, fields in FIELDS.items() if "kind" in fields}


@pytest.mark.parametrize(
    ("kind", "path", "value", "fault"),
    [
        ("Deployment hex-exporter", "spec.template.spec.containers.0.ports.0.containerPort", "9891", "is not int"),
        ("Deployment hex-exporter", "spec.template.spec.containers.0.imagePullPolice", "Always", "unknown"),
        ("Deployment hex-exporter", "spec.template.spec.securityContext.runAsUser", None, "is not int"),
        ("Deployment hex-exporter", "spec.template.spec.volumes", {"name": "x"}, "not a list"),
        ("PersistentVolumeClaim hex-exporter", "spec.resources.requests.storage", "2 GB", "is not quantity"),
        ("CronJob hex-history", "spec.jobTemplate.spec", [], "not a mapping"),
        ("ServiceMonitor hex-exporter", "spec.endpoints.0.interval", "30 seconds", "is not duration"),
        ("ServiceMonitor hex-exporter", "spec.endpoints.0.relabelings.2.action", "label_drop", "is not replace|"),
        ("ServiceMonitor hex-exporter", "spec.endpoints.0.honor_labels", True, "unknown"),
        ("PrometheusRule hex-exporter", "spec.groups.0.rules.0", {"record": "a:b"}, "expr: missing"),
        ("AlertmanagerConfig hex-exporter", "spec.muteTimeIntervals.0.timeIntervals.0.weekdays", ["1:5"], "weekdays"),
        ("AlertmanagerConfig hex-exporter", "spec.route.routes.0.matchers", ['a="b"'], "not a mapping"),
    ],
)
def test_what_it_would_refuse_is_found(
    manifests: dict[str, dict[str, Any]], kind: str, path: str, value: Any, fault: str
) -> None:
    wrong = yaml.safe_load(yaml.safe_dump(manifests[kind]))
    place: Any = wrong
    *steps, last = path.split(".")
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value

    [found] = faults(wrong)

    assert fault in found
