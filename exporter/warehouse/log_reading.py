"""One window of a warehouse's query log, read within a transaction that cannot write."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from exporter.clock import Clock
from exporter.config import Warehouse
from exporter.ledger import RunQuery, WarehouseKey, WarehouseSums
from exporter.sources import Address, reading
from exporter.warehouse.log_hours import HOUR_MS, MOST_KEPT, sums_by_hour
from exporter.warehouse.log_rows import LogRow, log_row
from exporter.warehouse.statements import ATTRIBUTION, LATENCY_SECONDS, OVERLAP_SECONDS, statement

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


class LogRead(NamedTuple):
    """What was read of a span: the sums of its hours, complete up to `until_ms`, and rows that cannot be read.

    `is_shared`: credits are a share of the hour's by execution time, since the view of what each cost is not granted.
    """

    hours: Mapping[WarehouseKey, WarehouseSums]
    run_queries: Mapping[RunQuery, int]
    until_ms: int
    unreadable: int = 0
    is_shared: bool = False


def read_hours(
    warehouse: Warehouse,
    address: Address,
    span: tuple[int, int],
    interruptible: Callable[[Callable[[], None]], None] = lambda interrupt: None,
    most: int = MOST_KEPT,
) -> LogRead:
    """The sums of the hours of `span`, or of the first of them where more than `most` would be held.

    Blocks, so call it in a thread; raises ProbeError, without a text or secret.
    """
    unreadable = 0

    def rows(result: Iterable[Sequence[Any]]) -> Iterator[LogRow]:
        nonlocal unreadable
        for row in map(log_row, result):
            if row is not None and span[0] <= row.end_ms < span[1]:
                yield row
            else:
                unreadable += 1

    if address.dialect == "bigquery":
        address.url = address.url.update_query_dict({"maximum_bytes_billed": str(warehouse.max_bytes)})
    with reading(address, warehouse.timeout_seconds, interruptible) as connection:
        is_shared = warehouse.kind == "snowflake" and warehouse.relation is None and not _has_attribution(connection)
        wanted = text(statement(warehouse, connection.dialect.name, has_attribution=not is_shared))
        options = {"stream_results": True, "max_row_buffer": _FETCHED_AT_ONCE}
        result = connection.execution_options(**options).execute(wanted, {"from_ms": span[0], "until_ms": span[1]})
        hours, run_queries, until_ms = sums_by_hour(rows(result.yield_per(_FETCHED_AT_ONCE)), warehouse.prices, most)
    return LogRead(hours, run_queries, span[1] if until_ms is None else until_ms, unreadable, is_shared)


def bytes_of_read(warehouse: Warehouse, address: Address, span: tuple[int, int]) -> int | None:
    """The bytes that reading `span` would process, by BigQuery's dry run, which is free; None for other databases.

    Blocks, so call it in a thread; raises ProbeError.
    """
    if address.dialect != "bigquery":
        return None
    address.url = address.url.update_query_dict({"dry_run": "true"})
    with reading(address, warehouse.timeout_seconds, lambda interrupt: None) as connection:
        sql = statement(warehouse, connection.dialect.name)
        for name, at_ms in zip((":from_ms", ":until_ms"), span, strict=True):
            sql = sql.replace(name, str(at_ms))
        # The dialect's own cursor does not give what a dry run says.
        client = getattr(connection.connection.driver_connection, "_client")  # noqa: B009
        return int(client.query(sql).total_bytes_processed)


def _has_attribution(connection: Connection) -> bool:
    try:
        connection.execute(text(ATTRIBUTION))
    except DBAPIError:
        return False
    return True


def _whole(at_ms: int) -> int:
    return at_ms - at_ms % HOUR_MS
