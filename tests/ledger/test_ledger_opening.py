"""Opening: one writer, free readers, and serving that goes on when file or disk are no good."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.ledger_files import fill, url, value

from exporter.errors import LedgerBusyError, LedgerError
from exporter.facts import Group
from exporter.ledger import Listing, open_ledger


class TestNew:
    def test_folder_and_file_are_made_for_their_owner_alone(self, tmp_path: Path, manual_clock: Any) -> None:
        path = tmp_path / "state" / "hex" / "ledger.db"

        ledger = open_ledger(url(path), clock=manual_clock)

        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        for name in ("ledger.db", "ledger.db-wal", "ledger.db.lock"):
            assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o600
        assert (ledger.problem, ledger.is_durable) == (None, True)
        assert ledger.created_ms == int(manual_clock.now() * 1000)
        ledger.close()

    def test_its_age_survives_a_restart(self, path: Path, manual_clock: Any) -> None:
        created_ms = int(manual_clock.now() * 1000)
        fill(path, manual_clock)

        ledger = open_ledger(url(path), clock=manual_clock)

        assert ledger.created_ms == created_ms
        ledger.close()

    def test_a_ledger_in_memory_is_one_without_a_problem(self, manual_clock: Any) -> None:
        ledger = open_ledger("sqlite://", clock=manual_clock)
        ledger.workspace("acme").record_groups([Group(group_id="g")], 1)

        assert (ledger.problem, ledger.is_durable) == (None, False)
        assert ledger.workspace("acme").listing("groups") == Listing((Group(group_id="g"),), 1)
        assert tuple(ledger.workspace("acme").runs_between(0, None)) == ()
        ledger.close()

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ("mysql://db/ledger", "storage url: mysql is not supported"),
            ("ledger.db", "storage url: not a database URL"),
        ],
    )
    def test_a_url_of_another_kind_is_refused(self, manual_clock: Any, wrong: str, message: str) -> None:
        with pytest.raises(LedgerError) as caught:
            open_ledger(wrong, clock=manual_clock)

        assert str(caught.value) == f"{message}: write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"

    @pytest.mark.parametrize("name", ["with space.db", "100%.db", "#.db", "ü.db"])
    def test_any_file_name_will_do(self, tmp_path: Path, manual_clock: Any, name: str) -> None:
        fill(tmp_path / name, manual_clock)

        assert (tmp_path / name).is_file()


class TestOneWriter:
    def test_a_second_writer_is_told_who_holds_the_lock(self, path: Path, manual_clock: Any) -> None:
        ledger = open_ledger(url(path), clock=manual_clock)

        with pytest.raises(LedgerBusyError) as caught:
            open_ledger(url(path), clock=manual_clock)

        assert str(caught.value) == (
            f"{path}.lock: held by process {os.getpid()}: stop that process, or give this one a ledger of its own"
        )
        ledger.close()

    @pytest.mark.slow
    def test_the_lock_holds_between_processes_and_ends_with_the_holder(self, path: Path, manual_clock: Any) -> None:
        hold = (
            "import sys, os; from exporter.clock import SystemClock; from exporter.ledger import open_ledger\n"
            "ledger = open_ledger(sys.argv[1], clock=SystemClock())\n"
            "print('open', flush=True); sys.stdin.read()"
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", hold, url(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"open\n"
            with pytest.raises(LedgerBusyError, match=f"held by process {holder.pid}"):
                open_ledger(url(path), clock=manual_clock)
            holder.kill()
            holder.wait()

        open_ledger(url(path), clock=manual_clock).close()

    def test_closing_lets_the_next_one_in(self, path: Path, manual_clock: Any) -> None:
        open_ledger(url(path), clock=manual_clock).close()

        open_ledger(url(path), clock=manual_clock).close()


class TestReaders:
    def test_a_reader_works_beside_the_writer_and_sees_what_is_committed(self, path: Path, manual_clock: Any) -> None:
        fill(path, manual_clock)
        writer = open_ledger(url(path), clock=manual_clock)
        reader = open_ledger(url(path), clock=manual_clock, read_only=True)

        assert value(reader) == 5
        writer.workspace("acme").record_groups([Group(group_id="g")], 1)
        assert reader.workspace("acme").listing("groups") == Listing((Group(group_id="g"),), 1)
        reader.close()
        writer.close()

    def test_a_reader_makes_no_file(self, path: Path, manual_clock: Any) -> None:
        fill(path, manual_clock)
        before = sorted(path.parent.iterdir())

        reader = open_ledger(url(path), clock=manual_clock, read_only=True)

        assert value(reader) == 5
        assert sorted(path.parent.iterdir()) == before
        reader.close()
        assert sorted(path.parent.iterdir()) == before

    def test_a_reader_follows_a_writer_that_comes_later(self, path: Path, manual_clock: Any) -> None:
        fill(path, manual_clock)
        reader = open_ledger(url(path), clock=manual_clock, read_only=True)
        assert reader.workspace("acme").listing("groups") is None
        writer = open_ledger(url(path), clock=manual_clock)

        writer.workspace("acme").record_groups([], 1)

        assert reader.workspace("acme").listing("groups") == Listing((), 1)
        reader.close()
        writer.close()

    def test_a_reader_writes_nothing(self, path: Path, manual_clock: Any) -> None:
        fill(path, manual_clock)
        reader = open_ledger(url(path), clock=manual_clock, read_only=True)

        with pytest.raises(LedgerError, match="opened for reading: only the process that holds the ledger writes it"):
            reader.workspace("acme").record_groups([], 1)
        reader.close()

    def test_without_a_ledger_there_is_nothing_to_read(self, path: Path, manual_clock: Any) -> None:
        with pytest.raises(LedgerError) as caught:
            open_ledger(url(path), clock=manual_clock, read_only=True)

        assert str(caught.value) == (
            f"{path}: no ledger here: start `hex-exporter serve` first, or set storage.url to the one that it keeps"
        )
        assert list(path.parent.iterdir()) == []

    def test_a_reader_leaves_a_damaged_file_where_it_is(self, path: Path, manual_clock: Any) -> None:
        path.write_bytes(b"not a database" * 100)

        with pytest.raises(LedgerError, match="cannot be read: file is not a database"):
            open_ledger(url(path), clock=manual_clock, read_only=True)

        assert list(path.parent.iterdir()) == [path]


def test_a_statement_is_compiled_once_for_all_ledgers(tmp_path, manual_clock, monkeypatch):
    fill(tmp_path / "first.db", manual_clock)

    def compiled(*_known: object, **_options: object) -> None:
        raise AssertionError("a statement was compiled again")

    monkeypatch.setattr("sqlalchemy.sql.elements.ClauseElement._compiler", compiled)
    fill(tmp_path / "second.db", manual_clock)
