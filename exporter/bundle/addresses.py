"""Where everything is, and how it is called: what the person who writes a bundle may choose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from exporter.config import Week


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """`target` is the exporter, `prometheus_url` and `alertmanager` are as the other programs see them.

    `grafana_url` and `runbook_url` are for people: what links in alerts begin with. `has_grafana_alerts`: Grafana
    alerts, too. `is_default_datasource`: Grafana has no other default data source. `week` is that of the workspace:
    boards and office hours go by its zone.
    """

    job: str = "hex"
    target: str = "localhost:9891"
    alertmanager: str = "localhost:9093"
    prometheus_url: str = "http://localhost:9090"
    grafana_url: str = "http://localhost:3000"
    runbook_url: str = "docs/runbooks.md"
    is_default_datasource: bool = False
    has_grafana_alerts: bool = False
    week: Week | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What the manifests are for. `labels` are added to what the operator and Grafana's sidecar select by label.

    `config` is the text of the exporter's configuration file, None for one that names the token only.
    `gateway_port`: where the run gateway listens, None without one. `gateway_web_config`: where its web configuration
    is expected, None where it is not served over TLS. `replicas` above 1 share a PostgreSQL ledger.
    """

    image: str = "hex-exporter"
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    config: str | None = None
    gateway_port: int | None = None
    gateway_web_config: PurePosixPath | None = None
    replicas: int = 1
