"""Reads the query log of each warehouse behind a workspace, on its own interval, and none waits for another."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial

import structlog

from exporter.clock import Clock
from exporter.conditions import Conditions
from exporter.config import Config, Warehouse, matches_glob
from exporter.errors import LedgerError
from exporter.facts import ProjectVersion, Run
from exporter.ledger import WorkspaceLedger
from exporter.sources import Address, Credential, ProbeError, WorkerThread
from exporter.view import awaited, complete_until_ms, polled
from exporter.warehouse.log_hours import HOUR_MS
from exporter.warehouse.log_reading import LogRead, read_hours, windows
from exporter.warehouse.run_join import Cells, RunCells, cells_of, join

_log = structlog.get_logger()

# The database's own timeout ends a statement first, where it has one.
_GRACE_SECONDS = 10.0

DAY_MS = 24 * HOUR_MS
KEEP_MS = 8 * DAY_MS
"""How far back sums over days are kept that do not come from runs."""

LATE_MS = 3 * HOUR_MS
"""How long after the end of a log late rows may come, before queries are joined to runs."""


class WarehouseMonitor:
    """Records what the closed hours of each warehouse cost. For the event loop of the thread that writes the ledger.

    A log is read in a thread of its own; one whose driver hangs is left alone until it returns, and stops no other.
    """

    def __init__(
        self, workspace_name: str, config: Config, ledger: WorkspaceLedger, clock: Clock, environ: Mapping[str, str]
    ) -> None:
        self._config = config
        self._warehouses = config.warehouses_of(workspace_name)
        self._ledger = ledger
        self._clock = clock
        self._environ = environ
        self._stuck: dict[str, WorkerThread[LogRead]] = {}
        self._conditions = Conditions(_log.bind(workspace=workspace_name))

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.gather(*map(self._follow, self._warehouses))

    async def look(self, warehouse: Warehouse) -> None:
        """Read what is new of one log, and record it window by window: what is recorded stays, whatever follows."""
        name = warehouse.name
        try:
            self._counted_from_ms([warehouse], round(self._clock.now() * 1000))
            await self._read_new(warehouse)
            self._join()
            self._conditions.clear(name, "The warehouse's query log can be read again")
        except ProbeError as error:
            self._conditions.report(name, "The warehouse's query log cannot be read", warehouse=name, reason=str(error))
            self._ledger.warehouses.record_failure(name, str(error))

    async def _read_new(self, warehouse: Warehouse) -> None:
        """Raises ProbeError."""
        is_lost = False
        for span in windows(warehouse, self._ledger.warehouses.state(warehouse.name).complete_until_ms, self._clock):
            is_lost = await self._record(warehouse, span, is_lost=is_lost)
        if is_lost:
            # A view that lost its rows, or the right to them, is no proof that nothing was spent.
            raise ProbeError("the log lacks the rows of hours that had some: look at the view and its grants")

    async def _record(self, warehouse: Warehouse, span: tuple[int, int], *, is_lost: bool) -> bool:
        """Read and record a window, in pieces where it has much; whether rows are gone and none came after them.

        Such hours stay as they are known: a log that keeps a day has lost what is read again, and goes on.
        """
        name, (at_ms, end_ms) = warehouse.name, span
        while at_ms < end_ms:
            found = await self._read(warehouse, (at_ms, end_ms))
            is_lost = not found.hours and (is_lost or self._has_hours(name, (at_ms, end_ms)))
            if not is_lost:
                now_ms, read = round(self._clock.now() * 1000), (at_ms, found.until_ms)
                counted_ms = self._counted_from_ms([warehouse], now_ms)
                self._ledger.warehouses.replace(name, read, found.hours, now_ms, counted_ms, found.run_queries)
            self._report_unreadable(name, found.unreadable)
            at_ms = found.until_ms
        return is_lost

    def _counted_from_ms(self, warehouses: Iterable[Warehouse], now_ms: int) -> int | None:
        """Since when counters count: first contact, or the first look at a log that was configured later."""
        contact_ms = self._ledger.first_contact_ms
        began_ms = [self._ledger.warehouses.begin(one.name, now_ms) for one in warehouses]
        return None if contact_ms is None else max(contact_ms, *began_ms)

    def _has_hours(self, name: str, span: tuple[int, int]) -> bool:
        return any(one == name for one, _ in self._ledger.warehouses.between(*span))

    def _report_unreadable(self, name: str, rows: int) -> None:
        key = f"{name} rows"
        if rows:
            said = "Rows of a warehouse's query log have no part, no end or one of another hour, and are left out"
            self._conditions.report(key, said, warehouse=name, rows=rows)
        else:
            self._conditions.clear(key, "All rows of the warehouse's query log can be read")

    def _join(self) -> None:
        """Join the queries of closed days to runs, once the logs of all warehouses and all runs are known so far."""
        known, now_ms = self._ledger.warehouses, round(self._clock.now() * 1000)
        states = [known.state(one.name) for one in self._warehouses]
        projects = awaited(polled(self._ledger, self._config))
        contact_ms = self._ledger.first_contact_ms
        bounds = [*(one.complete_until_ms for one in states), complete_until_ms(projects, contact_ms)]
        logs = [one.complete_since_ms for one in states]
        counted_ms = self._counted_from_ms(self._warehouses, now_ms)
        if None in bounds or None in logs or counted_ms is None:
            return
        if self._awaits_exports(now_ms):
            return
        # Late rows are in a log by then, and what a run sent before the log begins is not.
        until_ms = min(one for one in bounds if one is not None) - LATE_MS
        since_ms = known.joined_until_ms
        if since_ms is None:
            since_ms = max(now_ms - KEEP_MS, *(one for one in logs if one is not None))
        while since_ms < until_ms:
            span = since_ms, min(until_ms, since_ms + DAY_MS)
            queries = known.run_queries(span[0] - DAY_MS, span[1] + HOUR_MS)
            runs = self._ledger.runs_between(span[0] - DAY_MS, span[1])
            known.record_join(span[1], join(queries, runs, self._cells(), span), now_ms, counted_ms)
            since_ms = span[1]

    def _awaits_exports(self, now_ms: int) -> bool:
        """Whether the cells of projects are still being read: a run is judged once."""
        contact_ms, refused = self._ledger.first_contact_ms, self._ledger.collectors().get("export")
        is_first_day = contact_ms is not None and now_ms < contact_ms + DAY_MS
        if not is_first_day or not self._config.collect.exports or (refused and refused.refusal_status is not None):
            return False
        projects = polled(self._ledger, self._config)
        return any(
            one.project.state == "published" and not self._ledger.versions.of(one.project.project_id)
            for one in projects
        )

    def _cells(self) -> Cells:
        versions, connections = self._ledger.versions, self._ledger.listing("connections")
        names = {} if connections is None else {one.connection_id: one.name for one in connections.items}
        patterns = [pattern for one in self._warehouses for pattern in one.connections or ("*",)]

        def is_watched(connection_id: str) -> bool:
            name = names.get(connection_id, "")
            return any(matches_glob(pattern, name) for pattern in patterns)

        def component(project_id: str) -> ProjectVersion | None:
            found = max(versions.of(project_id).values(), key=lambda one: one.published_ms or 0, default=None)
            return None if found is None else found.facts

        def cells(run: Run) -> RunCells | str:
            found = versions.of(run.project_id).get(run.version or "")
            return cells_of(None if found is None else found.facts, component, is_watched)

        return cells

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

    async def _read(self, warehouse: Warehouse, span: tuple[int, int]) -> LogRead:
        before = self._stuck.get(warehouse.name)
        if before is not None and before.is_running:
            raise ProbeError("the driver still hangs in an earlier read")
        address = Address(Credential(self._environ, env=warehouse.url_env, file=warehouse.url_file).read())
        worker = WorkerThread(partial(read_hours, warehouse, address, span), "warehouse-log")
        self._stuck[warehouse.name] = worker
        try:
            return await worker.result(warehouse.timeout_seconds + _GRACE_SECONDS)
        except TimeoutError:
            raise ProbeError(f"no answer within {warehouse.timeout_seconds:g} s") from None
