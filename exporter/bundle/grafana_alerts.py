"""The alerts as Grafana's own rules, for those who run no Alertmanager: the same queries, sent where Grafana sends."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from exporter.bundle.addresses import Addresses
from exporter.bundle.yaml_text import yaml_text

DATASOURCE = "hex-prometheus"
"""The uid of the data source that the bundle provisions."""

_EXTERNAL_LABEL = re.compile(r"\$externalLabels\.(grafana_url|runbook_url)")
_VALUE = re.compile(r"\$value\b")
_PROMETHEUS_ONLY = re.compile(r"\{\{[^}]*\b(query|args)\b")
"""Functions of Prometheus' templates that Grafana's lack: they ask for more figures while a text is written."""

_SHORT = {
    "summary": "ALERT{{ if $labels.budget }}: {{ $labels.budget }}{{ end }}"
    "{{ if $labels.workspace }} of {{ $labels.workspace }}{{ end }}",
    "description": "The rule's value is {{ $values.A.Value | humanize }}. Who did it, by what and since when is on the "
    "board, and `hex-exporter report --explain` shows it.",
}
"""In the place of texts that ask for more figures."""

_COMMENT = (
    "Grafana's own rules for the alerts that Prometheus has, with the same queries. Prometheus still needs its rules:\n"
    "alerts read what they record. Contact points and notification policies are yours: each rule has a severity."
)

_EVERY_VALUE = "is_number($A) || is_nan($A) || is_inf($A)"
"""An alert of Prometheus fires for each series of the answer, whatever its value."""


def grafana_alerts(rules: Mapping[str, str], addresses: Addresses) -> str:
    """The provisioning file of Grafana's alerting, of these rule files of Prometheus by name."""
    groups = []
    for text in rules.values():
        for group in yaml.load(text, yaml.CSafeLoader)["groups"]:
            alerts = [rule for rule in group["rules"] if "alert" in rule]
            if alerts:
                groups.append(
                    {
                        "orgId": 1,
                        "name": group["name"],
                        "folder": "Hex",
                        "interval": group.get("interval", "1m"),
                        "rules": [_rule(rule, addresses) for rule in alerts],
                    }
                )
    return yaml_text({"apiVersion": 1, "groups": groups}, comment=_COMMENT)


def _rule(rule: Mapping[str, Any], addresses: Addresses) -> dict[str, Any]:
    whole = {"from": 600, "to": 0}  # an instant query reads its end only, but Grafana demands a range
    query = {
        "refId": "A",
        "relativeTimeRange": whole,
        "datasourceUid": DATASOURCE,
        "model": {"refId": "A", "expr": rule["expr"], "instant": True, "range": False},
    }
    condition = {
        "refId": "B",
        "relativeTimeRange": whole,
        "datasourceUid": "__expr__",
        "model": {"refId": "B", "type": "math", "expression": _EVERY_VALUE},
    }
    made = {
        "uid": rule["alert"],
        "title": rule["alert"],
        "condition": "B",
        "data": [query, condition],
        "for": rule.get("for", "0s"),
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": dict(_in_grafana(rule["alert"], rule.get("labels", {}), addresses)),
        "annotations": dict(_in_grafana(rule["alert"], rule.get("annotations", {}), addresses)),
    }
    return made | ({"keepFiringFor": rule["keep_firing_for"]} if "keep_firing_for" in rule else {})


def _in_grafana(alert: str, texts: Mapping[str, str], addresses: Addresses) -> Iterator[tuple[str, str]]:
    """The texts that Grafana can write, with these addresses; a short one where more figures would be needed."""

    def address(found: re.Match[str]) -> str:
        return f'"{getattr(addresses, found[1])}"'

    for name, text in texts.items():
        if _PROMETHEUS_ONLY.search(text):
            if name in _SHORT:
                yield name, _SHORT[name].replace("ALERT", alert)
        else:
            yield name, _VALUE.sub("$values.A.Value", _EXTERNAL_LABEL.sub(address, text))
