"""The files that `exports.paths` match: as glob finds them, with each folder of `**` once, however links lead to it."""

import glob
import os
from collections.abc import Iterable, Iterator

MOST_FILES = 20_000
"""More than the projects of any workspace: a pattern that matches more is one that went wrong."""


def matching_files(patterns: Iterable[str]) -> Iterator[str]:
    """Each path once, MOST_FILES at most; blocks. Folders that cannot be read are left out."""
    found: set[str] = set()
    for pattern in patterns:
        for path in _expanded(pattern):
            if path not in found:
                found.add(path)
                yield path
            if len(found) == MOST_FILES:
                return


def _expanded(pattern: str) -> Iterator[str]:
    """What glob finds, but for `**`: that follows links without end where two of them lead back."""
    if pattern.endswith(f"{os.sep}**") or pattern == "**":
        pattern += f"{os.sep}*"
    head, stars, tail = pattern.partition(f"**{os.sep}")
    if not stars or (head and not head.endswith(os.sep)):
        yield from glob.iglob(pattern)
        return
    for start in glob.iglob(head) if head else [""]:
        for folder in _folders(start):
            yield from _expanded(os.path.join(glob.escape(folder), tail))


def _folders(start: str) -> Iterator[str]:
    """The folder and all below it, but for hidden ones, each once."""
    waiting, seen = [start], set[tuple[int, int]]()
    while waiting:
        folder = waiting.pop()
        try:
            about = os.stat(folder or os.curdir)
            if (about.st_dev, about.st_ino) in seen:
                continue
            seen.add((about.st_dev, about.st_ino))
            with os.scandir(folder or os.curdir) as entries:
                below = sorted(one.name for one in entries if not one.name.startswith(".") and _is_folder(one))
        except OSError:
            continue
        yield folder
        waiting += [os.path.join(folder, name) for name in reversed(below)]


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
