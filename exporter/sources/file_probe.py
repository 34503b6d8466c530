"""The state of files: which there are, how long each is and what it holds."""

import glob
import os
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import NamedTuple

from exporter.config import FileSource
from exporter.redaction import redact
from exporter.sources.digest import digest
from exporter.sources.failure_reasons import failure
from exporter.sources.open_file import opened_regular
from exporter.sources.probe import ProbeError
from exporter.sources.worker_thread import WorkerThread

MOST_FILES = 10_000

_PIECE_BYTES = 1024 * 1024
_SETTLED_NS = 2_000_000_000


class _Identity(NamedTuple):
    """What a file's content can hardly change without."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class _StoppedError(Exception):
    """The deadline has passed, or the probe was cancelled: the thread can stop."""


class FileProbe:
    """Reads files in a thread of its own, piece by piece, within one deadline.

    A path or pattern that matches no file is a failure: an unmounted disk looks like one, and must not be taken for
    data that never changes. A file is read again when its size or one of its times moved; a new time on the same
    content is no change, though another stamp: who read the file meanwhile may have read half of it.
    """

    def __init__(self, source: FileSource, deadline_seconds: float) -> None:
        self._source = source
        self._deadline_seconds = deadline_seconds
        self._worker: WorkerThread[tuple[str, str]] | None = None
        self._known: dict[str, tuple[_Identity, str]] = {}
        self._stamp: str | None = None

    @property
    def stamp(self) -> str | None:
        """The digest of the files' sizes and times, as the last state was read."""
        return self._stamp

    @property
    def is_stuck(self) -> bool:
        """Whether a read still hangs in the file system after its deadline."""
        return self._worker is not None and self._worker.is_running

    async def state(self) -> str:
        """The digest of paths, sizes and contents; raises ProbeError."""
        stop = threading.Event()
        self._worker = worker = WorkerThread(lambda: self._read(stop.is_set), "source-file")
        try:
            found, self._stamp = await worker.result(self._deadline_seconds)
        except TimeoutError:
            raise ProbeError(f"not all read within {self._deadline_seconds:g} s") from None
        finally:
            stop.set()
        return found

    async def aclose(self) -> None:
        """Nothing is held between two states but the hashes of the files."""

    def _read(self, is_stopped: Callable[[], bool]) -> tuple[str, str]:
        """The digest of what the files hold, and that of when they were written."""
        try:
            paths = sorted(self._paths(is_stopped))
            read = {path: self._content(path, is_stopped) for path in paths}
        except _StoppedError:
            raise ProbeError("stopped") from None
        except OSError as error:
            raise ProbeError(failure(error)) from None
        self._known = {path: self._known[path] for path in paths if path in self._known}
        contents = digest("files", *(part for path, (at, held) in read.items() for part in (path, str(at.size), held)))
        return contents, digest("written", *(str(part) for path, (at, _) in read.items() for part in (path, *at)))

    def _paths(self, is_stopped: Callable[[], bool]) -> set[str]:
        paths: set[str] = set()
        for pattern in self._source.paths:
            found = set()
            for path in _matching(pattern):
                _check(is_stopped)
                found.add(path)
                if len(paths) + len(found) > MOST_FILES:
                    raise ProbeError(f"more than {MOST_FILES} files, expected fewer: make the pattern narrower")
            if not found:
                raise ProbeError(f"no file matches {redact(pattern)}")
            paths |= found
        return paths

    def _content(self, path: str, is_stopped: Callable[[], bool]) -> tuple[_Identity, str]:
        """The file's identity and the hash of what it holds."""
        with opened_regular(path) as opened:
            identity = _identity(os.fstat(opened.fileno()))
            known = self._known.get(path)
            if known is not None and known[0] == identity:
                return known
            sum_of_content, size = sha256(), 0
            # A file that grows as fast as it is read would have no end.
            while size <= identity.size and (piece := opened.read(_PIECE_BYTES)):
                _check(is_stopped)
                sum_of_content.update(piece)
                size += len(piece)
            if _identity(os.fstat(opened.fileno())) != identity:
                raise ProbeError(f"{redact(path)} changed while it was read")
            if _is_settled(identity):
                self._known[path] = (identity, sum_of_content.hexdigest())
        return identity, sum_of_content.hexdigest()


def _matching(pattern: str) -> Iterator[str]:
    """The files that match; a path that exists stands for itself, even if it looks like a pattern."""
    if not glob.has_magic(pattern) or os.path.lexists(pattern):
        yield pattern
        return
    for path in glob.iglob(pattern, recursive=True):
        if not os.path.isdir(path):
            yield path


def _check(is_stopped: Callable[[], bool]) -> None:
    if is_stopped():
        raise _StoppedError


def _identity(status: os.stat_result) -> _Identity:
    return _Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _is_settled(identity: _Identity) -> bool:
    """Whether a later change would move the times: file systems keep them in ticks, and one may hold two changes."""
    return time.time_ns() - max(identity.modified_ns, identity.changed_ns) > _SETTLED_NS
