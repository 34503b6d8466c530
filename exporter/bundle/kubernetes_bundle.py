"""The bundle for Kubernetes: the Prometheus operator's rules, dashboards for Grafana's sidecar, the exporter."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import yaml

from exporter.bundle.addresses import Addresses
from exporter.bundle.packaged_files import PackagedFiles
from exporter.bundle.yaml_text import yaml_text

NAME = "hex-exporter"
TOKEN_SECRET = "hex-api-token"  # noqa: S105 - a name
PORT = 9891
STATE = "/var/lib/hex-exporter"
USER = 10001
"""The user of the image; the volume belongs to its group."""

Manifest = dict[str, Any]

_LABELS = {"app.kubernetes.io/name": NAME}
_EXTERNAL_LABEL = re.compile(r"\$externalLabels\.(grafana_url|runbook_url)")


def kubernetes_files(packaged: PackagedFiles, addresses: Addresses) -> Mapping[str, str]:
    """Each manifest's file name and text, and a kustomization that has them all."""
    manifests = {
        "exporter.yaml": yaml_text(
            _config(),
            _volume(),
            _deployment(addresses),
            _service(),
            comment=f"Needs the secret {TOKEN_SECRET} with the key token.",
        ),
        "servicemonitor.yaml": yaml_text(_monitor(addresses)),
        "prometheusrule.yaml": yaml_text(_rules(packaged, addresses)),
        "alertmanager.yaml": yaml_text(
            _alertmanager(packaged), comment="Used where an Alertmanager names it as its spec.configSecret."
        ),
    }
    if packaged.dashboards:
        manifests["dashboards.yaml"] = yaml_text(*_dashboards(packaged))
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return {"kustomization.yaml": yaml_text({**kustomization, "resources": sorted(manifests)}), **manifests}


def _manifest(
    api: str, kind: str, name: str = NAME, *, labels: Mapping[str, str] = _LABELS, **content: Any
) -> Manifest:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": dict(labels)}, **content}


def _config() -> Manifest:
    config = {"workspaces": [{"name": "default", "token_file": "/run/secrets/hex/token"}]}
    return _manifest("v1", "ConfigMap", data={"config.yml": yaml_text(config)})


def _volume() -> Manifest:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    return _manifest("v1", "PersistentVolumeClaim", spec=claim)


def _deployment(addresses: Addresses) -> Manifest:
    """One replica that is gone before the next comes: the ledger has one writer."""
    container = {
        "name": NAME,
        "image": addresses.image,
        "args": ["--config.file=/etc/hex-exporter/config.yml", f"--web.listen-address=:{PORT}"],
        "ports": [{"name": "metrics", "containerPort": PORT}],
        "livenessProbe": {"httpGet": {"path": "/-/healthy", "port": "metrics"}, "periodSeconds": 30},
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": "metrics"}},
        "resources": {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/hex-exporter", "readOnly": True},
            {"name": "token", "mountPath": "/run/secrets/hex", "readOnly": True},
            {"name": "state", "mountPath": STATE},
        ],
    }
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": NAME}},
            {"name": "token", "secret": {"secretName": TOKEN_SECRET}},
            {"name": "state", "persistentVolumeClaim": {"claimName": NAME}},
        ],
    }
    spec = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": dict(_LABELS)},
        "template": {"metadata": {"labels": dict(_LABELS)}, "spec": pod},
    }
    return _manifest("apps/v1", "Deployment", spec=spec)


def _service() -> Manifest:
    ports = [{"name": "metrics", "port": PORT, "targetPort": "metrics"}]
    return _manifest("v1", "Service", spec={"selector": dict(_LABELS), "ports": ports})


def _monitor(addresses: Addresses) -> Manifest:
    """Job and instance are fixed, so that series go on when the pod changes, and imported history joins them."""
    endpoint = {
        "port": "metrics",
        "interval": "30s",
        "relabelings": [
            {"targetLabel": "job", "replacement": addresses.job},
            {"targetLabel": "instance", "replacement": NAME},
        ],
    }
    spec = {"selector": {"matchLabels": dict(_LABELS)}, "endpoints": [endpoint]}
    return _manifest("monitoring.coreos.com/v1", "ServiceMonitor", spec=spec)


def _rules(packaged: PackagedFiles, addresses: Addresses) -> Manifest:
    """All groups in one; the addresses stand in the rules, since a rule cannot bring external labels along."""

    def address(found: re.Match[str]) -> str:
        return f'"{getattr(addresses, found[1])}"'

    groups = [
        group
        for text in packaged.rules.values()
        for group in yaml.safe_load(_EXTERNAL_LABEL.sub(address, text))["groups"]
    ]
    return _manifest("monitoring.coreos.com/v1", "PrometheusRule", spec={"groups": groups})


def _alertmanager(packaged: PackagedFiles) -> Manifest:
    """The operator puts the configuration and its templates into one folder."""
    files = {"alertmanager.yaml": packaged.alertmanager.replace("templates/*.tmpl", "*.tmpl"), **packaged.templates}
    return _manifest("v1", "Secret", "hex-alertmanager", stringData=files)


def _dashboards(packaged: PackagedFiles) -> Iterator[Manifest]:
    for file_name, text in packaged.dashboards.items():
        name = f"{PurePath(file_name).stem}-dashboard"
        manifest = _manifest("v1", "ConfigMap", name, labels={**_LABELS, "grafana_dashboard": "1"})
        manifest["metadata"]["annotations"] = {"grafana_folder": "Hex"}
        yield {**manifest, "data": {file_name: text}}
