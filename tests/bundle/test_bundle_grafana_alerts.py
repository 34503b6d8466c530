"""`bundle --grafana-alerts`: Grafana's own rules ask what Prometheus' rules ask."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

RULES = Path(__file__).resolve().parents[2] / "alerts" / "rules"

# What Grafana's templates have of Prometheus', and what Go's have by themselves.
FUNCTIONS = {
    *("if", "else", "end", "with", "range", "and", "or", "not", "gt", "ge", "lt", "le", "eq", "ne", "printf", "len"),
    *("humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp", "reReplaceAll"),
    *("title", "toUpper", "toLower", "match", "urlquery", "toTime", "parseDuration"),
}


@pytest.fixture(scope="module")
def provisioned(bundle: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("grafana-alerts") / "made"
    written = bundle(folder, "--grafana-alerts", "--grafana-url=https://grafana.example")
    assert written.returncode == 0, written.stderr
    return yaml.load((folder / "grafana/provisioning/alerting/hex.yml").read_text(), yaml.CSafeLoader)


def rules_of(provisioned: Any) -> dict[str, Any]:
    return {rule["uid"]: rule for group in provisioned["groups"] for rule in group["rules"]}


def alerts() -> dict[str, Any]:
    groups = [
        group for file in RULES.glob("*.yml") for group in yaml.load(file.read_text(), yaml.CSafeLoader)["groups"]
    ]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


@pytest.mark.slow
def test_every_alert_is_there_with_the_same_query_time_and_labels(provisioned: Any) -> None:
    found, wanted = rules_of(provisioned), alerts()

    assert set(found) == set(wanted)
    for name, rule in found.items():
        requested, condition = rule["data"]
        assert requested["model"]["expr"] == wanted[name]["expr"]
        assert requested["model"]["instant"] is True
        assert rule["for"] == wanted[name].get("for", "0s")
        assert rule.get("keepFiringFor") == wanted[name].get("keep_firing_for")
        assert rule["labels"]["severity"] == wanted[name]["labels"]["severity"]
        # As in Prometheus: each series of the answer fires, and no series is no alert.
        assert (rule["condition"], condition["refId"], rule["noDataState"]) == ("B", "B", "OK")


def test_they_ask_the_data_source_that_the_bundle_provisions(bundle: Any, tmp_path: Path, provisioned: Any) -> None:
    assert bundle(tmp_path / "made").returncode == 0
    [source] = yaml.load((tmp_path / "made/grafana/provisioning/datasources/hex.yml").read_text(), yaml.CSafeLoader)[
        "datasources"
    ]

    assert {rule["data"][0]["datasourceUid"] for rule in rules_of(provisioned).values()} == {source["uid"]}
    assert not (tmp_path / "made/grafana/provisioning/alerting").exists()


def test_texts_use_what_grafana_has(provisioned: Any) -> None:
    """An unknown function makes Grafana show an error in the place of the text."""
    for name, rule in rules_of(provisioned).items():
        assert rule["annotations"]["summary"], name
        for text in (*rule["annotations"].values(), *rule["labels"].values()):
            assert "externalLabels" not in text
            assert not re.search(r"\$value\b", text)
            for inside in re.findall(r"\{\{-?(.*?)-?\}\}", text, re.DOTALL):
                words = re.findall(r"(?<![.$\w\"])([A-Za-z]\w*)", re.sub(r'"[^"]*"|`[^`]*`', "", inside))
                assert set(words) <= FUNCTIONS, (name, inside)


def test_links_lead_to_the_grafana_that_was_named(provisioned: Any) -> None:
    links = [rule["annotations"].get("dashboard_url", "") for rule in rules_of(provisioned).values()]

    assert any("https://grafana.example" in one for one in links)


def test_contact_points_are_left_to_the_user(provisioned: Any) -> None:
    assert set(provisioned) == {"apiVersion", "groups"}


def test_manifests_have_no_use_for_them(bundle: Any, tmp_path: Path) -> None:
    refused = bundle(tmp_path / "made", "--kubernetes", "--grafana-alerts")

    assert refused.returncode == 1
    assert "--grafana-alerts" in refused.stderr
