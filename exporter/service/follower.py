"""The thread that follows Hex: it owns the ledger, polls every workspace and builds the page after a change."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress

import structlog

from exporter.clock import Clock, UnsteppedClock
from exporter.conditions import Conditions
from exporter.config import Config
from exporter.errors import LedgerError
from exporter.hexapi import Pace
from exporter.ledger import Ledger, open_ledger
from exporter.metrics import (
    METRICS,
    Collector,
    Family,
    GatewayState,
    PageBuilder,
    Publisher,
    Status,
    build_page,
    exporter_families,
)
from exporter.polling import Poller, PollReport, WorkspaceClock
from exporter.service.overview_page import OverviewPage
from exporter.service.workers import Assignment, Workers, make_workers
from exporter.view import Snapshot

_log = structlog.get_logger()

_OWN_METRICS_SECONDS = 10.0
_SHORTEST_PAUSE_SECONDS = 1.0
_PAUSE_PER_BUILD_SECOND = 10
_LOOK_SECONDS = 0.25
_ALIVE_SECONDS = 60.0
_LEDGER_RETRY_SECONDS = 10.0


class Follower:
    """Polls in a thread of its own, so that a scrape never waits for SQLite or for a page being built.

    `start` returns at once; `opened` says when the ledger is open, or why it is not, `showed` when the page first
    shows what the ledger knows, and `followed`, with the ledger, when every workspace has its pace. `assign` puts
    another configuration in force; `stop` ends the thread. `gateways` return their state, by workspace, for the page.
    All may be used from any thread.
    """

    def __init__(
        self, assignment: Assignment, publisher: Publisher, overview: OverviewPage, status: Status, clock: Clock
    ) -> None:
        self.opened: Future[Ledger] = Future()
        self.showed: Future[None] = Future()
        self.followed: Future[Ledger] = Future()
        self.gateways: dict[str, Callable[[], GatewayState]] = {}
        self._assignment = assignment
        self._wanted: deque[tuple[Assignment, Future[None]]] = deque()
        self._publisher = publisher
        self._overview = overview
        self._status = status
        self._clock = clock
        self._ledger_clock = UnsteppedClock(clock)
        self._clocks: dict[str, WorkspaceClock] = {}
        self._conditions = Conditions(_log)
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._stopping = False
        self._workers = Workers()
        self._alive_at = time.monotonic()

    def start(self) -> None:
        """Begin to follow; until the ledger is open the page says that no workspace is up."""
        ups = [((name,), 0) for name in self._assignment.tokens]
        self._publisher.publish(build_page([Family(METRICS["hex_up"], ups), *exporter_families(self._status.current)]))
        self._thread.start()

    def assign(self, assignment: Assignment) -> Future[None]:
        """Follow this from now on; what is under way for the configuration in force is dropped.

        The result comes once the assignment is in force, an error if it cannot be: the one in force then stays. It may
        be cancelled as long as it has not begun.
        """
        outcome: Future[None] = Future()
        self._wanted.append((assignment, outcome))
        self._wake()
        return outcome

    def stop(self, timeout_seconds: float) -> None:
        """End the thread; returns when it has ended or the time is up. What is committed stays."""
        self._stopping = True
        self._wake()
        self._thread.join(timeout_seconds)
        for _, outcome in self._wanted:
            outcome.cancel()

    def health(self) -> tuple[bool, str]:
        """Whether the thread is alive and its loop goes round; Hex has no part in it."""
        if not self._thread.is_alive():
            return False, "The polling thread has ended."
        quiet = time.monotonic() - self._alive_at
        if quiet > _ALIVE_SECONDS:
            return False, f"The polling loop has not moved for {quiet:.0f} seconds."
        return True, "OK"

    def ready(self) -> tuple[bool, str]:
        """Whether the page shows what the ledger knows."""
        if self.showed.done():
            return True, "OK"
        return False, "The ledger is being opened."

    def reports(self) -> dict[str, PollReport]:
        """How the loop of each workspace is doing."""
        return {poller.workspace: poller.report for poller in self._workers.pollers}

    def pace(self, workspace: str) -> Pace:
        """What every request to the workspace waits for at this moment; RuntimeError before it is followed."""
        return self._poller_of(workspace).pace

    def expect_run(self, workspace: str, project_id: str) -> None:
        """Have a project read when a run of it should have ended that has just been started by other means."""
        self._poller_of(workspace).expect_run(project_id)

    def clock_of(self, workspace: str) -> WorkspaceClock:
        """What everything about the workspace goes by; it stays the same whatever is read again."""
        return self._clocks.setdefault(workspace, WorkspaceClock(self._clock))

    def probe_source(self, workspace: str, key: str) -> "Future[bool]":
        """Probe a source of the workspace now; whether that found its state, which is recorded by then."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(self._probe_source(workspace, key), self._loop)

    async def _probe_source(self, workspace: str, key: str) -> bool:
        for monitor in self._workers.monitors:
            if monitor.workspace == workspace:
                return await monitor.look(key)
        return False

    def _poller_of(self, workspace: str) -> Poller:
        for poller in self._workers.pollers:
            if poller.workspace == workspace:
                return poller
        raise RuntimeError(f"{workspace}: not followed yet")

    def _wake(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    def _run(self) -> None:
        try:
            ledger = open_ledger(self._assignment.config.storage.url, clock=self._ledger_clock)
        except LedgerError as error:
            self.opened.set_exception(error)
            self.followed.set_exception(error)
            return
        if ledger.problem is not None:
            _log.error("The ledger is not as it should be", problem=ledger.problem)
        self.opened.set_result(ledger)
        try:
            asyncio.run(self._follow(ledger))
        finally:
            ledger.close()

    async def _follow(self, ledger: Ledger) -> None:
        self._loop = asyncio.get_running_loop()
        self._assume_skews(ledger)
        publishing = asyncio.ensure_future(self._publish(ledger))
        # The first page comes before the clients, which take longer to make than it does.
        await asyncio.sleep(0)
        await self._begin(ledger)
        while not self._stopping:
            self._changed.clear()
            while self._wanted and not self._stopping:
                await self._reload(ledger, *self._wanted.popleft())
            await self._changed.wait()
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        await self._workers.end()

    def _assume_skews(self, ledger: Ledger) -> None:
        """Have the first page go by what was noted of the machine's clock; without it, by that clock."""
        for name in self._assignment.tokens:
            with suppress(LedgerError):
                if noted := ledger.workspace(name).noted_skew:
                    self.clock_of(name).assume(*noted)

    async def _begin(self, ledger: Ledger) -> None:
        """Follow the first assignment, as soon as the ledger can be read."""
        while not self._stopping:
            self._changed.clear()
            try:
                await self._put_in_force(self._assignment, ledger)
            except LedgerError as error:
                self._conditions.report("begin", "The ledger cannot be read", level="error", reason=str(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), _LEDGER_RETRY_SECONDS)
            else:
                self._conditions.clear("begin")
                self.followed.set_result(ledger)
                return

    async def _reload(self, ledger: Ledger, assignment: Assignment, outcome: "Future[None]") -> None:
        """Put another assignment in force, or say why it cannot be: the one in force goes on then."""
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            await self._put_in_force(assignment, ledger)
        except Exception as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    async def _put_in_force(self, assignment: Assignment, ledger: Ledger) -> None:
        """Replace the workers by those of this assignment; nothing has changed if they cannot be made."""
        made = make_workers(assignment, ledger, self.clock_of)
        # The new pace is in force at once: requests for others are counted by it from here on.
        replaced, self._workers, self._assignment = self._workers, made, assignment
        made.begin()
        try:
            await replaced.end()
        except Exception:
            _log.exception("A connection of the configuration before cannot be closed")

    async def _publish(self, ledger: Ledger) -> None:
        """Build the page after each change, though not more than a tenth of the time, and for its own metrics' sake."""
        collector = Collector(ledger, self._status)
        builder = PageBuilder()
        while True:
            began = time.monotonic()
            self._alive_at = began
            version, config = ledger.version, self._assignment.config
            try:
                snapshots = self._build(ledger, collector, builder, config)
            except Exception:
                _log.exception("The page cannot be built; the last one stays")
                snapshots = None
            taken = time.monotonic() - began
            if snapshots is not None:
                self._report_built(taken)
                if not self.showed.done():
                    self.showed.set_result(None)
                    # The template of the overview takes a while to load: the first scrape comes before it.
                    await self._clock.sleep(_SHORTEST_PAUSE_SECONDS)
                self._overview.build(config, snapshots, self.reports(), ledger.problem)
                del snapshots  # large, and not needed until the next
            page = self._publisher.page
            self._status.page_built(taken, page.series, page.duplicates)
            await self._clock.sleep(max(_SHORTEST_PAUSE_SECONDS, _PAUSE_PER_BUILD_SECOND * taken))
            while (
                ledger.version == version
                and self._assignment.config is config
                and time.monotonic() - began < _OWN_METRICS_SECONDS
            ):
                await self._clock.sleep(_LOOK_SECONDS)

    def _skew_ms(self, workspace: str) -> int | None:
        clock = self.clock_of(workspace)
        return None if clock.is_doubtful else clock.ahead_ms

    def _report_built(self, seconds: float) -> None:
        page = self._publisher.page
        size = len(page.body(openmetrics=False, gzip=False))
        _log.debug("page_built", bytes=size, series=page.series, milliseconds=round(seconds * 1000))

    def _build(self, ledger: Ledger, collector: Collector, builder: PageBuilder, config: Config) -> Sequence[Snapshot]:
        """Publish the metrics; returns what they were made of."""
        now_ms = round(self._clock.now() * 1000)
        self._status.beat(now_ms)
        for name, report in self.reports().items():
            self._status.update(
                name,
                planned_requests_per_hour=report.planned_requests_per_hour,
                allowed_requests_per_hour=report.allowed_requests_per_hour,
                overdue_projects=report.overdue_projects,
                clock_skew_seconds=report.clock_skew_seconds,
            )
        for auditor in self._workers.auditors:
            self._status.update(auditor.workspace, audit=auditor.audit)
        for name, state in list(self.gateways.items()):
            self._status.update(name, gateway=state())
        for workspace in config.workspaces:
            # What cannot be released stays at 0; the ledger reports its own trouble.
            with suppress(LedgerError):
                ledger.workspace(workspace.name).release_holds(round(self._ledger_clock.now() * 1000))
        skews_ms = {one.name: self._skew_ms(one.name) for one in config.workspaces}
        snapshots = list(collector.snapshots(config, now_ms, skews_ms))
        self._publisher.publish(builder.build(collector.families(snapshots)))
        return snapshots
