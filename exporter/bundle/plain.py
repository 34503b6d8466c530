"""The bundle for programs that read files: Prometheus, Alertmanager and Grafana, each with its folder."""

from collections.abc import Mapping
from pathlib import PurePath

import yaml

from exporter.bundle.material import Material
from exporter.bundle.place import Place
from exporter.bundle.yaml_text import yaml_text


def plain_files(material: Material, place: Place, folder: PurePath) -> Mapping[str, str]:
    """Each file's path in `folder` and its text; Grafana is told the folder's absolute path."""
    files = {
        "README.md": _readme(place),
        "prometheus/prometheus.yml": prometheus_config(material, place),
        "alertmanager/alertmanager.yml": material.alertmanager,
        "grafana/provisioning/datasources/hex.yml": _datasources(place),
        "grafana/provisioning/dashboards/hex.yml": _providers(folder / "grafana" / "dashboards"),
    }
    files |= {f"prometheus/rules/{name}": text for name, text in material.rules.items()}
    files |= {f"alertmanager/templates/{name}": text for name, text in material.templates.items()}
    files |= {f"grafana/dashboards/{name}": text for name, text in material.dashboards.items()}
    return files


def prometheus_config(material: Material, place: Place) -> str:
    """The Prometheus configuration that came along, with the addresses of this place."""
    config = yaml.safe_load(material.prometheus)
    config["global"]["external_labels"] |= {"grafana_url": place.grafana_url, "runbook_url": place.runbook_url}
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [place.alertmanager]}]}]
    config["scrape_configs"] = [{"job_name": place.job, "static_configs": [{"targets": [place.target]}]}]
    return yaml_text(
        config,
        comment="The external labels are the addresses that links in alerts begin with; Alertmanager never sees them.\n"
        "To have the weeks before: hex-exporter history, before the first scrape. See README.md beside this folder.",
    )


def _datasources(place: Place) -> str:
    prometheus = {
        "name": "Prometheus",
        "uid": "hex-prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": place.prometheus_url,
        "isDefault": True,
        "jsonData": {"httpMethod": "POST", "timeInterval": "30s"},
    }
    return yaml_text({"apiVersion": 1, "datasources": [prometheus]})


def _providers(dashboards: PurePath) -> str:
    provider = {
        "name": "hex-exporter",
        "folder": "Hex",
        "type": "file",
        "allowUiUpdates": False,
        "options": {"path": str(dashboards)},
    }
    return yaml_text({"apiVersion": 1, "providers": [provider]})


def _readme(place: Place) -> str:
    return f"""# Prometheus, Alertmanager and Grafana for hex-exporter

Written by `hex-exporter bundle`; write it again after an update (`--force`).

The exporter is expected at {place.target}. The weeks before, once, before Prometheus scrapes it for the first time:

    hex-exporter history --job {place.job} --instance {place.target} --output history.om
    promtool tsdb create-blocks-from openmetrics --max-block-duration=240h history.om data

Then:

    prometheus --config.file=prometheus/prometheus.yml --storage.tsdb.path=data --storage.tsdb.retention.time=400d
    alertmanager --config.file=alertmanager/alertmanager.yml
    GF_PATHS_PROVISIONING=$PWD/grafana/provisioning grafana server

Prometheus' default retention of 15 days would delete the weeks before within minutes. Alertmanager wants its secrets
in the files that alertmanager.yml names. Grafana reads the dashboards from where this folder was written: if it moves,
write it anew.
"""
