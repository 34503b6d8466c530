"""What some counters grew by in the last days, hour by hour: sums over days that need no Prometheus and no import."""

import json
from collections.abc import Mapping

from sqlalchemy import delete, func, select

from exporter.ledger.cost_schema import COUNTER_HOURS
from exporter.ledger.histograms import Amounts
from exporter.ledger.schema import upsert
from exporter.ledger.series_limit import CACHE_METRICS, SOURCE_METRICS, SQL_CELL_METRICS
from exporter.ledger.store import Store, Transaction

HOUR_MS = 3_600_000

KEEP_MS = 8 * 86_400_000
"""How long an hour is kept: the longest window, and a day for clocks that step back."""

METRICS = frozenset(
    {"hex_unviewed_runs_total", "hex_missed_schedules_total", *CACHE_METRICS, *SOURCE_METRICS, *SQL_CELL_METRICS}
)
"""The counters whose growth is kept: those of projects that cannot be summed again from runs."""


class CounterHours:
    """The growth of one workspace's counters by the hour. Written within transactions, read from any thread."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace

    def add(self, transaction: Transaction, amounts: Amounts, now_ms: int) -> None:
        """Add to the hour that it is now, and forget the hours that no window reaches."""
        rows = [
            {
                "workspace": self._workspace,
                "hour_ms": now_ms - now_ms % HOUR_MS,
                "metric": metric,
                "labels": json.dumps(labels, separators=(",", ":")),
                "amount": amount,
            }
            for (metric, labels), amount in amounts.items()
            if amount and metric in METRICS
        ]
        if not rows or self._store.is_stand_in:
            return
        upsert(transaction.connection, COUNTER_HOURS, rows, add=["amount"])
        hour = COUNTER_HOURS.c
        old = (hour.workspace == self._workspace) & (hour.hour_ms < now_ms - KEEP_MS)
        transaction.connection.execute(delete(COUNTER_HOURS).where(old))

    def since(self, start_ms: int) -> Mapping[tuple[str, tuple[str, ...]], int]:
        """By metric and labels, what was added from the hour of `start_ms` on."""
        hour = COUNTER_HOURS.c
        wanted = (
            select(hour.metric, hour.labels, func.sum(hour.amount))
            .where(hour.workspace == self._workspace, hour.hour_ms > start_ms - HOUR_MS)
            .group_by(hour.metric, hour.labels)
        )
        with self._store.reading() as connection:
            rows = connection.execute(wanted).all()
        return {(metric, tuple(json.loads(text))): int(amount) for metric, text, amount in rows}
