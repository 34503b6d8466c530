"""What the store wants of a database, whichever it is."""

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, Engine, func, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from exporter.errors import LedgerAwayError, LedgerError

DatabaseClock = Callable[[], ColumnElement[int]]
"""The time of the database in milliseconds since the epoch, as an expression that it computes itself."""


class Database:
    """A database that is open. `name` is what messages call it, without any secret.

    `writer` is None where it was opened for reading; without a `reader`, reads go by the writer, in turn with it.
    `is_durable`: what is committed outlives the process. `is_stand_in`: it takes the place of one that cannot be
    written, and what it counts would be lost. `clock` is there where several processes may write it.
    """

    trouble: tuple[type[Exception], ...] = (DBAPIError, PoolTimeoutError, OSError)
    """What a connection, the disk or the network may raise."""

    is_durable = True
    is_stand_in = False
    clock: DatabaseClock | None = None

    def __init__(self, name: str, writer: Engine | None, reader: Engine | None) -> None:
        self.name = name
        self.writer = writer
        self.reader = reader

    def current_reader(self) -> Engine | None:
        """The engine to read with now."""
        return self.reader

    def reason(self, error: Exception) -> str:
        """What went wrong, without the statement that SQLAlchemy shows (it may carry facts of the workspace)."""
        return str(error.orig if isinstance(error, DBAPIError) and error.orig is not None else error)

    def sentence(self, error: Exception, verb: str) -> str:
        """The problem in one sentence: the database "cannot be" written or read."""
        return f"{self.name}: cannot be {verb}: {self.reason(error)}"

    def failure(self, error: Exception, verb: str) -> LedgerError:
        """The problem as an error to raise: LedgerAwayError for one that may be over later."""
        sentence = self.sentence(error, verb)
        return LedgerAwayError(sentence) if self.is_away(error) else LedgerError(sentence)

    def is_away(self, error: Exception) -> bool:
        """Whether this is about the database's moment, so that waiting helps where no setting is wrong."""
        return False

    def end_stalled_writers(self, connection: Connection) -> int:
        """End what stands still in the middle of a write, and with it its locks; returns how many were ended."""
        return 0

    def is_damaged(self, error: Exception) -> bool:
        """Whether what was stored is lost, so that `replace` is to be called."""
        return False

    def is_outcome_unknown(self, error: Exception) -> bool:
        """Whether a transaction that ended with this error may have been committed all the same."""
        return False

    def replace(self, why: str) -> str:
        """Put an empty ledger in the place of a damaged one; returns what people should know."""
        raise NotImplementedError

    def close(self) -> None:
        """Close every connection, and let another writer in."""
        for engine in (self.reader, self.writer):
            if engine is not None:
                engine.dispose()


def table_names(connection: Connection) -> list[str]:
    """The tables that are where the ledger's would be."""
    is_in_schema = connection.dialect.name == "postgresql"
    schema = connection.execute(select(func.current_schema())).scalar() if is_in_schema else None
    return [] if is_in_schema and schema is None else inspect(connection).get_table_names(schema)


def place(connection: Connection) -> str:
    """What one database holds several of: where another ledger could be."""
    return "database or schema" if connection.dialect.name == "postgresql" else "file"
