"""The runs of the last days, to the millisecond: what has passed is summed again only when its runs have changed."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from exporter.ledger import RunAmount, WorkspaceLedger
from exporter.view.daily_usage import RunKind

FAILED_STATUSES = frozenset({"errored", "killed", "unable_to_allocate_kernel"})
"""Of runs that ended without a result."""

_DAY_MS = 86_400_000

_Sums = Mapping[RunKind, RunAmount]


class _Part(NamedTuple):
    """The sums from an instant on to the end of its day, as of a revision of that day."""

    start_ms: int
    revision: int
    sums: _Sums


class RollingRuns:
    """Sums over the runs of one workspace, by kind. For one thread at a time."""

    def __init__(self, ledger: WorkspaceLedger) -> None:
        self._ledger = ledger
        self._days: dict[int, _Part] = {}
        self._edge: _Part | None = None
        self._today: _Part | None = None
        self._whole: tuple[tuple[tuple[int, int], ...], _Sums] = ((), {})

    def since(self, start_ms: int, now_ms: int) -> _Sums:
        """The runs that started at this instant or later, those included that Hex's clock puts ahead of this one.

        Raises LedgerError.
        """
        first, last = start_ms // _DAY_MS + 1, now_ms // _DAY_MS
        if first > last:
            return self._ledger.run_sums.between(start_ms, None)
        self._days = {day: self._day(day) for day in range(first, last)}
        key = tuple((day, part.revision) for day, part in self._days.items())
        if self._whole[0] != key:
            self._whole = (key, _added(part.sums for part in self._days.values()))
        today = self._from_today(last * _DAY_MS)
        return _added((self._edge_from(start_ms, first * _DAY_MS), self._whole[1], today))

    def _day(self, day: int) -> _Part:
        start_ms, end_ms = day * _DAY_MS, (day + 1) * _DAY_MS
        revision = self._ledger.runs_revision(start_ms, end_ms)
        known = self._days.get(day)
        if known is not None and known.revision == revision:
            return known
        return _Part(start_ms, revision, self._ledger.run_sums.between(start_ms, end_ms))

    def _from_today(self, start_ms: int) -> _Sums:
        """The last day has no end: a start may be ahead of this clock, by a day at most."""
        revision = self._ledger.runs_revision(start_ms, start_ms + 2 * _DAY_MS)
        if self._today is None or self._today[:2] != (start_ms, revision):
            self._today = _Part(start_ms, revision, self._ledger.run_sums.between(start_ms, None))
        return self._today.sums

    def _edge_from(self, start_ms: int, end_ms: int) -> _Sums:
        """The part of the first day that is wanted: what it was last, without what has left it since."""
        revision = self._ledger.runs_revision(start_ms // _DAY_MS * _DAY_MS, end_ms)
        known = self._edge
        is_shorter = (
            known is not None and known.start_ms <= start_ms and known.start_ms // _DAY_MS == start_ms // _DAY_MS
        )
        if known is not None and is_shorter and known.revision == revision:
            left = self._ledger.run_sums.between(known.start_ms, start_ms)
            sums: _Sums = {
                kind: rest
                for kind, amount in known.sums.items()
                if (rest := amount.minus(left.get(kind, RunAmount()))).runs
            }
        else:
            sums = self._ledger.run_sums.between(start_ms, end_ms)
        self._edge = _Part(start_ms, revision, sums)
        return sums


def _added(parts: Iterable[_Sums]) -> _Sums:
    sums: dict[RunKind, RunAmount] = {}
    for part in parts:
        for kind, amount in part.items():
            known = sums.get(kind)
            sums[kind] = amount if known is None else known.plus(amount)
    return sums
