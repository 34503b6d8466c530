"""Stored sums that never fall, and the hold that lets every scraper see a new series at 0 first."""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from sys import intern
from typing import NamedTuple

from sqlalchemy import update

from exporter.ledger.changed_rows import ChangedRows
from exporter.ledger.codec import storable
from exporter.ledger.histograms import Amounts
from exporter.ledger.schema import COUNTERS, upsert
from exporter.ledger.store import Store, Transaction

HOLD_MS = 90_000
"""How long a new series is served as 0, by the wall clock."""


class CounterValue(NamedTuple):
    """One series as it may be served: label values without the workspace, and the sum."""

    metric: str
    labels: tuple[str, ...]
    value: int


@dataclass(frozen=True, slots=True)
class _Held:
    value: int
    until_ms: int


class HeldCounters:
    """The sums of one workspace: in the table, and mirrored in memory once they are committed.

    Sums change under the store's turn, one thread at a time; `served` may be called from any at any time.
    """

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace
        self._guard = threading.Lock()
        self._reading = ChangedRows(store, COUNTERS, workspace)
        self._served: dict[tuple[str, tuple[str, ...]], CounterValue] = {}
        self._held: dict[tuple[str, tuple[str, ...]], _Held] = {}
        self.load()

    def load(self, *, only_changes: bool = False) -> None:
        """Read every sum from the table, or those that another replica has written since."""
        rows = self._reading.rows(only_changes=only_changes)
        served = {} if not only_changes else dict(self._served)
        held = {} if not only_changes else dict(self._held)
        for row in rows:
            series = _shared(row.metric, json.loads(row.labels))
            served[series] = CounterValue(*series, row.value if row.held_until_ms is None else 0)
            held.pop(series, None)
            if row.held_until_ms is not None:
                held[series] = _Held(row.value, row.held_until_ms)
        with self._guard:
            self._served, self._held = served, held

    def served(self) -> list[CounterValue]:
        """Every series with the value that may be served."""
        with self._guard:
            return list(self._served.values())

    def has_all(self, series: Amounts) -> bool:
        """Whether each of these series exists."""
        return self._served.keys() >= series.keys()

    def add(self, transaction: Transaction, amounts: Amounts, now_ms: int) -> None:
        """Add to the sums; a series that is new begins here, held for 90 seconds from now.

        Where the ledger stands in for a file that cannot be written the sums stay as the file has them: whatever was
        served beyond that would be served again, lower, after the next start.
        """
        if self._store.is_stand_in:
            return
        amounts = {_shared(metric, map(storable, labels)): amount for (metric, labels), amount in amounts.items()}
        changes = {series: amount for series, amount in amounts.items() if amount or series not in self._served}
        until_ms = now_ms + HOLD_MS
        upsert(
            transaction.connection,
            COUNTERS,
            [
                {
                    "workspace": self._workspace,
                    "metric": metric,
                    "labels": _text(labels),
                    "value": amount,
                    "held_until_ms": until_ms,
                    "lease_version": transaction.version,
                }
                for (metric, labels), amount in changes.items()
            ],
            keep=["held_until_ms"],
            add=["value"],
        )
        transaction.after_commit(lambda: self._mirror(changes, until_ms))

    def release(self, now_ms: int) -> bool:
        """Let the sums be served whose 90 seconds are over; the release is durable before it shows.

        A hold that ends further away than 90 seconds was made before the wall clock stepped back: it is shortened to
        90 seconds from now, so that the series is neither hidden for an hour nor served before anyone saw its 0. In
        the place of a file that cannot be written nothing is released, as it would be held again after the next start.
        """
        if self._store.is_stand_in:
            return False
        latest_ms = now_ms + HOLD_MS
        with self._guard:
            ends_ms = [hold.until_ms for hold in self._held.values()]
        is_any_due = any(end_ms <= now_ms for end_ms in ends_ms)
        if not is_any_due and all(end_ms <= latest_ms for end_ms in ends_ms):
            return False
        until = COUNTERS.c.held_until_ms
        mine = update(COUNTERS).where(COUNTERS.c.workspace == self._workspace)
        with self._store.transaction(self._workspace) as transaction:
            mine = mine.values(lease_version=transaction.version)
            transaction.connection.execute(mine.where(until <= now_ms).values(held_until_ms=None))
            transaction.connection.execute(mine.where(until > latest_ms).values(held_until_ms=latest_ms))
            transaction.after_commit(lambda: self._mirror_release(now_ms, latest_ms))
        return is_any_due

    def _mirror(self, changes: Amounts, until_ms: int) -> None:
        with self._guard:
            for series, amount in changes.items():
                served, hold = self._served.get(series), self._held.get(series)
                if served is None:
                    self._served[series] = CounterValue(*series, 0)
                    self._held[series] = _Held(amount, until_ms)
                elif hold is not None:
                    self._held[series] = _Held(hold.value + amount, hold.until_ms)
                else:
                    self._served[series] = CounterValue(*series, served.value + amount)

    def _mirror_release(self, now_ms: int, latest_ms: int) -> None:
        with self._guard:
            for series, hold in list(self._held.items()):
                if hold.until_ms <= now_ms:
                    self._served[series] = CounterValue(*series, hold.value)
                    del self._held[series]
                elif hold.until_ms > latest_ms:
                    self._held[series] = _Held(hold.value, latest_ms)


def _shared(metric: str, labels: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """The series with each text held once: a project's id would else be there for each of its series."""
    return intern(metric), tuple(map(intern, labels))


def _text(labels: tuple[str, ...]) -> str:
    return json.dumps(labels, separators=(",", ":"))
