"""The rules as Prometheus' own tool sees them, on each Debian suite's version."""

import subprocess
from pathlib import Path

import pytest
from helpers.sizes import size
from rulebook import ALERTS, RULES, SUITES, TESTS

LONG = "year"
"""A test over a whole year: a promtool of Prometheus 2.53 or later takes ten times as long for it as an older one, and
calendars are the same in all."""

ENDS = (SUITES[0], SUITES[-1])
"""The oldest and the newest see what the rules do; the one between them only reads them."""

DEAR = ("budgets", "weeks", "culprits", "workspace", "data_days")
"""Seconds each, and each day the newest alone judges them. What it does in its own way, where a range begins and what
an instant selector finds, shows in the other files, which both ends judge every day; by `./test --long` these too."""

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.mark.parametrize("promtool", SUITES, indirect=True)
def test_rules_are_accepted_without_a_lint(promtool: Path) -> None:
    done = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", *RULES], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("promtool", SUITES, indirect=True)
def test_the_prometheus_that_goes_with_the_rules_is_accepted(promtool: Path) -> None:
    done = subprocess.run(
        [promtool, "check", "config", ALERTS / "prometheus.yml"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "promtool"),
    [
        pytest.param(file, suite, id=f"{file.stem}-{suite}")
        for file in TESTS
        for suite in (SUITES[:1] if file.stem == LONG else ENDS[size(1, 0) :] if file.stem in DEAR else ENDS)
    ],
    indirect=["promtool"],
)
def test_alerts_fire_stay_quiet_and_resolve_as_their_unit_tests_say(promtool: Path, file: Path) -> None:
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
