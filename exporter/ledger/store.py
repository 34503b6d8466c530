"""The open ledger: writers take turns, any number read, and what happens when the database fails."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Protocol

from sqlalchemy import Connection, Engine, Row, Select, select

from exporter.clock import Clock
from exporter.errors import LedgerError
from exporter.ledger.engines import Database
from exporter.ledger.schema import META

_ROWS_AT_ONCE = 2_000


class Fence(Protocol):
    """What lets only the owner of a workspace write to it."""

    def check(self, connection: Connection, workspace: str) -> int:
        """Raise LeaseLostError unless this process owns the workspace, and will until the transaction ends.

        Returns the version of the lease that the transaction's rows are written with.
        """


class Transaction:
    """One transaction of the writer: SQL goes through `connection`, changes in memory wait for the commit.

    `version` is that of the workspace's lease, which rows carry that replicas read when they have changed; 0 where this
    process is the only writer.
    """

    def __init__(self, connection: Connection, version: int = 0) -> None:
        self.connection = connection
        self.version = version
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

    `problem` is one sentence on what is wrong with the ledger, None if nothing is; `opening_problem` is the part of it
    that stays. `version` grows with each committed change, and with each loss. `fence` is checked at the beginning of
    every transaction of a workspace, None where this process is the only writer. `database_clock` is there where
    several processes may write it; `ahead_ms` is then how far this machine's clock is ahead of the database's.
    """

    def __init__(self, database: Database, clock: Clock, *, opening_problem: str | None = None) -> None:
        self.database = database
        self._clock = clock
        self._turn = threading.RLock()
        self._opening_problem = opening_problem
        self._problems: dict[str, str] = {}
        self._is_damaged = False
        self._is_outcome_unknown = False
        self._is_closed = False
        self._forgetting: list[Callable[[], None]] = []
        self.fence: Fence | None = None
        self.ahead_ms = 0
        self.database_clock = None if self.is_read_only else database.clock
        self.version = 0
        self.reached_ms = self.now_ms()
        """When it was last read or written."""
        with self.reading() as connection:
            self.created_ms = _created_ms(connection)

    @property
    def problem(self) -> str | None:
        """What is wrong with the ledger at this moment, in one sentence."""
        return next(iter(self._problems.values()), self._opening_problem)

    @property
    def is_durable(self) -> bool:
        """Whether what is committed outlives the process."""
        return self.database.is_durable

    @property
    def is_stand_in(self) -> bool:
        """Whether it takes the place of a file that cannot be written: what it counts would be lost."""
        return self.database.is_stand_in

    @property
    def lacks_file(self) -> bool:
        """Whether it is in memory in the place of a file that cannot be written."""
        return not self.database.is_durable and self._opening_problem is not None

    @property
    def is_read_only(self) -> bool:
        """Whether it was opened beside a writer, only for reading."""
        return self.database.writer is None

    def now_ms(self) -> int:
        """The wall clock; where the ledger is shared, the database's."""
        return now_ms(self._clock) - self.ahead_ms

    def when_lost(self, forget: Callable[[], None]) -> None:
        """Have `forget` called when what is remembered may differ from what is stored, in the thread that writes.

        A damaged file has been replaced by an empty one, or the database was lost in the middle of a commit.
        """
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
            writer = self._open_writer()
            try:
                if self._is_damaged:
                    raise self._replaced()
                if self._is_outcome_unknown:
                    self._read_again()
                with writer.begin() as connection:
                    version = 0 if self.fence is None else self.fence.check(connection, workspace)
                    transaction = Transaction(connection, version)
                    yield transaction
            except self.database.trouble as error:
                self._is_outcome_unknown |= self.database.is_outcome_unknown(error)
                failure = self._failure(error, "written")
                if self._is_damaged:
                    with suppress(*self.database.trouble):  # the next write tries again
                        failure = self._replaced()
                raise failure from error
            self._problems.clear()
            transaction.settle()
            self.version += 1

    @contextmanager
    def lease_transaction(self) -> Iterator[Connection]:
        """A transaction about the leases themselves: it waits for no writer of this process, and passes every fence.

        Raises LedgerError.
        """
        try:
            with self._open_writer().begin() as connection:
                yield connection
        except self.database.trouble as error:
            raise self.database.failure(error, "used for leases") from error

    def changed_elsewhere(self) -> None:
        """Another process has committed something that is read from now on."""
        self.version += 1

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees the last committed state, the same for the whole block."""
        reader = None
        try:
            if self.database.reader is None:
                with self._turn, self._open_writer(is_for_reading=True).begin() as connection:
                    yield connection
            else:
                reader = self.database.current_reader()
                assert reader is not None
                with reader.begin() as connection:
                    yield connection
        except self.database.trouble as error:
            if reader is not self.database.reader:
                # The damaged file that it read from has been replaced: the one in use is not to blame.
                raise LedgerError(self.database.sentence(error, "read")) from error
            raise self._failure(error, "read") from error
        self.reached_ms = self.now_ms()
        if self._problems and not self._is_damaged:
            self._problems.pop("read", None)

    def stream(
        self, statement: Select[tuple[object, ...]], values: Mapping[str, object] | None = None
    ) -> Iterator[Row[tuple[object, ...]]]:
        """The rows of a query as of one moment, a few thousand in memory at a time."""
        if self.database.reader is None:
            with self.reading() as connection:
                rows = connection.execute(statement, values).all()
            yield from rows
            return
        with self.reading() as connection:
            yield from connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(statement, values)

    def close(self) -> None:
        """Close every connection and let another writer in."""
        with self._turn:
            self._is_closed = True
            self.database.close()

    def _open_writer(self, *, is_for_reading: bool = False) -> Engine:
        name, writer = self.database.name, self.database.writer
        if writer is None:
            raise LedgerError(f"{name}: opened for reading: only the process that holds the ledger writes it")
        if self._is_closed and not is_for_reading:
            # Another process may be the writer by now.
            raise LedgerError(f"{name}: closed: nothing more is written")
        return writer

    def _failure(self, error: Exception, verb: str) -> LedgerError:
        failure = self.database.failure(error, verb)
        if self.database.writer is not None and self.database.is_durable:
            self._is_damaged = self._is_damaged or self.database.is_damaged(error)
            self._problems[verb] = str(failure)
        return failure

    def _read_again(self) -> None:
        """Have what is remembered be what is stored: a commit was under way when the database was lost."""
        for forget in self._forgetting:
            forget()
        self._is_outcome_unknown = False
        self.version += 1

    def _replaced(self) -> LedgerError:
        """Put an empty ledger in the place of the damaged one; the error for who was to write to that."""
        why = str(self.problem)
        self._opening_problem = self.database.replace(why)
        self._is_damaged = False
        with self.reading() as connection:
            self.created_ms = _created_ms(connection)
        self._problems.clear()
        self.version += 1
        for forget in self._forgetting:
            forget()
        return LedgerError(f"{why}: a fresh ledger has taken its place")


def now_ms(clock: Clock) -> int:
    """The wall clock in milliseconds."""
    return int(clock.now() * 1000)


def _created_ms(connection: Connection) -> int:
    return int(connection.execute(select(META.c.value).where(META.c.key == "created_ms")).scalar_one())
