"""PostgreSQL as the ledger wants it: by psycopg, through PgBouncer in transaction mode too, no secret in any message.

Whatever a session would keep (deadlines, the schema) is set in each transaction, and no statement is prepared: another
transaction may get another session.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    cast,
    column,
    create_engine,
    event,
    func,
    literal,
    select,
    table,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from exporter.errors import LedgerError
from exporter.ledger.engines.database import Database
from exporter.ledger.engines.postgresql_errors import AWAY, sentence_of, state_of

if TYPE_CHECKING:
    from exporter.ledger.engines.postgresql_connection import PatientConnection

OLDEST_SERVER = 13
MOST_CONNECTIONS = 5
"""For each process: a page that is built, a command, the gateway and the leases go on beside one writer."""

_SCHEMES = re.compile(r"(postgresql|postgres)(\+psycopg)?:", re.IGNORECASE)
_SEARCH_PATH = re.compile(r"""(?:-c\s*|--)search_path=["']?([^"'\s,]+)["']?""")
_POOL_SECONDS = 10.0
_RECONNECT_SECONDS = 2.0
_STATEMENT_SECONDS = 30
_LOCK_SECONDS = 10
_SILENCE_SECONDS = 10  # what a server may be silent beyond its own deadline, which it reports when it can
_IDLE_SECONDS = 60
_WRITER_IDLE_SECONDS = 5  # a replica that is paused in the middle of a write keeps no other from taking over
_ACTIVITY = ("pid", "datname", "usename", "application_name", "backend_xid", "wait_event", "state_change")
_COMMAND_IDLE_SECONDS = 3600  # a report that somebody pages through
_MIGRATION_SECONDS = 600
_MIGRATING = 0x6865785F6C656467  # "hex_ledg": the advisory lock under which a ledger is made and migrated
_TEXT = re.compile(r"\bTEXT\b")

_WANTED: Mapping[str, object] = {
    "application_name": "hex-exporter",
    "client_encoding": "UTF8",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""What connections have where the URL does not say otherwise: a cut network is noticed within about ten seconds."""


class PostgresDatabase(Database):
    """The database of a `postgresql://` URL as libpq reads it, and in it one schema.

    The schema is the one that `options=-csearch_path=NAME` names, else the user's own choice, usually `public`. Raises
    LedgerError for a URL that cannot be read and where the driver is missing; does not connect.
    """

    def __init__(self, url: str, *, read_only: bool) -> None:
        parameters = _parameters(url)
        self.schema = _schema(parameters)
        self._secret = str(parameters.get("password") or "")
        self._user = str(parameters.get("user") or "the user")
        engine = _engine(parameters)
        reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        super().__init__(_name(parameters, self.schema), None if read_only else engine, reader)
        idle_seconds = _COMMAND_IDLE_SECONDS if read_only else _IDLE_SECONDS
        self._settings = self._local_settings(_STATEMENT_SECONDS, _LOCK_SECONDS, idle_seconds)
        self._writing = self._local_settings(_STATEMENT_SECONDS, _LOCK_SECONDS, _WRITER_IDLE_SECONDS)
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "before_cursor_execute", _with_collation, retval=True)
        self.clock = database_clock

    @staticmethod
    def is_url(url: str) -> bool:
        """Whether a URL is of this kind."""
        return _SCHEMES.match(url) is not None

    @contextmanager
    def opening(self) -> Iterator[Connection]:
        """The transaction in which a ledger is made, migrated or looked at first: no two at once.

        Raises LedgerError for a server that will not do.
        """
        engine = self.writer or self.reader
        assert engine is not None
        with engine.begin() as connection:
            self._check_server(connection)
            if self.writer is not None:
                settings = self._local_settings(_MIGRATION_SECONDS, _MIGRATION_SECONDS, _IDLE_SECONDS)
                connection.exec_driver_sql(settings)
                _driver_connection(connection).silence_seconds = _MIGRATION_SECONDS + _SILENCE_SECONDS
                connection.execute(func.pg_advisory_xact_lock(_MIGRATING).select())
            yield connection

    def make_schema(self, connection: Connection) -> None:
        """Make the schema if it is named and not there."""
        if self.schema is None:
            return
        names = connection.exec_driver_sql("SELECT nspname FROM pg_namespace").scalars()
        if self.schema not in set(names):  # IF NOT EXISTS wants the right to create one even where there is one
            connection.exec_driver_sql(f"CREATE SCHEMA {_quoted(self.schema)}")

    def reason(self, error: Exception) -> str:
        """What went wrong and what to do about it, without values of rows and without the password."""
        if isinstance(error, PoolTimeoutError):
            return f"all {MOST_CONNECTIONS} connections were in use for {_POOL_SECONDS:.0f} seconds"
        original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        said = sentence_of(original, user=self._user, schema=self.schema)
        return said.replace(self._secret, "***") if self._secret else said

    def is_away(self, error: Exception) -> bool:
        """Whether the server is absent, busy, full or a standby: all of which end without a change of settings."""
        if isinstance(error, PoolTimeoutError):
            return True
        original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        return state_of(original).startswith(AWAY)

    def end_stalled_writers(self, connection: Connection) -> int:
        """End the writing sessions of this user's exporters that have sent nothing for longer than one may.

        idle_in_transaction_session_timeout does not: libpq's pipelines, in which many rows go at once, stop its clock.
        """
        silent = literal(_WRITER_IDLE_SECONDS) * text("interval '1 second'")
        session = table("pg_stat_activity", *map(column, _ACTIVITY)).c
        ended = select(func.pg_terminate_backend(session.pid)).where(
            session.datname == func.current_database(),
            session.usename == text("current_user"),
            session.application_name == func.current_setting("application_name"),
            session.backend_xid.is_not(None),
            session.wait_event == "ClientRead",
            session.state_change <= func.clock_timestamp() - silent,
        )
        return len(connection.execute(ended).all())

    def is_outcome_unknown(self, error: Exception) -> bool:
        """Whether the connection was lost: maybe after the server had committed."""
        return isinstance(error, DBAPIError) and error.connection_invalidated

    def _begin(self, connection: Connection) -> None:
        is_reading = connection.get_execution_options().get("postgresql_readonly", False)
        _driver_connection(connection).silence_seconds = _STATEMENT_SECONDS + _SILENCE_SECONDS
        connection.exec_driver_sql(self._settings if is_reading else self._writing)

    def _local_settings(self, statement_seconds: int, lock_seconds: int, idle_seconds: int) -> str:
        settings = [
            f"SET LOCAL statement_timeout = '{statement_seconds}s'",
            f"SET LOCAL lock_timeout = '{lock_seconds}s'",
            f"SET LOCAL idle_in_transaction_session_timeout = '{idle_seconds}s'",
        ]
        if self.schema is not None:
            settings.append(f"SET LOCAL search_path = {_quoted(self.schema)}")
        return "; ".join(settings)  # one trip to the server

    def _check_server(self, connection: Connection) -> None:
        info = _driver_connection(connection).info
        if info.server_version < OLDEST_SERVER * 10_000:
            raise LedgerError(
                f"{self.name}: PostgreSQL {info.server_version // 10_000} is too old: "
                f"upgrade the server to {OLDEST_SERVER} or later"
            )
        if info.parameter_status("server_encoding") != "UTF8":
            raise LedgerError(
                f"{self.name}: the database is not in UTF-8: create one with ENCODING 'UTF8' TEMPLATE template0"
            )


