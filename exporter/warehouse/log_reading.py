"""One window of a warehouse's query log, read within a transaction that cannot write."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import text

from exporter.clock import Clock
from exporter.config import Warehouse
from exporter.ledger import RunQuery, WarehouseKey, WarehouseSums
from exporter.sources import Address, ProbeError, reading
from exporter.warehouse.log_hours import HOUR_MS, LogRow, sums_by_hour
from exporter.warehouse.statements import LATENCY_SECONDS, OVERLAP_SECONDS, statement

_FETCHED_AT_ONCE = 1000
_FIRST_DAYS = 15  # the week before this one, and a day for its time zone
_DAY_MS = 24 * HOUR_MS


def windows(warehouse: Warehouse, complete_until_ms: int | None, clock: Clock) -> Iterator[tuple[int, int]]:
    """The spans of whole hours to read now, the oldest first: none is longer than a day.

    From the watermark minus the overlap, 15 days ago at the first time, to now minus the log's latency. Once a day
    two days are read again, for rows that came later than the vendor says. A watermark of the future, which a wrong
    clock left, counts as now.
    """
    now_ms = round(clock.now() * 1000)
    until_ms = _whole(now_ms - LATENCY_SECONDS[warehouse.kind] * 1000)
    at_ms = _whole(now_ms - _FIRST_DAYS * _DAY_MS)
    if complete_until_ms is not None:
        overlap_ms = OVERLAP_SECONDS[warehouse.kind] * 1000
        if complete_until_ms // _DAY_MS != until_ms // _DAY_MS:
            overlap_ms = max(overlap_ms, 2 * _DAY_MS)
        at_ms = max(at_ms, _whole(min(complete_until_ms, until_ms) - overlap_ms))
    while at_ms < until_ms:
        end_ms = min(at_ms + _DAY_MS, until_ms)
        yield at_ms, end_ms
        at_ms = end_ms


def read_hours(
    warehouse: Warehouse,
    address: Address,
    span: tuple[int, int],
    interruptible: Callable[[Callable[[], None]], None] = lambda interrupt: None,
    run_queries: Counter[RunQuery] | None = None,
) -> Mapping[WarehouseKey, WarehouseSums]:
    """The sums of the hours of `span`, and in `run_queries` those of runs.

    Blocks, so call it in a thread; raises ProbeError, without a text or secret.
    """
    if address.dialect == "bigquery":
        address.url = address.url.update_query_dict({"maximum_bytes_billed": str(warehouse.max_bytes)})
    with reading(address, warehouse.timeout_seconds, interruptible) as connection:
        wanted = text(statement(warehouse, connection.dialect.name))
        options = {"stream_results": True, "max_row_buffer": _FETCHED_AT_ONCE}
        result = connection.execution_options(**options).execute(wanted, {"from_ms": span[0], "until_ms": span[1]})
        return sums_by_hour(map(log_row, result.yield_per(_FETCHED_AT_ONCE)), warehouse.prices, run_queries)


def log_row(row: Sequence[Any]) -> LogRow:
    """A row as the statements give it. Raises ProbeError for one without a time or an id, which a log does not have."""
    part, query_id, start_ms, end_ms, query_text, cache_hit, credits, bytes_billed, slot_ms, usd, equal_ms = row
    try:
        end = int(str(end_ms).partition(".")[0])
        return LogRow(
            "query" if part is None else str(part),
            str(query_id),
            end if start_ms is None else int(str(start_ms).partition(".")[0]),
            end,
            query_text if isinstance(query_text, str) else None,
            None if cache_hit is None else bool(cache_hit),
            credits,
            _integer(bytes_billed),
            _integer(slot_ms),
            usd,
            _integer(equal_ms),
        )
    except ValueError:
        raise ProbeError("a row of the query log has no number in start_ms, end_ms, bytes_billed or slot_ms") from None


def _integer(value: object) -> int | None:
    return None if value is None else int(str(value).partition(".")[0])


def _whole(at_ms: int) -> int:
    return at_ms - at_ms % HOUR_MS
