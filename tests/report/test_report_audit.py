"""`audit`: ranked, in four forms, beside a running server, whatever the titles say."""

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from audited_workspace import CONFIG, HOSTILE, record
from click.testing import CliRunner

from exporter.audit.auditor import Auditor
from exporter.cli.commands import main
from exporter.config import Config, load_config
from exporter.errors import ConfigError
from exporter.facts import FINDING_KINDS, Seat
from exporter.ledger import open_ledger
from exporter.report.audit_forms import AUDIT_FORMS
from exporter.report.audit_report import FindingFilter, audit_reports


@pytest.fixture
def folder(tmp_path: Path, manual_clock: Any) -> Path:
    """A ledger as a server leaves it, and its configuration."""
    (tmp_path / "hex.yml").write_text(CONFIG)
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", clock=manual_clock)
    record(ledger, round(manual_clock.now() * 1000))
    ledger.close()
    return tmp_path


@pytest.fixture
def config(folder: Path) -> Config:
    file = folder / "hex.yml"
    return load_config(file.read_bytes(), source=str(file), environ={}, state_dir=folder)


@pytest.fixture
def told(config: Config, manual_clock: Any) -> Any:
    """What the audit prints in a form."""

    def tell(form: str = "json", settings: Config | None = None, **wanted: Any) -> Any:
        settings = settings or config
        ledger = open_ledger(config.storage.url, clock=manual_clock, read_only=True)
        try:
            text = AUDIT_FORMS[form](list(audit_reports(ledger, settings, manual_clock, FindingFilter(**wanted))))
        finally:
            ledger.close()
        return json.loads(text) if form == "json" else text

    return tell


def changed(folder: Path, before: str, after: str) -> Config:
    text = CONFIG.replace(before, after)
    assert text != CONFIG
    return load_config(text.encode(), source="hex.yml", environ={}, state_dir=folder)


