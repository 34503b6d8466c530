"""A SQLite file that is replaced if it is damaged, and a ledger in memory."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from sqlalchemy import Engine

from exporter.clock import Clock
from exporter.ledger.engines import sqlite
from exporter.ledger.engines.database import Database
from exporter.ledger.engines.lock import WriterLock

_log = structlog.get_logger()


class SqliteFile(Database):
    """The file at a path: `ready` makes the writing engine of one that is whole, None opens it only for reading."""

    trouble = sqlite.TROUBLE

    def __init__(
        self,
        path: Path,
        clock: Clock,
        ready: Callable[[], Engine] | None,
        *,
        prepare: sqlite.Preparation | None = None,
        lock: WriterLock | None = None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._ready = ready
        self._prepare = prepare
        self._lock = lock
        self._opening = threading.Lock()
        self._reads_quiet_file = ready is None and sqlite.is_quiet(path)
        self.replaced: str | None = None
        """What people should know, where a damaged file was found here and has been replaced."""
        super().__init__(str(path), None if ready is None else self._opened(ready), sqlite.reader_engine(path, prepare))

    def _opened(self, ready: Callable[[], Engine]) -> Engine:
        try:
            return ready()
        except sqlite.TROUBLE as error:
            reason = sqlite.reason(error)
            if not sqlite.is_damaged(reason):
                raise
            self.replaced = self._set_aside(f"{self._path}: {reason}")
            return ready()

    def current_reader(self) -> Engine | None:
        """The engine to read with, a new one if a writer has come since: a quiet file was read without locks."""
        if self._reads_quiet_file and not sqlite.is_quiet(self._path):
            with self._opening:
                if self._reads_quiet_file and self.reader is not None:
                    self.reader.dispose()
                    self.reader = sqlite.reader_engine(self._path, self._prepare)
                    self._reads_quiet_file = False
        return self.reader

    def is_damaged(self, error: Exception) -> bool:
        """Whether the file is not, or no longer, a database."""
        return self.writer is not None and sqlite.is_damaged(sqlite.reason(error))

    def replace(self, why: str) -> str:
        """Set the damaged file aside; an empty one takes its place."""
        assert self._ready is not None
        for engine in (self.reader, self.writer):
            if engine is not None:
                engine.dispose()
        problem = self._set_aside(why)
        self.writer = self._ready()
        self.reader = sqlite.reader_engine(self._path)
        return problem

    def close(self) -> None:
        """Close every connection, and let another writer in."""
        super().close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _set_aside(self, why: str) -> str:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock.now()))
        kept = sqlite.set_aside(self._path, stamp)
        _log.error("the ledger was damaged and a fresh one takes its place", reason=why, kept=str(kept))
        return f"{why}: set aside as {kept.name}, counting starts afresh"


class SqliteMemory(Database):
    """A ledger that ends with the process; `lock` is held for the file whose place it takes."""

    trouble = sqlite.TROUBLE
    is_durable = False

    def __init__(self, engine: Engine, lock: WriterLock | None, *, is_stand_in: bool) -> None:
        super().__init__("the ledger in memory", engine, None)
        self.is_stand_in = is_stand_in
        self._lock = lock

    def close(self) -> None:
        """Let it go, and another writer in."""
        super().close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
