"""A copied ledger is the same one, whichever engines; a copy that stopped goes on, and one in use is left alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.manual_clock import ManualClock
from helpers.postgres import PostgresLedgers

from exporter.errors import LedgerBusyError, LedgerError
from exporter.facts import Group, Run, Seat
from exporter.ledger import RunProgress, copy_ledger, open_ledger
from exporter.ledger import copying as copying_module
from exporter.ledger.copying import TABLES
from exporter.ledger.engines import database_clock
from exporter.ledger.lease_plan import Replica
from exporter.ledger.leases import Leases
from exporter.ledger.opening import open_store

Make = Callable[..., Run]


def nothing(_table: str, _rows: int) -> None:
    """No progress is shown."""


def fill(url: str, clock: ManualClock, make_run: Make, runs: int = 25) -> None:
    ledger = open_ledger(url, clock=clock)
    for name in ("acme", "Ünïted ☃"):
        workspace = ledger.workspace(name)
        workspace.first_contact(1)
        workspace.record_seats([Seat(user_id="u", email="u@x", role="admin")], 5)
        workspace.record_groups([Group(group_id="g")], 5)
        found = [make_run(f"{'rR_'[number % 3]}{number}") for number in range(runs)]
        workspace.record_runs("p", found, RunProgress(known_until_ms=7), round(clock.now() * 1000))
        workspace.gateway.secret()
    clock.advance(90)
    ledger.workspace("acme").release_holds(round(clock.now() * 1000))
    ledger.close()


def shown(url: str, clock: ManualClock) -> object:
    ledger = open_ledger(url, clock=clock, read_only=True)
    known = [ledger.workspace(name) for name in ("acme", "Ünïted ☃")]
    facts = [
        (sorted(one.counters()), list(one.runs_between(0, None)), one.listing("groups"), one.first_contact_ms)
        for one in known
    ]
    ledger.close()
    return facts, ledger.created_ms


@pytest.mark.slow
@pytest.mark.parametrize("way", ["to postgresql", "to sqlite"])
def test_a_copy_shows_what_the_ledger_shows(
    way: str, postgres_ledgers: PostgresLedgers, tmp_path: Path, manual_clock: ManualClock, make_run: Make
) -> None:
    urls = [f"sqlite:///{tmp_path / 'ledger.db'}", postgres_ledgers.empty()]
    source, target = urls if way == "to postgresql" else reversed(urls)
    fill(source, manual_clock, make_run)

    copied = copy_ledger(source, target, clock=manual_clock, on_progress=nothing)

    assert shown(target, manual_clock) == shown(source, manual_clock)
    assert (copied.runs, copied.counted > 50) == (50, True)
    open_ledger(target, clock=manual_clock).close()


@pytest.mark.slow
def test_a_copy_that_stopped_goes_on_and_serves_no_one_before(
    postgres_ledgers: PostgresLedgers, tmp_path: Path, manual_clock: ManualClock, make_run: Make, monkeypatch: Any
) -> None:
    source, target = f"sqlite:///{tmp_path / 'ledger.db'}", postgres_ledgers.empty()
    fill(source, manual_clock, make_run)
    monkeypatch.setattr(copying_module, "_ROWS_AT_ONCE", 10)

    def stop(table: str, rows: int) -> None:
        if (table, rows) == ("runs", 20):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_ledger(source, target, clock=manual_clock, on_progress=stop)
    for read_only in (False, True):
        with pytest.raises(LedgerError, match="only a part of a ledger was copied here"):
            open_ledger(target, clock=manual_clock, read_only=read_only)
    seen: list[int] = []
    copy_ledger(
        source,
        target,
        clock=manual_clock,
        on_progress=lambda table, rows: seen.append(rows) if table == "runs" else None,
    )

    assert seen == [20, 30, 40, 50]
    assert shown(target, manual_clock) == shown(source, manual_clock)


@pytest.mark.slow
def test_what_the_source_changed_before_a_copy_goes_on_is_copied_too(
    postgres_ledgers: PostgresLedgers, tmp_path: Path, manual_clock: ManualClock, make_run: Make
) -> None:
    source, target = f"sqlite:///{tmp_path / 'ledger.db'}", postgres_ledgers.empty()
    fill(source, manual_clock, make_run)

    def stop(table: str, _rows: int) -> None:
        if table == TABLES[-1].name:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_ledger(source, target, clock=manual_clock, on_progress=stop)
    ledger = open_ledger(source, clock=manual_clock)
    ledger.workspace("acme").count("hex_exporter_bad_items_total", ("runs",), 3)
    ledger.close()
    copy_ledger(source, target, clock=manual_clock, on_progress=nothing)

    assert shown(target, manual_clock) == shown(source, manual_clock)


@pytest.mark.slow
def test_a_target_with_a_ledger_is_left_alone(
    postgres_ledgers: PostgresLedgers, tmp_path: Path, manual_clock: ManualClock, make_run: Make
) -> None:
    source, target = f"sqlite:///{tmp_path / 'ledger.db'}", postgres_ledgers.empty()
    fill(source, manual_clock, make_run)
    fill(target, manual_clock, make_run, runs=1)
    before = shown(target, manual_clock)

    with pytest.raises(LedgerError, match="has a ledger in it already"):
        copy_ledger(source, target, clock=manual_clock, on_progress=nothing)
    assert shown(target, manual_clock) == before


def test_a_source_that_is_written_is_refused(
    postgres_ledgers: PostgresLedgers, tmp_path: Path, manual_clock: ManualClock
) -> None:
    source = f"sqlite:///{tmp_path / 'ledger.db'}"
    writer = open_ledger(source, clock=manual_clock)

    with pytest.raises(LedgerBusyError):
        copy_ledger(source, postgres_ledgers.empty(), clock=manual_clock, on_progress=nothing)
    writer.close()


def test_a_source_that_a_replica_serves_is_refused(
    postgres_ledgers: PostgresLedgers, tmp_path: Path, manual_clock: ManualClock
) -> None:
    source = postgres_ledgers.empty()
    store = open_store(source, clock=manual_clock)
    Leases(store, "a", database_clock).beat(Replica(name="a"))

    with pytest.raises(LedgerError, match="in use by a: stop every `serve` on it first"):
        copy_ledger(source, f"sqlite:///{tmp_path / 'ledger.db'}", clock=manual_clock, on_progress=nothing)
    store.close()


def test_a_ledger_is_not_copied_onto_itself(tmp_path: Path, manual_clock: ManualClock, make_run: Make) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    fill(url, manual_clock, make_run)

    with pytest.raises(LedgerError, match="onto itself"):
        copy_ledger(url, url, clock=manual_clock, on_progress=nothing)
