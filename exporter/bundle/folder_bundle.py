"""The bundle for programs that read files: Prometheus, Alertmanager and Grafana, each with its folder."""

from collections.abc import Mapping
from pathlib import PurePath

import yaml

from exporter.bundle.addresses import Addresses
from exporter.bundle.grafana_alerts import DATASOURCE, grafana_alerts
from exporter.bundle.packaged_files import PackagedFiles
from exporter.bundle.yaml_text import yaml_text


def folder_files(packaged: PackagedFiles, addresses: Addresses, folder: PurePath) -> Mapping[str, str]:
    """Each file's path in `folder` and its text; Grafana gets the folder's absolute path."""
    files = {
        "README.md": _readme(addresses),
        "prometheus/prometheus.yml": prometheus_config(packaged, addresses),
        "alertmanager/alertmanager.yml": packaged.alertmanager,
        "grafana/provisioning/datasources/hex.yml": _datasources(addresses),
        "grafana/provisioning/dashboards/hex.yml": _providers(folder / "grafana" / "dashboards"),
    }
    if addresses.has_grafana_alerts:
        files["grafana/provisioning/alerting/hex.yml"] = grafana_alerts(packaged.rules, addresses)
    files |= {f"prometheus/rules/{name}": text for name, text in packaged.rules.items()}
    files |= {f"alertmanager/templates/{name}": text for name, text in packaged.templates.items()}
    files |= {f"grafana/dashboards/{name}": text for name, text in packaged.dashboards.items()}
    return files


def prometheus_config(packaged: PackagedFiles, addresses: Addresses) -> str:
    """The Prometheus configuration that came along, with these addresses."""
    config = yaml.safe_load(packaged.prometheus)
    config["global"]["external_labels"] |= {"grafana_url": addresses.grafana_url, "runbook_url": addresses.runbook_url}
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [addresses.alertmanager]}]}]
    config["scrape_configs"] = [{"job_name": addresses.job, "static_configs": [{"targets": [addresses.target]}]}]
    return yaml_text(
        config,
        comment="The external labels are the addresses that links in alerts begin with; Alertmanager never sees them.\n"
        "To have the weeks before: hex-exporter history, before the first scrape. See README.md beside this folder.",
    )


def _datasources(addresses: Addresses) -> str:
    """A second default stops a Grafana at its start, and a name that is taken is replaced: neither is ours unasked."""
    prometheus = {
        "name": "Hex Prometheus",
        "uid": DATASOURCE,
        "type": "prometheus",
        "access": "proxy",
        "url": addresses.prometheus_url,
        "isDefault": addresses.is_default_datasource,
        "jsonData": {"httpMethod": "POST", "timeInterval": "30s"},
    }
    return yaml_text({"apiVersion": 1, "datasources": [prometheus]})


def _providers(dashboards: PurePath) -> str:
    provider = {
        "name": "hex-exporter",
        "folder": "Hex",
        "folderUid": "hex-exporter",
        "type": "file",
        "allowUiUpdates": False,
        "options": {"path": str(dashboards)},
    }
    return yaml_text({"apiVersion": 1, "providers": [provider]})


def _readme(addresses: Addresses) -> str:
    return f"""# Prometheus, Alertmanager and Grafana for hex-exporter

Written by `hex-exporter bundle`; write it again after an update (`--force`).

The exporter is expected at {addresses.target}. The weeks before, once, before Prometheus scrapes it for the first time:

    hex-exporter history --job {addresses.job} --instance {addresses.target} --output history.om
    promtool tsdb create-blocks-from openmetrics --max-block-duration=240h history.om data

Then:

    prometheus --config.file=prometheus/prometheus.yml --storage.tsdb.path=data --storage.tsdb.retention.time=400d
    alertmanager --config.file=alertmanager/alertmanager.yml
    GF_PATHS_PROVISIONING=$PWD/grafana/provisioning grafana server

Prometheus' default retention of 15 days would delete the weeks before within minutes. Alertmanager reads its secrets
from the files that alertmanager.yml names. Grafana reads the dashboards from where this folder was written:
if it moves, write it again.
"""
