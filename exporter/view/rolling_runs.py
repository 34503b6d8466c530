"""The runs of the last days, to the millisecond: a day is summed again only when its runs have changed."""

from collections.abc import Mapping

from exporter.ledger import RunAmount, WorkspaceLedger
from exporter.view.daily_usage import RunKind

FAILED_STATUSES = frozenset({"errored", "killed", "unable_to_allocate_kernel"})
"""Of runs that ended without a result."""

_DAY_MS = 86_400_000


class RollingRuns:
    """Sums over the runs of one workspace, by kind. For one thread at a time."""

    def __init__(self, ledger: WorkspaceLedger) -> None:
        self._ledger = ledger
        self._days: dict[int, tuple[int, Mapping[RunKind, RunAmount]]] = {}

    def since(self, start_ms: int, now_ms: int) -> Mapping[RunKind, RunAmount]:
        """The runs that started at this instant or later, those included that Hex's clock puts ahead of this one.

        Of the first day only a part is wanted, which is another one each time; the other days are read once. Raises
        LedgerError.
        """
        first, last = start_ms // _DAY_MS + 1, now_ms // _DAY_MS
        days = {day: self._day(day, is_last=day == last) for day in range(first, last + 1)}
        self._days = days
        edge_ms = first * _DAY_MS if first <= last else None
        sums = dict(self._ledger.run_sums.between(start_ms, edge_ms))
        for _, amounts in days.values():
            for kind, amount in amounts.items():
                known = sums.get(kind)
                sums[kind] = amount if known is None else known.plus(amount)
        return sums

    def _day(self, day: int, *, is_last: bool) -> tuple[int, Mapping[RunKind, RunAmount]]:
        """The last one has no end: a start may be ahead of this clock."""
        start_ms, end_ms = day * _DAY_MS, (day + 1) * _DAY_MS
        revision = self._ledger.runs_revision(start_ms, end_ms + _DAY_MS if is_last else end_ms) * 2 + is_last
        known = self._days.get(day)
        if known is not None and known[0] == revision:
            return known
        return revision, self._ledger.run_sums.between(start_ms, None if is_last else end_ms)
