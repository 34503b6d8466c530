"""What the Prometheus operator and Grafana's sidecar take: the monitor, the rules, the receivers, the boards."""

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import yaml

from exporter.bundle.addresses import Addresses, Cluster
from exporter.bundle.alertmanager_resource import alertmanager_spec
from exporter.bundle.kubernetes_exporter import NAME, OWN_LABELS, Manifest, manifest
from exporter.bundle.packaged_files import PackagedFiles

CHANGING = ("pod", "container", "namespace", "service", "endpoint", "node")
"""The labels that the operator adds to a target and that would make new series of each pod."""

_EXTERNAL_LABEL = re.compile(r"\$externalLabels\.(grafana_url|runbook_url)")
_OF_THE_CLUSTER = "Watchdog"
"""The alert that kube-prometheus-stack has already."""


def monitor(addresses: Addresses, cluster: Cluster) -> Manifest:
    """Job and instance are fixed and what changes with a pod is dropped: series continue, and imported history joins.

    The operator's own relabelings come before these. The exporter's labels stay as they are (`honorLabels`).
    """
    endpoint = {
        "port": "metrics",
        "interval": "30s",
        "honorLabels": True,
        "relabelings": [
            {"targetLabel": "job", "replacement": addresses.job},
            _instance(cluster),
            {"action": "labeldrop", "regex": "|".join(CHANGING)},
        ],
    }
    spec = {"selector": {"matchLabels": dict(OWN_LABELS)}, "endpoints": [endpoint]}
    return _selected(manifest("monitoring.coreos.com/v1", "ServiceMonitor", spec=spec), cluster)


def _instance(cluster: Cluster) -> dict[str, Any]:
    """One pod after the other is one instance; replicas are several at a time."""
    if cluster.replicas == 1:
        return {"targetLabel": "instance", "replacement": NAME}
    return {"targetLabel": "instance", "sourceLabels": ["pod"]}


def rules(packaged: PackagedFiles, addresses: Addresses, cluster: Cluster) -> Manifest:
    """All groups in one; the addresses stand in the rules, since a rule cannot bring external labels along.

    With a namespace each alert has it as a label: an AlertmanagerConfig applies to the alerts of its namespace.
    """

    def address(found: re.Match[str]) -> str:
        return f'"{getattr(addresses, found[1])}"'

    groups = [
        {**group, "rules": [_in_namespace(rule, cluster) for rule in group["rules"] if not _is_had_already(rule)]}
        for text in packaged.rules.values()
        for group in yaml.load(_EXTERNAL_LABEL.sub(address, text), yaml.CSafeLoader)["groups"]
    ]
    groups = [group for group in groups if group["rules"]]
    return _selected(manifest("monitoring.coreos.com/v1", "PrometheusRule", spec={"groups": groups}), cluster)


def receivers(packaged: PackagedFiles, addresses: Addresses, cluster: Cluster) -> Manifest:
    """Routes and receivers beside those that the Alertmanager has already."""
    spec = alertmanager_spec(packaged.alertmanager, packaged.templates, addresses.week)
    return _selected(manifest("monitoring.coreos.com/v1alpha1", "AlertmanagerConfig", spec=spec), cluster)


def dashboards(packaged: PackagedFiles, cluster: Cluster) -> Iterator[Manifest]:
    """A ConfigMap for each board, found by its label."""
    for file_name, text in packaged.dashboards.items():
        board = manifest("v1", "ConfigMap", f"{PurePath(file_name).stem}-dashboard")
        board["metadata"]["labels"] |= {"grafana_dashboard": "1", **cluster.labels}
        board["metadata"]["annotations"] = {"grafana_folder": "Hex"}
        yield {**board, "data": {file_name: text}}


def _is_had_already(rule: dict[str, Any]) -> bool:
    return rule.get("alert") == _OF_THE_CLUSTER


def _in_namespace(rule: dict[str, Any], cluster: Cluster) -> dict[str, Any]:
    if "alert" not in rule or cluster.namespace is None:
        return rule
    return {**rule, "labels": {**rule["labels"], "namespace": cluster.namespace}}


def _selected(resource: Manifest, cluster: Cluster) -> Manifest:
    resource["metadata"]["labels"] |= cluster.labels
    return resource
