"""The exporter in Kubernetes: its volume, its Deployment, its Services, who may reach it, and the history's Job."""

from typing import Any

from exporter.bundle.addresses import Addresses, Cluster

NAME = "hex-exporter"
GATEWAY = "hex-gateway"
HISTORY = "hex-history"
TOKEN_SECRET = "hex-api-token"  # noqa: S105 - a name
TLS_SECRET = "hex-gateway-tls"  # noqa: S105 - a name
PORT = 9891
STATE = "/var/lib/hex-exporter"
USER = 10001
"""The user of the image; the volume belongs to its group."""

LEDGER_SECRET = "hex-ledger"  # noqa: S105 - a name
LEDGER_VARIABLE = "HEX_LEDGER_URL"
CLUSTER_SECRET = "hex-cluster"  # noqa: S105 - a name
CLUSTER_FOLDER = "/run/secrets/hex-cluster"
ADVERTISE_VARIABLE = "HEX_EXPORTER_ADVERTISE"

CONFIG = {"workspaces": [{"name": "default", "token_file": "/run/secrets/hex/token"}]}
"""The configuration of a cluster for which none was given."""

SHARED_CONFIG = {**CONFIG, "storage": {"url_env": LEDGER_VARIABLE}}
"""The same for replicas."""

WEB_CONFIG_KEY = "web.yml"
WEB_CONFIG = {"tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"}}
"""What serves the gateway over TLS; it lies beside the certificate of the secret."""

OWN_LABELS = {"app.kubernetes.io/name": NAME}

Manifest = dict[str, Any]

_READY = {"path": "/-/ready", "port": "metrics"}
_RIGHTS = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
_USER = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def manifest(api: str, kind: str, name: str = NAME, **content: Any) -> Manifest:
    """A manifest with the labels that all of ours have."""
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": dict(OWN_LABELS)}, **content}


def volume() -> Manifest:
    """Where the ledger is; one pod writes it."""
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    return manifest("v1", "PersistentVolumeClaim", spec=claim)


def disruption_budget(cluster: Cluster) -> Manifest:
    """Nodes are drained one replica after the other."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": dict(OWN_LABELS)}}
    return manifest("policy/v1", "PodDisruptionBudget", spec=spec)


def deployment(cluster: Cluster) -> Manifest:
    """One replica that is gone before the next comes, as a file has one writer; or several on PostgreSQL."""
    return _single(cluster) if cluster.replicas == 1 else _replicated(cluster)


def _replicated(cluster: Cluster) -> Manifest:
    """Replicas on nodes of their own where there are enough; the ledger's address is in a secret, and no volume."""
    made = _single(cluster)
    spec = made["spec"]
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    ledger = {"secretKeyRef": {"name": LEDGER_SECRET, "key": "url"}}
    container["env"] = [{"name": LEDGER_VARIABLE, "valueFrom": ledger}]
    pod["volumes"] = [one for one in pod["volumes"] if one["name"] != "state"]
    container["volumeMounts"] = [one for one in container["volumeMounts"] if one["name"] != "state"]
    if cluster.gateway_port is not None:
        container["env"] += [
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": ADVERTISE_VARIABLE, "value": f"$(POD_IP):{cluster.gateway_port}"},
        ]
        container["volumeMounts"].append({"name": "cluster", "mountPath": CLUSTER_FOLDER, "readOnly": True})
        pod["volumes"].append({"name": "cluster", "secret": {"secretName": CLUSTER_SECRET}})
    apart = {"labelSelector": {"matchLabels": dict(OWN_LABELS)}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": apart}]
    pod["affinity"] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    spec["replicas"] = cluster.replicas
    spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return made


def _single(cluster: Cluster) -> Manifest:
    ports: list[Manifest] = [{"name": "metrics", "containerPort": PORT}]
    if cluster.gateway_port is not None:
        ports.append({"name": "gateway", "containerPort": cluster.gateway_port})
    container: Manifest = {
        "name": NAME,
        "image": cluster.image,
        "args": ["--config.file=/etc/hex-exporter/config.yml", f"--web.listen-address=:{PORT}"],
        "ports": ports,
        # It answers within a second; a ledger of a year that is migrated or checked may take longer.
        "startupProbe": {"httpGet": _READY, "periodSeconds": 2, "failureThreshold": 60},
        "livenessProbe": {"httpGet": {"path": "/-/healthy", "port": "metrics"}, "periodSeconds": 30},
        "readinessProbe": {"httpGet": _READY},
        "resources": {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": _RIGHTS,
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/hex-exporter", "readOnly": True},
            {"name": "token", "mountPath": "/run/secrets/hex", "readOnly": True},
            {"name": "state", "mountPath": STATE},
        ],
    }
    volumes: list[Manifest] = [
        {"name": "config", "configMap": {"name": NAME}},
        {"name": "token", "secret": {"secretName": TOKEN_SECRET}},
        {"name": "state", "persistentVolumeClaim": {"claimName": NAME}},
    ]
    if cluster.gateway_web_config is not None:
        place = cluster.gateway_web_config
        container["volumeMounts"].append({"name": "tls", "mountPath": str(place.parent), "readOnly": True})
        web_config = {"name": NAME, "items": [{"key": WEB_CONFIG_KEY, "path": place.name}]}
        sources = [{"secret": {"name": TLS_SECRET}}, {"configMap": web_config}]
        volumes.append({"name": "tls", "projected": {"sources": sources}})
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": _USER,
        "containers": [container],
        "volumes": volumes,
    }
    spec = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": dict(OWN_LABELS)},
        "template": {"metadata": {"labels": dict(OWN_LABELS)}, "spec": pod},
    }
    return manifest("apps/v1", "Deployment", spec=spec)


