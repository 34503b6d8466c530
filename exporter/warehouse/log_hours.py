"""From the rows of a query log to sums by hour: each query once, money exact, nothing of a text kept."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, NamedTuple

from exporter.config import WarehousePrices
from exporter.ledger import RunQuery, WarehouseKey, WarehouseSums
from exporter.view import trigger_of
from exporter.warehouse.comment import TAIL_CHARACTERS, parse_comment

HOUR_MS = 3_600_000
_MICRO = 1_000_000
_TIB = 1 << 40
_SLOT_HOUR_MS = 3_600_000


class LogRow(NamedTuple):
    """One row of a log. `part`: query; or idle and bill, which are of an hour of the warehouse as a whole.

    `equal_ms` is the earliest end, within the day before its own, of a query whose text differs only in the comment.
    """

    part: str
    query_id: str
    start_ms: int
    end_ms: int
    query_text: str | None
    cache_hit: bool | None
    credits: object
    bytes_billed: int | None
    slot_ms: int | None
    usd: object
    equal_ms: int | None = None


class _Exact:
    """What one key used, money and credits as fractions: they are rounded once, at the end."""

    __slots__ = ("credits", "repeated_usd", "sums", "usd")

    def __init__(self) -> None:
        self.sums = WarehouseSums()
        self.credits = Fraction(0)
        self.usd = Fraction(0)
        self.repeated_usd = Fraction(0)


def sums_by_hour(
    rows: Iterable[LogRow], prices: WarehousePrices, run_queries: Counter[RunQuery] | None = None
) -> Mapping[WarehouseKey, WarehouseSums]:
    """The sums of each hour; rows come in the order of `end_ms`, and one that is repeated is taken once.

    Where the log says what an hour was billed in all, `idle` and `other` are such that all parts add up to that.
    To `run_queries` those are added whose context is a run's, or whose comment cannot be read.
    """
    exact: dict[WarehouseKey, _Exact] = defaultdict(_Exact)
    for row in _once(rows):
        hour_ms = row.end_ms - row.end_ms % HOUR_MS
        key = _key(row, hour_ms)
        _add(exact[key], row, prices)
        if run_queries is not None and (key.part == "unattributed" or is_of_run(key.context)):
            run_queries[RunQuery(key.project_id, key.cell_id, row.start_ms, row.end_ms)] += 1
    return _rounded(exact)


def is_of_run(context: str) -> bool:
    """Whether queries with this context are a run's, and not those of an app or a notebook."""
    return trigger_of(context) is not None or context.endswith("run")


def _once(rows: Iterable[LogRow]) -> Iterator[LogRow]:
    """Each query of an hour once: memory is for one hour's ids."""
    hour, seen = -1, set[tuple[str, str]]()
    for row in rows:
        if row.end_ms // HOUR_MS != hour:
            hour, seen = row.end_ms // HOUR_MS, set()
        if (row.part, row.query_id) not in seen:
            seen.add((row.part, row.query_id))
            yield row


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
    credits, usd = _fraction(row.credits), _usd(row, prices)
    exact.credits += credits or 0
    exact.usd += usd or 0
    sums.unpriced += row.part == "query" and usd is None
    if row.equal_ms is not None and row.equal_ms <= row.start_ms and row.bytes_billed and row.cache_hit is False:
        sums.repeated += 1
        sums.repeated_bytes += row.bytes_billed
        exact.repeated_usd += usd or 0


def _usd(row: LogRow, prices: WarehousePrices) -> Fraction | None:
    """The millionths of a dollar that a row cost, None where that is not known."""
    if (usd := _fraction(row.usd)) is not None:
        return usd * _MICRO
    unit = prices.credit_micro_usd if prices.credit_micro_usd is not None else prices.dbu_micro_usd
    if unit is not None and (credits := _fraction(row.credits)) is not None:
        return credits * unit
    if prices.tib_micro_usd is not None and row.bytes_billed is not None:
        return Fraction(row.bytes_billed * prices.tib_micro_usd, _TIB)
    if prices.slot_hour_micro_usd is not None and row.slot_ms is not None:
        return Fraction(row.slot_ms * prices.slot_hour_micro_usd, _SLOT_HOUR_MS)
    return None


def _fraction(value: Any) -> Fraction | None:
    """A number of a driver, as it is written in decimals: 0.1 is a tenth."""
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return Fraction(number) if number.is_finite() else None


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
