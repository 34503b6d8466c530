"""`report --last 7d`: the runs of the last days by project, in four forms, exact to the millisecond."""

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from exporter.cli.commands import main
from exporter.config import Config, load_config
from exporter.errors import ConfigError
from exporter.facts import Project, Run
from exporter.ledger import RunProgress, open_ledger
from exporter.metrics import Collector, Status
from exporter.report import TABLE_FORMS, last_days_reports

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CONFIG = """\
workspaces: [{name: acme, token_env: A}, {name: beta, token_env: B}]
storage: {url: "sqlite:///ledger.db"}
week: {timezone: Europe/Zurich}
teams: [{name: sales, match: {owner: "*@sales.example"}}]
"""
OF_ACME = ("acme", "p1", "Orders | all", "a@sales.example", "sales")


def run(run_id: str, start_ms: int, **fields: Any) -> Run:
    given = {"project_id": "p1", "status": "completed", "trigger": "scheduled", "elapsed_ms": 1_500}
    return Run(run_id=run_id, start_ms=start_ms, **(given | fields))


@pytest.fixture
def bench(tmp_path: Path, manual_clock: Any) -> Any:
    return Bench(tmp_path, manual_clock)


class Bench:
    """A ledger as a server leaves it, and what the report of it shows."""

    def __init__(self, folder: Path, clock: Any) -> None:
        self.file = folder / "hex.yml"
        self.file.write_text(CONFIG)
        self.clock = clock
        self.now_ms = round(clock.now() * 1000)
        self.config: Config = load_config(self.file.read_bytes(), source=str(self.file), environ={}, state_dir=folder)

    def keep(self, *runs: Run, known_from_ms: int = 0, projects: int = 2) -> None:
        ledger = open_ledger(self.config.storage.url, clock=self.clock)
        acme = ledger.workspace("acme")
        acme.first_contact(self.now_ms)
        born_ms = self.now_ms - 300 * DAY_MS
        titles = (("p1", "Orders | all", "a@sales.example"), ("p2", "=Leads", "b@ops.example"))
        acme.record_projects(
            [
                Project(project_id=one, title=title, owner=owner, created_ms=born_ms, published_ms=born_ms)
                for one, title, owner in titles[:projects]
            ],
            self.now_ms,
        )
        acme.record_collector("projects", True, self.now_ms)
        progress = RunProgress(known_until_ms=self.now_ms, known_from_ms=known_from_ms)
        for project_id in ("p1", "p2")[:projects]:
            acme.record_runs(project_id, [one for one in runs if one.project_id == project_id], progress, self.now_ms)
        ledger.close()

    def report(self, last: str = "7d", form: str = "json") -> Any:
        ledger = open_ledger(self.config.storage.url, clock=self.clock, read_only=True)
        try:
            reports = list(last_days_reports(ledger, self.config, self.clock, last=last, workspace="acme"))
        finally:
            ledger.close()
        text = TABLE_FORMS[form](reports)
        return json.loads(text)[0] if form == "json" else text


def test_by_project_to_the_millisecond(bench: Bench) -> None:
    week_ms = 7 * DAY_MS
    bench.keep(
        run("a", bench.now_ms - week_ms),
        run("b", bench.now_ms - week_ms - 1),
        run("c", bench.now_ms - 2 * week_ms),
        run("d", bench.now_ms - 2 * week_ms - 1),
        run("e", bench.now_ms - HOUR_MS, status="errored", trigger="api"),
        run("f", bench.now_ms - HOUR_MS, status="unable_to_allocate_kernel"),
        run("g", bench.now_ms - HOUR_MS, project_id="p2", status="running", elapsed_ms=None),
    )

    found = bench.report()

    assert found["project"] == [
        {
            "project": "p1",
            "title": "Orders | all",
            "owner": "a@sales.example",
            "team": "sales",
            "runs": 2,
            "failed": 2,
            "seconds": 3.0,
            "previous_runs": 2,
        },
        {
            "project": "p2",
            "title": "=Leads",
            "owner": "b@ops.example",
            "team": "",
            "runs": 1,
            "failed": 0,
            "seconds": 0.0,
            "previous_runs": 0,
        },
    ]
    assert found["total"] == [{"total": "all", "runs": 3, "failed": 2, "seconds": 3.0, "previous_runs": 2}]
    assert {one["trigger"]: one["runs"] for one in found["trigger"]} == {"scheduled": 2, "api": 1, "app_refresh": 0}
    assert {one["status"]: one["runs"] for one in found["status"]}["unable_to_allocate_kernel"] == 1
    assert {one["team"]: one["runs"] for one in found["team"]} == {"sales": 2, "(no team)": 1}
    assert any("lower bound" in remark for remark in found["remarks"])
    assert (found["days"], found["timezone"]) == (7, "Europe/Zurich")