class TestFindings:
    def test_are_ranked_by_what_hex_bills_before_the_own_estimate(self, told: Any) -> None:
        acme, _ = told()

        kinds = [(row["kind"], row["subject"]) for row in acme["findings"]]
        assert kinds == [("idle_paid_seat", "u2"), ("idle_paid_seat", "u3"), ("abandoned_project", "p1")]
        savings = [row["saving_month_usd"] for row in acme["findings"]]
        assert savings == [28.0, 10.0, pytest.approx(24 * 0.05 * 365.25 / 12, rel=0.01)]
        assert [row["saving_month_billed_usd"] for row in acme["findings"]] == [28.0, 10.0, 0.0]
        assert acme["saving"]["saving_month_usd"] == pytest.approx(sum(savings))
        assert acme["spent"]["spent_month_usd"] > acme["saving"]["saving_month_usd"]

    def test_each_tells_figures_action_and_place(self, told: Any) -> None:
        row = told()[0]["findings"][-1]

        assert row["evidence"]["views"] == 0
        assert (row["confidence"], row["team"], row["owner"]) == ("measured", "sales", "gone@sales.example")
        assert row["action"]
        assert "Hex" in row["where"]
        assert row["saving_month_minutes"] == pytest.approx(row["saving_month_runs"])

    def test_figures_of_run_time_say_what_they_rest_on(self, told: Any, folder: Path) -> None:
        acme, _ = told()

        basis = {row["subject"]: row["basis"] for row in acme["findings"]}
        assert basis == {"u2": "", "u3": "", "p1": "lower bound, assumed profile"}
        stated = changed(folder, "week:", "compute: {profiles: [{match: {project_id: p1}, profile: small}]}\nweek:")
        assert told(settings=stated)[0]["findings"][-1]["basis"] == "lower bound"
        assert "measured; lower bound, assumed profile" in told("markdown", workspace="acme")

    def test_ignored_ones_are_shown_with_reason_and_end_and_count_nowhere(self, told: Any) -> None:
        acme, _ = told()

        (row,) = acme["ignored"]
        assert (row["kind"], row["subject"], row["ignored"]) == ("failing_schedule", "p2", "fixed | next week")
        assert row["ignored_until"] == "2026-12-31"
        (total,) = [one for one in acme["kinds"] if one["kind"] == "failing_schedule"]
        assert (total["findings"], total["ignored"], total["saving_month_runs"]) == (0, 1, 0)

    def test_one_whose_end_has_passed_counts_again(self, told: Any, folder: Path) -> None:
        (acme, _) = told(settings=changed(folder, "2026-12-31", "2026-11-17"))

        assert acme["ignored"] == []
        assert "failing_schedule" in {row["kind"] for row in acme["findings"]}

    def test_what_could_not_be_judged_is_said_with_what_is_needed(self, told: Any) -> None:
        acme, beta = told()

        missing = {row["kind"]: row for row in acme["not_judged"]}
        assert missing["colliding_schedules"]["needs"] == "limits.connection_runs"
        assert all(row["needs"] and row["why"] for row in acme["not_judged"])
        assert beta["findings"] == beta["kinds"] == []
        assert len({row["kind"] for row in beta["not_judged"]}) == len(FINDING_KINDS)
        assert any("has not listed them yet" in remark for remark in beta["remarks"])

    def test_without_prices_it_ranks_by_runs_and_names_the_keys(self, told: Any, folder: Path) -> None:
        settings = changed(
            folder,
            "prices: {plan: team, run_usd: 0.05, overrides: {team: {editor_month: 28, explorer_month: 10}}}",
            "",
        )
        (acme,) = told(settings=settings, workspace="acme")

        assert acme["findings"][0]["subject"] == "p1"
        assert {row["saving_month_usd"] for row in acme["findings"]} == {None}
        assert acme["findings"][0]["saving_month_runs"] > 700
        assert any("prices.run_usd" in remark for remark in acme["remarks"])
        assert "usd" not in told("table", settings=settings, workspace="acme").splitlines()[2]

    def test_people_are_shown_as_owners_are(self, told: Any, folder: Path) -> None:
        settings = changed(folder, "week:", "labels: {owner: none}\nweek:")

        for form in AUDIT_FORMS:
            text = json.dumps(told(form, settings=settings, workspace="acme"))
            assert "example" not in text, form
        (acme,) = told(settings=settings, workspace="acme")
        assert [row["name"] for row in acme["findings"][:2]] == ["u2", "u3"]

    def test_what_is_not_judged_is_never_said_to_be_nothing(self, told: Any, config: Config, manual_clock: Any) -> None:
        ledger = open_ledger(config.storage.url, clock=manual_clock)
        ledger.workspace("acme").record_collector("users", False, round(manual_clock.now() * 1000))
        ledger.close()
        manual_clock.advance(7 * 3600)
        ledger = open_ledger(config.storage.url, clock=manual_clock)
        ledger.workspace("acme").record_projects([], round(manual_clock.now() * 1000))
        ledger.workspace("acme").record_collector("projects", True, round(manual_clock.now() * 1000))
        ledger.close()

        (acme,) = told(workspace="acme", kinds=("idle_paid_seat", "costly_role"))

        assert acme["kinds"] == []
        assert {row["kind"] for row in acme["not_judged"]} == {"idle_paid_seat", "costly_role"}
        assert all("the last attempt failed" in row["why"] for row in acme["not_judged"])
        text = told("table", workspace="acme", kinds=("idle_paid_seat", "costly_role"))
        assert "none of these kinds could be judged" in text
        assert "needed: a token that may read users" in text


class TestFilters:
    def test_by_kind(self, told: Any) -> None:
        (acme,) = told(kinds=("idle_paid_seat", "unused_connection"), workspace="acme")

        assert {row["kind"] for row in acme["findings"]} == {"idle_paid_seat"}
        assert {row["kind"] for row in acme["kinds"]} == {"idle_paid_seat", "unused_connection"}
        assert acme["saving"]["saving_month_usd"] == 38.0

    def test_by_saving(self, told: Any) -> None:
        (acme,) = told(least_micro=28_000_000, workspace="acme")

        assert [row["subject"] for row in acme["findings"]] == ["u2", "p1"]
        assert acme["ignored"] == []

    def test_by_team(self, told: Any) -> None:
        (acme,) = told(team="ops", workspace="acme")

        assert [row["subject"] for row in acme["findings"]] == ["u3"]
        assert [row["team"] for row in acme["teams"]] == ["ops"]

    @pytest.mark.parametrize(
        ("wanted", "said"),
        [
            ({"workspace": "gamma"}, "--workspace: 'gamma' is not a workspace; write one of acme, beta"),
            ({"team": "it"}, "--team: 'it' is not a team; write one of sales, ops"),
        ],
    )
    def test_what_does_not_exist_is_refused(self, told: Any, wanted: dict[str, str], said: str) -> None:
        with pytest.raises(ConfigError) as caught:
            told(**wanted)

        assert str(caught.value) == said


