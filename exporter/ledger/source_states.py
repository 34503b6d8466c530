"""What the probes of data sources saw, and since when: one source is one key, its state one digest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, delete, exists, select

from exporter.ledger.codec import storable
from exporter.ledger.histograms import Amounts
from exporter.ledger.schema import SOURCE_JUDGED, SOURCE_SPANS, SOURCES, upsert
from exporter.ledger.store import Store, Transaction

Count = Callable[[Transaction, Amounts, int], None]
"""Adds amounts to the workspace's counters within a transaction, at a time by the wall clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """How a source stands.

    `digest`: what its last successful probe saw, None if there was none yet (the times are 0 then). `since_ms`: the end
    of the first probe that saw it. `changed_ms`: when the probe began that saw a digest other than the one before, None
    if it was never seen to change. `began_ms`, `finished_ms`: the last successful probe. `failure`, `failed_ms`: the
    probe that failed after it, None if none did. `span`: the number of the span, which grows with each change that is
    seen and never falls, wherever the clock is put. `stamp`: what moves with each write of the same data, where known.
    """

    key: str
    digest: str | None = None
    since_ms: int = 0
    changed_ms: int | None = None
    began_ms: int = 0
    finished_ms: int = 0
    failure: str | None = None
    failed_ms: int | None = None
    span: int = 0
    stamp: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time over which every probe of a source saw the same: from its first probe to its last."""

    digest: str
    first_began_ms: int
    first_finished_ms: int
    last_began_ms: int
    last_finished_ms: int


