"""An older ledger is brought up to date with every sum in it, a newer one is refused, a stranger's is left alone."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from exporter.errors import LedgerError, LedgerTooNewError
from exporter.ledger import SCHEMA_VERSION, open_ledger
from exporter.ledger.migrations import STEPS, migrate
from exporter.ledger.sqlite import writer_engine

VERSION_1 = (Path(__file__).parent / "version-1.sql").read_text()
SUM = ("hex_runs_total", ("p", "scheduled", "completed"), 7)


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1)
    connection.close()
    return path


def sums(path: Path) -> list[tuple[int, str]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT value, labels FROM counters WHERE metric = 'hex_runs_total'").fetchall()
    connection.close()
    return rows


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    (found,) = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    connection.close()
    return int(found)


def test_there_is_a_step_for_every_version() -> None:
    assert len(STEPS) == SCHEMA_VERSION - 1


def test_a_ledger_of_version_1_keeps_its_facts_and_sums(version_1: Path, manual_clock: Any) -> None:
    ledger = open_ledger(f"sqlite:///{version_1}", clock=manual_clock)
    workspace = ledger.workspace("acme")

    assert (ledger.problem, ledger.created_ms, workspace.first_contact_ms) == (None, 5, 6)
    assert SUM in workspace.counters()
    assert [run.run_id for run in workspace.runs_between(0, None)] == ["r"]
    assert [known.project.title for known in workspace.projects()] == ["Orders"]
    ledger.close()


def rename_a_column(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE runs RENAME COLUMN trigger TO started_by"))


def add_a_table(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE extra (key TEXT PRIMARY KEY)"))


def fail(connection: Connection) -> None:
    connection.execute(text("DROP TABLE counters"))
    raise OSError("the power went")


def test_later_steps_are_taken_in_turn_and_keep_every_sum(version_1: Path) -> None:
    engine = writer_engine(version_1)

    migrate(engine, 1, "ledger", steps=(rename_a_column, add_a_table), target=3)
    engine.dispose()

    assert version(version_1) == 3
    assert sums(version_1) == [(7, '["p","scheduled","completed"]')]


def test_a_step_that_fails_is_undone_whole_and_can_be_taken_again(version_1: Path) -> None:
    engine = writer_engine(version_1)

    with pytest.raises(OSError, match="the power went"):
        migrate(engine, 1, "ledger", steps=(rename_a_column, fail), target=3)
    assert (version(version_1), sums(version_1)) == (2, [(7, '["p","scheduled","completed"]')])
    migrate(engine, 1, "ledger", steps=(fail, add_a_table), target=3)
    engine.dispose()

    assert version(version_1) == 3


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_ledger_is_refused_and_not_touched(version_1: Path, manual_clock: Any, read_only: bool) -> None:
    connection = sqlite3.connect(version_1)
    connection.execute("UPDATE meta SET value = 99 WHERE key = 'schema_version'")
    connection.commit()
    connection.close()

    with pytest.raises(LedgerTooNewError) as caught:
        open_ledger(f"sqlite:///{version_1}", clock=manual_clock, read_only=read_only)

    assert str(caught.value) == (
        f"{version_1}: found schema version 99, expected at most {SCHEMA_VERSION}: a newer hex-exporter wrote it"
    )
    assert version(version_1) == 99


def test_another_programs_database_is_refused_and_not_touched(tmp_path: Path, manual_clock: Any) -> None:
    path = tmp_path / "grafana.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE dashboards (id)")
    connection.close()

    before = path.read_bytes()

    with pytest.raises(LedgerError, match="found a database with the table 'dashboards', expected a ledger"):
        open_ledger(f"sqlite:///{path}", clock=manual_clock)

    assert path.read_bytes() == before
