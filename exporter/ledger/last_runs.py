"""When the last run of each project in each status started: read whole once, then of the days that were written."""

import threading

from sqlalchemy import Connection, func, select

from exporter.ledger.schema import RUNS
from exporter.ledger.store import Store
from exporter.ledger.written_days import DAY_MS, WrittenDays

_Kind = tuple[str, str]
"""A project and a status."""


class LastRuns:
    """The last runs of one workspace. Any thread."""

    def __init__(self, store: Store, workspace: str, written: WrittenDays) -> None:
        self._store = store
        self._mine = RUNS.c.workspace == workspace
        self._written = written
        self._guard = threading.Lock()
        self._known: dict[_Kind, int] | None = None
        self._seen: tuple[int, dict[int, int]] = (0, {})

    def read(self) -> dict[_Kind, int]:
        """The start of each, in milliseconds."""
        with self._guard:
            seen = self._written.by_day()
            days = [day for day, times in seen[1].items() if self._seen[1].get(day) != times]
            # What a writer beside a reader writes is not seen by the reader.
            if self._known is None or self._store.is_read_only or seen[0] != self._seen[0]:
                with self._store.reading() as connection:
                    self._known = self._between(connection)
            elif days:
                with self._store.reading() as connection:
                    known = dict(self._known)
                    for day in days:
                        self._renew(connection, known, day * DAY_MS)
                self._known = known
            self._seen = seen
            return dict(self._known)

    def _renew(self, connection: Connection, known: dict[_Kind, int], start_ms: int) -> None:
        """Bring those up to date that lie on a day, or may: a run that was the last in its status may have left it."""
        end_ms = start_ms + DAY_MS
        found = self._between(connection, start_ms, end_ms)
        for kind in [kind for kind, at_ms in known.items() if start_ms <= at_ms < end_ms and kind not in found]:
            wanted = select(func.max(RUNS.c.started_ms)).where(
                self._mine, RUNS.c.project_id == kind[0], RUNS.c.status == kind[1]
            )
            last_ms = connection.execute(wanted).scalar()
            if last_ms is None:
                del known[kind]
            else:
                known[kind] = last_ms
        for kind, at_ms in found.items():
            if known.get(kind, 0) < end_ms:
                known[kind] = at_ms

    def _between(self, connection: Connection, start_ms: int | None = None, end_ms: int = 0) -> dict[_Kind, int]:
        run = RUNS.c
        days = () if start_ms is None else (run.started_ms >= start_ms, run.started_ms < end_ms)
        wanted = select(run.project_id, run.status, func.max(run.started_ms)).where(self._mine, *days)
        rows = connection.execute(wanted.group_by(run.project_id, run.status))
        return {(project_id, status): at_ms for project_id, status, at_ms in rows}
