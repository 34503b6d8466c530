"""Which store a URL opens: PostgreSQL, a file, a fresh one in a damaged one's place, or memory where nothing can be
written."""

from pathlib import Path

import structlog
from sqlalchemy import Engine, make_url, select
from sqlalchemy.exc import ArgumentError

from exporter.clock import Clock
from exporter.errors import LedgerError
from exporter.ledger.engines import PostgresDatabase, SqliteFile, SqliteMemory, WriterLock, sqlite
from exporter.ledger.migrations import OLDEST_READABLE, cover, migrate, migrate_within, schema_version, too_new
from exporter.ledger.schema import META, SCHEMA_VERSION, upsert
from exporter.ledger.store import Store, now_ms

_log = structlog.get_logger()

_KINDS = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"


COPYING = "copying"
"""Marks a ledger that is being copied to: the age of the one that it is copied from. It cannot be used until it is."""


_STANDS_STILL = (
    "its counters stand still, because sums that are not kept would be lower after the next start: "
    "make the file writable and restart"
)
_SERVES_NONE = (
    "it serves no counters, because they would begin again with each start: "
    "make the file writable, or set storage.url to one that is, and restart"
)


def open_store(url: str, *, clock: Clock, read_only: bool = False, is_copying: bool = False) -> Store:
    """The store at a URL; see `exporter.ledger.open_ledger` for what is done about trouble.

    `is_copying`: for the copy itself, which may open what it has not finished.
    """
    if PostgresDatabase.is_url(url):
        store = _open_postgres(url, clock, read_only=read_only)
    elif (path := _path_of(url)) is None:
        return _in_memory(clock)
    else:
        store = _open_for_reading(path, clock) if read_only else _open_for_writing(path, clock)
    try:
        if not is_copying:
            _refuse_unfinished(store)
    except BaseException:
        store.close()
        raise
    return store


def open_unwritten(url: str, *, clock: Clock) -> Store:
    """The store at a URL, for reading, with every other writer of its file kept out until it is closed."""
    if PostgresDatabase.is_url(url) or (path := _path_of(url)) is None:
        return open_store(url, clock=clock, read_only=True)
    if not path.is_file():
        return _open_for_reading(path, clock)
    lock = WriterLock(_lock_path(path))
    try:
        store = _open_for_reading(path, clock, lock)
    except BaseException:
        lock.release()
        raise
    _refuse_unfinished(store)
    return store


def _refuse_unfinished(store: Store) -> None:
    with store.reading() as connection:
        mark = connection.execute(select(META.c.value).where(META.c.key == COPYING)).scalar()
    if mark is not None:
        raise LedgerError(
            f"{store.database.name}: only a part of a ledger was copied here: "
            "run `hex-exporter ledger copy` again, which continues where it stopped"
        )


def refusal(url: str) -> str | None:
    """Why `serve` would refuse this URL, None if it would not; makes and changes nothing, a writer may be at work."""
    if PostgresDatabase.is_url(url):
        return _postgres_refusal(url)
    try:
        path = _path_of(url)
        if path is not None and not _is_absent(path):
            _refuse_foreign(path)
            engine = sqlite.reader_engine(path, cover)
            try:
                with engine.begin() as connection:
                    version = schema_version(connection, str(path))
            finally:
                engine.dispose()
            if version > SCHEMA_VERSION:
                raise too_new(str(path), version)
    except LedgerError as error:
        return str(error)
    except sqlite.TROUBLE:
        return None  # a damaged ledger is set aside, and one that cannot be read is kept in memory: nothing is refused
    return None


def _refuse_foreign(path: Path) -> None:
    """Raise LedgerError for a file of somebody else, where no writer of a ledger ever was: it stays as it is."""
    if not _lock_path(path).exists() and sqlite.is_foreign(path):
        raise LedgerError(f"{path}: neither a ledger nor any database: set storage.url to another file")


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _open_postgres(url: str, clock: Clock, *, read_only: bool) -> Store:
    database = PostgresDatabase(url, read_only=read_only)
    try:
        with database.opening() as connection:
            if read_only:
                _require_current(database.name, schema_version(connection, database.name))
            else:
                database.make_schema(connection)
                migrate_within(connection, now_ms(clock), database.name)
                upsert(connection, META, [{"key": "opened_ms", "value": now_ms(clock)}])
        return Store(database, clock)
    except database.trouble as error:
        database.close()
        raise database.failure(error, "opened") from error
    except BaseException:
        database.close()
        raise


