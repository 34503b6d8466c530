"""`audit` in its four forms, and as a command."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from audited_workspace import HOSTILE
from click.testing import CliRunner

from exporter.cli.commands import main
from exporter.ledger import open_ledger


class TestForms:
    def test_a_table_is_one_row_a_finding_whatever_its_title_says(self, audit_text: Any) -> None:
        text = audit_text("table", workspace="acme")

        assert "\x1b" not in text
        assert "[bold]rows" in " ".join(text.split())
        assert "idle@sales.example" in text
        assert "not judged everywhere: colliding schedules" in text
        assert text.splitlines()[1:3] == ["3 findings", "you would pay less: 38.00 of 66.00 USD a month"]
        assert "1 finding ignored, and in no total; --details lists them" in text
        assert "fixed | next week (until 2026-12-31)" in audit_text("details", workspace="acme")

    def test_csv_has_no_formula_and_one_row_a_finding(self, audit_text: Any) -> None:
        rows = list(csv.DictReader(io.StringIO(audit_text("csv"))))

        assert [row["subject"] for row in rows] == ["u2", "u3", "p1", "p2"]
        assert rows[2]["name"].startswith("'=HYPERLINK(1)")
        assert float(rows[0]["saving_month_usd"]) == 28.0
        assert (rows[3]["ignored"], rows[3]["ignored_until"]) == ("fixed | next week", "2026-12-31")
        for row in rows:
            assert not any(cell[:1] in tuple("=+-@\t\r") and cell for cell in row.values())

    def test_markdown_keeps_every_row_in_its_table(self, audit_text: Any) -> None:
        lines = audit_text("markdown", workspace="acme").splitlines()

        assert lines[0].startswith("# Savings: acme, by the runs of 2026-10-21 to 2026-11-18")
        (row,) = [line for line in lines if "HYPERLINK" in line]
        (head,) = [line for line in lines if line.startswith("| monthly saving, billed USD") and "known for" in line]
        assert row.replace("\\|", "").count("|") == head.count("|")
        assert r"\<b\>x\</b\>" in row
        assert any(line.startswith("- not judged everywhere: colliding schedules") for line in lines)

    def test_json_is_what_it_says(self, audit_text: Any) -> None:
        acme = audit_text()[0]

        assert acme["findings"][-1]["name"] == HOSTILE
        assert acme["as_of"].startswith("2026-11-18T")
        assert acme["runs_since"].startswith("2026-10-21T")


class TestCommand:
    def ask(self, audit_folder: Path, *flags: str) -> Any:
        return CliRunner().invoke(main, ["audit", "--config.file", str(audit_folder / "hex.yml"), *flags])

    @pytest.mark.slow
    def test_reads_beside_a_writer_and_creates_nothing(self, audit_folder: Path, manual_clock: Any) -> None:
        writer = open_ledger(f"sqlite:///{audit_folder / 'ledger.db'}", clock=manual_clock)
        before = set(audit_folder.iterdir())

        result = self.ask(audit_folder, "--format", "json", "--kind", "idle_paid_seat", "--min-saving", "20")
        writer.close()

        assert result.exit_code == 0, result.output
        acme, _ = json.loads(result.stdout)
        assert [row["subject"] for row in acme["findings"]] == ["u2"]
        assert before >= set(audit_folder.iterdir())

    @pytest.mark.parametrize("written", ["idle paid seat", "idle_paid_seat", "Idle paid seat", "IDLE-PAID-SEAT"])
    def test_takes_a_kind_as_it_is_printed(self, audit_folder: Path, written: str) -> None:
        result = self.ask(audit_folder, "--format", "json", "--kind", written)

        assert result.exit_code == 0, result.output
        acme, _ = json.loads(result.stdout)
        assert {row["kind"] for row in acme["findings"]} == {"idle_paid_seat"}

    def test_refuses_a_kind_that_there_is_not_and_lists_those_that_there_are(self, audit_folder: Path) -> None:
        result = self.ask(audit_folder, "--kind", "idle seat")

        assert result.exit_code == 2
        assert "'idle seat' is not a kind of finding; write one of" in result.stderr
        assert '"idle paid seat"' in result.stderr

    def test_csv_says_beside_it_what_could_not_be_judged(self, audit_folder: Path) -> None:
        result = self.ask(audit_folder, "--format", "csv")

        assert result.stdout.startswith("workspace,kind,subject,")
        assert "hex-exporter: not judged" in result.stderr
        assert "has not listed them yet" in result.stderr

    def test_without_a_ledger_says_what_is_missing(self, tmp_path: Path) -> None:
        (tmp_path / "hex.yml").write_text("storage: {url: 'sqlite:///none.db'}")

        result = self.ask(tmp_path)

        assert result.exit_code == 1
        assert (
            "no ledger here: start `hex-exporter serve` first, or set storage.url to the one that it keeps"
            in result.stderr
        )
        assert [one.name for one in tmp_path.iterdir()] == ["hex.yml"]

    def test_an_empty_ledger_is_one_clear_sentence(self, tmp_path: Path, manual_clock: Any) -> None:
        (tmp_path / "hex.yml").write_text("storage: {url: 'sqlite:///ledger.db'}")
        open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", clock=manual_clock).close()

        result = self.ask(tmp_path)

        assert result.exit_code == 0, result.output
        assert "the ledger knows no projects of this workspace" in result.stdout
        assert "none of these kinds could be judged" in result.stdout
        assert "findings" not in result.stdout

    @pytest.mark.parametrize(
        "flags",
        [
            ("--kind", "nonsense"),
            ("--min-saving", "-1"),
            ("--min-saving", "nan"),
            ("--min-saving", "inf"),
            ("--format", "xml"),
        ],
    )
    def test_what_cannot_be_asked_is_a_usage_error(self, audit_folder: Path, flags: tuple[str, str]) -> None:
        assert self.ask(audit_folder, *flags).exit_code == 2
