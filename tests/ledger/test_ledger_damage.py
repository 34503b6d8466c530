"""A damaged file, a full disk: set aside, said, and started anew."""

import resource
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from helpers.ledger_files import SERIES, as_nobody, fill, in_child, url, value, value_in_file

from exporter.errors import LedgerError
from exporter.facts import Run
from exporter.ledger import RunProgress, open_ledger


class TestDamage:
    def test_a_file_that_is_no_database_is_set_aside(self, path: Path, manual_clock: Any) -> None:
        path.write_bytes(b"not a database" * 100)
        path.with_name("ledger.db-wal").write_bytes(b"log")

        ledger = open_ledger(url(path), clock=manual_clock)

        kept = path.with_name("ledger.db.corrupt-20261118T110640Z")
        assert ledger.problem == (f"{path}: file is not a database: set aside as {kept.name}, counting starts afresh")
        assert ledger.is_durable
        assert kept.read_bytes() == b"not a database" * 100
        assert path.with_name(kept.name + "-wal").read_bytes() == b"log"
        assert value(ledger) is None
        ledger.close()

    @pytest.mark.parametrize("content", [b"my notes\n", b"\x00" * 5000, b"SQLite format 2\x00", b"x"])
    def test_a_file_that_never_was_a_ledger_is_refused_and_stays(
        self, path: Path, manual_clock: Any, content: bytes
    ) -> None:
        path.write_bytes(content)

        with pytest.raises(LedgerError) as caught:
            open_ledger(url(path), clock=manual_clock)

        assert str(caught.value) == f"{path}: neither a ledger nor any database: set storage.url to another file"
        assert path.read_bytes() == content
        assert list(path.parent.iterdir()) == [path]

    def test_a_ledger_whose_beginning_was_overwritten_is_set_aside(self, path: Path, manual_clock: Any) -> None:
        fill(path, manual_clock)
        path.write_bytes(b"\x00" * 4096 + path.read_bytes()[4096:])

        ledger = open_ledger(url(path), clock=manual_clock)

        assert ledger.problem is not None
        assert "set aside as ledger.db.corrupt-" in ledger.problem
        ledger.close()

    def test_a_second_damaged_file_does_not_overwrite_the_first(self, path: Path, manual_clock: Any) -> None:
        fill(path, manual_clock)
        for text in (b"one", b"two"):
            path.write_bytes(text * 1000)
            open_ledger(url(path), clock=manual_clock).close()

        kept = sorted(one.read_bytes()[:3] for one in path.parent.glob("*.corrupt-*"))
        assert kept == [b"one", b"two"]

    def test_a_broken_page_is_found_at_the_start(self, path: Path, manual_clock: Any) -> None:
        fill(path, manual_clock)
        whole = path.read_bytes()
        path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))

        ledger = open_ledger(url(path), clock=manual_clock)

        assert ledger.problem is not None
        assert "set aside as ledger.db.corrupt-" in ledger.problem
        assert value(ledger) is None
        ledger.close()

    def test_damage_while_running_costs_one_call(self, path: Path, manual_clock: Any) -> None:
        fill(path, manual_clock)
        ledger = open_ledger(url(path), clock=manual_clock)
        workspace = ledger.workspace("acme")
        workspace.first_contact(5)
        created_ms = ledger.created_ms
        manual_clock.advance(60)
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (path.stat().st_size - 4096))

        def touch_every_page() -> None:
            for number in range(100):
                run = Run(run_id=str(number), project_id="p", status="running")
                workspace.record_runs("p", [run], RunProgress(), 1)

        with pytest.raises(LedgerError, match="malformed"):
            touch_every_page()
        workspace.set_value("key", 1)

        assert ledger.problem is not None
        assert "set aside as ledger.db.corrupt-" in ledger.problem
        assert ledger.created_ms > created_ms
        assert (workspace.first_contact_ms, value(ledger), workspace.value("key")) == (None, None, 1)
        assert workspace.first_contact(7) == 7
        ledger.close()