def _postgres_refusal(url: str) -> str | None:
    try:
        database = PostgresDatabase(url, read_only=True)
        try:
            with database.opening() as connection:
                version = schema_version(connection, database.name)
            return str(too_new(database.name, version)) if version > SCHEMA_VERSION else None
        except database.trouble as error:
            return database.sentence(error, "opened")
        finally:
            database.close()
    except LedgerError as error:
        return str(error)


def _require_current(name: str, version: int) -> None:
    """Raise LedgerError for a ledger that cannot be read as it is: no tables can be shown in front of its own."""
    if version == 0:
        raise LedgerError(f"{name}: no ledger here: start `hex-exporter serve` first")
    if version > SCHEMA_VERSION:
        raise too_new(name, version)
    if version < SCHEMA_VERSION:
        raise LedgerError(
            f"{name}: written by an older hex-exporter (schema version {version}; this one reads {SCHEMA_VERSION}): "
            "start this version of `hex-exporter serve` first, which brings it up to date"
        )


def _path_of(url: str) -> Path | None:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise LedgerError(f"storage url: not a database URL: write {_KINDS}") from None
    if parsed.get_backend_name() != "sqlite":
        raise LedgerError(f"storage url: {parsed.get_backend_name()} is not supported: write {_KINDS}")
    return None if parsed.database in {None, "", ":memory:"} else Path(str(parsed.database))


def _open_for_reading(path: Path, clock: Clock, lock: WriterLock | None = None) -> Store:
    if not path.is_file():
        raise LedgerError(
            f"{path}: no ledger here: start `hex-exporter serve` first, or set storage.url to the one that it keeps"
        )
    database = SqliteFile(path, clock, None, prepare=cover, lock=lock)
    try:
        assert database.reader is not None
        with database.reader.begin() as connection:
            version = schema_version(connection, str(path))
    except sqlite.TROUBLE as error:
        raise LedgerError(f"{path}: cannot be read: {sqlite.reason(error)}") from error
    if version > SCHEMA_VERSION:
        raise too_new(str(path), version)
    if version < OLDEST_READABLE:
        raise LedgerError(f"{path}: an empty file: start `hex-exporter serve`, which makes the ledger")
    return Store(database, clock)


def _open_for_writing(path: Path, clock: Clock) -> Store:
    lock, is_new = None, _is_absent(path)
    try:
        try:
            if not is_new:
                _refuse_foreign(path)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = WriterLock(_lock_path(path))
            database = SqliteFile(path, clock, lambda: _ready_writer(path, clock), lock=lock)
            return Store(database, clock, opening_problem=database.replaced)
        except sqlite.TROUBLE as error:
            return _open_without_file(path, clock, lock, sqlite.reason(error), is_new=is_new)
    except BaseException:
        if lock is not None:
            lock.release()
        raise


def _ready_writer(path: Path, clock: Clock) -> Engine:
    """The writing engine of a file that is whole, up to date and has just been written to."""
    if path.exists() and path.stat().st_size:
        _inspect(path)
    engine = sqlite.writer_engine(path)
    try:
        with engine.begin() as connection:
            migrate_within(connection, now_ms(clock), str(path))
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


def _open_without_file(
    path: Path, clock: Clock, lock: WriterLock | None, reason: BaseException, *, is_new: bool
) -> Store:
    _log.error("the ledger cannot be written and is kept in memory", path=str(path), reason=str(reason))
    problem = f"{path}: cannot be written: {reason}; the ledger is in memory and ends with this process"
    if not is_new:
        try:
            return _in_memory(clock, lock, f"{problem}; {_STANDS_STILL}", copy_of=path, is_stand_in=True)
        except sqlite.TROUBLE as error:
            problem += f"; what it held cannot be read: {sqlite.reason(error)}"
    return _in_memory(clock, lock, f"{problem}; {_SERVES_NONE}", is_stand_in=True)


def _is_absent(path: Path) -> bool:
    """Whether there is surely no ledger; one in a folder that may not be entered may be there."""
    try:
        return path.stat().st_size == 0
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _in_memory(
    clock: Clock,
    lock: WriterLock | None = None,
    problem: str | None = None,
    copy_of: Path | None = None,
    *,
    is_stand_in: bool = False,
) -> Store:
    engine = sqlite.memory_engine(copy_of)
    migrate(engine, now_ms(clock), str(copy_of or "the ledger in memory"))
    return Store(SqliteMemory(engine, lock, is_stand_in=is_stand_in), clock, opening_problem=problem)
