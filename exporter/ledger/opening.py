"""Which store a URL opens: the file, a fresh one in a damaged one's place, or memory where nothing can be written."""

from pathlib import Path

import structlog
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from exporter.clock import Clock
from exporter.errors import LedgerError
from exporter.ledger import sqlite
from exporter.ledger.lock import WriterLock
from exporter.ledger.migrations import OLDEST_READABLE, cover, migrate, schema_version, too_new
from exporter.ledger.schema import SCHEMA_VERSION
from exporter.ledger.store import Store, now_ms, ready_writer, set_aside

_log = structlog.get_logger()


def open_store(url: str, *, clock: Clock, read_only: bool = False) -> Store:
    """The store at a `sqlite:///` URL; see `exporter.ledger.open_ledger` for what is done about trouble."""
    path = _path_of(url)
    if path is None:
        return _in_memory(clock)
    return _open_for_reading(path, clock) if read_only else _open_for_writing(path, clock)


def refusal(url: str) -> str | None:
    """Why `serve` would refuse this URL, None if it would not; makes and changes nothing, a writer may be at work."""
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


def _path_of(url: str) -> Path | None:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise LedgerError("storage url: not a database URL: write sqlite:///PATH") from None
    if parsed.get_backend_name() != "sqlite":
        raise LedgerError(f"storage url: {parsed.get_backend_name()} is not supported: write sqlite:///PATH")
    return None if parsed.database in {None, "", ":memory:"} else Path(str(parsed.database))


def _open_for_reading(path: Path, clock: Clock) -> Store:
    if not path.is_file():
        raise LedgerError(
            f"{path}: no ledger here: start `hex-exporter serve` first, or set storage.url to the one that it keeps"
        )
    engine = sqlite.reader_engine(path, cover)
    try:
        with engine.begin() as connection:
            version = schema_version(connection, str(path))
    except sqlite.TROUBLE as error:
        raise LedgerError(f"{path}: cannot be read: {sqlite.reason(error)}") from error
    if version > SCHEMA_VERSION:
        raise too_new(str(path), version)
    if version < OLDEST_READABLE:
        raise LedgerError(f"{path}: an empty file: start `hex-exporter serve`, which makes the ledger")
    return Store(path, clock, None, engine)


def _open_for_writing(path: Path, clock: Clock) -> Store:
    lock, is_new = None, _is_absent(path)
    try:
        try:
            if not is_new:
                _refuse_foreign(path)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = WriterLock(_lock_path(path))
            return _open_file(path, clock, lock)
        except sqlite.TROUBLE as error:
            return _open_without_file(path, clock, lock, sqlite.reason(error), is_new=is_new)
    except BaseException:
        if lock is not None:
            lock.release()
        raise


def _open_file(path: Path, clock: Clock, lock: WriterLock) -> Store:
    problem = None
    try:
        writer = ready_writer(path, clock)
    except sqlite.TROUBLE as error:
        reason = sqlite.reason(error)
        if not sqlite.is_damaged(reason):
            raise
        problem = set_aside(path, clock, f"{path}: {reason}")
        writer = ready_writer(path, clock)
    return Store(path, clock, writer, sqlite.reader_engine(path), lock=lock, problem=problem)


def _open_without_file(
    path: Path, clock: Clock, lock: WriterLock | None, reason: BaseException, *, is_new: bool
) -> Store:
    _log.error("the ledger cannot be written and is kept in memory", path=str(path), reason=str(reason))
    problem = f"{path}: cannot be written: {reason}; the ledger is in memory and ends with this process"
    if is_new:
        return _in_memory(clock, lock, problem)
    problem += "; its counters stand still, because sums that are not kept would be lower after the next start"
    try:
        return _in_memory(clock, lock, problem, copy_of=path, is_stand_in=True)
    except sqlite.TROUBLE as error:
        problem += f"; what it held cannot be read: {sqlite.reason(error)}"
        return _in_memory(clock, lock, problem, is_stand_in=True)


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
    return Store(None, clock, engine, None, lock=lock, problem=problem, is_stand_in=is_stand_in)
