"""The state of a database: the rows of a query, or its own record of when tables changed."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress

from sqlalchemy import Connection, text

from exporter.config import SqlSource
from exporter.sources.credentials import Credential
from exporter.sources.database import Address, reading
from exporter.sources.digest import digest, encoded_row
from exporter.sources.freshness import checked, questions
from exporter.sources.probe import ProbeError
from exporter.sources.read_only_sql import check_reading, is_fetched_by_cursor
from exporter.sources.table_names import TableName, parse_table
from exporter.sources.worker_thread import WorkerThread

MOST_ROWS = 10_000
MOST_CHARACTERS = 8 * 1024 * 1024

_FETCHED_AT_ONCE = 500


class SqlProbe:
    """Queries a database, in a thread of its own, within one deadline from the connection to the last row.

    `tables` gives the tables to look at where the source has no query; it may raise ProbeError. The URL is read
    anew for each state and not kept.
    """

    def __init__(self, source: SqlSource, url: Credential, tables: Callable[[], Iterable[str]]) -> None:
        self._source = source
        self._url = url
        self._tables = tables
        self._worker: WorkerThread[str] | None = None
        self._interrupt: Callable[[], None] | None = None

    @property
    def stamp(self) -> None:
        """None: only the state itself is shown."""
        return None

    @property
    def is_stuck(self) -> bool:
        """Whether the driver still hangs in a query whose deadline has passed."""
        return self._worker is not None and self._worker.is_running

    async def state(self) -> str:
        """The digest of the rows as a multiset; raises ProbeError."""
        query = self._source.query
        if query is not None:
            check_reading(query)
            tables: tuple[TableName, ...] = ()
        else:
            tables = tuple(parse_table(written) for written in self._tables())
        address = Address(self._url.read())
        self._interrupt = None
        self._worker = worker = WorkerThread(lambda: self._query(address, query, tables), "source-sql")
        try:
            return await worker.result(self._source.deadline_seconds)
        except TimeoutError:
            self._give_up()
            raise ProbeError(f"no answer within {self._source.deadline_seconds:g} s") from None

    async def aclose(self) -> None:
        """Nothing is held between two states."""

    def _give_up(self) -> None:
        if self._interrupt is not None:
            # The connection may be closed by now.
            with suppress(Exception):
                self._interrupt()

    def _query(self, address: Address, query: str | None, tables: Sequence[TableName]) -> str:
        with reading(address, self._source.deadline_seconds, self._interruptible) as connection:
            return _rows_of(connection, query) if query is not None else _freshness(connection, address, tables)

    def _interruptible(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt


def _rows_of(connection: Connection, query: str) -> str:
    # A cursor of the server keeps a large answer out of this machine's memory.
    options = {"no_parameters": True, "stream_results": is_fetched_by_cursor(query)}
    result = connection.execution_options(**options).exec_driver_sql(query)
    if not result.returns_rows:
        raise ProbeError("the query returns no rows, expected one that does")
    encoded: list[str] = []
    characters = 0
    with closing(result):
        for row in result.yield_per(_FETCHED_AT_ONCE):
            encoded.append(encoded_row(row))
            characters += len(encoded[-1])
            if len(encoded) > MOST_ROWS or characters > MOST_CHARACTERS:
                raise ProbeError(
                    f"the query returns more than {MOST_ROWS} rows or {MOST_CHARACTERS} characters, "
                    "expected few: max(updated_at), count(*) or the like"
                )
    return digest("rows", *sorted(encoded))


def _freshness(connection: Connection, address: Address, tables: Sequence[TableName]) -> str:
    states: list[str] = []
    for question in questions(address.dialect, tables, address.default_dataset):
        rows = connection.execute(text(question.sql), dict(question.parameters)).all()
        states += (encoded_row(row) for row in checked(address.dialect, question, [tuple(row) for row in rows]))
    return digest("tables", *sorted(str(table) for table in tables), "states", *sorted(states))
