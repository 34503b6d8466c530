"""What is remembered of runs by request: in memory, or in a file that several programs may share."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_BUSY_SECONDS = 10.0  # another program writes a row in milliseconds


@dataclass(frozen=True, slots=True)
class Remembered:
    """The last run of a request: `state` is the digest of its source when it was sent, `sent` in epoch seconds.

    `is_undisturbed`: whenever the source was looked at since, it was in that state.
    """

    run_id: str
    url: str
    status: str
    state: str
    sent: float
    is_undisturbed: bool = True


class Memory(Protocol):
    """Keeps the last run of each request, by its fingerprint. From any thread."""

    def get(self, fingerprint: str) -> Remembered | None:
        """The last run of the request."""

    def put(self, fingerprint: str, remembered: Remembered) -> None:
        """Remember this run in the place of the one before."""


class ProcessMemory:
    """Remembers for as long as the program runs."""

    def __init__(self) -> None:
        self._runs: dict[str, Remembered] = {}

    def get(self, fingerprint: str) -> Remembered | None:
        """The last run of the request."""
        return self._runs.get(fingerprint)

    def put(self, fingerprint: str, remembered: Remembered) -> None:
        """Remember this run in the place of the one before."""
        self._runs[fingerprint] = remembered


class FileMemory:
    """Remembers in an SQLite file, which is made if there is none. It holds no token and no input, only digests."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        with self._database() as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS runs (fingerprint TEXT PRIMARY KEY, run_id TEXT NOT NULL,"
                " url TEXT NOT NULL, status TEXT NOT NULL, state TEXT NOT NULL, sent REAL NOT NULL,"
                " is_undisturbed INTEGER NOT NULL)"
            )

    def get(self, fingerprint: str) -> Remembered | None:
        """The last run of the request."""
        with self._database() as database:
            row = database.execute(
                "SELECT run_id, url, status, state, sent, is_undisturbed FROM runs WHERE fingerprint = ?",
                (fingerprint,),
            ).fetchone()
        if row is None:
            return None
        run_id, url, status, state, sent, is_undisturbed = row
        return Remembered(run_id, url, status, state, sent, bool(is_undisturbed))

    def put(self, fingerprint: str, remembered: Remembered) -> None:
        """Remember this run in the place of the one before."""
        one = remembered
        with self._database() as database:
            database.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)",
                (fingerprint, one.run_id, one.url, one.status, one.state, one.sent, int(one.is_undisturbed)),
            )

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        with self._lock, closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as database, database:
            yield database
