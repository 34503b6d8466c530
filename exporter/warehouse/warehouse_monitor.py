"""Reads the query log of each warehouse behind a workspace, on its own interval, and none waits for another."""

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog

from exporter.clock import Clock
from exporter.conditions import Conditions
from exporter.config import Config, Warehouse
from exporter.errors import LedgerError
from exporter.ledger import WarehouseKey, WarehouseSums, WorkspaceLedger
from exporter.sources import Address, Credential, ProbeError, WorkerThread
from exporter.warehouse.log_reading import read_hours, windows

_log = structlog.get_logger()

# The database's own timeout ends a statement first, where it has one.
_GRACE_SECONDS = 10.0


class WarehouseMonitor:
    """Records what the closed hours of each warehouse cost. For the event loop of the thread that writes the ledger.

    A log is read in a thread of its own; one whose driver hangs is left alone until it returns, and stops no other.
    """

    def __init__(
        self, workspace_name: str, config: Config, ledger: WorkspaceLedger, clock: Clock, environ: Mapping[str, str]
    ) -> None:
        self._warehouses = config.warehouses_of(workspace_name)
        self._ledger = ledger
        self._clock = clock
        self._environ = environ
        self._stuck: dict[str, WorkerThread[Mapping[WarehouseKey, WarehouseSums]]] = {}
        self._conditions = Conditions(_log.bind(workspace=workspace_name))

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.gather(*map(self._follow, self._warehouses))

    async def look(self, warehouse: Warehouse) -> None:
        """Read what is new of one log, and record it window by window: what is recorded stays, whatever follows."""
        name = warehouse.name
        try:
            known = self._ledger.warehouses.state(name)
            for span in windows(warehouse, known.complete_until_ms, self._clock):
                hours = await self._read(warehouse, span)
                now_ms = round(self._clock.now() * 1000)
                self._ledger.warehouses.replace(name, span, hours, now_ms, self._ledger.first_contact_ms)
            self._conditions.clear(name, "The warehouse's query log can be read again")
        except ProbeError as error:
            self._conditions.report(name, "The warehouse's query log cannot be read", warehouse=name, reason=str(error))
            self._ledger.warehouses.record_failure(name, str(error))

    async def _follow(self, warehouse: Warehouse) -> None:
        while True:
            try:
                await self.look(warehouse)
            except LedgerError as error:
                self._conditions.report(
                    "ledger", "Warehouse money cannot be recorded", level="error", reason=str(error)
                )
            except Exception as error:
                # Its text may hold what a driver was given.
                self._conditions.report(warehouse.name, "A warehouse's monitor failed", fault=type(error).__name__)
            await self._clock.sleep(warehouse.every_seconds)

    async def _read(self, warehouse: Warehouse, span: tuple[int, int]) -> Mapping[WarehouseKey, WarehouseSums]:
        before = self._stuck.get(warehouse.name)
        if before is not None and before.is_running:
            raise ProbeError("the driver still hangs in an earlier read")
        address = Address(Credential(self._environ, env=warehouse.url_env, file=warehouse.url_file).read())
        worker = WorkerThread(partial(read_hours, warehouse, address, span), "warehouse-log")
        self._stuck[warehouse.name] = worker
        try:
            hours = await worker.result(warehouse.timeout_seconds + _GRACE_SECONDS)
        except TimeoutError:
            raise ProbeError(f"no answer within {warehouse.timeout_seconds:g} s") from None
        if not hours and any(name == warehouse.name for name, _ in self._ledger.warehouses.between(*span)):
            # A view that lost its rows, or the right to them, is no proof that nothing was spent.
            raise ProbeError("the log lacks the rows of hours in which it had some: look at the view and its grants")
        return hours
