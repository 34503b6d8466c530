"""Rules in fast motion."""

import subprocess
from pathlib import Path

import pytest
import yaml
from helpers.hurry import FastTime, divided, hurried
from rulebook import RULES

FAST = FastTime(since=1_000, starts=2_000, factor=60)


class TestDivided:
    @pytest.mark.parametrize(
        ("duration", "expected"),
        [("1m", "1000ms"), ("1h30m", "90000ms"), ("30s", "500ms"), ("1d", "1440000ms"), ("5ms", "1ms")],
    )
    def test_divides_by_sixty(self, duration: str, expected: str) -> None:
        assert divided(duration, 60) == expected


class TestHurried:
    def test_divides_what_is_a_duration_and_nothing_else(self) -> None:
        slow = """groups:
  - name: example
    interval: 1m
    rules:
      - alert: Example
        expr: |
          max by (a) (last_over_time(x{window="6h"}[15m] offset 1h)) > 30 * 60
            and time() - y > 60
        for: 10m
        keep_firing_for: 3h
        annotations:
          description: '{{ query "time() - z[5m] * 3600" }} for 15m'
"""

        faster = """groups:
  - name: example
    interval: 1000ms
    rules:
      - alert: Example
        expr: |
          max by (a) (last_over_time(x{window="6h"}[15000ms] offset 60000ms)) > 30 * 60
            and (2000 + (time() - 1000) * 60) - y > 60
        for: 10000ms
        keep_firing_for: 180000ms
        annotations:
          description: '{{ query "(2000 + (time() - 1000) * 60) - z[5m] * 3600" }} for 15m'
"""

        assert hurried(slow, FAST) == faster

    def test_an_expression_on_one_line_is_divided_too(self) -> None:
        slow = "  - expr: x[1h] > 5 * 86400\n    for: 1m\n"

        assert hurried(slow, FAST) == "  - expr: x[60000ms] > 5 * 86400\n    for: 1000ms\n"

    def test_a_factor_of_one_changes_no_meaning(self) -> None:
        for path in RULES:
            before, after = (
                yaml.safe_load(text)["groups"]
                for text in (path.read_text(), hurried(path.read_text(), FastTime(0, 0, 1)))
            )
            assert [group["name"] for group in after] == [group["name"] for group in before]
            assert [len(group["rules"]) for group in after] == [len(group["rules"]) for group in before]

    @pytest.mark.integration
    def test_the_shipped_rules_stay_valid(self, promtool: Path, tmp_path: Path) -> None:
        for path in RULES:
            (tmp_path / path.name).write_text(hurried(path.read_text(), FAST))

        done = subprocess.run(
            [promtool, "check", "rules", *tmp_path.glob("*.yml")], capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, done.stdout + done.stderr
