"""SQLite connections as the ledger wants them: what is peculiar to SQLite is said here and nowhere else."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Dialect, Engine, Pool, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool, StaticPool
from sqlalchemy.util import LRUCache

TROUBLE = (DBAPIError, sqlite3.Error, OSError)
"""What the disk, the file or SQLite may raise."""

_Connect = Callable[[], DBAPIConnection]
"""What a pool makes connections by; the types of sqlite3 differ from SQLAlchemy's in names only."""

Preparation = Callable[[sqlite3.Connection], None]
"""What is done with each connection that is made."""

_BUSY_SECONDS = 5.0
_MAGIC = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html, section 1.3


def writer_engine(path: Path) -> Engine:
    """The one connection that writes the file, made readable only to its owner if it is new."""
    if not path.exists():
        path.touch(mode=0o600)
    engine = _file_engine(f"{path.absolute().as_uri()}?mode=rw", "BEGIN IMMEDIATE")
    # FULL: after a power cut a released counter must not be held again, nor a served sum be lower; it costs one
    # fsync a commit, and there are a few commits for each request to Hex.
    _on_connect(engine, "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL")
    return engine


def reader_engine(path: Path, prepare: Preparation | None = None) -> Engine:
    """Connections that read the file beside its writer, create nothing and see whole transactions.

    `prepare` is called with each connection that is made.
    """
    engine = _file_engine(_reading(path), "BEGIN", most_connections=8)
    if prepare is not None:
        event.listen(engine, "connect", lambda raw, _entry: prepare(raw))
    return engine


def memory_engine(copy_of: Path | None = None) -> Engine:
    """A ledger in memory, empty or a copy of the file. Raises `TROUBLE` if that cannot be read or is damaged."""
    connect = partial(sqlite3.connect, ":memory:", isolation_level=None, check_same_thread=False)
    engine = _engine(StaticPool(cast("_Connect", connect), dialect=_dialect()), "BEGIN IMMEDIATE")
    if copy_of is not None:
        _fill(engine, copy_of)
        with engine.begin() as connection:
            check(connection)
    return engine


def reason(error: Exception) -> BaseException:
    """What went wrong, without the statement that SQLAlchemy wraps it in (it may carry facts of the workspace)."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def is_damaged(error: BaseException) -> bool:
    """Whether SQLite says that the file is not, or no longer, a database."""
    return isinstance(error, sqlite3.Error) and _primary_code(error) in {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }


def check(connection: Connection) -> None:
    """Raise sqlite3.DatabaseError, one that `is_damaged`, if the file's structure is broken."""
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found != "ok":
        error = sqlite3.DatabaseError(f"quick_check says: {found}")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def set_aside(path: Path, stamp: str) -> Path:
    """Rename the file with its -wal and -shm to `PATH.corrupt-STAMP`, which is returned; OSError if that fails."""
    target = _beside(path, f".corrupt-{stamp}")
    count = 1
    while target.exists():
        count += 1
        target = _beside(path, f".corrupt-{stamp}-{count}")
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        if _beside(path, suffix).exists():
            _beside(path, suffix).rename(_beside(target, suffix))
    return target


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def is_foreign(path: Path) -> bool:
    """Whether the file is surely not a database: it has text of another kind where SQLite's files begin alike.

    One with a -wal file beside it was a database, and is a damaged one.
    """
    if _beside(path, "-wal").exists():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) not in {b"", _MAGIC}


def is_quiet(path: Path) -> bool:
    """Whether the file has no writer: the last one to leave removes the -wal file."""
    return not _beside(path, "-wal").exists()


def _reading(path: Path) -> str:
    # Of a quiet file an ordinary connection, even a read-only one, would create the -wal file: in the way of the
    # next writer if that runs as a different user.
    mode = "mode=ro&immutable=1" if is_quiet(path) else "mode=ro"
    return f"{path.absolute().as_uri()}?{mode}"


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _file_engine(uri: str, begin: str, most_connections: int = 1) -> Engine:
    connect = partial(
        sqlite3.connect, uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    pool = QueuePool(cast("_Connect", connect), pool_size=1, max_overflow=most_connections - 1, dialect=_dialect())
    return _engine(pool, begin)


@cache
def _dialect() -> Dialect:
    """Asks the library once what it can do, instead of once for each engine."""
    engine = create_engine("sqlite://")
    with engine.connect():
        return engine.dialect


_COMPILED: LRUCache[Any, Any] = LRUCache(500)
"""The text of each statement, for every engine; of more than SQLAlchemy's own number the least used is forgotten."""


def _engine(pool: Pool, begin: str) -> Engine:
    """An engine whose transactions are SQLite's, tables included, which sqlite3 by itself does not do."""
    engine = Engine(pool, _dialect(), make_url("sqlite://"), execution_options={"compiled_cache": _COMPILED})

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Past SQLAlchemy, whose part would take longer than SQLite's: there is a transaction for each thing read.
        cast("sqlite3.Connection", connection.connection.driver_connection).execute(begin)

    return engine


def _on_connect(engine: Engine, *statements: str) -> None:
    @event.listens_for(engine, "connect")
    def _connect(raw: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        for statement in statements:
            raw.execute(statement)


def _fill(engine: Engine, path: Path) -> None:
    raw = engine.raw_connection()
    try:
        with closing(sqlite3.connect(_reading(path), uri=True)) as source:
            source.backup(cast("sqlite3.Connection", raw.driver_connection))
    finally:
        raw.close()
