"""An older ledger is brought up to date with every sum in it, a newer one is refused, a stranger's is left alone."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect, text

from exporter.errors import LedgerError, LedgerTooNewError
from exporter.facts import Thread
from exporter.insight import CreditGrowth, SeatHistory, SeatSpan
from exporter.ledger import SCHEMA_VERSION, CollectorState, GatewayRun, KnownFinding, RunQuery, open_ledger
from exporter.ledger.engines.sqlite import writer_engine
from exporter.ledger.migrations import STEPS, migrate

VERSION_1 = (Path(__file__).parent / "version-1.sql").read_text()
SUM = ("hex_runs_total", ("p", "scheduled", "completed"), 7)


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1)
    connection.close()
    return path


@pytest.fixture(params=[1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 14, 15])
def older(version_1: Path, request: pytest.FixtureRequest) -> tuple[Path, int]:
    """A ledger as each version before the current one wrote it, and that version."""
    engine = writer_engine(version_1)
    with engine.begin() as connection:
        columns = "workspace, collector, is_success, last_success_ms"
        connection.execute(text(f"INSERT INTO collectors ({columns}) VALUES ('acme', 'users', TRUE, 3)"))
    migrate(engine, 1, "ledger", target=request.param)
    engine.dispose()
    return version_1, request.param


@pytest.fixture
def version_4(version_1: Path) -> Path:
    engine = writer_engine(version_1)
    migrate(engine, 1, "ledger", target=4)
    engine.dispose()
    return version_1


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


def test_queries_of_runs_are_kept_in_a_migrated_ledger(version_1: Path, manual_clock: Any) -> None:
    ledger = open_ledger(f"sqlite:///{version_1}", clock=manual_clock)
    query = RunQuery("p", "c", 3_600_001, 3_600_005)
    for _ in range(2):
        ledger.workspace("acme").warehouses.replace("snow", (0, 7_200_000), {}, 9, None, {query: 2})
    assert list(ledger.workspace("acme").warehouses.run_queries(0, 7_200_000)) == [("snow", query, 2)]
    ledger.close()


def structure(path: Path) -> dict[str, object]:
    """The tables of a file: their columns, keys and indexes."""
    engine = create_engine(f"sqlite:///{path}")
    found = inspect(engine)
    tables: dict[str, object] = {
        table: (
            [(one["name"], str(one["type"]), one["nullable"]) for one in found.get_columns(table)],
            found.get_pk_constraint(table)["constrained_columns"],
            sorted((str(one["name"]), tuple(one["column_names"])) for one in found.get_indexes(table)),
        )
        for table in found.get_table_names()
    }
    engine.dispose()
    return tables


def test_a_migrated_ledger_is_built_as_a_new_one(version_1: Path, tmp_path: Path, manual_clock: Any) -> None:
    for path in (version_1, tmp_path / "new.db"):
        open_ledger(f"sqlite:///{path}", clock=manual_clock).close()

    assert version(version_1) == SCHEMA_VERSION
    assert structure(version_1) == structure(tmp_path / "new.db")


def test_sources_gateway_and_findings_work_in_a_migrated_ledger(version_1: Path, manual_clock: Any) -> None:
    run = GatewayRun(intent_id="i", project_id="p", fingerprint="f", request="{}", caller="c", version="3", sent_ms=7)
    finding = KnownFinding(kind="idle_paid_seat", subject="s", first_seen_ms=1, last_seen_ms=2)
    for _ in range(2):
        ledger = open_ledger(f"sqlite:///{version_1}", clock=manual_clock)
        workspace = ledger.workspace("acme")
        workspace.sources.record("k", "d", 1, 2)
        workspace.gateway.intend(run)
        workspace.gateway.started(replace(run, run_id="r", answer="{}"), 8)
        workspace.findings.write([finding], {"idle_paid_seat": 3}, 1)
        ledger.close()

    ledger = open_ledger(f"sqlite:///{version_1}", clock=manual_clock, read_only=True)
    workspace = ledger.workspace("acme")
    assert len(workspace.sources.spans("k", 0)) == 1
    assert [(one.intent_id, one.run_id) for one in workspace.gateway.runs(0)] == [("i", "r")]
    assert workspace.findings.known() == (finding,)
    assert SUM in workspace.counters()
    ledger.close()


def test_the_history_of_seats_begins_with_the_seats_listed_last(version_1: Path, manual_clock: Any) -> None:
    engine = writer_engine(version_1)
    migrate(engine, 1, "ledger", target=5)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO listings VALUES ('acme', 'users', ?, 9), ('labs', 'users', '[{\"user', 9)",
            ('[{"user_id": "u", "email": "u@x", "name": null, "role": "editor", "last_login_ms": null}]',),
        )
    engine.dispose()

    ledger = open_ledger(f"sqlite:///{version_1}", clock=manual_clock)

    history = SeatHistory(9, 9, (SeatSpan("u", "u@x", "editor", 0),))
    assert ledger.workspace("acme").seat_history() == history
    assert ledger.workspace("labs").seat_history() is None
    ledger.close()


def test_an_older_ledger_is_read_as_it_is(older: tuple[Path, int], manual_clock: Any) -> None:
    path, _ = older
    before = path.read_bytes()

    ledger = open_ledger(f"sqlite:///{path}", clock=manual_clock, read_only=True)
    workspace = ledger.workspace("acme")

    assert SUM in workspace.counters()
    assert [run.run_id for run in workspace.runs_between(0, None)] == ["r"]
    assert (workspace.sources.states(), workspace.sources.spans("k", 0)) == ({}, ())
    assert (workspace.gateway.runs(0), workspace.gateway.run("r"), workspace.findings.known()) == ((), None, ())
    assert workspace.collectors() == {"users": CollectorState(success=True, last_success_ms=3)}
    ledger.close()
    assert path.read_bytes() == before
    assert [path.name for path in path.parent.iterdir()] == [path.name]


def test_credits_of_an_older_ledger_stay_when_their_thread_was_made(older: tuple[Path, int], manual_clock: Any) -> None:
    path, written_by = older
    if written_by >= 5:
        pytest.skip("this version knows when credits were used")
    body = json.dumps(
        [
            {"thread_id": "t", "source": "hex", "thread_type": "thread", "user_id": "u", "created_ms": 70}
            | {"credits_milli": 900},
            {"thread_id": "undated", "source": "hex", "thread_type": "thread", "user_id": None, "created_ms": None}
            | {"credits_milli": 5},
        ]
    )
    writer = sqlite3.connect(path)
    writer.execute("INSERT INTO listings VALUES ('acme', 'threads', ?, 80)", (body,))
    writer.execute("INSERT INTO threads VALUES ('acme', 't', 900)")
    writer.commit()
    writer.close()
    kept = CreditGrowth("t", "u", "hex", "thread", "unknown", 70, 70, 80, 900)

    for read_only in (True, False):
        ledger = open_ledger(f"sqlite:///{path}", clock=manual_clock, read_only=read_only)
        assert ledger.workspace("acme").credits.growths(0) == (kept,)
        ledger.close()

    ledger = open_ledger(f"sqlite:///{path}", clock=manual_clock)
    later = Thread(thread_id="t", source="hex", thread_type="thread", user_id="u", created_ms=70, credits_milli=950)
    ledger.workspace("acme").record_threads([later], 100)
    grown = CreditGrowth("t", "u", "hex", "thread", "unknown", 80, 100, 100, 50)
    assert set(ledger.workspace("acme").credits.growths(0)) == {kept, grown}
    ledger.close()


def test_an_older_ledger_is_read_beside_the_older_program_that_writes_it(
    older: tuple[Path, int], manual_clock: Any
) -> None:
    path, written_by = older
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("UPDATE counters SET value = 8")
    writer.commit()

    ledger = open_ledger(f"sqlite:///{path}", clock=manual_clock, read_only=True)
    workspace = ledger.workspace("acme")
    assert [one.value for one in workspace.counters()] == [8]
    assert workspace.gateway.runs(0) == ()
    ledger.close()
    writer.close()
    assert version(path) == written_by


def test_a_reader_goes_on_when_the_ledger_is_migrated_under_it(version_1: Path, manual_clock: Any) -> None:
    reader = open_ledger(f"sqlite:///{version_1}", clock=manual_clock, read_only=True)
    assert reader.workspace("acme").sources.spans("k", 0) == ()

    writer = open_ledger(f"sqlite:///{version_1}", clock=manual_clock)
    writer.workspace("acme").sources.record("k", "d", 1, 2)

    assert len(reader.workspace("acme").sources.spans("k", 0)) == 1
    reader.close()
    writer.close()


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


def test_a_step_that_fails_undoes_all_and_they_can_be_taken_again(version_1: Path) -> None:
    engine = writer_engine(version_1)

    with pytest.raises(OSError, match="the power went"):
        migrate(engine, 1, "ledger", steps=(rename_a_column, fail), target=3)
    assert (version(version_1), sums(version_1)) == (1, [(7, '["p","scheduled","completed"]')])
    migrate(engine, 1, "ledger", steps=(rename_a_column, add_a_table), target=3)
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
        f"{version_1}: written by a newer hex-exporter (schema version 99; this one knows {SCHEMA_VERSION}): "
        "install that or a newer one"
    )
    assert version(version_1) == 99


def test_another_programs_database_is_refused_and_not_touched(tmp_path: Path, manual_clock: Any) -> None:
    path = tmp_path / "grafana.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE dashboards (id)")
    connection.close()

    before = path.read_bytes()

    with pytest.raises(
        LedgerError, match=r"a database with the table 'dashboards', not a ledger: set storage\.url to another file"
    ):
        open_ledger(f"sqlite:///{path}", clock=manual_clock)

    assert path.read_bytes() == before


OLD_FINDINGS = """
    INSERT INTO findings VALUES
        ('acme', 'idle_paid_seat', 'u', 1, 2, 2, 75, 0, 0, 75, 40),
        ('acme', 'abandoned_project', 'p', 1, 2, NULL, 30, 7, 8, 30, 20)
