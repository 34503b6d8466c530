"""What Hex's queries cost in each warehouse, by closed hour, project, context, cell and connection."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from types import MappingProxyType

from sqlalchemy import delete, func, select

from exporter.ledger.codec import storable
from exporter.ledger.cost_schema import WAREHOUSE_HOURS, WAREHOUSE_RUN_QUERIES
from exporter.ledger.counter_hours import KEEP_MS, CounterHours
from exporter.ledger.histograms import Amounts
from exporter.ledger.key_values import KeyValues
from exporter.ledger.schema import upsert
from exporter.ledger.series_limit import WAREHOUSE_METRICS
from exporter.ledger.store import Store, Transaction
from exporter.ledger.warehouse_records import (
    REPLACED_BACK_MS,
    RunQuery,
    Sums,
    WarehouseHour,
    WarehouseKey,
    WarehouseState,
    WarehouseSums,
)

QUERIES, SECONDS, HITS, JUDGED = WAREHOUSE_METRICS
UNATTRIBUTED = "hex_warehouse_unattributed_queries_total"


_NAMES = "warehouses"
_JOINED = "warehouse-runs"
_HOUR_MS = 3_600_000
_FETCHED_AT_ONCE = 1000
_KEY = WarehouseKey._fields
_SUMS = tuple(WarehouseSums.__dataclass_fields__)
_COUNTED = ("counted_queries", "counted_ms", "counted_hits", "counted_judged")


class WarehouseRepository:
    """The warehouses behind one workspace. Reads may come from any thread."""

    def __init__(
        self,
        store: Store,
        workspace: str,
        count: Callable[[Transaction, Amounts, int], None],
        key_values: KeyValues,
        counter_hours: CounterHours,
    ) -> None:
        self._store = store
        self._counter_hours = counter_hours
        self._workspace = workspace
        self._count = count
        self._key_values = key_values
        self._weeks: dict[tuple[int, int], tuple[object, Sums]] = {}

    def replace(
        self,
        warehouse: str,
        span: tuple[int, int],
        hours: Mapping[WarehouseKey, WarehouseSums],
        now_ms: int,
        count_from_ms: int | None,
        run_queries: Mapping[RunQuery, int] = MappingProxyType({}),
    ) -> None:
        """The hours of `span` are these and no others; the log is complete up to its end.

        `run_queries` are those that ended in `span`, with how many each stands for.

        One transaction: the same hours again change nothing. What grew is counted, of hours since `count_from_ms`.
        Hours that the log has lost, as old ones are, stay as they are known.
        """
        column = WAREHOUSE_HOURS.c
        mine = (column.workspace == self._workspace) & (column.warehouse == warehouse)
        within = mine & (column.hour_ms >= span[0]) & (column.hour_ms < span[1])
        new = {_stored(key): sums for key, sums in hours.items()}
        with self._store.transaction(self._workspace) as transaction:
            counted: dict[WarehouseKey, tuple[int, ...]] = {}
            before = Counter[int]()
            wanted = select(*(column[name] for name in (*_KEY, *_COUNTED)), column.queries).where(within)
            for *row, queries in transaction.connection.execute(wanted):
                counted[WarehouseKey(*row[: len(_KEY)])] = tuple(row[len(_KEY) :])
                before[row[0]] += queries
            lost = _lost(before, new)
            within &= column.hour_ms.not_in(lost)
            new = {key: sums for key, sums in new.items() if key.hour_ms not in lost}
            counted = {key: known for key, known in counted.items() if key.hour_ms not in lost}
            run_queries = {one: amount for one, amount in run_queries.items() if _hour_of(one) not in lost}
            amounts = defaultdict[tuple[str, tuple[str, ...]], int](int)

            def rows() -> Iterator[Mapping[str, object]]:
                for key in new.keys() | {key for key, known in counted.items() if any(known)}:
                    sums, known = new.get(key, WarehouseSums()), counted.get(key, (0, 0, 0, 0))
                    after = known
                    if count_from_ms is not None and key.hour_ms >= count_from_ms:
                        found = (sums.queries, sums.elapsed_ms, sums.cache_hits, sums.cache_judged)
                        after = tuple(map(max, known, found))
                        _add(amounts, key, warehouse, [one - other for one, other in zip(after, known, strict=True)])
                    yield (
                        {"workspace": self._workspace, "warehouse": warehouse}
                        | key._asdict()
                        | asdict(sums)
                        | dict(zip(_COUNTED, after, strict=True))
                    )

            transaction.connection.execute(delete(WAREHOUSE_HOURS).where(within))
            for some in _pieces(rows()):
                upsert(transaction.connection, WAREHOUSE_HOURS, some)
            self._replace_run_queries(transaction, warehouse, span, run_queries, lost)
            self._count(transaction, amounts, now_ms)
            state = self._state_within(transaction, warehouse)
            until_ms, since_ms = state.complete_until_ms, state.complete_since_ms
            # What a log no longer had after a long pause was never read.
            is_gap = until_ms is not None and until_ms < span[0]
            since_ms = span[0] if since_ms is None or is_gap else min(since_ms, span[0])
            until_ms = span[1] if until_ms is None else max(until_ms, span[1])
            self._note_state(transaction, warehouse, WarehouseState(until_ms, None, now_ms, since_ms))

    def _replace_run_queries(
        self,
        transaction: Transaction,
        warehouse: str,
        span: tuple[int, int],
        found: Mapping[RunQuery, int],
        lost: Collection[int],
    ) -> None:
        column = WAREHOUSE_RUN_QUERIES.c
        mine = (column.workspace == self._workspace) & (column.warehouse == warehouse)
        within = mine & (column.hour_ms >= span[0]) & (column.hour_ms < span[1]) & column.hour_ms.not_in(lost)
        transaction.connection.execute(delete(WAREHOUSE_RUN_QUERIES).where(within))
        rows = (
            {
                **one._asdict(),
                "workspace": self._workspace,
                "warehouse": warehouse,
                "hour_ms": _hour_of(one),
                "project_id": storable(one.project_id),
                "cell_id": storable(one.cell_id),
                "queries": queries,
            }
            for one, queries in found.items()
        )
        for some in _pieces(rows):
            upsert(transaction.connection, WAREHOUSE_RUN_QUERIES, some)

    def run_queries(self, start_ms: int, end_ms: int) -> Iterator[tuple[str, RunQuery, int]]:
        """The queries of runs that ended in the hours of [start, end), project by project, with their number.

        By warehouse; one by one, since there may be more than memory has room for.
        """
        column = WAREHOUSE_RUN_QUERIES.c
        fields = (column.warehouse, column.project_id, column.cell_id, column.start_ms, column.end_ms, column.queries)
        mine = (column.workspace == self._workspace, column.hour_ms >= start_ms, column.hour_ms < end_ms)
        wanted = select(*fields).where(*mine).order_by(column.project_id)
        with self._store.reading() as connection:
            for row in connection.execution_options(yield_per=_FETCHED_AT_ONCE).execute(wanted):
                yield row[0], RunQuery(*row[1:5]), int(row[5])

    @property
    def joined_until_ms(self) -> int | None:
        """Up to when queries were joined to runs; None: not yet."""
        known: int | None = self._key_values.read(_JOINED)
        return known

    def record_join(self, until_ms: int, hours: Mapping[int, Amounts], now_ms: int, count_from_ms: int) -> None:
        """The queries that ended before then were joined to runs, and this is what was found of each hour, once.

        Of hours since `count_from_ms` it is counted; of those before, it is for sums over days only.
        """
        with self._store.transaction(self._workspace) as transaction:
            for hour_ms, amounts in sorted(hours.items()):
                if hour_ms >= count_from_ms:
                    self._count(transaction, amounts, now_ms)
                elif hour_ms >= now_ms - KEEP_MS:
                    self._counter_hours.add(transaction, amounts, hour_ms)
            self._key_values.write(transaction, _JOINED, until_ms)

    def begin(self, warehouse: str, now_ms: int) -> int:
        """When the log of the warehouse was first looked at, which is now if it never was.

        What is in it from before then was not seen to happen: counters do not have it.
        """
        known: int | None = self._key_values.read(_began(warehouse))
        if known is None:
            known = now_ms
            with self._store.transaction(self._workspace) as transaction:
                self._key_values.write(transaction, _began(warehouse), now_ms)
        return known

    def record_failure(self, warehouse: str, reason: str) -> None:
        """The log could not be read; `reason` holds no secret."""
        with self._store.transaction(self._workspace) as transaction:
            known = self._state_within(transaction, warehouse)
            self._note_state(transaction, warehouse, known._replace(failure=reason))

    def state(self, warehouse: str) -> WarehouseState:
        """How the log of the warehouse is read."""
        return WarehouseState(*(self._key_values.read(_note(warehouse)) or ()))

    def states(self) -> Mapping[str, WarehouseState]:
        """How the log of each warehouse is read that was ever looked at."""
        return {name: self.state(name) for name in self._key_values.read(_NAMES) or ()}

    def between(self, start_ms: int, end_ms: int) -> Sums:
        """By warehouse, and by all but the hour (which is 0), what the hours of [start, end) used."""
        column = WAREHOUSE_HOURS.c
        by = [column.warehouse, *(column[name] for name in _KEY[1:])]
        wanted = (
            select(*by, *(func.sum(column[name]) for name in _SUMS))
            .where(column.workspace == self._workspace, column.hour_ms >= start_ms, column.hour_ms < end_ms)
            .group_by(*by)
        )
        width = len(by)
        with self._store.reading() as connection:
            rows = connection.execute(wanted).all()
        return {
            (row[0], WarehouseKey(0, *row[1:width])): WarehouseSums(*(int(value) for value in row[width:]))
            for row in rows
        }

    def hours(self, start_ms: int, end_ms: int, project_id: str | None = None) -> list[WarehouseHour]:
        """What each hour of [start, end) used, of one project or of all, without cells and connections."""
        column = WAREHOUSE_HOURS.c
        by = (column.warehouse, column.hour_ms, column.part, column.project_id, column.context)
        wanted = (
            select(*by, *(func.sum(one) for one in (column.queries, column.usd_micro, column.unpriced)))
            .where(column.workspace == self._workspace, column.hour_ms >= start_ms, column.hour_ms < end_ms)
            .group_by(*by)
        )
        if project_id is not None:
            wanted = wanted.where(column.project_id == project_id)
        with self._store.reading() as connection:
            rows = connection.execute(wanted).all()
        return [WarehouseHour(*row[:5], *map(int, row[5:])) for row in rows]

    def cell_hours(self, start_ms: int, end_ms: int) -> list[tuple[int, str, str, str, int, int]]:
        """Hour, project, cell, context, queries and money of attributed queries of [start, end), of all warehouses."""
        column = WAREHOUSE_HOURS.c
        by = (column.hour_ms, column.project_id, column.cell_id, column.context)
        wanted = (
            select(*by, func.sum(column.queries), func.sum(column.usd_micro))
            .where(column.workspace == self._workspace, column.hour_ms >= start_ms, column.hour_ms < end_ms)
            .where(column.part == "query")
            .group_by(*by)
        )
        with self._store.reading() as connection:
            rows = connection.execute(wanted).all()
        return [(*row[:4], int(row[4]), int(row[5])) for row in rows]

    def usd_micro(self, start_ms: int, end_ms: int) -> int:
        """All money of the hours of [start, end), in millionths of a dollar."""
        column = WAREHOUSE_HOURS.c
        wanted = select(func.sum(column.usd_micro)).where(
            column.workspace == self._workspace, column.hour_ms >= start_ms, column.hour_ms < end_ms
        )
        with self._store.reading() as connection:
            return int(connection.execute(wanted).scalar() or 0)

    def week(self, start_ms: int, end_ms: int) -> Sums:
        """As `between`, kept while no hour is replaced, by whichever process: a page is built many times an hour."""
        read = tuple((name, state.complete_until_ms, state.read_ms) for name, state in self.states().items())
        known = self._weeks.get((start_ms, end_ms))
        if known is not None and known[0] == read:
            return known[1]
        sums = self.between(start_ms, end_ms)
        # This week and the one before: older ones are not looked at again.
        self._weeks = {span: one for span, one in self._weeks.items() if span[1] >= start_ms}
        self._weeks[start_ms, end_ms] = (read, sums)
        return sums

    def prune(self, transaction: Transaction, before_ms: int) -> None:
        """Forget the hours before then."""
        column = WAREHOUSE_HOURS.c
        old = (column.workspace == self._workspace) & (column.hour_ms < before_ms)
        transaction.connection.execute(delete(WAREHOUSE_HOURS).where(old))
        column = WAREHOUSE_RUN_QUERIES.c
        joined_ms = (self._key_values.within(transaction, _JOINED) or 0) - REPLACED_BACK_MS
        old = (column.workspace == self._workspace) & (column.hour_ms < max(before_ms, joined_ms))
        transaction.connection.execute(delete(WAREHOUSE_RUN_QUERIES).where(old))

    def _note_state(self, transaction: Transaction, warehouse: str, state: WarehouseState) -> None:
        self._key_values.write(transaction, _note(warehouse), list(state))
        names = self._key_values.within(transaction, _NAMES) or []
        if warehouse not in names:
            self._key_values.write(transaction, _NAMES, [*names, warehouse])

    def _state_within(self, transaction: Transaction, warehouse: str) -> WarehouseState:
        return WarehouseState(*(self._key_values.within(transaction, _note(warehouse)) or ()))


def _add(
    amounts: "defaultdict[tuple[str, tuple[str, ...]], int]", key: WarehouseKey, warehouse: str, grown: list[int]
) -> None:
    if key.part == "query":
        labels = (key.project_id, key.context, warehouse)
        for metric, amount in zip(WAREHOUSE_METRICS, grown, strict=True):
            amounts[metric, labels] += amount
    elif key.part == "unattributed":
        amounts[UNATTRIBUTED, (warehouse,)] += grown[0]


def _lost(before: Mapping[int, int], new: Mapping[WarehouseKey, WarehouseSums]) -> Collection[int]:
    """The hours that had queries and have none, and the one that the log begins with now if it has fewer than it had.

    A log drops its oldest rows, in the middle of an hour; that is no proof that nothing was spent.
    """
    now = Counter[int]()
    for key, sums in new.items():
        now[key.hour_ms] += sums.queries
    lost = {hour_ms for hour_ms, queries in before.items() if queries and not now[hour_ms]}
    first_ms = min((hour_ms for hour_ms, queries in now.items() if queries), default=None)
    if first_ms is not None and lost and min(lost) < first_ms and now[first_ms] < before[first_ms]:
        lost.add(first_ms)
    return lost


def _pieces(rows: Iterator[Mapping[str, object]]) -> Iterator[list[Mapping[str, object]]]:
    """A few at a time: a row in this form takes a kilobyte."""
    while some := list(islice(rows, _FETCHED_AT_ONCE)):
        yield some


def _hour_of(query: RunQuery) -> int:
    return query.end_ms - query.end_ms % _HOUR_MS


def _stored(key: WarehouseKey) -> WarehouseKey:
    return WarehouseKey(key.hour_ms, *map(storable, key[1:]))


def _began(warehouse: str) -> str:
    return f"warehouse-began:{warehouse}"


def _note(warehouse: str) -> str:
    return f"warehouse:{warehouse}"
