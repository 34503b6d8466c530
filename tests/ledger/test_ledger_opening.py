"""Opening: one writer, free readers, and serving that goes on when file or disk are no good."""

import json
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import LedgerBusyError, LedgerError
from exporter.facts import Group, Run
from exporter.ledger import Listing, RunProgress, open_ledger

SERIES = ("hex_exporter_bad_items_total", ("runs",))
NOBODY = 65534


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def value(ledger: Any) -> int | None:
    workspace = ledger.workspace("acme")
    return {(one.metric, one.labels): one.value for one in workspace.counters()}.get(SERIES)


def fill(path: Path, clock: Any) -> None:
    """A ledger that was closed with a counter of 5 in it."""
    ledger = open_ledger(url(path), clock=clock)
    ledger.workspace("acme").count(*SERIES, 5, 0)
    clock.advance(90)
    ledger.workspace("acme").release_holds(int(clock.now() * 1000))
    ledger.close()


def in_child(work: Callable[[], object]) -> Any:
    """What the work returns when done by another process, as JSON keeps it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = work()
        except BaseException as error:
            answer = repr(error)
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer)


def as_nobody(work: Callable[[], object]) -> Any:
    """What the work returns when done by a user who is not root."""

    def without_rights() -> object:
        if os.geteuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return work()

    return in_child(without_rights)


def value_in_file(path: Path) -> int:
    connection = sqlite3.connect(path)
    (found,) = connection.execute("SELECT value FROM counters WHERE metric = ?", SERIES[:1]).fetchone()
    connection.close()
    return int(found)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that another user may read but not write."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


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
            "the ledger is in memory and ends with this process"
        )
        assert (is_durable, counted) == (False, 0)

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
        assert (is_durable, counted) == (False, 0)


def test_a_statement_is_compiled_once_for_all_ledgers(tmp_path, manual_clock, monkeypatch):
    fill(tmp_path / "first.db", manual_clock)

    def compiled(*_known: object, **_options: object) -> None:
        raise AssertionError("a statement was compiled again")

    monkeypatch.setattr("sqlalchemy.sql.elements.ClauseElement._compiler", compiled)
    fill(tmp_path / "second.db", manual_clock)