@pytest.mark.slow
@pytest.mark.parametrize("last", ["1d", "3d", "7d", "14d", "30d", "90d"])
def test_any_number_of_days_by_independent_sums(bench: Bench, last: str) -> None:
    dice = random.Random(last)
    starts = [bench.now_ms - dice.randrange(200 * DAY_MS) for _ in range(800)]
    bench.keep(*(run(f"r{number}", at_ms) for number, at_ms in enumerate(starts)))
    span_ms = int(last[:-1]) * DAY_MS

    (first, _) = bench.report(last)["project"]

    assert first["runs"] == sum(bench.now_ms - at_ms <= span_ms for at_ms in starts)
    assert first["previous_runs"] == sum(span_ms < bench.now_ms - at_ms <= 2 * span_ms for at_ms in starts)


def test_it_is_what_the_metrics_show(bench: Bench) -> None:
    dice = random.Random(3)
    bench.keep(
        *(
            run(f"r{number}", bench.now_ms - dice.randrange(9 * DAY_MS), project_id=dice.choice(("p1", "p2")))
            for number in range(200)
        )
    )
    ledger = open_ledger(bench.config.storage.url, clock=bench.clock, read_only=True)
    families = {one.metric.name: one.samples for one in Collector(ledger, Status()).collect(bench.config, bench.now_ms)}
    ledger.close()

    shown = {labels[1]: value for labels, value in families["hex_project_runs_7d"]}

    total = sum(one["runs"] for one in bench.report()["project"])
    assert sum(shown.values()) == total


def test_on_the_first_day_what_is_not_known_is_said_and_not_guessed(bench: Bench) -> None:
    bench.keep(run("a", bench.now_ms - HOUR_MS), known_from_ms=bench.now_ms - 10 * DAY_MS)

    week, fortnight = bench.report("7d"), bench.report("14d")

    assert (week["project"][0]["runs"], week["project"][0]["previous_runs"]) == (1, None)
    assert "project" not in fortnight
    assert any("not completely known" in remark for remark in fortnight["remarks"])


def test_longer_than_runs_are_kept(bench: Bench) -> None:
    bench.keep(run("a", bench.now_ms - HOUR_MS))

    found = bench.report("500d")

    assert "project" not in found
    assert any("storage.keep_runs" in remark for remark in found["remarks"])


@pytest.mark.parametrize("last", ["7", "0d", "-1d", "7h", "1w", "d", "", "07d", "99999d", "7d7d"])
def test_what_is_no_number_of_days_is_a_sentence(bench: Bench, last: str) -> None:
    bench.keep()
    with pytest.raises(ConfigError, match="number of days; write one such as 7d"):
        bench.report(last)


def test_csv_has_the_projects_and_no_formulas(bench: Bench) -> None:
    bench.keep(run("a", bench.now_ms - HOUR_MS))

    header, *rows = csv.reader(io.StringIO(bench.report(form="csv")))

    assert header == ["workspace", "project", "title", "owner", "team", "runs", "failed", "seconds", "previous_runs"]
    assert rows[0] == [*OF_ACME, "1", "0", "1.5", "0"]
    assert rows[1][2] == "'=Leads"


@pytest.mark.slow
def test_the_forms_for_people(bench: Bench) -> None:
    bench.keep(run("a", bench.now_ms - HOUR_MS))

    table, markdown = bench.report(form="table"), bench.report(form="markdown")

    assert table.startswith("acme, last 7 days: 2026-11-11 12:06 to 2026-11-18 12:06 (Europe/Zurich)")
    assert "| p1 | Orders \\| all | a@sales.example | sales | 1 | 0 | 0.0 | 0 |" in markdown


class TestCommand:
    def call(self, bench: Bench, *options: str) -> Any:
        return CliRunner().invoke(
            main, ["report", "--config.file", str(bench.file), *options], env={"A": "x", "B": "y"}
        )

    def test_it_prints_and_says_beside_csv_what_rows_have_no_place_for(self, bench: Bench) -> None:
        bench.keep()
        result = self.call(bench, "--last", "30d", "--workspace", "acme", "--format", "csv")

        assert result.exit_code == 0
        assert result.stdout.startswith("workspace,project,")
        assert "lower bound" in result.stderr or "not completely known" in result.stderr

    @pytest.mark.parametrize("other", [("--week", "2026-W47"), ("--digest",)])
    def test_two_times_are_one_too_many(self, bench: Bench, other: tuple[str, ...]) -> None:
        result = self.call(bench, "--last", "7d", *other)

        assert result.exit_code == 2
        assert f"--last cannot be used with {other[0]}" in result.stderr

    def test_a_workspace_that_is_not_there(self, bench: Bench) -> None:
        bench.keep()
        result = self.call(bench, "--last", "7d", "--workspace", "gamma")

        assert result.exit_code == 1
        assert "'gamma' is not a workspace; write one of acme, beta" in result.stderr
