"""The README of the manifests: what to make by hand, how to apply, import, change and look."""

from exporter.bundle.addresses import Addresses, Cluster
from exporter.bundle.alertmanager_resource import SECRET
from exporter.bundle.kubernetes_exporter import (
    CLUSTER_SECRET,
    GATEWAY,
    HISTORY,
    LEDGER_SECRET,
    LEDGER_VARIABLE,
    NAME,
    STATE,
    TLS_SECRET,
    TOKEN_SECRET,
)


def kubernetes_readme(addresses: Addresses, cluster: Cluster) -> str:
    """Its text, for this cluster."""
    namespace = cluster.namespace or "monitoring"
    of = f"-n {namespace}"
    return f"""# hex-exporter in Kubernetes

Written by `hex-exporter bundle --kubernetes`; write it again after an update (`--force`).
{_selection(cluster)}
## 1. Secrets

    kubectl create namespace {namespace}
    kubectl create secret generic {TOKEN_SECRET} {of} --from-literal=token="$HEX_API_TOKEN"
    kubectl create secret generic {SECRET} {of} \\
      --from-literal=pagerduty_routing_key=... --from-literal=slack_url=https://hooks.slack.com/services/...

{_ledger_secret(cluster, of)}{_gateway_secret(cluster, of)}## 2. Apply

    kubectl apply -k . {of}
    kubectl rollout status deployment/{NAME} {of}

## 3. See that it works

    kubectl port-forward service/{NAME} 9891 {of}

and open http://127.0.0.1:9891/: the page shows the workspace within a minute. In Prometheus, Status > Targets has the
target `{addresses.job}`, and the query `hex_up` is 1. {_alerts(cluster)}

{_history(addresses, cluster, of)}
## Change the configuration

Edit `config.yml` here and apply again: the ConfigMap has a new name then, and the pod is replaced. Counters continue.
"""


def _history(addresses: Addresses, cluster: Cluster, of: str) -> str:
    if cluster.replicas > 1:
        return f"""## 4. The weeks before

Once, and before Prometheus has scraped for long, the history can be imported, from a machine that reaches the database:

    hex-exporter history --config.file=config.yml --job={addresses.job} --instance={NAME} --output=history.om
    promtool tsdb create-blocks-from openmetrics --max-block-duration=240h history.om blocks

Copy the folders in `blocks` into the data folder of Prometheus (`kubectl cp`), whose retention has to be long enough.
"""
    return f"""## 4. The weeks before

Once, and before Prometheus has scraped for long, the history can be imported. The Job writes it beside the ledger:

    kubectl create job {HISTORY} --from=cronjob/{HISTORY} {of}
    kubectl wait --for=condition=complete --timeout=1h job/{HISTORY} {of}
    pod=$(kubectl get pod {of} -l app.kubernetes.io/name={NAME} -o name)
    kubectl cp {of} "${{pod#pod/}}:{STATE}/history.om" history.om
    promtool tsdb create-blocks-from openmetrics --max-block-duration=240h history.om blocks

Copy the folders in `blocks` into the data folder of Prometheus (`kubectl cp`), whose retention has to be long enough.
Job and instance of the imported series are those of the ServiceMonitor, so that both are one series.
"""


def _ledger_secret(cluster: Cluster, of: str) -> str:
    if cluster.replicas == 1:
        return ""
    secret = f"""The replicas share a ledger in PostgreSQL; the configuration has its address from `{LEDGER_VARIABLE}`:

    kubectl create secret generic {LEDGER_SECRET} {of} --from-literal=url=postgresql://USER:PASSWORD@HOST/DATABASE

"""
    if cluster.gateway_port is None:
        return secret
    return f"""{secret}and pass requests to the gateway on to one another, known by a secret:

    kubectl create secret generic {CLUSTER_SECRET} {of} --from-literal=secret="$(openssl rand -hex 32)"

"""


def _selection(cluster: Cluster) -> str:
    if cluster.labels:
        given = " ".join(f"{name}={value}" for name, value in cluster.labels.items())
        return f"\nThe ServiceMonitor, the rules, the receivers and the boards have the labels {given}.\n"
    return """
kube-prometheus-stack takes only objects with the label of its Helm release: without it nothing is scraped, and no
error says so. `kubectl get prometheus -A -o jsonpath='{..serviceMonitorSelector}'` shows what is wanted; write the
bundle again with `--label release=NAME`.
"""


def _gateway_secret(cluster: Cluster, of: str) -> str:
    if cluster.gateway_web_config is None:
        return ""
    return f"""The gateway is served over TLS by the Service {GATEWAY}, with this secret's certificate. `web.yml`, which
names it, is mounted as {cluster.gateway_web_config}:

    kubectl create secret tls {TLS_SECRET} {of} --cert=tls.crt --key=tls.key

"""


def _alerts(cluster: Cluster) -> str:
    if cluster.namespace is None:
        return (
            "An AlertmanagerConfig applies to alerts with the label of its namespace: write the bundle with "
            "`--namespace`, which adds it to the rules."
        )
    return (
        f"The alerts have the label `namespace={cluster.namespace}`, because an AlertmanagerConfig applies to those of "
        "its own namespace."
    )
