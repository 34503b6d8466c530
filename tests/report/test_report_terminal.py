"""What is printed for a terminal: at every width figures, teams and sentences are whole, and ids go before titles."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audited_workspace import CONFIG, DAY_MS, HOUR_MS, record
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from exporter.cli.commands import main
from exporter.facts import Project, Run
from exporter.ledger import RunProgress, open_ledger
from exporter.report.terminal_table import sentence_lines, table_lines
from exporter.report.week_tables import Table

WIDTHS = (80, 100, 120)
TITLE = "Quarterly revenue by region and by product line"
PROJECT_ID = "bc7f7996-aa29-4a47-a442-3074124a9c72"
TEAM = "operations-and-planning"

Printed = Callable[..., str]


@pytest.fixture
def printed(tmp_path: Path, manual_clock: Any, monkeypatch: pytest.MonkeyPatch) -> Printed:
    """The output of a command at a width, for a workspace with real ids, long titles and a team with a long name."""
    config = CONFIG.replace("teams: [", f"teams: [{{name: {TEAM}, match: {{owner: '*@operations.example'}}}}, ")
    (tmp_path / "hex.yml").write_text(config)
    now_ms = round(manual_clock.now() * 1000)
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", clock=manual_clock)
    record(ledger, now_ms)
    acme = ledger.workspace("acme")
    old_ms = now_ms - 300 * DAY_MS
    project = Project(
        project_id=PROJECT_ID,
        title=TITLE,
        owner="somebody.with.a.long.name@operations.example",
        created_ms=old_ms,
        published_ms=old_ms,
    )
    acme.record_projects([*(known.project for known in acme.projects()), project], now_ms)
    runs = [
        Run(
            run_id=f"r{number}",
            project_id=PROJECT_ID,
            status="completed",
            trigger="api",
            start_ms=now_ms - number * HOUR_MS - 1,
            elapsed_ms=90_000,
        )
        for number in range(200)
    ]
    acme.record_runs(PROJECT_ID, runs, RunProgress(known_until_ms=now_ms, known_from_ms=0), now_ms)
    ledger.close()
    monkeypatch.setattr("exporter.cli.ledger_to_read.SystemClock", lambda: manual_clock)

    def run(width: int, command: str, *options: str) -> str:
        arguments = [command, "--config.file", str(tmp_path / "hex.yml"), *options, "--workspace", "acme"]
        result = CliRunner().invoke(main, arguments, env={"A": "x", "B": "y", "COLUMNS": str(width)})
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


COMMANDS = (
    ("report",),
    ("report", "--month", "2026-11"),
    ("report", "--last", "7d"),
    ("report", "--explain", "weekly-runs"),
    ("audit",),
    ("audit", "--details"),
)


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_line_is_wider_than_the_terminal(printed: Printed, width: int, command: tuple[str, ...]) -> None:
    lines = printed(width, *command).splitlines()

    assert max(map(cell_len, lines)) <= width
    assert not any(line != line.rstrip() for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", COMMANDS[:3], ids=" ".join)
def test_titles_and_teams_are_there_where_ids_are_not(printed: Printed, width: int, command: tuple[str, ...]) -> None:
    text = printed(width, *command)

    assert PROJECT_ID not in text
    assert len(re.findall(rf"^{TITLE[:20]}.*\b{TEAM}\b", text, re.MULTILINE)) == 1
    assert len(re.findall(rf"^{TEAM} +\d", text, re.MULTILINE)) == 1


def test_a_wide_pipe_has_ids_too(printed: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    row = Table("project", ("project", "title", "runs"), ((PROJECT_ID, TITLE, 12),))

    assert f"{PROJECT_ID}  {TITLE}    12" in list(table_lines(row, "UTC", None))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_report_begins_with_what_a_person_wants_first(printed: Printed, width: int) -> None:
    text = printed(width, "report")

    firsts = [line.split()[0] for line in text.splitlines() if line.split()]
    places = [firsts.index(name) for name in ("budget", "total", "component", "team", "title", "trigger", "status")]
    assert places == sorted(places)
    assert "note run time and its compute are a lower bound" in " ".join(text.split())
    assert "assumed profile: 4 of 4 published projects" in " ".join(text.split())


@pytest.mark.parametrize("width", WIDTHS)
def test_an_audit_begins_with_the_total_and_has_a_line_or_two_a_finding(printed: Printed, width: int) -> None:
    lines = printed(width, "audit").splitlines()

    assert lines[1:3] == ["3 findings", "you would pay less: 38.00 of 66.00 USD a month"]
    table = lines[lines.index("Savings a month:") :]
    table = table[: table.index("")]
    assert len(table) <= 1 + 4 + 3 * 3
    (row,) = [line for line in table if "idle@sales.example" in line]
    assert row.split()[:3] == ["28.00", "0.00", "idle"]
    assert "move to" in row


def test_details_have_what_the_short_table_leaves_out(printed: Printed) -> None:
    short, details = printed(80, "audit"), printed(80, "audit", "--details")

    for said in ("evidence  ", "known for  ", "costs     ", "owner     ", "gone@sales.example", "Hex: Settings, Users"):
        assert said in details
        assert said not in short
    assert "Savings a month:" not in details


def test_details_are_for_tables(printed: Printed) -> None:
    result = CliRunner().invoke(main, ["audit", "--details", "--format", "json"])

    assert result.exit_code == 2
    assert "--format json has all of it; leave --details out" in result.stderr


MONEY = st.one_of(st.none(), st.floats(0, 10**7))


@pytest.mark.slow
@given(
    width=st.integers(80, 200),
    rows=st.lists(
        st.tuples(st.text(max_size=60), st.text(max_size=60), st.sampled_from(["ops", TEAM]), MONEY, MONEY, MONEY),
        min_size=1,
        max_size=4,
    ),
)
def test_figures_and_teams_are_never_cut(width: int, rows: Any) -> None:
    columns = ("title", "owner", "team", "usd", "previous_usd", "used")
    lines = list(table_lines(Table("project", columns, tuple(rows)), "UTC", width))

    assert max(map(cell_len, lines)) <= width
    for line, row in zip(lines[-len(rows) :], rows, strict=True):
        assert row[2] in line
        assert row[3] is None or f"{row[3]:,.2f}" in line


@given(text=st.text(st.characters(categories=("L", "N", "Zs")), max_size=300), width=st.integers(40, 120))
def test_a_sentence_keeps_its_words(text: str, width: int) -> None:
    lines = sentence_lines(text, width, "  ")

    assert " ".join(lines).split() == text.split()
