"""The bundle for Kubernetes: a folder for `kubectl apply -k`, with a README that says what to do first."""

from collections.abc import Mapping

from exporter.bundle.addresses import Addresses, Cluster
from exporter.bundle.kubernetes_exporter import (
    CONFIG,
    NAME,
    SHARED_CONFIG,
    TOKEN_SECRET,
    WEB_CONFIG,
    WEB_CONFIG_KEY,
    deployment,
    disruption_budget,
    history_job,
    network_policy,
    services,
    volume,
)
from exporter.bundle.kubernetes_monitoring import dashboards, monitor, receivers, rules
from exporter.bundle.kubernetes_readme import kubernetes_readme
from exporter.bundle.packaged_files import PackagedFiles
from exporter.bundle.yaml_text import yaml_text


def kubernetes_files(packaged: PackagedFiles, addresses: Addresses, cluster: Cluster) -> Mapping[str, str]:
    """Each file's name and text. The configuration becomes a ConfigMap whose name has a hash of it."""
    resources = {
        "exporter.yaml": yaml_text(
            *([volume()] if cluster.replicas == 1 else [disruption_budget(cluster)]),
            deployment(cluster),
            *services(cluster),
            comment=f"Needs the secret {TOKEN_SECRET}: see README.md.",
        ),
        "networkpolicy.yaml": yaml_text(network_policy(cluster)),
        "servicemonitor.yaml": yaml_text(monitor(addresses, cluster)),
        "prometheusrule.yaml": yaml_text(rules(packaged, addresses, cluster)),
        "alertmanagerconfig.yaml": yaml_text(receivers(packaged, addresses, cluster)),
    }
    if cluster.replicas == 1:  # it writes beside the ledger, and replicas have no volume
        resources["history.yaml"] = yaml_text(
            history_job(cluster, addresses), comment="Never runs by itself: see README.md."
        )
    if packaged.dashboards:
        resources["dashboards.yaml"] = yaml_text(*dashboards(packaged, cluster))
    default = CONFIG if cluster.replicas == 1 else SHARED_CONFIG
    configs = {"config.yml": yaml_text(default) if cluster.config is None else cluster.config}
    if cluster.gateway_web_config is not None:
        configs[WEB_CONFIG_KEY] = yaml_text(WEB_CONFIG)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        **({} if cluster.namespace is None else {"namespace": cluster.namespace}),
        "resources": sorted(resources),
        "configMapGenerator": [{"name": NAME, "files": list(configs)}],
    }
    return {
        "README.md": kubernetes_readme(addresses, cluster),
        "kustomization.yaml": yaml_text(kustomization),
        **configs,
        **resources,
    }
