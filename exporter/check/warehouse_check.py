"""What `check` says of warehouses: whether the query log can be read, what looking costs, and which grants it needs."""

from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial

from exporter.clock import Clock
from exporter.config import Config, Warehouse
from exporter.sources import Address, Credential, ProbeError, WorkerThread
from exporter.warehouse import bytes_of_read, grants, read_hours, windows

_GRACE_SECONDS = 10.0
_WAKES = ("snowflake", "databricks")


async def warehouse_answers(
    config: Config, workspace_name: str, clock: Clock, environ: Mapping[str, str]
) -> AsyncIterator[tuple[bool, str]]:
    """What each query log answers for its last closed hour: whether it can be read, and sentences. Nothing is kept."""
    for warehouse in config.warehouses_of(workspace_name):
        worker = WorkerThread(partial(_answers, warehouse, clock, environ), "warehouse-check")
        try:
            answers = await worker.result(2 * warehouse.timeout_seconds + _GRACE_SECONDS)
        except TimeoutError:
            answers = [(False, f"warehouse {warehouse.name}: no answer within {2 * warehouse.timeout_seconds:g} s")]
        for answer in answers:
            yield answer
        if warehouse.kind in _WAKES:
            said = f"a look every {warehouse.every_seconds:g} s wakes a warehouse that is suspended, which is billed"
            yield True, f"warehouse {warehouse.name}: {said}"
        if warehouse.kind == "bigquery":
            yield True, f"warehouse {warehouse.name}: one look bills at most {warehouse.max_bytes:,} bytes (max_bytes)"


def warehouse_grants(config: Config, workspace_name: str) -> Iterator[str]:
    """The statements that an administrator runs so that each query log can be read."""
    for warehouse in config.warehouses_of(workspace_name):
        for line in grants(warehouse):
            yield f"warehouse {warehouse.name} needs: {line}"


def _answers(warehouse: Warehouse, clock: Clock, environ: Mapping[str, str]) -> list[tuple[bool, str]]:
    *_, span = windows(warehouse, None, clock)
    found: list[tuple[bool, str]] = []
    try:
        secret = Credential(environ, env=warehouse.url_env, file=warehouse.url_file).read()
        # Beforehand: it costs nothing to ask.
        processed = bytes_of_read(warehouse, Address(secret), span)
        if processed is not None:
            is_within = processed <= warehouse.max_bytes
            said = f"a read of its newest day processes {processed:,} bytes, by a dry run"
            said += "" if is_within else f", above max_bytes ({warehouse.max_bytes:,}): it will be refused"
            found.append((is_within, f"warehouse {warehouse.name}: {said}"))
        found.append(_answer(warehouse, Address(secret), span, clock))
    except ProbeError as error:
        found.append((False, f"warehouse {warehouse.name}: its query log cannot be read: {error}"))
    return found


def _answer(warehouse: Warehouse, address: Address, span: tuple[int, int], clock: Clock) -> tuple[bool, str]:
    """Raises ProbeError."""
    began = clock.monotonic()
    found = read_hours(warehouse, address, (span[1] - 3_600_000, span[1]))
    hours = found.hours
    queries = sum(one.queries for one in hours.values())
    unread = sum(one.queries for key, one in hours.items() if key.part == "unattributed")
    unpriced = sum(one.unpriced for one in hours.values())
    said = f"{queries} queries of Hex in its last closed hour, {unread} unattributed, {unpriced} without a price"
    said += f", {found.unreadable} rows that cannot be read" if found.unreadable else ""
    if not queries:
        said += "; if Hex was at work then, look at the grants: some vendors show each user only its own queries"
    if found.is_shared:
        said += "; credits by execution time, hour by hour, since QUERY_ATTRIBUTION_HISTORY is not granted"
    return True, f"warehouse {warehouse.name}: {said} (read in {clock.monotonic() - began:.2f} s)"
