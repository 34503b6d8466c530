"""What `check` says of warehouses: whether the query log can be read, what looking costs, and which grants it needs."""

from collections.abc import Iterator, Mapping

from exporter.clock import Clock
from exporter.config import Config, Warehouse
from exporter.sources import Address, Credential, ProbeError
from exporter.warehouse import grants, read_hours, windows

_WAKES = ("snowflake", "databricks")


def warehouse_answers(
    config: Config, workspace_name: str, clock: Clock, environ: Mapping[str, str]
) -> Iterator[tuple[bool, str]]:
    """What each query log answers for its last closed hour: whether it can be read, and sentences. Nothing is kept."""
    for warehouse in config.warehouses_of(workspace_name):
        yield _answer(warehouse, clock, environ)
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


def _answer(warehouse: Warehouse, clock: Clock, environ: Mapping[str, str]) -> tuple[bool, str]:
    *_, span = windows(warehouse, None, clock)
    began = clock.monotonic()
    try:
        address = Address(Credential(environ, env=warehouse.url_env, file=warehouse.url_file).read())
        found = read_hours(warehouse, address, (span[1] - 3_600_000, span[1]))
    except ProbeError as error:
        return False, f"warehouse {warehouse.name}: its query log cannot be read: {error}"
    hours = found.hours
    queries = sum(one.queries for one in hours.values())
    unread = sum(one.queries for key, one in hours.items() if key.part == "unattributed")
    unpriced = sum(one.unpriced for one in hours.values())
    said = f"{queries} queries of Hex in its last closed hour, {unread} unattributed, {unpriced} without a price"
    said += f", {found.unreadable} rows that cannot be read" if found.unreadable else ""
    return True, f"warehouse {warehouse.name}: {said} (read in {clock.monotonic() - began:.2f} s)"
