"""Ledgers in files: made, filled, and read in a process of their own or as a user without rights."""

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporter.ledger import open_ledger

SERIES = ("hex_exporter_bad_items_total", ("runs",))


NOBODY = 65534


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def value(ledger: Any) -> int | None:
    workspace = ledger.workspace("acme")
    return {(one.metric, one.labels): one.value for one in workspace.counters()}.get(SERIES)


def fill(path: Path, clock: Any) -> None:
    """A ledger that was closed with a counter of 5 in it."""
    ledger = open_ledger(url(path), clock=clock)
    ledger.workspace("acme").count(*SERIES, 5, 0)
    clock.advance(90)
    ledger.workspace("acme").release_holds(int(clock.now() * 1000))
    ledger.close()


def in_child(work: Callable[[], object]) -> Any:
    """What the work returns when done by another process, as JSON keeps it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = work()
        except BaseException as error:
            answer = repr(error)
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer)


def as_nobody(work: Callable[[], object]) -> Any:
    """What the work returns when done by a user who is not root."""

    def without_rights() -> object:
        if os.geteuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return work()

    return in_child(without_rights)


def value_in_file(path: Path) -> int:
    connection = sqlite3.connect(path)
    (found,) = connection.execute("SELECT value FROM counters WHERE metric = ?", SERIES[:1]).fetchone()
    connection.close()
    return int(found)
