"""The run records: taken in, read, forgotten."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, delete, false, func, or_, select, true, update

from exporter.facts import ACTIVE_STATUSES, Run
from exporter.insight import UNBILLED, Use
from exporter.ledger.first_contact import Border
from exporter.ledger.last_runs import LastRuns
from exporter.ledger.run_counting import REFRESHES, KnownRun, sighted
from exporter.ledger.schema import RUNS, WORKSPACES, upsert
from exporter.ledger.store import Store, Transaction
from exporter.ledger.written_days import DAY_MS, WrittenDays

_IDS_AT_ONCE = 500
_MOST_SETTLED = 2000  # a megabyte: the newest page of twenty projects
_MOST_COUNTS = 3  # this week and the last, and what else was read of late

QUARTER_MS = 900_000
"""A quarter of an hour: every time zone in use is a multiple of it from UTC."""


class Runs:
    """The runs of one workspace. Reads may come from any thread."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace
        self._mine = RUNS.c.workspace == workspace
        # Made once: to make a statement takes longer than to execute it, and each page of runs wants these.
        self._refresh_before = _refresh_before(workspace)
        self._of_ids = select(RUNS).where(self._mine, RUNS.c.run_id.in_(bindparam("ids", expanding=True)))
        self._pruned_before = select(WORKSPACES.c.pruned_before_ms).where(WORKSPACES.c.workspace == workspace)
        self._oldest = select(func.min(RUNS.c.started_ms)).where(self._mine, RUNS.c.is_active == false())
        self._settled: dict[str, Run] = {}
        """Runs that have ended, as they were listed last: listed the same again, they change nothing."""
        self._written = WrittenDays(store, workspace)
        self._last = LastRuns(store, workspace, self._written)
        self._counts: dict[tuple[int, int], tuple[int, dict[str, int]]] = {}
        store.when_lost(self.forget_everything)

    def revision(self, start_ms: int, end_ms: int) -> int:
        """A number that grows when a run placed in [start, end) is written, and maybe at other times."""
        return self._written.revision(start_ms, end_ms)

    def record(self, transaction: Transaction, seen: Sequence[Run], border: Border, at_ms: int) -> list[KnownRun]:
        """Take in runs as they were listed; returns those that have come to count by it, the earliest first."""
        news = {run.run_id for run in seen if self._settled.get(run.run_id) != run}
        if not news:
            return []
        connection = transaction.connection
        seen = [run for run in seen if run.run_id in news]
        before = self._known(connection, news)
        after = dict(before)
        for run in seen:
            known = sighted(after.get(run.run_id), run, border, at_ms)
            if known is not None:
                after[run.run_id] = known
        changed = [known for run_id, known in after.items() if known != before.get(run_id)]
        upsert(connection, RUNS, [self._columns(known) for known in changed])
        places = {known.started_ms // DAY_MS for run in changed for known in (run, before.get(run.run.run_id)) if known}
        self._written.note(transaction, places)
        settled = {run.run_id: run for run in seen if (known := after.get(run.run_id)) and not known.run.is_active}
        transaction.after_commit(lambda: self._settle(settled))
        counted = [
            known
            for known in changed
            if known.is_counted and not ((old := before.get(known.run.run_id)) and old.is_counted)
        ]
        return sorted(counted, key=lambda known: (known.started_ms, known.run.run_id))

    def refresh_before(self, transaction: Transaction, run: KnownRun) -> Run | None:
        """The scheduled or refresh run of the same project that started last before this one."""
        row = transaction.connection.execute(
            self._refresh_before, {"project": run.run.project_id, "before_ms": run.started_ms}
        ).one_or_none()
        return None if row is None else _known_run(row).run

    def record_gone(self, transaction: Transaction, project_id: str, run_ids: Sequence[str]) -> None:
        """Active runs that Hex no longer lists: they count only if they are ever seen again, ended."""
        for ids in _batches(run_ids):
            transaction.connection.execute(
                update(RUNS)
                .where(
                    self._mine,
                    RUNS.c.project_id == project_id,
                    RUNS.c.run_id.in_(ids),
                    RUNS.c.is_active == true(),
                )
                .values(is_active=False, is_gone=True)
            )

    def record_back(self, transaction: Transaction, project_ids: Sequence[str]) -> None:
        """Projects are listed again: the runs that were taken for gone with them may have ended since."""
        for ids in _batches(project_ids):
            transaction.connection.execute(
                update(RUNS)
                .where(
                    self._mine,
                    RUNS.c.project_id.in_(ids),
                    RUNS.c.status.in_(ACTIVE_STATUSES),
                    RUNS.c.is_gone == true(),
                )
                .values(is_active=True, is_gone=False)
            )

    def prune(self, transaction: Transaction, before_ms: int) -> int:
        """Forget the ended runs from before then and remember the line; returns how many they were.

        A run without start and end could not be distinguished from a new one when it is listed again, so it stays.
        """
        line_ms = max(before_ms, self.pruned_before_ms(transaction.connection) or before_ms)
        upsert(transaction.connection, WORKSPACES, [{"workspace": self._workspace, "pruned_before_ms": line_ms}])
        deleted = transaction.connection.execute(
            delete(RUNS).where(
                self._mine,
                RUNS.c.started_ms < before_ms,
                RUNS.c.is_active == false(),
                or_(RUNS.c.ended_ms < before_ms, RUNS.c.is_gone == true()),
            )
        )
        self._written.note_all(transaction)
        transaction.after_commit(self._settled.clear)
        return deleted.rowcount

    def oldest_kept_ms(self) -> int | None:
        """The oldest ended run, or the line before which they were forgotten if that is later; None without a run."""
        with self._store.reading() as connection:
            oldest_ms: int | None = connection.execute(self._oldest).scalar()
            line_ms = self.pruned_before_ms(connection)
        return None if oldest_ms is None else max(oldest_ms, line_ms or oldest_ms)

    def forgotten_before_ms(self) -> int:
        """The same line as of the last commit, 0 before the first."""
        with self._store.reading() as connection:
            return self.pruned_before_ms(connection) or 0

    def pruned_before_ms(self, connection: Connection) -> int | None:
        """The line before which ended runs have been forgotten."""
        return connection.execute(self._pruned_before).scalar()

    def between(self, start_ms: int, end_ms: int | None, project_id: str | None = None) -> Iterator[Run]:
        """The runs placed in [start, end) by start (None: no end), read as of one moment, never all in memory."""
        statement = _whole_runs(has_end=end_ms is not None, has_project=project_id is not None)
        for row in self._store.stream(statement, self._chosen(start_ms, end_ms, project_id)):
            yield _known_run(row).run

    def count_since(self, start_ms: int, project_id: str) -> int:
        """How many runs of the project are placed at `start_ms` or later."""
        wanted = select(func.count()).where(self._mine, RUNS.c.project_id == project_id, *self._within(start_ms, None))
        with self._store.reading() as connection:
            return connection.execute(wanted).scalar_one()

    def uses(self, start_ms: int, end_ms: int, project_id: str | None = None) -> Iterator[Use]:
        """What each run used that is placed in [start, end), in no order; many times faster than whole runs."""
        statement = _uses_of_runs(has_project=project_id is not None)
        with self._store.reading() as connection:
            rows = connection.execute(statement, self._chosen(start_ms, end_ms, project_id)).all()
        for project, trigger, status, started_ms, elapsed_ms, from_ms, to_ms, version in rows:
            if elapsed_ms is None and from_ms is not None and to_ms is not None:
                elapsed_ms = to_ms - from_ms
            yield Use(project, trigger, status, started_ms, max(0, elapsed_ms or 0), version)

    def known_ids(self, run_ids: Sequence[str]) -> frozenset[str]:
        """Those of the ids whose runs are kept."""
        if not run_ids:
            return frozenset()
        found: set[str] = set()
        with self._store.reading() as connection:
            for ids in _batches(run_ids):
                found.update(connection.scalars(select(RUNS.c.run_id).where(self._mine, RUNS.c.run_id.in_(ids))))
        return frozenset(found)

    def active(self) -> tuple[Run, ...]:
        """The runs that were active when they were seen last."""
        statement = select(RUNS).where(self._mine, RUNS.c.is_active == true()).order_by(RUNS.c.run_id)
        with self._store.reading() as connection:
            return tuple(_known_run(row).run for row in connection.execute(statement))

    def counts(self, start_ms: int, end_ms: int) -> dict[str, int]:
        """How many runs each project started in [start, end), those that got no kernel left out."""
        revision = self.revision(start_ms, end_ms)
        known = self._counts.get((start_ms, end_ms))
        if known is not None and known[0] == revision and not self._store.is_read_only:
            return dict(known[1])
        statement = (
            select(RUNS.c.project_id, func.count())
            .where(self._mine, *self._within(start_ms, end_ms), RUNS.c.status != UNBILLED)
            .group_by(RUNS.c.project_id)
        )
        with self._store.reading() as connection:
            found = {row[0]: row[1] for row in connection.execute(statement)}
        kept = list(self._counts.items())[-_MOST_COUNTS:]
        self._counts = {**dict(kept), (start_ms, end_ms): (revision, found)}
        return dict(found)

    def starts_by_quarter(self, start_ms: int, end_ms: int) -> dict[tuple[str, int], int]:
        """How many runs of each project started in each quarter of an hour since the epoch, of [start, end).

        Those that got no kernel are left out.
        """
        quarter = (RUNS.c.started_ms // QUARTER_MS).label("quarter")
        statement = (
            select(RUNS.c.project_id, quarter, func.count())
            .where(self._mine, *self._within(start_ms, end_ms), RUNS.c.status != UNBILLED)
            .group_by(RUNS.c.project_id, quarter)
        )
        with self._store.reading() as connection:
            return {(project, int(quarter)): count for project, quarter, count in connection.execute(statement)}

    def latest(self) -> dict[tuple[str, str], int]:
        """When the last run of each project in each status started, in milliseconds."""
        return self._last.read()

    def load(self, *, only_changes: bool = False) -> None:
        """See on which days another replica has written runs. Raises LedgerError."""
        if self._written.load(only_changes=only_changes):
            self._settled = {}

    def forget_everything(self) -> None:
        """Let every revision be a new one: any run may have been written."""
        self._written.forget()
        self._settled = {}

    def _settle(self, listed: Mapping[str, Run]) -> None:
        self._settled |= listed
        while len(self._settled) > _MOST_SETTLED:
            del self._settled[next(iter(self._settled))]

    def _known(self, connection: Connection, run_ids: Iterable[str]) -> dict[str, KnownRun]:
        known = {}
        for ids in _batches(list(run_ids)):
            for row in connection.execute(self._of_ids, {"ids": list(ids)}):
                known[row.run_id] = _known_run(row)
        return known

    def _chosen(self, start_ms: int, end_ms: int | None, project_id: str | None) -> dict[str, object]:
        values = {"mine": self._workspace, "from_ms": start_ms, "until_ms": end_ms, "project": project_id}
        return {name: value for name, value in values.items() if value is not None}

    def _within(self, start_ms: int, end_ms: int | None) -> list[ColumnElement[bool]]:
        started = RUNS.c.started_ms
        return [started >= start_ms] if end_ms is None else [started >= start_ms, started < end_ms]

    def _columns(self, known: KnownRun) -> dict[str, object]:
        run = known.run
        return {
            "workspace": self._workspace,
            "run_id": run.run_id,
            "project_id": run.project_id,
            "status": run.status,
            "trigger": run.trigger,
            "start_ms": run.start_ms,
            "end_ms": run.end_ms,
            "elapsed_ms": run.elapsed_ms,
            "version": run.version,
            "first_seen_ms": known.first_seen_ms,
            "started_ms": known.started_ms,
            "ended_ms": run.ended_ms,
            "is_active": run.is_active and not known.is_gone,
            "was_active": known.was_active,
            "is_counted": known.is_counted,
            "is_gone": known.is_gone,
        }


def _choice(*, has_end: bool, has_project: bool) -> list[ColumnElement[bool]]:
    run = RUNS.c
    chosen = [run.workspace == bindparam("mine"), run.started_ms >= bindparam("from_ms")]
    chosen += [run.started_ms < bindparam("until_ms")] if has_end else []
    return chosen + ([run.project_id == bindparam("project")] if has_project else [])


@cache
def _whole_runs(*, has_end: bool, has_project: bool) -> Select[tuple[object, ...]]:
    chosen = _choice(has_end=has_end, has_project=has_project)
    return select(RUNS).where(*chosen).order_by(RUNS.c.started_ms, RUNS.c.run_id)


@cache
def _uses_of_runs(*, has_project: bool) -> Select[*tuple[Any, ...]]:
    run = RUNS.c
    used = (run.started_ms, run.elapsed_ms, run.start_ms, run.end_ms, run.version)
    return select(run.project_id, run.trigger, run.status, *used).where(*_choice(has_end=True, has_project=has_project))


def _refresh_before(workspace: str) -> Select[tuple[object, ...]]:
    return (
        select(RUNS)
        .where(
            RUNS.c.workspace == workspace,
            RUNS.c.project_id == bindparam("project"),
            RUNS.c.trigger.in_(REFRESHES),
            RUNS.c.started_ms < bindparam("before_ms"),
        )
        .order_by(RUNS.c.started_ms.desc())
        .limit(1)
    )


def _known_run(row: Row[tuple[object, ...]]) -> KnownRun:
    return KnownRun(
        run=Run(
            run_id=row.run_id,
            project_id=row.project_id,
            status=row.status,
            trigger=row.trigger,
            start_ms=row.start_ms,
            end_ms=row.end_ms,
            elapsed_ms=row.elapsed_ms,
            version=row.version,
        ),
        first_seen_ms=row.first_seen_ms,
        was_active=row.was_active,
        is_counted=row.is_counted,
        is_gone=row.is_gone,
    )


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _IDS_AT_ONCE):
        yield ids[start : start + _IDS_AT_ONCE]
