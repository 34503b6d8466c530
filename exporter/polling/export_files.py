"""Versions of projects from files that Hex's git export wrote: a second way in, which costs no request."""

import asyncio
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import structlog

from exporter.clock import Clock
from exporter.daemon_thread import in_daemon_thread
from exporter.facts import ProjectVersion
from exporter.hexapi import MOST_EXPORT_BYTES, BadYamlError, Endpoint, read_export
from exporter.ledger import LATEST, WorkspaceLedger
from exporter.polling.export_paths import matching_files

_LOOK_SECONDS = 60.0
_WAIT_SECONDS = 2.0  # a file system that is slower than this is waited for between requests
_AT_ONCE = 50
_RESTING_MS = 5_000  # a file that has just changed may be written to its end only by the next look

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


class _Look(NamedTuple):
    """The files that changed, and all that are there; of these None where only the first changes were read."""

    changed: list[_FileRead]
    paths: frozenset[str] | None


class ExportFiles:
    """Takes what changed in the files into one workspace's ledger. For one thread at a time.

    A file has what its project had published last when it was written. Where several files of one project differ, the
    one that changed last applies, but for its cells: which of them are published is not known. Files of other
    workspaces' projects are left alone, until their project is listed.
    """

    def __init__(self, ledger: WorkspaceLedger, patterns: Sequence[str], clock: Clock) -> None:
        """Reads nothing."""
        self._ledger = ledger
        self._patterns = tuple(patterns)
        self._clock = clock
        self._next_look = clock.monotonic()
        self._reading: asyncio.Task[_Look] | None = None
        self._stamps: dict[str, _Stamp] = {}
        self._files: dict[str, _FileRead] = {}
        """The files that hold a version."""
        self._logged: set[str] = set()

    async def look(self) -> None:
        """Take in the files that changed, some dozens at a time. Raises LedgerError."""
        if not self._patterns:
            return
        if self._reading is None:
            if self._clock.monotonic() < self._next_look or not self._ledger.projects():
                return
            self._next_look = self._clock.monotonic() + _LOOK_SECONDS
            patterns, stamps, now_ms = self._patterns, dict(self._stamps), round(self._clock.now() * 1000)
            read = in_daemon_thread("export-files", lambda: _look(patterns, stamps, now_ms))
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

    def _take(self, reading: "asyncio.Task[_Look]") -> None:
        try:
            look = reading.result()
        except OSError as error:
            self._log_once("", f"exports.paths cannot be read: {error.strerror or error}")
            return
        for one in look.changed:
            self._stamps[one.path] = one.stamp
            if one.version is not None:
                self._files[one.path] = one
            else:
                self._files.pop(one.path, None)
                self._count_bad(one.path, one.flaw)
        if look.paths is None:
            self._next_look = self._clock.monotonic()
        else:
            self._stamps = {path: stamp for path, stamp in self._stamps.items() if path in look.paths}
            self._files = {path: one for path, one in self._files.items() if path in look.paths}
        of_project: dict[str, list[_FileRead]] = {}
        for one in self._files.values():
            if one.version is not None:
                of_project.setdefault(one.version.project_id, []).append(one)
        for project_id, files in of_project.items():
            self._record(project_id, files)

    def _record(self, project_id: str, files: list[_FileRead]) -> None:
        """The facts are those of the publication that was the last when the file was written, if that is known."""
        known = self._ledger.project(project_id)
        if known is None:
            return  # of another workspace, or not listed yet
        newest = max(files, key=lambda one: (one.modified_ms, one.path))
        assert newest.version is not None
        facts = replace(newest.version, version=LATEST, is_from_file=True)
        if len({one.version.digest for one in files if one.version is not None}) > 1:
            facts = replace(facts, cells=None)
            if project_id not in self._logged:
                names = ", ".join(sorted(one.path for one in files)[:2])
                self._count_bad(newest.path, f"more than one file of a project, and they differ: {names}", project_id)
        is_current = newest.modified_ms >= (known.project.published_ms or 0)
        published_ms = known.project.published_ms if is_current else None
        versions = self._ledger.versions.of(project_id)
        latest = versions.get(LATEST)
        if latest is not None and latest.published_ms == published_ms:
            is_news = latest.facts.is_from_file and latest.facts != facts
        else:
            is_news = is_current or not versions
        if is_news:
            self._ledger.record_version(facts, published_ms, newest.modified_ms)

    def _count_bad(self, path: str, reason: str, key: str = "") -> None:
        now_ms = round(self._clock.now() * 1000)
        self._ledger.count("hex_exporter_bad_items_total", (Endpoint.EXPORT.value,), 1, now_ms)
        self._log_once(path, reason, key)

    def _log_once(self, path: str, reason: str, key: str = "") -> None:
        key = key or path
        if key not in self._logged:
            self._logged.add(key)
            _log.warning(
                "An exported project cannot be read", workspace=self._ledger.name, path=path or None, reason=reason
            )


def _look(patterns: Sequence[str], stamps: Mapping[str, _Stamp], now_ms: int) -> _Look:
    """The first files that changed since these stamps; blocks, and reads megabytes of YAML. Raises OSError."""
    changed: list[_FileRead] = []
    paths: set[str] = set()
    for path in matching_files(patterns):
        try:
            about = os.stat(path)
        except OSError:
            continue  # it went away meanwhile
        paths.add(path)
        stamp, modified_ms = (about.st_ino, about.st_size, about.st_mtime_ns), about.st_mtime_ns // 1_000_000
        is_known = stamps.get(path) == stamp or not stat.S_ISREG(about.st_mode)
        if is_known or 0 <= now_ms - modified_ms < _RESTING_MS:
            continue
        changed.append(_read(path, stamp, modified_ms))
        if len(changed) == _AT_ONCE:
            return _Look(changed, None)
    return _Look(changed, frozenset(paths))


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
