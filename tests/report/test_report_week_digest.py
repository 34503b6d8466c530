"""The digest: a week in Markdown that can be mailed, and the teams of the report."""

import asyncio
import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from audited_workspace import CONFIG, record
from click.testing import CliRunner
from helpers.manual_clock import ManualClock

from exporter.audit.auditor import Auditor
from exporter.cli.commands import main
from exporter.config import Config, load_config
from exporter.ledger import open_ledger
from exporter.report.audit_report import FindingFilter, audit_reports
from exporter.report.week_digest import digest
from exporter.report.week_forms import WEEK_FORMS
from exporter.report.week_report import week_reports


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger as a server leaves it on Wednesday, 18 November 2026, an audit in it, and its configuration."""
    folder, manual_clock = tmp_path_factory.mktemp("written"), ManualClock()
    file = folder / "hex.yml"
    file.write_text(CONFIG)
    config = load_config(file.read_bytes(), source=str(file), environ={}, state_dir=folder)
    ledger = open_ledger(config.storage.url, clock=manual_clock)
    record(ledger, round(manual_clock.now() * 1000))
    asyncio.run(Auditor(ledger.workspace("acme"), config, manual_clock).once())
    ledger.close()
    return folder


@pytest.fixture
def config(tmp_path: Path, written: Path) -> Config:
    """Of a copy: each test has a ledger of its own."""
    file = copytree(written, tmp_path, dirs_exist_ok=True) / "hex.yml"
    return load_config(file.read_bytes(), source=str(file), environ={}, state_dir=tmp_path)


@pytest.fixture
def opened(config: Config, manual_clock: Any) -> Any:
    ledger = open_ledger(config.storage.url, clock=manual_clock, read_only=True)
    yield ledger
    ledger.close()


@pytest.fixture
def reported(opened: Any, config: Config, manual_clock: Any) -> Any:
    def tell(week: str | None = None, workspace: str | None = "acme") -> str:
        pairs = zip(
            week_reports(opened, config, manual_clock, week=week, workspace=workspace, wants_whole=True),
            audit_reports(opened, config, manual_clock, FindingFilter(workspace=workspace)),
            strict=True,
        )
        return digest(pairs)

    return tell


def section(text: str, name: str) -> list[str]:
    return text.split(f"## {name}\n")[1].split("\n## ")[0].strip().splitlines()


class TestDigest:
    @pytest.mark.slow
    def test_is_of_the_last_whole_week(self, reported: Any) -> None:
        lines = reported().splitlines()

        assert lines[0] == "# acme, 2026-11-09 to 2026-11-15 (2026-W46, Europe/Zurich)"
        # Two editors at 28 and an explorer at 10 dollars a month, seven days of thirty; nothing else is billed.
        assert lines[2].startswith("Hex bills 15.40 USD (+0% against the week before)")
        assert "; 182 runs (+0% against the week before). Not on Hex's bill: " in lines[2]

    def test_a_week_that_is_not_over_is_not_compared(self, reported: Any) -> None:
        text = reported("2026-W47")

        assert "so far." in text.splitlines()[2]
        assert "%" not in text.splitlines()[2]
        assert "Largest changes" not in text

    def test_reports_how_far_each_budget_is_gone(self, reported: Any) -> None:
        rows = section(reported(), "Budgets")

        assert rows[2].startswith("| weekly-runs | runs a week | 182 | 500 | 36% |")

    def test_reports_the_top_findings_with_what_to_do(self, reported: Any) -> None:
        rows = section(reported(), "What to switch off")

        assert rows[0].startswith("3 findings; you would pay less: 38.00 of 66.00 USD a month; ")
        assert "; you would spend less of your own estimate: 36.52 of 39.57 USD" in rows[0]
        assert [row for row in rows if "idle@sales.example" in row and "move to Viewer" in row]
        (title,) = [row for row in rows if "HYPERLINK" in row]
        assert r"\|" in title
        assert "\x1b" not in title
        assert "- found in the last seven days for the first time: 3" in rows

    def test_says_what_could_not_be_judged(self, reported: Any) -> None:
        assert "- not judged everywhere: colliding schedules" in reported()

    def test_changes_are_the_largest_first(self, reported: Any, opened: Any, config: Config, manual_clock: Any) -> None:
        rows = section(reported("2026-W43"), "Largest changes against the week before")

        # The history begins in the week before: everything has grown, the hourly project most.
        assert "HYPERLINK" in rows[2]
        assert len(rows) == 5

    def test_a_workspace_without_data_has_a_section_of_its_own(self, reported: Any) -> None:
        text = reported(workspace=None)

        beta = text.split("# beta, ")[1]
        assert "bill not known; runs not known" in beta
        assert "has not listed them yet" in beta

    @pytest.mark.slow
    def test_the_command_prints_it(self, config: Config, tmp_path: Path) -> None:
        command = ["report", "--digest", "--config.file", str(tmp_path / "hex.yml")]

        result = CliRunner().invoke(main, command)

        assert result.exit_code == 0, result.output
        assert result.stdout.count("## What to switch off") == 2
        assert CliRunner().invoke(main, [*command, "--format", "csv"]).exit_code == 2
        assert CliRunner().invoke(main, [*command, "--format", "markdown"]).exit_code == 0


class TestTeams:
    @pytest.fixture
    def teams(self, opened: Any, config: Config, manual_clock: Any) -> Any:
        def of_week(form: str = "json") -> Any:
            text = WEEK_FORMS[form](list(week_reports(opened, config, manual_clock, week="2026-W46", workspace="acme")))
            return text if form != "json" else {row["team"]: row for row in json.loads(text)[0]["team"]}

        return of_week

    @pytest.mark.slow
    def test_each_has_its_runs_cost_seats_and_findings(self, teams: Any) -> None:
        sales, ops = teams()["sales"], teams()["ops"]

        assert (sales["runs"], sales["usd"]) == (168, pytest.approx(8.4))
        assert (sales["findings"], sales["saving_month_usd"]) == (2, pytest.approx(36.5 + 28, rel=0.01))
        assert (ops["runs"], ops["findings"], ops["saving_month_usd"]) == (14, 1, 10.0)
        assert sales["seats_usd"] == pytest.approx(28 * 7 / 30, abs=0.01)
        assert ops["seats_usd"] == pytest.approx(38 * 7 / 30, abs=0.01)

    @pytest.mark.parametrize("form", ["table", "markdown"])
    def test_the_other_forms_have_them(self, teams: Any, form: str) -> None:
        (line,) = [line for line in teams(form).splitlines() if line.lstrip("| ").startswith("sales")]

        assert "168" in line
        assert "28.00" in line
        assert "36.52" in line

    def test_before_any_audit_nothing_is_said_of_findings(self, tmp_path: Path, manual_clock: Any) -> None:
        folder = tmp_path / "fresh"
        folder.mkdir()
        config = load_config(CONFIG.encode(), source="hex.yml", environ={}, state_dir=folder)
        ledger = open_ledger("sqlite://", clock=manual_clock)
        record(ledger, round(manual_clock.now() * 1000))

        (report,) = json.loads(WEEK_FORMS["json"](list(week_reports(ledger, config, manual_clock, workspace="acme"))))

        assert {row["findings"] for row in report["team"]} == {None}
        assert {row["seats_usd"] is None for row in report["team"]} == {False}

    @pytest.mark.slow
    def test_gone_findings_do_not_count(self, config: Config, manual_clock: Any) -> None:
        ledger = open_ledger(config.storage.url, clock=manual_clock)
        manual_clock.advance(86_400)
        now_ms = round(manual_clock.now() * 1000)
        record(ledger, now_ms)
        ledger.workspace("acme").record_seats([], now_ms)
        asyncio.run(Auditor(ledger.workspace("acme"), config, manual_clock).once())

        (report,) = json.loads(WEEK_FORMS["json"](list(week_reports(ledger, config, manual_clock, workspace="acme"))))
        ledger.close()

        teams = {row["team"]: row["findings"] for row in report["team"]}
        assert teams == {"sales": 1, "ops": 0}