class TestDisk:
    def test_an_unusable_folder_means_a_ledger_in_memory(self, public: Path, manual_clock: Any) -> None:
        path = public / "state" / "ledger.db"

        def work() -> object:
            ledger = open_ledger(url(path), clock=manual_clock)
            ledger.workspace("acme").count(*SERIES, 1, 0)
            return ledger.problem, ledger.is_durable, value(ledger)

        public.chmod(0o555)
        problem, is_durable, counted = as_nobody(work)

        assert problem == (
            f"{path}: cannot be written: [Errno 13] Permission denied: '{path.parent}'; "
            "the ledger is in memory and ends with this process; it serves no counters, because they would begin again "
            "with each start: make the file writable, or set storage.url to one that is, and restart"
        )
        assert (is_durable, counted) == (False, None)

    def test_a_ledger_in_memory_that_takes_the_place_of_no_file_counts(self, manual_clock: Any) -> None:
        ledger = open_ledger("sqlite://", clock=manual_clock)
        ledger.workspace("acme").count(*SERIES, 1, 0)

        assert (ledger.problem, value(ledger)) == (None, 0)

    @pytest.mark.parametrize("writable_folder", [False, True])
    def test_a_read_only_ledger_goes_on_in_memory_and_its_counters_stand_still(
        self, public: Path, manual_clock: Any, writable_folder: bool
    ) -> None:
        path = public / "ledger.db"
        fill(path, manual_clock)
        path.chmod(0o444)
        (public / "ledger.db.lock").chmod(0o666)
        public.chmod(0o777 if writable_folder else 0o555)

        def work() -> object:
            ledger = open_ledger(url(path), clock=manual_clock)
            before = value(ledger)
            ledger.workspace("acme").count(*SERIES, 2, 0)
            return ledger.problem, ledger.is_durable, before, value(ledger)

        problem, is_durable, before, after = as_nobody(work)

        assert problem.startswith(f"{path}: cannot be written: ")
        assert "its counters stand still" in problem
        assert (is_durable, before, after) == (False, 5, 5)

    def test_a_series_that_a_read_only_ledger_holds_at_0_stays_there_over_every_start(
        self, public: Path, manual_clock: Any
    ) -> None:
        path = public / "ledger.db"
        ledger = open_ledger(url(path), clock=manual_clock)
        ledger.workspace("acme").count(*SERIES, 5, int(manual_clock.now() * 1000))
        ledger.close()
        path.chmod(0o444)
        public.chmod(0o555)
        manual_clock.advance(90)

        def work() -> object:
            ledger = open_ledger(url(path), clock=manual_clock)
            released = ledger.workspace("acme").release_holds(int(manual_clock.now() * 1000))
            return released, value(ledger)

        assert as_nobody(work) == [False, 0]

    @pytest.mark.parametrize("page", [0, 1, -1], ids=["its beginning", "most of it", "a page of it"])
    def test_a_damaged_ledger_that_cannot_be_set_aside_serves_no_counters(
        self, public: Path, manual_clock: Any, page: int
    ) -> None:
        path = public / "ledger.db"
        fill(path, manual_clock)
        whole = path.read_bytes()
        begin, end = {0: (0, 4096), 1: (4096, len(whole)), -1: (len(whole) - 4096, len(whole))}[page]
        path.write_bytes(whole[:begin] + b"\x00" * (end - begin) + whole[end:])
        path.chmod(0o666)
        (public / "ledger.db.lock").chmod(0o666)
        public.chmod(0o555)

        def work() -> object:
            ledger = open_ledger(url(path), clock=manual_clock)
            ledger.workspace("acme").count(*SERIES, 1, 0)
            return ledger.problem, value(ledger)

        problem, counted = as_nobody(work)

        assert problem.startswith(f"{path}: cannot be written: ")
        assert "what it held cannot be read" in problem
        assert counted is None

    def test_an_unreadable_ledger_goes_on_in_memory_from_nothing(self, public: Path, manual_clock: Any) -> None:
        path = public / "ledger.db"
        fill(path, manual_clock)
        path.chmod(0)

        def work() -> object:
            ledger = open_ledger(url(path), clock=manual_clock)
            ledger.workspace("acme").count(*SERIES, 1, 0)
            return ledger.problem, value(ledger)

        problem, counted = as_nobody(work)

        assert "cannot be written" in problem
        assert "what it held cannot be read" in problem
        assert counted is None

    def test_a_full_disk_refuses_a_write_and_takes_the_next_when_there_is_room(
        self, tmp_path: Path, manual_clock: Any
    ) -> None:
        path = tmp_path / "ledger.db"
        fill(path, manual_clock)

        def work() -> object:
            ledger = open_ledger(url(path), clock=manual_clock)
            workspace = ledger.workspace("acme")
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
            refused = 0
            for _ in range(100):
                version = ledger.version
                try:
                    workspace.set_value("key", "x" * 10_000)
                    version = ledger.version
                    workspace.count(*SERIES, 1, 0)
                except LedgerError:
                    refused += 1
            counted, problem = value(ledger), ledger.problem
            is_unchanged = ledger.version == version
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            workspace.count(*SERIES, 1000, 0)
            then = value(ledger)
            ledger.close()
            return refused, counted, problem, is_unchanged, then, ledger.problem

        refused, counted, problem, is_unchanged, then, problem_then = in_child(work)

        assert refused > 0
        assert "cannot be written" in problem
        assert is_unchanged
        assert (then, problem_then) == (counted + 1000, None)
        assert value_in_file(path) == then

    def test_a_disk_that_is_full_at_the_start_means_a_ledger_in_memory(self, tmp_path: Path, manual_clock: Any) -> None:
        path = tmp_path / "ledger.db"

        def work() -> object:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
            ledger = open_ledger(url(path), clock=manual_clock)
            ledger.workspace("acme").count(*SERIES, 1, 0)
            return ledger.problem, ledger.is_durable, value(ledger)

        problem, is_durable, counted = in_child(work)

        assert "cannot be written" in problem
        assert "it serves no counters" in problem
        assert (is_durable, counted) == (False, None)