def database_clock() -> ColumnElement[int]:
    """PostgreSQL's clock as it is when the expression is computed, not when the transaction began."""
    return cast(func.extract("epoch", func.clock_timestamp()) * literal(1000), BigInteger)


def _parameters(url: str) -> dict[str, Any]:
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise LedgerError("storage url: no driver for PostgreSQL: pip install 'hex-exporter[postgres]'") from None
    try:
        parameters = dict(conninfo_to_dict(_SCHEMES.sub("postgresql:", url, count=1)))
        is_odd = bool(set("@/") & set(str(parameters.get("dbname") or "")))  # a "/" in the password ends the host
    except (ProgrammingError, UnicodeError):
        is_odd = True
    if is_odd:
        # What libpq says of it may repeat a part of the password.
        raise LedgerError(
            "storage url: the address cannot be read: write postgresql://USER:PASSWORD@HOST/DATABASE, "
            "odd characters as %XX, and only options that libpq knows"
        )
    return parameters


def _schema(parameters: dict[str, Any]) -> str | None:
    """The schema that the options name; it is taken out of them, since a pooler refuses options at the start."""
    options = str(parameters.get("options") or "")
    found = _SEARCH_PATH.search(options)
    rest = _SEARCH_PATH.sub("", options).strip()
    parameters.pop("options", None)
    if rest:
        parameters["options"] = rest
    return None if found is None else found[1]


def _name(parameters: Mapping[str, Any], schema: str | None) -> str:
    host = parameters.get("host") or parameters.get("hostaddr") or "localhost"
    port = f":{parameters['port']}" if parameters.get("port") else ""
    database = parameters.get("dbname") or parameters.get("user") or ""
    return f"postgresql://{host}{port}/{database}" + ("" if schema is None else f" schema {schema}")


class _Connector:
    """Makes connections. After one that failed the next ones fail at once for a moment, with the same error.

    A page reads many times, and each would wait for a server that does not answer.
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._wanted: dict[str, Any] = {**_WANTED, **parameters}
        self._failure: Exception | None = None
        self._failed_at = float("-inf")

    def __call__(self) -> "PatientConnection":
        import psycopg

        from exporter.ledger.engines.postgresql_connection import PatientConnection

        if self._failure is not None and time.monotonic() - self._failed_at < _RECONNECT_SECONDS:
            raise self._failure.with_traceback(None)
        try:
            connection = PatientConnection.connect(**self._wanted, prepare_threshold=None)
        except psycopg.Error as error:
            self._failure, self._failed_at = error, time.monotonic()
            raise
        self._failure = None
        return connection


def _engine(parameters: Mapping[str, Any]) -> Engine:
    return create_engine(
        "postgresql+psycopg://",
        creator=_Connector(parameters),
        pool_size=MOST_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        pool_pre_ping=True,  # after a restart of the database no transaction fails for a connection that is gone
        pool_use_lifo=True,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        use_native_hstore=False,
    )


def _with_collation(
    _connection: object, _cursor: object, statement: str, parameters: Any, _context: object, _executemany: bool
) -> tuple[str, Any]:
    """Have text sort by code points, as in SQLite and in Python, whatever the database's language is."""
    if statement.lstrip()[:12].upper() in ("CREATE TABLE", "ALTER TABLE "):
        statement = _TEXT.sub('TEXT COLLATE "C"', statement)
    return statement, parameters


def _driver_connection(connection: Connection) -> "PatientConnection":
    driver: PatientConnection = connection.connection.driver_connection  # type: ignore[assignment]
    return driver


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
