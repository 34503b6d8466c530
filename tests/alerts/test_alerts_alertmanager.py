"""Alertmanager's configuration: accepted, routed, inhibited as meant, and messages a person can act on."""

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from alertmanager_running import BUDGET, CONFIG, started
from helpers.hurry import UNITS_MS
from rulebook import SUITES, alerts, grouped_labels

RETENTION_HOURS = 120
"""What Alertmanager remembers of sent notifications by default (--data.retention)."""

ONE_EACH = list({alert.severity: alert for alert in alerts()}.values())
"""An alert of each severity: routes differ by nothing else, so older versions of amtool need no more."""
LEVELS = ("HexBudgetInfo", "HexBudgetWarning", "HexBudgetExceeded")


def config() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    return found


def hours(duration: str) -> float:
    return sum(int(n) * UNITS_MS[unit] for n, unit in re.findall(r"(\d+)([smhd])", duration)) / UNITS_MS["h"]


def inhibitions() -> list[tuple[set[str], set[str], list[str]]]:
    return [
        (named(rule["source_matchers"]), named(rule["target_matchers"]), rule["equal"])
        for rule in config()["inhibit_rules"]
    ]


def named(matchers: list[str]) -> set[str]:
    (matcher,) = matchers
    found = re.fullmatch(r'alertname =~? "([\w|]+)"', matcher)
    assert found, matcher
    return set(found[1].split("|"))


class TestConfiguration:
    @pytest.mark.integration
    @pytest.mark.parametrize("amtool", SUITES, indirect=True)
    def test_is_accepted_before_any_secret_exists(self, amtool: Path) -> None:
        done = subprocess.run([amtool, "check-config", CONFIG], capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 templates" in done.stdout

    @pytest.mark.integration
    @pytest.mark.parametrize(
        ("amtool", "alert"),
        [
            *(pytest.param("sid", alert, id=alert.name) for alert in alerts()),
            *(pytest.param(suite, alert, id=f"{alert.severity}-{suite}") for suite in SUITES[:2] for alert in ONE_EACH),
        ],
        indirect=["amtool"],
    )
    def test_each_alert_reaches_the_receiver_of_its_severity(self, amtool: Path, alert: Any) -> None:
        receiver = {"critical": "pager", "warning": "chat", "info": "chat", "none": "heartbeat"}[alert.severity]

        done = subprocess.run(
            [
                *(amtool, "config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receiver}"),
                *(f"alertname={alert.name}", f"severity={alert.severity}"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stdout + done.stderr

    def test_information_waits_for_office_hours_and_nothing_else_does(self) -> None:
        waiting = [route["matchers"] for route in config()["route"]["routes"] if "active_time_intervals" in route]

        assert waiting == [['severity = "info"']]

    def test_repeats_within_what_alertmanager_remembers_and_in_step(self) -> None:
        top = config()["route"]
        for route in (top, *top["routes"]):
            repeat, group = (hours(route.get(key) or top[key]) for key in ("repeat_interval", "group_interval"))
            assert repeat < RETENTION_HOURS
            assert repeat / group == pytest.approx(round(repeat / group))

    def test_texts_for_slack_are_those_that_are_escaped(self) -> None:
        (slack,) = (one for receiver in config()["receivers"] for one in receiver.get("slack_configs", []))

        for key in ("title", "text", "fallback"):
            assert slack[key].startswith('{{ template "hex.slack.')

    def test_no_secret_is_in_the_file(self) -> None:
        for receiver in config()["receivers"]:
            for kind, key in (("pagerduty_configs", "routing_key"), ("slack_configs", "api_url")):
                for one in receiver.get(kind, []):
                    assert key not in one
                    assert one[f"{key}_file"].startswith("/etc/alertmanager/secrets/")


class TestInhibition:
    def test_names_alerts_that_exist(self) -> None:
        known = {alert.name for alert in alerts()}

        for sources, targets, _ in inhibitions():
            assert sources | targets <= known

    def test_never_silences_what_is_used_up_or_missing(self) -> None:
        for _, targets, _ in inhibitions():
            assert not targets & {"HexBudgetExceeded", "HexBudgetBurnFast", "HexDataAbsent", "HexDataStale"}

    def test_compares_labels_that_both_sides_have(self) -> None:
        """A label missing on one side never matches; missing on both it always does."""
        labels = {alert.name: grouped_labels(alert.expr) for alert in alerts()}
        for name in (*LEVELS, "HexBudgetForecastExceeded", "HexBudgetHalfUsedEarly"):
            labels[name] |= set(BUDGET)  # from the recorded series that they compare
        labels["HexDataStale"] |= {"workspace"}

        for sources, targets, equal in inhibitions():
            assert equal
            for name in sources | targets:
                assert set(equal) <= labels[name], name


@pytest.fixture
def running(alertmanager: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a real Alertmanager with this configuration, on a free port of the loopback."""
    with started(alertmanager, CONFIG, tmp_path) as address:
        yield address


@pytest.mark.integration
@pytest.mark.parametrize("alertmanager", ["bookworm", "sid"], indirect=True)
def test_a_real_alertmanager_suppresses_the_lower_levels_of_the_same_budget_alone(running: str) -> None:
    other, usd = BUDGET | {"workspace": "beta"}, BUDGET | {"budget": "marketing", "unit": "usd"}
    stale = {"workspace": "stale", "budget": "weekly-runs", "unit": "runs"}
    firing = [
        *({"alertname": name, **BUDGET} for name in (*LEVELS, "HexBudgetForecastExceeded", "HexBudgetHalfUsedEarly")),
        *({"alertname": name, **other} for name in ("HexBudgetWarning", "HexBudgetInfo", "HexBudgetForecastExceeded")),
        {"alertname": "HexBudgetWarning", **usd},
        {"alertname": "HexBudgetBurnFast", **usd},
        {"alertname": "HexBudgetSpike", **usd},
        {"alertname": "HexBudgetSpike", **other},
        {"alertname": "HexDataStale", "workspace": "stale"},
        *({"alertname": name, **stale} for name in ("HexBudgetExceeded", "HexBudgetForecastExceeded")),
        {"alertname": "HexBudgetForecastExceeded", **usd},
    ]
    suppressed = {
        *((name, "acme", "weekly-runs") for name in LEVELS[:2]),
        ("HexBudgetForecastExceeded", "acme", "weekly-runs"),
        ("HexBudgetHalfUsedEarly", "acme", "weekly-runs"),
        ("HexBudgetInfo", "beta", "weekly-runs"),
        ("HexBudgetSpike", "acme", "marketing"),
        ("HexBudgetForecastExceeded", "stale", "weekly-runs"),
    }

    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    posted = [{"labels": labels, "endsAt": ends} for labels in firing]
    httpx.post(f"{running}/api/v2/alerts", json=posted, trust_env=False, verify=False).raise_for_status()

    # Alertmanager takes alerts in and inhibits a moment later: queried again until it agrees, or time is up.
    for _ in range(500):
        states = httpx.get(f"{running}/api/v2/alerts", trust_env=False, verify=False).json()
        found = {
            (one["labels"]["alertname"], one["labels"]["workspace"], one["labels"].get("budget"))
            for one in states
            if one["status"]["state"] == "suppressed"
        }
        if len(states) == len(firing) and found == suppressed:
            break
    assert found == suppressed
