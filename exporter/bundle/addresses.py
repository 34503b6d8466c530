"""Where everything is: the addresses and names under which the parts find each other."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """`target` is the exporter, `prometheus_url` and `alertmanager` are as the other programs see them.

    `grafana_url` and `runbook_url` are for people: what links in alerts begin with. `image` is the exporter's.
    `is_default_datasource`: Grafana has no other default data source.
    """

    job: str = "hex"
    target: str = "localhost:9891"
    alertmanager: str = "localhost:9093"
    prometheus_url: str = "http://localhost:9090"
    grafana_url: str = "http://localhost:3000"
    runbook_url: str = "docs/runbooks.md"
    image: str = "hex-exporter"
    is_default_datasource: bool = False
