"""From the rows of a query log to sums by hour: each query once, money exact, nothing of a text kept."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from exporter.config import WarehousePrices
from exporter.ledger import RunQuery, WarehouseKey, WarehouseSums
from exporter.view import trigger_of
from exporter.warehouse.comment import TAIL_CHARACTERS, parse_comment
from exporter.warehouse.log_rows import LogRow

HOUR_MS = 3_600_000

MOST_KEPT = 20_000
"""Sums and queries of runs that are held before they are written: 20 MB."""

_MICRO = 1_000_000
_TIB = 1 << 40
_SLOT_HOUR_MS = 3_600_000


class _Exact:
    """What one key used, money and credits as fractions: they are rounded once, at the end."""

    __slots__ = ("credits", "repeated_usd", "sums", "usd")

    def __init__(self) -> None:
        self.sums = WarehouseSums()
        self.credits = Fraction(0)
        self.usd = Fraction(0)
        self.repeated_usd = Fraction(0)


class HourSums(NamedTuple):
    """The sums of the hours before `until_ms`: None where no row was left over. `run_queries` are those of runs."""

    hours: Mapping[WarehouseKey, WarehouseSums]
    run_queries: Mapping[RunQuery, int]
    until_ms: int | None = None


def sums_by_hour(rows: Iterable[LogRow], prices: WarehousePrices, most: int = MOST_KEPT) -> HourSums:
    """The sums of each hour; rows come in the order of `end_ms`, and one that is repeated is taken once.

    Where the log says what an hour was billed in all, `idle` and `other` are such that all parts add up to that.
    Memory is for `most` sums and queries of runs, and one hour: at the end of the hour that has more it stops.
    """
    exact: dict[WarehouseKey, _Exact] = defaultdict(_Exact)
    run_queries = Counter[RunQuery]()
    names: dict[str, str] = {}
    before_ms: int | None = None
    for row in _once(rows):
        hour_ms = row.end_ms - row.end_ms % HOUR_MS
        if hour_ms != before_ms and len(exact) + len(run_queries) > most:
            return HourSums(_rounded(exact), run_queries, hour_ms)
        before_ms = hour_ms
        key = _key(row, hour_ms)
        _add(exact[key], row, prices)
        if key.part == "unattributed" or is_of_run(key.context):
            # Each text has its ids anew: one copy is enough.
            project_id, cell_id = (names.setdefault(one, one) for one in (key.project_id, key.cell_id))
            run_queries[RunQuery(project_id, cell_id, row.start_ms, row.end_ms)] += 1
    return HourSums(_rounded(exact), run_queries)


def is_of_run(context: str) -> bool:
    """Whether queries with this context are a run's, and not those of an app or a notebook."""
    return trigger_of(context) is not None or context.endswith("run")


def _once(rows: Iterable[LogRow]) -> Iterator[LogRow]:
    """Each query of an hour once: memory is for one hour's ids, as digests.

    Of rows of one query with the same end, which stand together, the costliest: a log is completed as time goes on.
    """
    hour, seen = -1, set[int]()
    for (end_ms, part, query_id), same in groupby(rows, lambda row: (row.end_ms, row.part, row.query_id)):
        if end_ms // HOUR_MS != hour:
            hour, seen = end_ms // HOUR_MS, set()
        digest = hash((part, query_id))
        if digest not in seen:
            seen.add(digest)
            yield max(same, key=_costs)


def _costs(row: LogRow) -> tuple[Fraction | int, ...]:
    """Sorts rows of one query, the same way in whatever order they come."""
    amounts = [-1 if one is None else one for one in (row.usd, row.credits, row.bytes_billed, row.slot_ms)]
    return (*amounts, -1 if row.cache_hit is None else not row.cache_hit, -row.start_ms)


def _key(row: LogRow, hour_ms: int) -> WarehouseKey:
    if row.part != "query":
        return WarehouseKey(hour_ms, "idle" if row.part == "idle" else "bill")
    comment = parse_comment((row.query_text or "")[-TAIL_CHARACTERS:])
    if comment is None:
        return WarehouseKey(hour_ms, "unattributed")
    return WarehouseKey(hour_ms, "query", *comment)


def _add(exact: _Exact, row: LogRow, prices: WarehousePrices) -> None:
    sums = exact.sums
    if row.part == "query":
        sums.queries += 1
        sums.elapsed_ms += max(0, row.end_ms - row.start_ms)
        sums.cache_judged += row.cache_hit is not None
        sums.cache_hits += bool(row.cache_hit)
    sums.bytes_billed += row.bytes_billed or 0
    sums.slot_ms += row.slot_ms or 0
    usd = _usd(row, prices)
    exact.credits += row.credits or 0
    exact.usd += usd or 0
    sums.unpriced += row.part == "query" and usd is None
    if row.equal_ms is not None and row.equal_ms <= row.start_ms and row.bytes_billed and row.cache_hit is False:
        sums.repeated += 1
        sums.repeated_bytes += row.bytes_billed
        exact.repeated_usd += usd or 0


def _usd(row: LogRow, prices: WarehousePrices) -> Fraction | None:
    """The millionths of a dollar that a row cost, None where that is not known."""
    if row.usd is not None:
        return row.usd * _MICRO
    unit = prices.credit_micro_usd if prices.credit_micro_usd is not None else prices.dbu_micro_usd
    if unit is not None and row.credits is not None:
        return row.credits * unit
    if prices.tib_micro_usd is not None and row.bytes_billed is not None:
        return Fraction(row.bytes_billed * prices.tib_micro_usd, _TIB)
    if prices.slot_hour_micro_usd is not None and row.slot_ms is not None:
        return Fraction(row.slot_ms * prices.slot_hour_micro_usd, _SLOT_HOUR_MS)
    return None


def _rounded(exact: Mapping[WarehouseKey, _Exact]) -> Mapping[WarehouseKey, WarehouseSums]:
    hours: dict[WarehouseKey, WarehouseSums] = {}
    bills: dict[int, WarehouseSums] = {}
    parts: dict[int, WarehouseSums] = defaultdict(WarehouseSums)
    for key, one in exact.items():
        one.sums.credits_micro, one.sums.usd_micro = round(one.credits * _MICRO), round(one.usd)
        one.sums.repeated_usd_micro = round(one.repeated_usd)
        if key.part == "bill":
            bills[key.hour_ms] = one.sums
        else:
            hours[key] = one.sums
            _plus(parts[key.hour_ms], one.sums, 1)
    for hour_ms, bill in bills.items():
        # What other queries than Hex's used. Below 0 where a query of Hex was billed in the hour before it ended.
        _plus(bill, parts[hour_ms], -1)
        bill.queries = bill.elapsed_ms = bill.cache_hits = bill.cache_judged = bill.unpriced = 0
        hours[WarehouseKey(hour_ms, "other")] = bill
    return hours


def _plus(sums: WarehouseSums, more: WarehouseSums, sign: int) -> None:
    sums.credits_micro += sign * more.credits_micro
    sums.usd_micro += sign * more.usd_micro
    sums.bytes_billed += sign * more.bytes_billed
    sums.slot_ms += sign * more.slot_ms
