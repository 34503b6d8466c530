"""`report`: the same figures as the metrics, in four forms, beside a running server."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from exporter.cli.commands import main
from exporter.config import Collect, Config, Match
from exporter.errors import ConfigError
from exporter.ledger import Ledger, open_ledger
from exporter.metrics import Collector, Status
from exporter.report.week_forms import WEEK_FORMS
from exporter.report.week_report import week_reports

A_WEEK = "is not valid; write a week such as 2026-W47 or a day such as 2026-11-18"


@pytest.fixture
def ledger(config: Config, manual_clock: Any) -> Any:
    opened = open_ledger(config.storage.url, clock=manual_clock, read_only=True)
    yield opened
    opened.close()


@pytest.fixture
def reported(ledger: Ledger, config: Config, manual_clock: Any) -> Any:
    """The JSON of the reports that are requested."""

    def tell(**wanted: str) -> Any:
        return json.loads(WEEK_FORMS["json"](list(week_reports(ledger, config, manual_clock, **wanted))))

    return tell


def test_reports_the_week_against_the_week_before(reported: Any) -> None:
    acme, _ = reported()

    assert (acme["week_start"], acme["week_end"]) == ("2026-11-16T00:00:00+01:00", "2026-11-23T00:00:00+01:00")
    (total,) = acme["total"]
    assert (total["runs"], total["previous_runs"], total["seconds"], total["estimate_usd"]) == (4, 2, 360, 0.2)
    assert {row["trigger"]: row["runs"] for row in acme["trigger"]} == {"scheduled": 3, "api": 1, "app_refresh": 0}
    assert {row["status"]: row["runs"] for row in acme["status"]} == {
        "completed": 3,
        "errored": 1,
        "killed": 0,
        "unable_to_allocate_kernel": 0,
    }
    assert [(row["project"], row["title"], row["runs"]) for row in acme["project"]] == [
        ("p1", "Orders | all", 3),
        ("p2", "[bold]Leads", 1),
    ]
    assert {row["team"]: row["runs"] for row in acme["team"]} == {"sales": 3, "(no team)": 1}


def test_reports_each_budget_with_its_reset(reported: Any) -> None:
    runs, sales = reported(workspace="acme")[0]["budget"]

    assert (runs["used"], runs["limit"], runs["forecast"], runs["previous_used"]) == (4, 5, 4, 2)
    assert runs["resets_timestamp_seconds"] == 1_795_388_400
    assert (sales["unit"], sales["used"]) == ("usd", 0.15)


def test_prints_the_figures_of_the_metrics(reported: Any, ledger: Ledger, config: Config, manual_clock: Any) -> None:
    families = Collector(ledger, Status()).collect(config, round(manual_clock.now() * 1000))
    samples = {family.metric.name: dict(family.samples) for family in families}

    acme, _ = reported()

    for row in acme["budget"]:
        labels = ("acme", row["budget"], row["unit"])
        assert row["used"] == samples["hex_budget_used"][labels]
        assert row["forecast"] == samples["hex_budget_forecast"][labels]
    costs = {row["component"]: row["usd"] for row in acme["component"] if row["usd"] is not None}
    assert {("acme", component): usd for component, usd in costs.items()} == samples["hex_cost_week_usd"]
    plans = {row["plan"]: row["month_usd"] for row in acme["plan"] if row["month_usd"] is not None}
    assert {("acme", plan): usd for plan, usd in plans.items()} == samples["hex_plan_month_usd"]


@pytest.mark.parametrize("week", ["2026-W46", "2026-11-09", "2026-11-15"])
def test_a_week_is_named_by_number_or_by_a_day_in_it(reported: Any, week: str) -> None:
    acme, _ = reported(week=week)

    assert acme["week_start"] == "2026-11-09T00:00:00+01:00"
    assert acme["total"][0]["runs"] == 2
    assert acme["budget"][0]["used"] == 2
    assert acme["budget"][0]["forecast"] is None
    assert "seats before 2026-11-18 are those of that day, the first on which they were read" in acme["remarks"]


def test_a_week_without_data_says_so(reported: Any) -> None:
    acme, beta = reported(week="2026-W44")

    assert acme["total"][0]["runs"] == 0
    assert "no run started in this week" in acme["remarks"]
    assert beta["total"][0]["runs"] is None
    assert any(remark.startswith("this week is not completely known") for remark in beta["remarks"])


def test_a_week_that_is_no_longer_kept_says_so(reported: Any) -> None:
    (acme,) = reported(week="2025-W30", workspace="acme")

    assert any("storage.keep_runs" in remark for remark in acme["remarks"])


def test_missing_prices_are_named(reported: Any) -> None:
    acme, beta = reported()

    assert [remark for remark in acme["remarks"] if "set prices" in remark] == []
    assert {row["component"]: row["usd"] for row in beta["component"]}["seats"] is None


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"week": "2026-W99"}, f"--week: '2026-W99' {A_WEEK}"),
        ({"week": "soon"}, f"--week: 'soon' {A_WEEK}"),
        ({"week": "9999-12-31"}, f"--week: '9999-12-31' {A_WEEK}"),
        *(
            ({"week": week}, f"--week: {week!r} is before 1970, when timestamps begin; write a week such as 2026-W47")
            for week in ("0001-01-01", "0001-W01", "0001-01-08", "1969-12-31", "1970-01-01", "1970-W01")
        ),
        *(
            ({"week": week}, f"--week: {week!r} {A_WEEK}")
            for week in ("9999-W53", "9999-W52", "0000-W01", "2026-W00", "2026-02-30", "2026-13-01", "", "\u0661")
        ),
        ({"week": "9998-W01"}, "--week: '9998-W01' has not begun; write this week or an earlier one"),
        ({"week": "2026-W48"}, "--week: '2026-W48' has not begun; write this week or an earlier one"),
        ({"workspace": "gamma"}, "--workspace: 'gamma' is not a workspace; write one of acme, beta"),
    ],
)
def test_what_does_not_exist_is_refused(reported: Any, wanted: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        reported(**wanted)

    assert str(caught.value) == said


class TestForms:
    @pytest.fixture
    def printed(self, ledger: Ledger, config: Config, manual_clock: Any) -> Any:
        return lambda form: WEEK_FORMS[form](list(week_reports(ledger, config, manual_clock)))

    def test_markdown_escapes_what_would_break_a_table(self, printed: Any) -> None:
        lines = printed("markdown").splitlines()

        (row,) = (line for line in lines if line.startswith("| p1 |"))
        assert row.startswith(r"| p1 | Orders \| all | a@sales.example | sales | 3 | 4.5 | 0.15 |")
        assert "# acme, 2026-11-16 to 2026-11-22 (2026-W47, Europe/Zurich)" in lines

    def test_a_table_shows_titles_as_they_are(self, printed: Any) -> None:
        text = printed("table")

        assert "[bold]Leads" in text
        assert "Mon 23 Nov 00:00" in text
        assert "weekly-runs  runs" in text


class TestCommand:
    def test_prints_beside_a_writer_and_creates_nothing(self, folder: Path, manual_clock: Any) -> None:
        writer = open_ledger(f"sqlite:///{folder / 'ledger.db'}", clock=manual_clock)
        before = set(folder.iterdir())

        result = CliRunner().invoke(main, ["report", "--config.file", str(folder / "hex.yml"), "--format", "json"])
        writer.close()

        assert result.exit_code == 0, result.output
        assert [report["workspace"] for report in json.loads(result.stdout)] == ["acme", "beta"]
        assert before >= set(folder.iterdir())

    @pytest.mark.slow
    @pytest.mark.parametrize("form", [(), ("--format", "json"), ("--format", "csv"), ("--digest",)])
    @pytest.mark.parametrize(
        ("option", "period"), [("--week", "2019-W02"), ("--month", "2026-09"), ("--from", "2019-01-01")]
    )
    def test_a_period_without_data_is_one_line_and_no_table(
        self, folder: Path, manual_clock: Any, form: tuple[str, ...], option: str, period: str
    ) -> None:
        until = ("--to", "2019-02-01") if option == "--from" else ()
        arguments = ["report", "--config.file", str(folder / "hex.yml"), option, period, *until, *form]

        result = CliRunner().invoke(main, arguments)

        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr == (
            f"hex-exporter: {option}: '{period}' has no data: what the ledger knows begins on 2026-11-10; "
            "write a later one\n"
        )

    def test_the_first_week_with_data_is_printed(self, folder: Path) -> None:
        arguments = ["report", "--config.file", str(folder / "hex.yml"), "--week", "2026-W46", "--format", "json"]

        result = CliRunner().invoke(main, arguments)

        assert result.exit_code == 0
        assert json.loads(result.stdout)[0]["total"][0]["runs"] == 2

    def test_without_a_ledger_says_what_is_missing(self, tmp_path: Path) -> None:
        (tmp_path / "hex.yml").write_text("storage: {url: 'sqlite:///none.db'}")

        result = CliRunner().invoke(main, ["report", "--config.file", str(tmp_path / "hex.yml")])

        assert result.exit_code == 1
        assert (
            "no ledger here: start `hex-exporter serve` first, or set storage.url to the one that it keeps"
            in result.stderr
        )
        assert not (tmp_path / "none.db").exists()

    def test_a_form_that_does_not_exist_is_a_usage_error(self) -> None:
        assert CliRunner().invoke(main, ["report", "--format", "xml"]).exit_code == 2


def test_the_first_week_that_timestamps_have_is_reported(reported: Any) -> None:
    (acme,) = reported(week="1970-01-05", workspace="acme")

    assert acme["week_start"] == "1970-01-05T00:00:00+01:00"


def test_what_the_configuration_leaves_out_is_said_and_not_counted(
    ledger: Ledger, config: Config, manual_clock: Any
) -> None:
    narrow = msgspec.structs.replace(config, collect=Collect(left_out=(Match(title="Orders*"),)))

    acme, _ = json.loads(WEEK_FORMS["json"](list(week_reports(ledger, narrow, manual_clock))))

    assert "1 projects are left out by collect.match or collect.except" in acme["remarks"]
    assert [row["project"] for row in acme["project"]] == ["p2"]
    assert [row["used"] for row in acme["budget"] if row["budget"] == "weekly-runs"] == [1]
