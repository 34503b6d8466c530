"""The AlertmanagerConfig: what the operator's resource knows, saying what the file says."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from exporter.bundle.alertmanager_resource import SECRET, alertmanager_spec
from exporter.bundle.packaged_files import read_packaged_files
from exporter.config import Week

PACKAGED = read_packaged_files()
FILE = yaml.safe_load(PACKAGED.alertmanager)


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return alertmanager_spec(PACKAGED.alertmanager, PACKAGED.templates, Week(timezone="Europe/Berlin"))


def test_secrets_are_references(spec: dict[str, Any]) -> None:
    by_name = {receiver["name"]: receiver for receiver in spec["receivers"]}

    assert by_name["pager"]["pagerdutyConfigs"][0]["routingKey"] == {"name": SECRET, "key": "pagerduty_routing_key"}
    assert by_name["chat"]["slackConfigs"][0]["apiURL"] == {"name": SECRET, "key": "slack_url"}
    assert "/etc/alertmanager" not in json.dumps(spec)


def test_routes_and_inhibitions_are_those_of_the_file_without_the_watchdog(spec: dict[str, Any]) -> None:
    def text(matchers: list[dict[str, str]]) -> list[str]:
        return [f'{one["name"]} {one["matchType"]} "{one["value"]}"' for one in matchers]

    routes = [route for route in FILE["route"]["routes"] if "Watchdog" not in str(route)]
    assert [(text(one["matchers"]), one["receiver"]) for one in spec["route"]["routes"]] == [
        (one["matchers"], one["receiver"]) for one in routes
    ]
    assert [(text(one["sourceMatch"]), text(one["targetMatch"]), one["equal"]) for one in spec["inhibitRules"]] == [
        (one["source_matchers"], one["target_matchers"], one["equal"]) for one in FILE["inhibit_rules"]
    ]
    names = {receiver["name"] for receiver in spec["receivers"]}
    assert {spec["route"]["receiver"], *(route["receiver"] for route in routes)} <= names


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland", "Asia/Kolkata"])
def test_office_hours_are_those_of_the_zone_in_the_middle_of_each_month(zone: str) -> None:
    spec = alertmanager_spec(PACKAGED.alertmanager, PACKAGED.templates, Week(timezone=zone))
    [interval] = spec["muteTimeIntervals"]
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    order = {name: (number + 1) % 7 for number, name in enumerate(days)}

    def is_inside(at: datetime) -> bool:
        for part in interval["timeIntervals"]:
            [span], [weekdays] = part["times"], part["weekdays"]
            first, _, last = weekdays.partition(":")
            minutes = at.hour * 60 + at.minute
            start, end = (int(one[:2]) * 60 + int(one[3:]) for one in (span["startTime"], span["endTime"]))
            if (
                str(at.month) in part["months"]
                and start <= minutes < end
                and order[first] <= order[days[at.weekday()]] <= order[last]
            ):
                return True
        return False

    for month in range(1, 13):
        begin = datetime(datetime.now(UTC).year, month, 12, tzinfo=UTC)
        for quarter in range(8 * 96):
            at = begin + timedelta(minutes=15 * quarter)
            local = at.astimezone(ZoneInfo(zone))
            assert is_inside(at) == (local.weekday() < 5 and 9 <= local.hour < 17), (at, local)


@pytest.mark.integration
def test_messages_say_what_the_templates_say(spec: dict[str, Any], amtool: Path, tmp_path: Path) -> None:
    """Each text brings the definitions that it needs, and is rendered without any file."""
    data = tmp_path / "data.json"
    annotations = {"summary": "Budget used", "description": "540 of 500 <runs>", "culprit": "`Ad spend` ran 500 times"}
    alert = {
        "status": "firing",
        "labels": {"alertname": "HexBudgetExceeded", "severity": "critical", "culprit": "p1"},
        "annotations": {**annotations, "action": "Pause it.", "dashboard_url": "https://g.example/d/x"},
        "startsAt": "2026-11-18T11:00:00Z",
    }
    common = {"commonLabels": alert["labels"], "commonAnnotations": alert["annotations"], "groupLabels": {}}
    data.write_text(json.dumps({"receiver": "x", "status": "firing", "alerts": [alert], **common}))
    templates = tmp_path / "all.tmpl"
    templates.write_text("".join(PACKAGED.templates.values()))
    nothing = tmp_path / "none.tmpl"
    nothing.write_text("")

    def rendered(text: str, glob: Path) -> str:
        command = [amtool, "template", "render", f"--template.glob={glob}", f"--template.text={text}"]
        done = subprocess.run(
            [*map(str, command), f"--template.data={data}"], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    [pager] = [one for one in spec["receivers"] if one["name"] == "pager"]
    [of_file] = [one for one in FILE["receivers"] if one["name"] == "pager"]
    ours, theirs = pager["pagerdutyConfigs"][0], of_file["pagerduty_configs"][0]
    for mine, its in (
        (ours["description"], theirs["description"]),
        (ours["details"][0]["value"], theirs["details"]["text"]),
    ):
        assert rendered(mine, nothing).strip() == rendered(its, templates).strip() != ""