"""


@pytest.mark.parametrize("read_only", [True, False])
def test_what_projects_saved_before_version_8_is_not_taken_for_cash(
    version_4: Path, manual_clock: Any, read_only: bool
) -> None:
    connection = sqlite3.connect(version_4)
    connection.execute(OLD_FINDINGS)
    connection.commit()
    connection.close()

    ledger = open_ledger(f"sqlite:///{version_4}", clock=manual_clock, read_only=read_only)
    known = {one.subject: one for one in ledger.workspace("acme").findings.known()}
    ledger.close()

    assert (known["u"].realised("billed"), known["u"].realised("estimate")) == (40, 0)
    assert (known["p"].realised("billed"), known["p"].realised("estimate")) == (0, 20)
    assert (known["u"].saving_estimate_micro, known["p"].saving_estimate_micro) == (0, 30)


def test_the_gateways_decisions_are_known_by_the_hour_in_a_migrated_ledger(version_1: Path, manual_clock: Any) -> None:
    engine = writer_engine(version_1)
    migrate(engine, 1, "ledger", target=8)
    outcomes = ("hit", "joined", "miss", "bypass", "refused")
    with engine.begin() as connection:
        for number, outcome in enumerate(outcomes):
            connection.exec_driver_sql(
                "INSERT INTO gateway_decisions (workspace, number, at_ms, project_id, caller, outcome, reason) "
                "VALUES ('acme', ?, 7200001, 'p', 'c', ?, '')",
                (number, outcome),
            )
    engine.dispose()

    ledger = open_ledger(f"sqlite:///{version_1}", clock=manual_clock)

    assert (
        sum(
            amount
            for (metric, _), amount in ledger.workspace("acme").counted_since(7_200_000).items()
            if metric == "hex_cache_lookups_total"
        )
        == 3
    )
    assert ledger.workspace("acme").counted_since(4 * 3_600_000) == {}
    ledger.close()