class SourceRepository:
    """The sources of one workspace: in the tables, their states also in memory once they are committed.

    Safe to write from any thread; `states` never waits.
    """

    def __init__(self, store: Store, workspace: str, count: Count) -> None:
        self._store = store
        self._workspace = workspace
        self._count = count
        span = SOURCE_SPANS.c
        self._spans_are_mine = span.workspace == workspace
        # Made once: to make a statement takes longer than to execute it, and each probe wants these.
        of_key = (self._spans_are_mine, span.key == bindparam("of"))
        self._last_span = select(SOURCE_SPANS).where(*of_key).order_by(span.number.desc()).limit(1)
        self._delete_ahead = delete(SOURCE_SPANS).where(*of_key, span.first_finished_ms > bindparam("began"))
        self.load()

    def load(self) -> None:
        """Read every state from the table."""
        mine = SOURCES.c.workspace == self._workspace
        with self._store.reading() as connection:
            rows = connection.execute(select(SOURCES).where(mine).order_by(SOURCES.c.key)).all()
        self._states: Mapping[str, SourceState] = {
            row.key: SourceState(
                key=row.key,
                digest=row.digest,
                since_ms=row.since_ms,
                changed_ms=row.changed_ms,
                began_ms=row.began_ms,
                finished_ms=row.finished_ms,
                failure=row.failure,
                failed_ms=row.failed_ms,
                span=row.span or 0,
                stamp=row.stamp,
            )
            for row in rows
        }

    def states(self) -> Mapping[str, SourceState]:
        """How each source stands that was ever probed, by key; never changed in place."""
        return self._states

    def record(self, key: str, digest: str, began_ms: int, finished_ms: int, stamp: str | None = None) -> bool:
        """A probe that succeeded; returns whether its digest differs from the one before.

        Where the clock stepped back, this probe replaces what was seen at a time that is still to come.
        """
        key, digest = storable(key), storable(digest)
        began_ms = min(began_ms, finished_ms)
        with self._store.transaction(self._workspace) as transaction:
            before = self._states.get(key) or SourceState(key=key)
            is_changed = before.digest is not None and before.digest != digest
            span, number = self._extend(transaction, key, digest, began_ms, finished_ms)
            changed_ms = began_ms if is_changed else before.changed_ms
            after = SourceState(
                key=key,
                digest=digest,
                since_ms=span.first_finished_ms,
                changed_ms=None if changed_ms is None else min(changed_ms, began_ms),
                began_ms=began_ms,
                finished_ms=finished_ms,
                span=number,
                stamp=stamp,
            )
            self._write(transaction, after)
        return is_changed

    def record_failure(self, key: str, reason: str, at_ms: int) -> None:
        """A probe that failed; `reason` is stored and shown, so it holds no secret."""
        key = storable(key)
        with self._store.transaction(self._workspace) as transaction:
            before = self._states.get(key) or SourceState(key=key)
            self._write(transaction, replace(before, failure=storable(reason), failed_ms=at_ms))

    def spans(self, key: str, since_ms: int) -> tuple[Span, ...]:
        """The spans of a source that reach beyond `since_ms`, in order; no two overlap.

        Neighbours differ in their digests, unless the clock stepped back between them.
        """
        span = SOURCE_SPANS.c
        wanted = (
            select(SOURCE_SPANS)
            .where(self._spans_are_mine, span.key == storable(key), span.last_finished_ms >= since_ms)
            .order_by(span.number)
        )
        with self._store.reading() as connection:
            return tuple(
                Span(
                    digest=row.digest,
                    first_began_ms=row.first_began_ms,
                    first_finished_ms=row.first_finished_ms,
                    last_began_ms=row.last_began_ms,
                    last_finished_ms=row.last_finished_ms,
                )
                for row in connection.execute(wanted)
            )

    def judged_until_ms(self, project_id: str, key: str) -> int | None:
        """Up to when the project's runs have been compared with the source, None if none ever were."""
        judged = SOURCE_JUDGED.c
        wanted = select(judged.until_ms).where(
            judged.workspace == self._workspace,
            judged.project_id == storable(project_id),
            judged.key == storable(key),
        )
        with self._store.reading() as connection:
            return connection.execute(wanted).scalar()

    def record_judged(
        self, project_id: str, key: str, until_ms: int, amounts: Mapping[str, tuple[int, int]], now_ms: int
    ) -> None:
        """Runs of a project compared with a source up to `until_ms`: by trigger, how many checked and unchanged.

        The line and the counters are one transaction, so that a run is never judged twice.
        """
        counted: Amounts = {}
        for trigger, (checked, unchanged) in amounts.items():
            counted["hex_source_checked_runs_total", (project_id, trigger)] = checked
            counted["hex_source_unchanged_runs_total", (project_id, trigger)] = unchanged
        row = {
            "workspace": self._workspace,
            "project_id": storable(project_id),
            "key": storable(key),
            "until_ms": until_ms,
        }
        with self._store.transaction(self._workspace) as transaction:
            upsert(transaction.connection, SOURCE_JUDGED, [row])
            self._count(transaction, counted, now_ms)

    def prune(self, transaction: Transaction, before_ms: int) -> None:
        """Forget the spans that ended before then, but for each source's last, and what was not probed since."""
        connection, span = transaction.connection, SOURCE_SPANS.c
        kept = {
            key: state
            for key, state in self._states.items()
            if max(state.finished_ms, state.failed_ms or 0) >= before_ms
        }
        later = SOURCE_SPANS.alias()
        has_later = exists().where(
            later.c.workspace == span.workspace, later.c.key == span.key, later.c.number > span.number
        )
        connection.execute(
            delete(SOURCE_SPANS).where(self._spans_are_mine, span.last_finished_ms < before_ms, has_later)
        )
        for key in self._states.keys() - kept.keys():
            connection.execute(delete(SOURCES).where(SOURCES.c.workspace == self._workspace, SOURCES.c.key == key))
            connection.execute(delete(SOURCE_SPANS).where(self._spans_are_mine, span.key == key))
        connection.execute(
            delete(SOURCE_JUDGED).where(
                SOURCE_JUDGED.c.workspace == self._workspace, SOURCE_JUDGED.c.until_ms < before_ms
            )
        )
        transaction.after_commit(lambda: self._replace(kept))

    def _extend(
        self, transaction: Transaction, key: str, digest: str, began_ms: int, finished_ms: int
    ) -> tuple[Span, int]:
        """Write the span that this probe belongs to, the last one or a new one, and return it with its number."""
        connection, span = transaction.connection, SOURCE_SPANS.c
        # Before spans are deleted: no later one may have the number of one that is gone.
        last = connection.execute(self._last_span, {"of": key}).one_or_none()
        latest = 0 if last is None else last.number
        # Without a step of the clock this finds nothing: probes of one source follow one another.
        ahead = connection.execute(self._delete_ahead, {"of": key, "began": began_ms}).rowcount
        if ahead:
            last = connection.execute(self._last_span, {"of": key}).one_or_none()
        number = None if last is None else last.number
        current = Span(
            digest=digest,
            first_began_ms=began_ms,
            first_finished_ms=finished_ms,
            last_began_ms=began_ms,
            last_finished_ms=finished_ms,
        )
        if last is not None and last.digest == digest and not ahead:
            current = replace(current, first_began_ms=last.first_began_ms, first_finished_ms=last.first_finished_ms)
        else:
            if last is not None and last.last_finished_ms > began_ms:
                ended = {
                    "last_began_ms": min(last.last_began_ms, began_ms),
                    "last_finished_ms": began_ms,
                }
                of_key = (self._spans_are_mine, span.key == key, span.number == number)
                connection.execute(SOURCE_SPANS.update().where(*of_key).values(ended))
            number = latest + 1
        row = {
            "workspace": self._workspace,
            "key": key,
            "number": number,
            "digest": digest,
            "first_began_ms": current.first_began_ms,
            "first_finished_ms": current.first_finished_ms,
            "last_began_ms": began_ms,
            "last_finished_ms": finished_ms,
        }
        upsert(connection, SOURCE_SPANS, [row])
        assert number is not None
        return current, number

    def _write(self, transaction: Transaction, state: SourceState) -> None:
        row = {
            "workspace": self._workspace,
            "key": state.key,
            "digest": state.digest,
            "since_ms": state.since_ms,
            "changed_ms": state.changed_ms,
            "began_ms": state.began_ms,
            "finished_ms": state.finished_ms,
            "failure": state.failure,
            "failed_ms": state.failed_ms,
            "span": state.span,
            "stamp": state.stamp,
        }
        upsert(transaction.connection, SOURCES, [row])
        after = {**self._states, state.key: state}
        transaction.after_commit(lambda: self._replace(after))

    def _replace(self, after: Mapping[str, SourceState]) -> None:
        self._states = after
