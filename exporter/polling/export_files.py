"""Versions of projects from files that Hex's git export wrote: a second way in, which costs no request."""

import asyncio
import glob
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import structlog

from exporter.clock import Clock
from exporter.daemon_thread import in_daemon_thread
from exporter.facts import ProjectVersion
from exporter.hexapi import MOST_EXPORT_BYTES, BadYamlError, Endpoint, read_export
from exporter.ledger import LATEST, WorkspaceLedger

MOST_FILES = 20_000
"""More than the projects of any workspace: a pattern that matches more is one that went wrong."""

_LOOK_SECONDS = 60.0
_WAIT_SECONDS = 2.0  # a file system that is slower than this is waited for between requests
_AT_ONCE = 50

_log = structlog.get_logger()

_Stamp = tuple[int, int, int]
"""What a file's content can hardly change without: inode, size and the time of the last change."""


class _FileRead(NamedTuple):
    """A file as it was read: a version, or why there is none in it."""

    path: str
    stamp: _Stamp
    modified_ms: int
    version: ProjectVersion | None
    flaw: str = ""


class ExportFiles:
    """Takes what changed in the files into one workspace's ledger. For one thread at a time.

    A file has what its project had published last when it was written. Files of other workspaces' projects are left
    alone, and read again once their project is listed.
    """

    def __init__(self, ledger: WorkspaceLedger, patterns: Sequence[str], clock: Clock) -> None:
        """Reads nothing."""
        self._ledger = ledger
        self._patterns = tuple(patterns)
        self._clock = clock
        self._next_look = clock.monotonic()
        self._reading: asyncio.Task[list[_FileRead]] | None = None
        self._stamps: dict[str, _Stamp] = {}
        self._strangers: dict[str, str] = {}
        self._latest: dict[str, tuple[int, ProjectVersion]] = {}
        self._logged: set[str] = set()

    async def look(self) -> None:
        """Take in the files that changed, some dozens at a time. Raises LedgerError."""
        if not self._patterns:
            return
        if self._reading is None:
            if self._clock.monotonic() < self._next_look or not self._ledger.projects():
                return
            self._next_look = self._clock.monotonic() + _LOOK_SECONDS
            self._forget_known_strangers()
            patterns, stamps = self._patterns, dict(self._stamps)
            read = in_daemon_thread("export-files", lambda: list(_changed(patterns, stamps)))
            self._reading = asyncio.ensure_future(read)
        done, _ = await asyncio.wait((self._reading,), timeout=_WAIT_SECONDS)
        if not done:
            return
        reading, self._reading = self._reading, None
        self._take(reading)

    def aclose(self) -> None:
        """Wait for no file system any longer."""
        if self._reading is not None:
            self._reading.cancel()

    def _take(self, reading: "asyncio.Task[list[_FileRead]]") -> None:
        try:
            files = reading.result()
        except OSError as error:
            self._log_once("", f"exports.paths cannot be read: {error.strerror or error}")
            return
        for one in files:
            self._take_file(one)
            self._stamps[one.path] = one.stamp
        if len(files) == _AT_ONCE:
            self._next_look = self._clock.monotonic()
        for project_id in self._latest:
            self._record(project_id)

    def _take_file(self, one: _FileRead) -> None:
        self._strangers.pop(one.path, None)
        if one.version is None:
            now_ms = round(self._clock.now() * 1000)
            self._ledger.count("hex_exporter_bad_items_total", (Endpoint.EXPORT.value,), 1, now_ms)
            self._log_once(one.path, one.flaw)
            return
        project_id = one.version.project_id
        if self._ledger.project(project_id) is None:
            self._strangers[one.path] = project_id
        elif one.modified_ms >= self._latest.get(project_id, (0,))[0]:
            self._latest[project_id] = (one.modified_ms, replace(one.version, version=LATEST))

    def _record(self, project_id: str) -> None:
        """The file's facts are those of the publication that was the last when it was written, if that is known."""
        known = self._ledger.project(project_id)
        if known is None:
            return
        modified_ms, facts = self._latest[project_id]
        is_current = modified_ms >= (known.project.published_ms or 0)
        published_ms = known.project.published_ms if is_current else None
        versions = self._ledger.versions.of(project_id)
        latest = versions.get(LATEST)
        if is_current and (latest is None or latest.published_ms != published_ms):
            self._ledger.record_version(facts, published_ms, modified_ms)
        elif not versions:
            self._ledger.record_version(facts, None, modified_ms)

    def _forget_known_strangers(self) -> None:
        for path, project_id in tuple(self._strangers.items()):
            if self._ledger.project(project_id) is not None:
                self._stamps.pop(path, None)

    def _log_once(self, path: str, reason: str) -> None:
        if path not in self._logged:
            self._logged.add(path)
            _log.warning(
                "An exported project cannot be read", workspace=self._ledger.name, path=path or None, reason=reason
            )


def _changed(patterns: Sequence[str], stamps: Mapping[str, _Stamp]) -> Iterator[_FileRead]:
    """The first files that changed since these stamps; blocks, and reads megabytes of YAML. Raises OSError."""
    count = 0
    for path in _matching(patterns):
        try:
            about = os.stat(path)
        except OSError:
            continue  # it went away meanwhile
        stamp = (about.st_ino, about.st_size, about.st_mtime_ns)
        if stamps.get(path) == stamp or not stat.S_ISREG(about.st_mode):
            continue
        yield _read(path, stamp, about.st_mtime_ns // 1_000_000)
        count += 1
        if count == _AT_ONCE:
            return


def _matching(patterns: Sequence[str]) -> Iterator[str]:
    found: set[str] = set()
    for pattern in patterns:
        for path in glob.iglob(pattern, recursive=True):
            if path not in found:
                found.add(path)
                yield path
            if len(found) == MOST_FILES:
                return


def _read(path: str, stamp: _Stamp, modified_ms: int) -> _FileRead:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            content = file.read(MOST_EXPORT_BYTES + 1)
        version = read_export(content.decode())
    except OSError as error:
        return _FileRead(path, stamp, modified_ms, None, error.strerror or str(error))
    except UnicodeDecodeError:
        return _FileRead(path, stamp, modified_ms, None, "not UTF-8")
    except BadYamlError as error:
        return _FileRead(path, stamp, modified_ms, None, str(error))
    return _FileRead(path, stamp, modified_ms, version)


def _without_waiting(path: str, flags: int) -> int:
    """Opens a pipe that took the place of the file without waiting for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)
