"""A connection to a database that can only read: drivers as they are installed, each dialect's own guard."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from exporter.hexapi import Secret
from exporter.sources.failure_reasons import failure
from exporter.sources.probe import ProbeError

_EXTRAS = {"postgresql": "postgres", "snowflake": "snowflake", "bigquery": "bigquery"}
_SECRET_OPTION = re.compile(r"pass|pwd|token|secret|key|credential", re.IGNORECASE)
_LONGEST_CONNECT_SECONDS = 15


class Address:
    """Where a database is, password included; prints as its dialect and nothing else."""

    def __init__(self, written: Secret) -> None:
        """Raises ProbeError unless it is a URL as SQLAlchemy writes them."""
        try:
            url = make_url(written.reveal())
        except (ArgumentError, ValueError):
            url = None
        if url is None:
            raise ProbeError("the database URL cannot be read, expected DIALECT://USER:PASSWORD@HOST/DATABASE")
        if url.drivername in ("postgresql", "postgres"):
            # The driver that the extra installs; SQLAlchemy 2.0 would take psycopg2.
            url = url.set(drivername="postgresql+psycopg")
        self.url = url
        self.dialect = url.get_backend_name()
        self._written = written

    def __repr__(self) -> str:
        return f"Address({self.dialect})"

    @property
    def default_dataset(self) -> str | None:
        """The second part of a BigQuery URL."""
        return self.url.database or None

    def secrets(self) -> set[str]:
        """What must not be shown: the URL, the password and what looks like one, written in every way."""
        password = self.url.password or ""
        raw = self._written.reveal().partition("://")[2].rpartition("@")[0].partition(":")[2]
        options = {str(value) for key, value in self.url.query.items() if _SECRET_OPTION.search(key)}
        plain = {password, *options}
        return {self._written.reveal(), raw, *plain, *map(quote, plain), *map(quote_plus, plain)} - {""}


@contextmanager
def reading(
    address: Address, deadline_seconds: float, interruptible: Callable[[Callable[[], None]], None]
) -> Iterator[Connection]:
    """A connection in a transaction that cannot write and is rolled back whatever happens.

    Blocks, so call it in a thread. `interruptible` is given a way to end what runs, where the driver has one that
    another thread may use. Raises ProbeError with a reason that holds no secret.
    """
    try:
        engine = _engine(address.url, deadline_seconds)
        try:
            with engine.connect() as connection:
                driver = connection.connection.driver_connection
                if address.dialect == "sqlite" and driver is not None:
                    interruptible(driver.interrupt)
                try:
                    _guard(connection, deadline_seconds)
                    yield connection
                finally:
                    with suppress(Exception):
                        connection.rollback()
        finally:
            engine.dispose()
    except ProbeError:
        raise
    except (ModuleNotFoundError, NoSuchModuleError):
        reason = missing_driver(address.dialect)
    except DBAPIError as error:
        reason = failure(error.orig or error, address.secrets())
    except Exception as error:
        # Drivers raise errors of any class.
        reason = failure(error, address.secrets())
    else:
        return
    raise ProbeError(reason)


def missing_driver(dialect: str) -> str:
    """What to do about a driver that is not installed."""
    extra = _EXTRAS.get(dialect)
    if extra is None:
        return f"no driver for {dialect} is installed, expected its SQLAlchemy dialect and driver beside hex-exporter"
    return f"no driver for {dialect} is installed: in a checkout, pip install '.[{extra}]'"


def _engine(url: URL, deadline_seconds: float) -> Engine:
    readable, arguments = _readable(url, deadline_seconds)
    engine = create_engine(readable, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
    if engine.dialect.is_async:
        raise ProbeError(f"found the asynchronous driver {engine.dialect.driver}, expected one that is not")
    return engine


def _readable(url: URL, deadline_seconds: float) -> tuple[URL, Mapping[str, Any]]:
    """The URL and the arguments to connect with; what the URL says itself is left as it is."""
    connect_seconds = max(2, min(_LONGEST_CONNECT_SECONDS, round(deadline_seconds)))
    match url.get_backend_name():
        case "sqlite":
            return _existing(url), {"timeout": min(5.0, deadline_seconds)}
        case "postgresql" if url.get_driver_name() in ("psycopg", "psycopg2"):
            wanted = {"connect_timeout": connect_seconds, "keepalives_idle": 30, "application_name": "hex-exporter"}
        case "snowflake":
            wanted = {"login_timeout": connect_seconds, "network_timeout": max(2, round(deadline_seconds))}
        case _:
            wanted = {}
    return url, {name: value for name, value in wanted.items() if name not in url.query}


def _existing(url: URL) -> URL:
    """The SQLite file, opened for reading: a plain connection makes an empty database where there is none."""
    path = url.database or ""
    if path in ("", ":memory:") or path.startswith("file::memory:"):
        raise ProbeError("found a SQLite database in memory, expected sqlite:////PATH")
    file = path if path.startswith("file:") else f"file:{quote(path)}"
    return url.set(database=file, query={**url.query, "mode": "ro", "uri": "true"})


def _guard(connection: Connection, deadline_seconds: float) -> None:
    """Make the database itself refuse writes and long queries, where it can."""
    milliseconds = max(1, round(deadline_seconds * 1000))
    match connection.dialect.name:
        case "sqlite":
            connection.exec_driver_sql("pragma query_only = on")
        case "postgresql":
            connection.exec_driver_sql("set transaction read only")
            connection.exec_driver_sql(f"set local statement_timeout = {milliseconds}")
            # A URL that asks for autocommit has no transaction to be read only.
            if connection.exec_driver_sql("show transaction_read_only").scalar() != "on":
                raise ProbeError("the connection cannot be made read only, expected a URL without autocommit")
        case "snowflake":
            seconds = max(1, round(deadline_seconds))
            connection.exec_driver_sql(f"alter session set statement_timeout_in_seconds = {seconds}")
