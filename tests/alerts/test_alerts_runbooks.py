"""Each alert has its runbook, each runbook its alert, and both speak of things that exist."""

import re
from functools import cache

import pytest
from rulebook import ROOT, Rule, alerts, names, records

from exporter.metrics.catalogue import METRICS

TEXT = (ROOT / "docs" / "runbooks.md").read_text()
PARTS = (
    "**Meaning.**",
    "**Impact.**",
    "**Who should care.**",
    "**First checks.**",
    "**Actions and what they cost.**",
    "**Clears by itself**",
    "**Silence.**",
    "**Known false alarms.**",
)


@cache
def sections() -> dict[str, str]:
    """The text below each heading of an alert."""
    pieces = re.split(r"(?m)^#{2,3} (.+)\n", TEXT)
    return {name: text for name, text in zip(pieces[1::2], pieces[2::2], strict=True) if not name.islower()}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
class TestRunbook:
    def test_exists_under_the_name_of_its_alert(self, alert: Rule) -> None:
        """The heading's anchor is the name in lower case, which is where `runbook_url` points."""
        assert TEXT.count(f"\n### {alert.name}\n") == 1

    def test_has_every_part_in_order(self, alert: Rule) -> None:
        text = sections()[alert.name]

        places = [text.find(part) for part in PARTS]
        assert -1 not in places
        assert places == sorted(places)

    def test_starts_with_three_checks_in_order(self, alert: Rule) -> None:
        checks = re.findall(r"(?m)^(\d)\. (.*)", sections()[alert.name])

        assert [number for number, _ in checks] == ["1", "2", "3"]
        assert checks[0][1].startswith("Is the meter right?")
        assert checks[1][1].startswith(("Which", "Who"))
        assert checks[2][1].startswith("Spike or drift?")

    def test_says_how_to_silence_that_alert(self, alert: Rule) -> None:
        silence = sections()[alert.name].partition("**Silence.**")[2]

        assert f"alertname={alert.name} " in silence or alert.name == "Watchdog"


def test_no_runbook_is_left_of_an_alert_that_is_gone() -> None:
    found = set(re.findall(r"(?m)^### (.+)$", TEXT))

    assert found == {alert.name for alert in alerts()}


def test_metrics_in_runbooks_are_in_the_catalogue() -> None:
    known = METRICS.keys() | {rule.name for rule in records()} | {"up"}
    prose = re.sub(r"(?s)```.*?```", "", TEXT)
    found = {name for code in re.findall(r"`([^`]+)`", prose) for name, _ in names(code)}

    assert "hex_project_week_runs" in found
    assert found <= known