class TestTeams:
    def test_each_has_its_findings_cost_and_runs(self, told: Any) -> None:
        (acme,) = told(workspace="acme")

        teams = {row["team"]: row for row in acme["teams"]}
        assert set(teams) == {"sales", "ops"}
        assert teams["sales"]["findings"] == 2
        assert teams["sales"]["saving_month_usd"] == pytest.approx(
            sum(row["counted_month_usd"] for row in acme["findings"] if row["team"] == "sales")
        )
        assert teams["sales"]["cost_month_usd"] == pytest.approx(28 + 36.5, rel=0.01)
        assert teams["ops"]["cost_month_runs"] == pytest.approx(2 * 30.4, rel=0.05)
        spent = acme["spent"]["spent_month_usd"]
        assert sum(row["cost_month_usd"] for row in teams.values()) == pytest.approx(spent)


class TestOverTime:
    @pytest.mark.slow
    def test_tells_since_when_and_what_was_saved(self, told: Any, config: Config, manual_clock: Any) -> None:
        assert told()[0]["findings"][0]["first_seen"] is None

        def serve(*, idle: bool) -> None:
            ledger = open_ledger(config.storage.url, clock=manual_clock)
            now_ms = round(manual_clock.now() * 1000)
            record(ledger, now_ms)
            if not idle:
                seats = [Seat(user_id="u1", email="a@ops.example", role="editor", last_login_ms=now_ms)]
                ledger.workspace("acme").record_seats(seats, now_ms)
            asyncio.run(Auditor(ledger.workspace("acme"), config, manual_clock).once())
            ledger.close()

        serve(idle=True)
        for days, idle in ((3, True), (1, False), (10, False)):
            manual_clock.advance(days * 86_400)
            serve(idle=idle)

        (acme,) = told(workspace="acme")
        assert acme["findings"][0]["days"] == 14
        assert {row["subject"] for row in acme["gone"]} == {"u2", "u3"}
        assert acme["realised_usd"] == pytest.approx(38 * 10 / 30.4375, abs=0.01)
        (total,) = [row for row in acme["kinds"] if row["kind"] == "idle_paid_seat"]
        assert (total["findings"], total["realised_usd"]) == (0, acme["realised_usd"])
        assert "14 days" in told("details", workspace="acme")

    def test_a_ledger_that_nobody_writes_any_more_is_judged_as_of_its_last_day(
        self, told: Any, manual_clock: Any
    ) -> None:
        manual_clock.advance(3 * 86_400)

        (acme,) = told(workspace="acme")

        assert len(acme["findings"]) == 3
        assert any(remark.startswith("as of 2026-11-18") for remark in acme["remarks"])


class TestIgnored:
    OVER = "ignore[1] (abandoned project 'p1') is over since 2026-07-01: write a later until, or remove it"

    def test_an_entry_that_is_over_is_said_once_after_all_workspaces(self, told: Any) -> None:
        acme, beta = told()

        assert self.OVER not in acme["remarks"]
        assert self.OVER in beta["remarks"]

    def test_an_entry_that_matches_no_finding_is_said(self, told: Any, folder: Path) -> None:
        one = changed(folder, "workspaces: [{name: acme, token_env: A}, {name: beta, token_env: B}]",
                      "workspaces: [{name: acme, token_env: A}]")  # fmt: skip
        text = CONFIG.replace('subject: "Nightly*"', 'subject: "Nigthly*"').replace(", {name: beta, token_env: B}", "")
        wrong = load_config(text.encode(), source="hex.yml", environ={}, state_dir=folder)
        sentence = "ignore[0] matches no finding: no failing schedule is called 'Nigthly*'; correct it, or remove it"

        assert sentence in told(settings=wrong)[0]["remarks"]
        assert not any("ignore[0]" in remark for remark in told(settings=one)[0]["remarks"])


