"""The open ledger: one writing connection, any number of reading ones, and what happens when the disk fails."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import Connection, Engine, Row, Select, select

from exporter.clock import Clock
from exporter.errors import LedgerError
from exporter.ledger import sqlite
from exporter.ledger.lock import WriterLock
from exporter.ledger.migrations import cover, migrate, schema_version
from exporter.ledger.schema import META, upsert

_log = structlog.get_logger()

_ROWS_AT_ONCE = 2_000


class Fence(Protocol):
    """What lets only the owner of a workspace write to it."""

    def check(self, connection: Connection, workspace: str) -> None:
        """Raise LeaseLostError unless this process owns the workspace, and will until the transaction ends."""


class Transaction:
    """One transaction of the writer: SQL goes through `connection`, changes in memory wait for the commit."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._waiting: list[Callable[[], None]] = []

    def after_commit(self, change: Callable[[], None]) -> None:
        """Have the change made once the transaction is durable, and never if it fails."""
        self._waiting.append(change)

    def settle(self) -> None:
        """Make the waiting changes."""
        for change in self._waiting:
            change()


class Store:
    """Where the tables are. Any thread may read, and writers take turns.

    `problem` is one sentence on what is wrong with the ledger, None if nothing is. `is_durable` is False where the
    ledger lives in memory only. `is_stand_in`: it takes the place of a file that cannot be written, and what it counts
    would be lost. `version` grows with each committed change, and with each loss. `fence` is checked at the
    beginning of every transaction of a workspace, None where this process is the only writer.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Clock,
        writer: Engine | None,
        reader: Engine | None,
        *,
        lock: WriterLock | None = None,
        problem: str | None = None,
        is_stand_in: bool = False,
    ) -> None:
        self._path = path
        self._clock = clock
        self._writer = writer
        self._reader = reader
        self._lock = lock
        self._turn = threading.RLock()
        self._opening_problem = problem
        self.is_stand_in = is_stand_in
        self._write_problem: str | None = None
        self._is_damaged = False
        self._is_closed = False
        self._reads_quiet_file = writer is None and path is not None and sqlite.is_quiet(path)
        self._forgetting: list[Callable[[], None]] = []
        self.fence: Fence | None = None
        self.version = 0
        with self.reading() as connection:
            self.created_ms = _created_ms(connection)

    @property
    def problem(self) -> str | None:
        """What is wrong with the ledger at this moment, in one sentence."""
        return self._write_problem or self._opening_problem

    @property
    def is_durable(self) -> bool:
        """Whether what is committed outlives the process."""
        return self._path is not None

    @property
    def lacks_file(self) -> bool:
        """Whether it is in memory in the place of a file that cannot be written."""
        return self._path is None and self._opening_problem is not None

    @property
    def is_read_only(self) -> bool:
        """Whether it was opened beside a writer, only for reading."""
        return self._writer is None

    def now_ms(self) -> int:
        """The wall clock."""
        return now_ms(self._clock)

    def when_lost(self, forget: Callable[[], None]) -> None:
        """Have `forget` called when a damaged file has been replaced by an empty one, in the thread that writes."""
        self._forgetting.append(forget)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other threads from writing meanwhile."""
        with self._turn:
            yield

    @contextmanager
    def transaction(self, workspace: str) -> Iterator[Transaction]:
        """One transaction of a workspace, committed at the end of the block or undone whole.

        Raises LedgerError if it cannot be written; nothing has changed then, and a later one may succeed. So does the
        one that finds the file damaged: what it was to write followed from facts that are lost. LeaseLostError where
        another replica owns the workspace by now.
        """
        with self._turn:
            if self._writer is None:
                raise LedgerError(f"{self._path}: opened for reading: only the process that holds the ledger writes it")
            if self._is_closed:
                # Another process may be the writer by now.
                raise LedgerError(f"{self._path or 'the ledger in memory'}: closed: nothing more is written")
            try:
                if self._is_damaged:
                    raise self._replaced()
                with self._writer.begin() as connection:
                    if self.fence is not None:
                        self.fence.check(connection, workspace)
                    transaction = Transaction(connection)
                    yield transaction
            except sqlite.TROUBLE as error:
                failure = self._failure(error, "written")
                if self._is_damaged:
                    with suppress(*sqlite.TROUBLE):  # the next write tries again
                        failure = self._replaced()
                raise failure from error
            self._write_problem = None
            transaction.settle()
            self.version += 1

    @contextmanager
    def lease_transaction(self) -> Iterator[Connection]:
        """A transaction about the leases themselves: it waits for no writer of this process, and passes every fence.

        Raises LedgerError.
        """
        if self._writer is None or self._is_closed:
            raise LedgerError("the ledger is closed, or opened for reading: no lease is written")
        try:
            with self._writer.begin() as connection:
                yield connection
        except sqlite.TROUBLE as error:
            raise LedgerError(f"the leases cannot be used: {sqlite.reason(error)}") from error

    def changed_elsewhere(self) -> None:
        """Another process has committed something that is read from now on."""
        self.version += 1

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees the last committed state, the same for the whole block."""
        reader = None if self._reader is None else self._current_reader()
        try:
            if reader is not None:
                with reader.begin() as connection:
                    yield connection
            else:
                assert self._writer is not None
                with self._turn, self._writer.begin() as connection:
                    yield connection
        except sqlite.TROUBLE as error:
            if reader is not self._reader:
                # The damaged file that it read from has been replaced: the one in use is not to blame.
                raise LedgerError(f"{self._path}: cannot be read: {sqlite.reason(error)}") from error
            raise self._failure(error, "read") from error

    def stream(self, statement: Select[tuple[object, ...]]) -> Iterator[Row[tuple[object, ...]]]:
        """The rows of a query as of one moment, a few thousand in memory at a time."""
        if self._reader is None:
            with self.reading() as connection:
                rows = connection.execute(statement).all()
            yield from rows
            return
        with self.reading() as connection:
            yield from connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(statement)

    def close(self) -> None:
        """Close every connection and let another writer in."""
        with self._turn:
            self._is_closed = True
            for engine in (self._reader, self._writer):
                if engine is not None:
                    engine.dispose()
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def _current_reader(self) -> Engine:
        """The reading engine, opened anew if a writer has come since: a quiet file was read without locks."""
        assert self._reader is not None
        if self._reads_quiet_file and self._path is not None and not sqlite.is_quiet(self._path):
            with self._turn:
                if self._reads_quiet_file:
                    self._reader.dispose()
                    self._reader = sqlite.reader_engine(self._path, cover)
                    self._reads_quiet_file = False
        return self._reader

    def _failure(self, error: Exception, verb: str) -> LedgerError:
        reason = sqlite.reason(error)
        problem = f"{self._path or 'the ledger in memory'}: cannot be {verb}: {reason}"
        if self._writer is not None and self._path is not None:
            self._is_damaged = self._is_damaged or sqlite.is_damaged(reason)
            self._write_problem = problem
        return LedgerError(problem)

    def _replaced(self) -> LedgerError:
        """Put an empty ledger in the place of the damaged one; the error for who was to write to that."""
        problem = self._write_problem
        self._start_afresh()
        return LedgerError(f"{problem}: a fresh ledger has taken its place")

    def _start_afresh(self) -> None:
        """Put an empty ledger in the place of the damaged one."""
        assert self._path is not None
        for engine in (self._reader, self._writer):
            if engine is not None:
                engine.dispose()
        self._opening_problem = set_aside(self._path, self._clock, str(self._write_problem))
        self._writer = ready_writer(self._path, self._clock)
        self._reader = sqlite.reader_engine(self._path)
        self._is_damaged = False
        with self.reading() as connection:
            self.created_ms = _created_ms(connection)
        self._write_problem = None
        self.version += 1
        for forget in self._forgetting:
            forget()


def ready_writer(path: Path, clock: Clock) -> Engine:
    """The writing engine of a file that is whole, up to date and has just been written to."""
    if path.exists() and path.stat().st_size:
        _inspect(path)
    engine = sqlite.writer_engine(path)
    try:
        migrate(engine, now_ms(clock), str(path))
        with engine.begin() as connection:
            upsert(connection, META, [{"key": "opened_ms", "value": now_ms(clock)}])
    except BaseException:
        engine.dispose()
        raise
    return engine


def _inspect(path: Path) -> None:
    """Raise if the file is damaged or not a ledger, before anything is written to what may be somebody else's."""
    engine = sqlite.reader_engine(path)
    try:
        with engine.begin() as connection:
            sqlite.check(connection)
            schema_version(connection, str(path))
    finally:
        engine.dispose()


def set_aside(path: Path, clock: Clock, why: str) -> str:
    """Rename a damaged ledger so that a fresh one can take its place; returns what people should know."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock.now()))
    kept = sqlite.set_aside(path, stamp)
    _log.error("the ledger was damaged and a fresh one takes its place", reason=why, kept=str(kept))
    return f"{why}: set aside as {kept.name}, counting starts afresh"


def now_ms(clock: Clock) -> int:
    """The wall clock in milliseconds."""
    return int(clock.now() * 1000)


def _created_ms(connection: Connection) -> int:
    return int(connection.execute(select(META.c.value).where(META.c.key == "created_ms")).scalar_one())
