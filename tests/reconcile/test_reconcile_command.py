"""`reconcile`: an invoice beside the ledger's month, by independent sums."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from exporter.cli import ledger_to_read, main
from exporter.config import load_config
from exporter.facts import Project, Run, Seat, Thread
from exporter.ledger import RunProgress, open_ledger

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CONFIG = """\
workspaces: [{name: acme, token_env: A}]
storage: {url: "sqlite:///ledger.db"}
week: {timezone: Europe/Zurich}
prices:
  plan: team
  overrides: {team: {editor_month: 60, explorer_month: 15}}
SCALE
compute:
  profiles: [{match: {title: "ML*"}, profile: 4xl}, {match: {title: "Big*"}, profile: large}]
"""
LEDGER = {"editor": 180.0, "explorer": 15.0, "4xl": 25.8, "large": 3.2}
"""Three editors at 60 dollars and one explorer at 15; ten hours of 4XL at 2.58 and ten of Large at 0.32."""


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Zurich")).timestamp() * 1000)


class Bench:
    """A ledger as a server leaves it on 18 November 2026, and what the command prints of it."""

    def __init__(self, folder: Path, clock: Any, monkeypatch: Any) -> None:
        self.folder, self.clock = folder, clock
        self.now_ms = round(clock.now() * 1000)
        self.file = folder / "hex.yml"
        self.configure()
        monkeypatch.setattr(ledger_to_read, "SystemClock", lambda: clock)
        self.fill()

    def configure(self, scale: str = "") -> None:
        self.file.write_text(CONFIG.replace("SCALE", f"  scale: {{{scale}}}" if scale else ""))
        self.config = load_config(self.file.read_bytes(), source=str(self.file), environ={}, state_dir=self.folder)

    def fill(self) -> None:
        ledger = open_ledger(self.config.storage.url, clock=self.clock)
        acme = ledger.workspace("acme")
        acme.first_contact(self.now_ms)
        born_ms = self.now_ms - 300 * DAY_MS
        projects = (("ml", "ML churn"), ("big", "Big table"), ("plain", "Plain"))
        acme.record_projects(
            [Project(project_id=one, title=title, created_ms=born_ms, published_ms=born_ms) for one, title in projects],
            self.now_ms,
        )
        acme.record_collector("projects", True, self.now_ms)
        seats = [Seat(user_id=f"e{number}", role="editor") for number in range(3)]
        acme.record_seats([*seats, Seat(user_id="x", role="explorer"), Seat(user_id="v", role="member")], self.now_ms)
        acme.record_collector("users", True, self.now_ms)
        used = Thread(
            thread_id="t", user_id="e0", created_ms=at("2026-10-10 12:00"), credits_milli=140_000, source="hex"
        )
        acme.record_threads([used], self.now_ms)
        acme.record_collector("threads", True, self.now_ms)
        known_from_ms = at("2026-09-15 00:00")
        for project_id, _ in projects:
            inside = [
                self.run(f"{project_id}-{day}", project_id, f"2026-10-{day:02} 08:00", HOUR_MS) for day in range(1, 11)
            ]
            # The last of September and the first of November are on other invoices.
            outside = [
                self.run(f"{project_id}-s", project_id, "2026-09-30 23:59", 5 * HOUR_MS),
                self.run(f"{project_id}-n", project_id, "2026-11-01 00:00", 5 * HOUR_MS),
            ]
            progress = RunProgress(known_until_ms=self.now_ms, known_from_ms=known_from_ms)
            acme.record_runs(project_id, [*inside, *outside], progress, self.now_ms)
        ledger.close()

    def run(self, run_id: str, project_id: str, start: str, ms: int) -> Run:
        return Run(
            run_id=run_id,
            project_id=project_id,
            status="completed",
            trigger="api",
            start_ms=at(start),
            end_ms=at(start) + ms,
            elapsed_ms=ms,
        )

    def call(self, invoice: str | None, *options: str, month: str = "2026-10") -> Any:
        path = self.folder / "invoice.csv"
        if invoice is not None:
            path.write_text(invoice)
        arguments = ["reconcile", str(path), "--month", month, "--config.file", str(self.file), *options]
        return CliRunner().invoke(main, arguments, env={"A": "x"})

    def found(self, invoice: str, *options: str) -> Any:
        result = self.call(invoice, *options, "--format", "json")
        assert result.exit_code == 0, result.stderr
        (report,) = json.loads(result.stdout)
        return report


@pytest.fixture
def bench(tmp_path: Path, manual_clock: Any, monkeypatch: Any) -> Bench:
    return Bench(tmp_path, manual_clock, monkeypatch)


def invoice(*lines: tuple[str, str]) -> str:
    return "description,amount\n" + "".join(f'"{what}",{amount}\n' for what, amount in lines)


EXACT = invoice(
    ("Team plan: Editor seats", "180.00"),
    ("Explorer seats", "15.00"),
    ("Advanced compute: 4XL", "25.80"),
    ("Advanced compute: Large", "3.20"),
    ("AI credits", "50.00"),
)


class TestAnInvoice:
    @pytest.mark.slow
    def test_that_bills_what_the_ledger_has_agrees_line_by_line(self, bench: Bench) -> None:
        found = bench.found(EXACT)

        assert [one["explained_by"] for one in found["line"]] == ["agrees"] * 5
        assert [one["ledger_usd"] for one in found["line"]] == pytest.approx([*LEDGER.values(), 50.0])
        assert [one["difference_usd"] for one in found["line"]] == pytest.approx([0.0] * 5, abs=1e-6)
        assert {one["component"]: one["ledger_usd"] for one in found["component"]} == pytest.approx(
            {"seats": 195.0, "compute": 29.0, "ai_credits": 50.0}
        )
        assert not any("scale" in remark for remark in found["remarks"])

    def test_with_sessions_says_how_many_hours_would_make_it(self, bench: Bench) -> None:
        found = bench.found(EXACT.replace("25.80", "64.50"))

        line = found["line"][2]
        assert (line["difference_usd"], line["difference_percent"]) == (pytest.approx(38.7), 150.0)
        assert (
            "notebook and app sessions, which the API does not show (lower bound): 15.0 hours on 4xl"
            in (line["explained_by"])
        )
        assert "600 minutes of 1 project ran on an assumed profile (medium)" in line["explained_by"]
        (compute,) = [one for one in found["component"] if one["component"] == "compute"]
        assert compute["basis"] == "lower bound, assumed profile"
        assert any("prices: {scale: {compute: 2.334483}}" in remark for remark in found["remarks"])

    def test_of_an_assumed_profile_names_the_one_that_it_fits(self, bench: Bench) -> None:
        """The ten hours of `Plain` on L4 at 2.93 dollars make 29.30 more."""
        found = bench.found(EXACT.replace("25.80", "55.10"))

        assert "1 project with the assumed profile medium on l4 comes to 58.30 USD" in found["line"][2]["explained_by"]

    def test_with_private_threads_says_how_many_credits(self, bench: Bench) -> None:
        found = bench.found(EXACT.replace("50.00", "87.00"))

        assert (
            "private threads, which the API does not list (lower bound): 74 credits"
            in (found["line"][4]["explained_by"])
        )

    def test_with_a_top_up_that_is_not_used_up(self, bench: Bench) -> None:
        found = bench.found(EXACT.replace("50.00", "75.00"))

        assert "3 top-ups of 50 credits, the last not used up, comes to 75.00 USD" in found["line"][4]["explained_by"]

    def test_with_tax_credits_and_services_leaves_nothing_without_a_reason(self, bench: Bench) -> None:
        extra = invoice(
            ("Goodwill for compute", "-2.00"), ("VAT", "20.00"), ("Workshop", "500.00"), ("Total", "792.00")
        )
        found = bench.found(EXACT + extra.split("\n", 1)[1])

        by_line = {one["description"]: one for one in found["line"]}
        assert "a credit on compute" in by_line["Goodwill for compute"]["explained_by"]
        assert "tax is no part of list prices" in by_line["VAT"]["explained_by"]
        assert "write --line 'PATTERN=COMPONENT'" in by_line["Workshop"]["explained_by"]
        assert "Total" not in by_line
        assert all(one["explained_by"] for one in found["line"])

    def test_that_charges_no_compute_shows_what_the_ledger_has(self, bench: Bench) -> None:
        found = bench.found(invoice(("Editor seats", "180"), ("Explorer seats", "15"), ("Credits", "50")))

        rest = [one for one in found["line"] if one["line"] == "-"]
        assert {one["description"]: one["ledger_usd"] for one in rest} == {
            "compute: 4xl": pytest.approx(25.8),
            "compute: large": pytest.approx(3.2),
        }
        assert all("no line of the invoice charges it" in one["explained_by"] for one in rest)

    def test_lines_that_name_no_kind_share_the_whole(self, bench: Bench) -> None:
        found = bench.found(invoice(("Team plan", "100"), ("Team plan, additional users", "95"), ("Compute", "29")))

        assert sum(one["ledger_usd"] for one in found["line"][:2]) == pytest.approx(195)
        assert found["line"][0]["ledger_usd"] == pytest.approx(100, abs=0.01)


class TestTheFactor:
    @pytest.mark.slow
    def test_makes_the_ledger_show_what_was_billed(self, bench: Bench) -> None:
        billed = invoice(("Team plan", "175.50"), ("Advanced compute", "43.21"), ("AI credits", "61.00"))
        before = bench.found(billed)
        (sentence,) = [one for one in before["remarks"] if "prices: {scale: {" in one]
        bench.configure(sentence.split("scale: {")[1].split("}")[0])

        after = bench.found(billed)

        assert [one["difference_usd"] for one in after["component"]] == pytest.approx([0, 0, 0], abs=0.005)
        assert {one["explained_by"] for one in after["line"]} == {"agrees"}
        # The factor that it finds then is the one that is there.
        assert [float(one["factor"]) for one in after["component"]] == pytest.approx(
            [float(one["factor"]) for one in before["component"]], rel=1e-4
        )

    def test_is_missing_where_the_ledger_has_nothing(self, bench: Bench) -> None:
        bench.file.write_text(bench.file.read_text().split("compute:\n")[0])
        found = bench.found(invoice(("Compute", "10"), ("Team plan", "195"), ("AI credits", "50")))

        (compute,) = [one for one in found["component"] if one["component"] == "compute"]
        assert compute["factor"] is None
        assert any("no factor makes compute what was billed" in remark for remark in found["remarks"])


class TestForms:
    def test_csv_has_the_lines_and_the_remarks_are_beside(self, bench: Bench) -> None:
        result = bench.call(EXACT.replace("25.80", "64.50"), "--format", "csv")

        header, *rows = csv.reader(io.StringIO(result.stdout))
        assert header[:5] == ["workspace", "line", "description", "component", "billed_usd"]
        assert len(rows) == 5
        assert "prices: {scale:" in result.stderr

    @pytest.mark.parametrize("form", ["table", "markdown"])
    def test_for_people(self, bench: Bench, form: str) -> None:
        result = bench.call(EXACT.replace("25.80", "64.50"), "--format", form)

        assert result.exit_code == 0
        assert "lower bound" in result.stdout
        assert "150" in result.stdout

    def test_titles_of_strangers_are_harmless(self, bench: Bench) -> None:
        result = bench.call(invoice(("=HYPERLINK(1) editor seats", "180")), "--format", "csv")

        assert "'=HYPERLINK(1)" in result.stdout


class TestRefusals:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("month", "sentence"),
        [
            ("2026-13", "'2026-13' is not valid; write a month such as 2026-10"),
            ("October", "'October' is not valid; write a month such as 2026-10"),
            ("2027-01", "'2027-01' has not begun; write an earlier month"),
            ("2026-11", "'2026-11' is not over; write an earlier month"),
            ("0000-01", "'0000-01' is not valid"),
            (
                "2026-09",
                "2026-09 is not in the ledger: runs are known whole since 2026-09-15; write a month that begins",
            ),
            ("2020-01", "2020-01 is not in the ledger: runs are known whole since 2026-09-15"),
        ],
    )
    def test_a_month_that_is_not_known(self, bench: Bench, month: str, sentence: str) -> None:
        result = bench.call(EXACT, month=month)

        assert result.exit_code == 1
        assert sentence in result.stderr
        assert result.stdout == ""

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (("--column", "total=Net"), "'total' is no column; write one of description, amount, quantity"),
            (("--column", "amount"), "write it like --column amount=Total"),
            (("--line", "Plan*=seat"), "'seat' is no component; write one of seats, compute, ai_credits, tax, other"),
            (("--line", "Plan"), "write it like --line 'Platform*=seats'"),
            (("--rate", "EUR=zero"), "'zero' is no rate; write how many EUR a dollar was"),
            (("--rate", "EUR=-1"), "'-1' is no rate"),
            (("--rate", "EUR=inf"), "'inf' is no rate"),
        ],
    )
    def test_options_that_say_nothing(self, bench: Bench, options: tuple[str, ...], sentence: str) -> None:
        result = bench.call(EXACT, *options)

        assert result.exit_code == 2
        assert sentence in result.stderr

    def test_a_file_that_is_not_there_and_one_that_is_none(self, bench: Bench) -> None:
        assert "cannot be read" in bench.call(None).stderr
        assert "is a PDF, not CSV" in bench.call("%PDF-1.4").stderr

    def test_of_several_workspaces_one_is_named(self, bench: Bench) -> None:
        text = bench.file.read_text().replace(
            "[{name: acme, token_env: A}]", "[{name: acme, token_env: A}, {name: b, token_env: B}]"
        )
        bench.file.write_text(text)

        assert "an invoice is for one workspace; write one of acme, b" in bench.call(EXACT).stderr
        assert "'c' is not a workspace; write one of acme, b" in bench.call(EXACT, "--workspace", "c").stderr
        assert bench.call(EXACT, "--workspace", "acme").exit_code == 0