class TestForms:
    def test_a_table_is_one_row_a_finding_whatever_its_title_says(self, told: Any) -> None:
        text = told("table", workspace="acme")

        assert "\x1b" not in text
        assert "[bold]rows" in " ".join(text.split())
        assert "idle@sales.example" in text
        assert "not judged everywhere: colliding schedules" in text
        assert text.splitlines()[1:3] == ["3 findings", "you would pay less: 38.00 of 66.00 USD a month"]
        assert "1 finding ignored, and in no total; --details lists them" in text
        assert "fixed | next week (until 2026-12-31)" in told("details", workspace="acme")

    def test_csv_has_no_formula_and_one_row_a_finding(self, told: Any) -> None:
        rows = list(csv.DictReader(io.StringIO(told("csv"))))

        assert [row["subject"] for row in rows] == ["u2", "u3", "p1", "p2"]
        assert rows[2]["name"].startswith("'=HYPERLINK(1)")
        assert float(rows[0]["saving_month_usd"]) == 28.0
        assert (rows[3]["ignored"], rows[3]["ignored_until"]) == ("fixed | next week", "2026-12-31")
        for row in rows:
            assert not any(cell[:1] in tuple("=+-@\t\r") and cell for cell in row.values())

    def test_markdown_keeps_every_row_in_its_table(self, told: Any) -> None:
        lines = told("markdown", workspace="acme").splitlines()

        assert lines[0].startswith("# Savings: acme, by the runs of 2026-10-21 to 2026-11-18")
        (row,) = [line for line in lines if "HYPERLINK" in line]
        (head,) = [line for line in lines if line.startswith("| monthly saving, billed USD") and "known for" in line]
        assert row.replace("\\|", "").count("|") == head.count("|")
        assert r"\<b\>x\</b\>" in row
        assert any(line.startswith("- not judged everywhere: colliding schedules") for line in lines)

    def test_json_is_what_it_says(self, told: Any) -> None:
        acme = told()[0]

        assert acme["findings"][-1]["name"] == HOSTILE
        assert acme["as_of"].startswith("2026-11-18T")
        assert acme["runs_since"].startswith("2026-10-21T")


class TestCommand:
    def ask(self, folder: Path, *flags: str) -> Any:
        return CliRunner().invoke(main, ["audit", "--config.file", str(folder / "hex.yml"), *flags])

    def test_reads_beside_a_writer_and_creates_nothing(self, folder: Path, manual_clock: Any) -> None:
        writer = open_ledger(f"sqlite:///{folder / 'ledger.db'}", clock=manual_clock)
        before = set(folder.iterdir())

        result = self.ask(folder, "--format", "json", "--kind", "idle_paid_seat", "--min-saving", "20")
        writer.close()

        assert result.exit_code == 0, result.output
        acme, _ = json.loads(result.stdout)
        assert [row["subject"] for row in acme["findings"]] == ["u2"]
        assert before >= set(folder.iterdir())

    @pytest.mark.parametrize("written", ["idle paid seat", "idle_paid_seat", "Idle paid seat", "IDLE-PAID-SEAT"])
    def test_takes_a_kind_as_it_is_printed(self, folder: Path, written: str) -> None:
        result = self.ask(folder, "--format", "json", "--kind", written)

        assert result.exit_code == 0, result.output
        acme, _ = json.loads(result.stdout)
        assert {row["kind"] for row in acme["findings"]} == {"idle_paid_seat"}

    def test_refuses_a_kind_that_there_is_not_and_lists_those_that_there_are(self, folder: Path) -> None:
        result = self.ask(folder, "--kind", "idle seat")

        assert result.exit_code == 2
        assert "'idle seat' is not a kind of finding; write one of" in result.stderr
        assert '"idle paid seat"' in result.stderr

    def test_csv_says_beside_it_what_could_not_be_judged(self, folder: Path) -> None:
        result = self.ask(folder, "--format", "csv")

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
    def test_what_cannot_be_asked_is_a_usage_error(self, folder: Path, flags: tuple[str, str]) -> None:
        assert self.ask(folder, *flags).exit_code == 2
