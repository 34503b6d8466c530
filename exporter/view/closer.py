"""Closing weeks and months once they are over and known, and booking what is found later as adjustments."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import structlog

import exporter
from exporter.config import Config, PeriodKind
from exporter.insight import BudgetStatus, Period, local_day, period_at, period_before
from exporter.ledger import REPLACED_BACK_MS, CollectorState, Ledger, WarehouseState, WorkspaceLedger
from exporter.view.accounts import Accounts, WeekAccount
from exporter.view.attribution import attribution_of
from exporter.view.bookkeeping import Bookkeeper
from exporter.view.closed_period import (
    ClosedPeriod,
    books_of,
    closed_period,
    encoded,
    pending,
    stored_adjustment,
)
from exporter.view.completeness import awaited, complete_until_ms
from exporter.view.excluded_projects import polled
from exporter.view.reader import Reader
from exporter.view.snapshot import Stored

_log = structlog.get_logger()

_VERSIONS_QUIET_MS = 5 * 60_000
"""Versions of projects, which runs are priced by, are read in a row: a close waits until the row is over."""

_KINDS: tuple[PeriodKind, ...] = ("week", "month")


def basis_of(config: Config, workspace: str) -> str:
    """Identifies the prices and settings that books are computed with, and the program that does it."""
    settings = (
        config.price_history(workspace),
        config.compute(workspace),
        config.week(workspace),
        config.contract(workspace),
        config.collect.match,
        config.collect.left_out,
        exporter.__version__,
    )
    return hashlib.sha256(msgspec.json.encode(settings)).hexdigest()[:16]


class PeriodCloser:
    """Closes the periods of one workspace, under one configuration. For one thread at a time.

    A period is closed as soon as it is over, all its runs are known, AI threads were looked at after its end, and logs
    of warehouses reach it; a project whose runs Hex refuses to show at the moment, threads that were not listed lately,
    or a log that cannot be read, do not hold it up.
    What comes later is an adjustment.
    """

    def __init__(self, ledger: Ledger, workspace: str, config: Config) -> None:
        self._ledger = ledger.workspace(workspace)
        self._config = config
        self._week = config.week(workspace)
        self._reader = Reader(ledger, workspace)
        self._basis = basis_of(config, workspace)
        # What budgets used is kept with the close only: it follows from the runs, and takes reading.
        self._bookkeeper = Bookkeeper(self._ledger, msgspec.structs.replace(config, budgets=()))
        self._looked: dict[Period, tuple[int, int]] = {}
        """The revision of the runs of each period, and what it cost in the warehouses, when it was looked at last."""
        self._warehouses: list[WarehouseState] = []
        self._warehouse_money: dict[Period, int] = {}
        self._credits_ms: int | None = None
        self._versions: tuple[int, int] | None = None
        """The revision of the versions that were read, and when it was first seen."""

    def look(self, now_ms: int) -> bool:
        """Close or adjust at most one period; whether there may be more to do at once. Raises LedgerError."""
        threads = self._ledger.collectors().get("threads")
        self._forget_credits(threads)
        self._look_at_warehouses()
        if not self._look_at_versions(now_ms):
            return False
        closed = self._ledger.closings.periods()
        until_ms = self._known_until_ms(threads, now_ms) or 0
        for kind, period in self._over(now_ms):
            mark = self._ledger.runs_revision(*period), self._money_of(period)
            if self._looked.get(period) == mark or (period not in closed and until_ms < period[1]):
                continue
            # Only now: a whole workspace is read for it, and most looks find nothing to do.
            stored = self._reader.read(self._week, now_ms, self._config.collect)
            if stored is None:
                return False
            (self._adjust if period in closed else self._close)(stored, kind, period, now_ms)
            self._looked[period] = mark
            return True
        return False

    def _over(self, now_ms: int) -> Iterator[tuple[PeriodKind, Period]]:
        """The weeks and months that are over and whose runs are kept, the latest first."""
        oldest_ms = self._ledger.oldest_kept_ms()
        if oldest_ms is None:
            return
        kept_ms = _kept_since_ms(self._ledger, self._config, now_ms)
        for kind in _KINDS:
            period = period_before(period_at(now_ms, kind, self._week), kind, self._week)
            while period[0] >= kept_ms and period[1] > oldest_ms:
                yield kind, period
                period = period_before(period, kind, self._week)

    def _forget_credits(self, threads: CollectorState | None) -> None:
        """Have the periods looked at again in which the last look at threads found credits, and all later ones."""
        looked_ms = None if threads is None else threads.last_success_ms
        if looked_ms is None or looked_ms == self._credits_ms:
            return
        from_ms = None if self._credits_ms is None else self._ledger.credits.from_ms_seen_after(self._credits_ms)
        self._credits_ms = looked_ms
        if from_ms is not None:
            self._looked = {period: mark for period, mark in self._looked.items() if period[1] <= from_ms}

    def _look_at_warehouses(self) -> None:
        """Forget what the periods cost of which a look at a log may have replaced hours."""
        names = (one.name for one in self._config.warehouses_of(self._ledger.name))
        states = [self._ledger.warehouses.state(name) for name in names]
        if states != self._warehouses:
            from_ms = min((one.complete_until_ms or 0 for one in self._warehouses), default=0) - REPLACED_BACK_MS
            self._warehouses = states
            self._warehouse_money = {one: sums for one, sums in self._warehouse_money.items() if one[1] <= from_ms}

    def _money_of(self, period: Period) -> int:
        if not self._warehouses:
            return 0
        if period not in self._warehouse_money:
            self._warehouse_money[period] = self._ledger.warehouses.usd_micro(*period)
        return self._warehouse_money[period]

    def _look_at_versions(self, now_ms: int) -> bool:
        """Whether no version of a project was read lately; each period is looked at again once that is so."""
        exports = self._ledger.collectors().get("export")
        is_read = self._config.collect.exports and (exports is None or exports.success)
        if not is_read and not self._config.exports.paths:
            return True
        revision = self._ledger.versions.revision
        known, since_ms = self._versions or (None, 0)
        if known != revision:
            self._versions = (revision, now_ms)
            self._looked = {}
            return False
        return not 0 <= now_ms - since_ms < _VERSIONS_QUIET_MS

    def _known_until_ms(self, threads: CollectorState | None, now_ms: int) -> int | None:
        """Up to when runs are known of all projects that Hex does not refuse to show.

        And AI credits if they were read lately, and logs of warehouses that can be read.
        """
        runs_ms = self._runs_known_until_ms()
        logs_ms = [one.complete_until_ms for one in self._warehouses if one.failure is None]
        known_ms = [at_ms for at_ms in logs_ms if at_ms is not None]
        runs_ms = None if runs_ms is None else min(runs_ms, *known_ms) if known_ms else runs_ms
        looked_ms = None if threads is None or not threads.success else threads.last_success_ms
        if runs_ms is None or looked_ms is None or not self._config.collect.is_fresh(looked_ms, now_ms):
            return runs_ms
        return min(runs_ms, looked_ms)

    def _runs_known_until_ms(self) -> int | None:
        projects = [one for one in awaited(polled(self._ledger, self._config)) if not one.progress.refusals]
        if not projects:
            listing = self._ledger.collectors().get("projects")
            return None if listing is None else listing.last_success_ms
        return complete_until_ms(projects, self._ledger.first_contact_ms)

    def _close(self, stored: Stored, kind: PeriodKind, period: Period, now_ms: int) -> None:
        books = books_of(Bookkeeper(self._ledger, self._config).at_end_of(stored, period))
        if books is None:
            return
        projects = (known.project for known in stored.projects)
        attribution = attribution_of(self._config, self._ledger.name, projects, stored.versions, books.whole)
        self._ledger.closings.close(period, now_ms, self._basis, encoded(books, attribution))
        first, last = (local_day(at_ms, self._week.timezone) for at_ms in (period[0], period[1] - 1))
        _log.info("A period was closed", workspace=self._ledger.name, kind=kind, first=str(first), last=str(last))

    def _adjust(self, stored: Stored, kind: PeriodKind, period: Period, now_ms: int) -> None:
        closing = self._ledger.closings.of(period)
        if closing is None:
            return
        now = books_of(self._bookkeeper.at_end_of(stored, period))
        due = pending(closed_period(closing), closing, now, self._basis, now_ms)
        if due is None:
            return
        self._ledger.closings.adjust(period, stored_adjustment(due, self._basis))
        first = local_day(period[0], self._week.timezone)
        _log.info(
            "A closed period was adjusted", workspace=self._ledger.name, kind=kind, first=str(first), reason=due.reason
        )


def as_closed(
    ledger: WorkspaceLedger, config: Config, accounts: Accounts, now_ms: int
) -> tuple[Accounts, ClosedPeriod | None]:
    """The accounts with the books of their period as it was closed; None if it was not. Raises LedgerError.

    What is due for adjustment at this moment is among the adjustments, whether the ledger has it yet or not.
    """
    before = ledger.closings.of(accounts.previous_week.period)
    if before is not None:
        books = closed_period(before).books
        budgets = tuple(_with_previous(one, accounts, books.whole) for one in accounts.budgets)
        accounts = replace(accounts, previous_week=books.whole, budgets=budgets)
    closing = ledger.closings.of(accounts.week.period)
    if closing is None:
        return accounts, None
    closed = closed_period(closing)
    is_kept = accounts.week.period[0] >= _kept_since_ms(ledger, config, now_ms)
    now = books_of(accounts) if is_kept else None
    due = pending(closed, closing, now, basis_of(config, ledger.name), now_ms)
    if due is not None:
        closed = replace(closed, adjustments=(*closed.adjustments, due))
    whole = closed.books.whole
    budgets = tuple(_with_used(one, whole) for one in accounts.budgets)
    return replace(accounts, week=whole, months=closed.books.months, budgets=budgets), closed


def _with_used(status: BudgetStatus, closed: WeekAccount) -> BudgetStatus:
    if status.period != closed.period:
        return status
    return replace(status, used=closed.budgets.get(status.budget.name, status.used))


def _with_previous(status: BudgetStatus, accounts: Accounts, before: WeekAccount) -> BudgetStatus:
    if status.period != accounts.week.period:
        return status
    return replace(status, previous_used=before.budgets.get(status.budget.name, status.previous_used))


def _kept_since_ms(ledger: WorkspaceLedger, config: Config, now_ms: int) -> int:
    """Since when all runs are kept that were ever known."""
    return max(ledger.forgotten_before_ms, now_ms - round(config.storage.keep_runs_seconds * 1000))