def services(cluster: Cluster) -> list[Manifest]:
    """The one that Prometheus scrapes, and that of the gateway if there is one: it has no label to be scraped by."""
    ports = [{"name": "metrics", "port": PORT, "targetPort": "metrics"}]
    found = [manifest("v1", "Service", spec={"selector": dict(OWN_LABELS), "ports": ports})]
    if cluster.gateway_port is not None:
        number = 80 if cluster.gateway_web_config is None else 443
        ports = [{"name": "gateway", "port": number, "targetPort": "gateway"}]
        service = manifest("v1", "Service", GATEWAY, spec={"selector": dict(OWN_LABELS), "ports": ports})
        service["metadata"]["labels"] = {"app.kubernetes.io/name": GATEWAY}
        found.append(service)
    return found


def network_policy(cluster: Cluster) -> Manifest:
    """In: to the ports that are served. Out: anywhere, as Hex, sources and their names are where they are."""
    inward: list[Manifest] = [{"port": "metrics"}] + ([{"port": "gateway"}] if cluster.gateway_port is not None else [])
    spec = {
        "podSelector": {"matchLabels": dict(OWN_LABELS)},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": inward}],
    }
    return manifest("networking.k8s.io/v1", "NetworkPolicy", spec=spec)


def history_job(cluster: Cluster, addresses: Addresses) -> Manifest:
    """Writes the weeks before as OpenMetrics into the volume, on the node of the pod that has it.

    A CronJob that never runs by itself: a Job made from it has the configuration of now.
    """
    container = {
        "name": "history",
        "image": cluster.image,
        "args": [
            "history",
            "--config.file=/etc/hex-exporter/config.yml",
            f"--job={addresses.job}",
            f"--instance={NAME}",
            f"--output={STATE}/history.om",
            "--wait=3600",
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": _RIGHTS,
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/hex-exporter", "readOnly": True},
            {"name": "state", "mountPath": STATE},
        ],
    }
    together = {"labelSelector": {"matchLabels": dict(OWN_LABELS)}, "topologyKey": "kubernetes.io/hostname"}
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": _USER,
        "affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [together]}},
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": NAME}},
            {"name": "state", "persistentVolumeClaim": {"claimName": NAME}},
        ],
    }
    # Labels of its own: the Service does not select it.
    template = {"metadata": {"labels": {"app.kubernetes.io/name": HISTORY}}, "spec": pod}
    job = {"spec": {"backoffLimit": 2, "template": template}}
    return manifest("batch/v1", "CronJob", HISTORY, spec={"schedule": "@yearly", "suspend": True, "jobTemplate": job})
