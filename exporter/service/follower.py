"""The thread that follows Hex: it owns the ledger, polls every workspace and builds the page after a change."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

import structlog

from exporter.clock import Clock, UnsteppedClock
from exporter.conditions import Conditions
from exporter.config import Config
from exporter.errors import LedgerError
from exporter.hexapi import Pace
from exporter.insight import Period
from exporter.ledger import Ledger
from exporter.metrics import (
    Collector,
    GatewayState,
    PageBuilder,
    Publisher,
    Status,
)
from exporter.polling import Poller, WorkspaceClock
from exporter.service.awaited_ledger import StoppedError, await_ledger, down_page
from exporter.service.lease_keeper import LeaseKeeper, Standing, make_keeper
from exporter.service.overview_page import OverviewPage
from exporter.service.owned_workspaces import OwnedWorkspaces
from exporter.service.page_pause import SHORTEST_PAUSE_SECONDS, pause_seconds
from exporter.service.page_states import PageStates
from exporter.service.workers import Assignment, Workers, ask_run
from exporter.triggers import RunAnswer, RunRequest
from exporter.view import Snapshot

_log = structlog.get_logger()

_OWN_METRICS_SECONDS = 10.0
_LOOK_SECONDS = 0.25
_ALIVE_SECONDS = 60.0
_LEDGER_RETRY_SECONDS = 10.0


class Follower:
    """Polls in a thread of its own, so that a scrape never waits for SQLite or for a page being built.

    `start` returns at once; `opened` says when the ledger is open, or why it is not, `showed` when the page first
    shows what the ledger knows, and `followed`, with the ledger, when every workspace that is followed has its pace.
    `assign` puts another configuration in force; `stop` ends the thread. By workspace, `gateways` return their state
    for the page, `budgets_used` is what the page shows of budgets, and `starters` have an open gateway start what a
    trigger wants. Where replicas share the ledger, `address` is where this one's gateway is reached, `leaving` ends
    what works on a workspace that another is to own, and `on_owners` are called when that may have changed.
    All may be used from any thread.
    """

    def __init__(
        self, assignment: Assignment, publisher: Publisher, overview: OverviewPage, status: Status, clock: Clock
    ) -> None:
        self.opened: Future[Ledger] = Future()
        self.showed: Future[None] = Future()
        self.followed: Future[Ledger] = Future()
        self.gateways: dict[str, Callable[[], GatewayState]] = {}
        self.budgets_used: dict[str, Mapping[str, tuple[Period, float]]] = {}
        self.starters: dict[str, Callable[[RunRequest], Future[RunAnswer]]] = {}
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
        self._stop = threading.Event()
        self._absent: str | None = None
        self._owned: OwnedWorkspaces | None = None
        self.address = ""
        self.leaving: dict[str, Callable[[], Future[None]]] = {}
        self.on_owners: list[Callable[[], None]] = []
        self._alive_at = time.monotonic()

    def start(self) -> None:
        """Begin to follow; until the ledger is open the page says that no workspace is up."""
        self._publisher.publish(down_page(self._assignment.tokens, self._status.current))
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
        self._stop.set()
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
            problem = self.opened.result().problem
            return True, "OK" if problem is None else f"OK, but the ledger is not as it should be: {problem}"
        return False, self._absent or "The ledger is being opened."

    @property
    def standing(self) -> Standing | None:
        """Who owns what, as last seen; None where this process is alone with its ledger."""
        return None if self._owned is None else self._owned.standing

    @property
    def replica(self) -> str | None:
        """What this replica is called, None where there is only one."""
        return None if self._owned is None else self._owned.name

    def owns(self, workspace: str) -> bool:
        """Whether this process follows the workspace now."""
        return workspace in self._workers

    @property
    def _workers(self) -> Mapping[str, Workers]:
        return {} if self._owned is None else self._owned.workers

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
        workers = self._workers.get(workspace)
        return workers is not None and await workers.monitor.look(key)

    def _poller_of(self, workspace: str) -> Poller:
        workers = self._workers.get(workspace)
        if workers is None:
            raise RuntimeError(f"{workspace}: not followed yet, or by another replica")
        return workers.poller

    def _wake(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    def _run(self) -> None:
        try:
            config = self._assignment.config
            ledger, keeper = await_ledger(
                config.storage.url,
                clock=self._ledger_clock,
                keep=lambda ledger: make_keeper(ledger, config, self.address, self._wake, lambda: self.health()[0]),
                on_absent=self._report_absent,
                stop=self._stop,
            )
        except StoppedError:
            self.opened.cancel()
            self.followed.cancel()
            return
        except LedgerError as error:
            self.opened.set_exception(error)
            self.followed.set_exception(error)
            return
        self._absent = None
        self._conditions.clear("open")
        if ledger.problem is not None:
            _log.error("The ledger is not as it should be", problem=ledger.problem)
        self.opened.set_result(ledger)
        try:
            asyncio.run(self._follow(ledger, keeper))
        finally:
            ledger.close()

    def _report_absent(self, problem: str) -> None:
        """Show on every page that the ledger is waited for."""
        self._conditions.report("open", "The ledger is waited for", level="error", reason=problem)
        self._absent = problem
        self._alive_at = time.monotonic()
        self._status.beat(round(self._clock.now() * 1000))
        self._overview.wait_for_ledger(problem)
        self._publisher.publish(down_page(self._assignment.tokens, self._status.current, is_absent=True))

    async def _follow(self, ledger: Ledger, keeper: LeaseKeeper | None) -> None:
        self._loop = asyncio.get_running_loop()
        owned = self._owned = OwnedWorkspaces(
            ledger, self.clock_of, keeper, self.leaving, self.on_owners, partial(ask_run, self.starters)
        )
        self._assume_skews(ledger)
        publishing = asyncio.ensure_future(self._publish(ledger, owned))
        # The first page comes before the clients, which take longer to make than it does.
        await asyncio.sleep(0)
        if keeper is not None:
            keeper.start()
        await self._begin(ledger, owned)
        while not self._stop.is_set():
            self._changed.clear()
            while self._wanted and not self._stop.is_set():
                await self._reload(owned, *self._wanted.popleft())
            if not self._stop.is_set():
                await owned.settle()
                await self._changed.wait()
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        await owned.end()

    def _assume_skews(self, ledger: Ledger) -> None:
        """Have the first page go by what was noted of the machine's clock; without it, by that clock."""
        for name in self._assignment.tokens:
            with suppress(LedgerError):
                if noted := ledger.workspace(name).noted_skew:
                    self.clock_of(name).assume(*noted)

    async def _begin(self, ledger: Ledger, owned: OwnedWorkspaces) -> None:
        """Follow the first assignment, as soon as the ledger can be read."""
        while not self._stop.is_set():
            self._changed.clear()
            try:
                await owned.put_in_force(self._assignment)
            except LedgerError as error:
                self._conditions.report("begin", "The ledger cannot be read", level="error", reason=str(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), _LEDGER_RETRY_SECONDS)
            else:
                self._conditions.clear("begin")
                self.followed.set_result(ledger)
                return

    async def _reload(self, owned: OwnedWorkspaces, assignment: Assignment, outcome: "Future[None]") -> None:
        """Put another assignment in force, or say why it cannot be: the one in force goes on then."""
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            await owned.put_in_force(assignment)
            self._assignment = assignment
        except Exception as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    async def _publish(self, ledger: Ledger, owned: OwnedWorkspaces) -> None:
        """Build the page after each change, though not more than a tenth of the time, and for its own metrics' sake."""
        collector = Collector(ledger, self._status)
        states = PageStates(ledger, self._status, owned, self.gateways, self.clock_of)
        builder = PageBuilder()
        while True:
            began, worked, workers = time.monotonic(), time.thread_time(), owned.workers
            self._alive_at = began
            version, config = ledger.version, self._assignment.config
            try:
                snapshots = self._build(ledger, states, collector, builder, config)
            except Exception:
                _log.exception("The page cannot be built; the last one stays")
                snapshots = None
            taken, worked = time.monotonic() - began, time.thread_time() - worked
            if snapshots is not None:
                if not self.showed.done():
                    self.showed.set_result(None)
                    # The template of the overview takes a while to load: the first scrape comes before it.
                    await self._clock.sleep(SHORTEST_PAUSE_SECONDS)
                self._overview.build(config, snapshots, states.reports, ledger.problem, self.standing)
            page = self._publisher.page
            if snapshots is not None:
                _log.debug("page_built", bytes=page.size(), series=page.series, milliseconds=round(taken * 1000))
                del snapshots  # large, and not needed until the next
            self._status.page_built(taken, page.series, page.duplicates)
            await self._pause(owned, workers, began + taken + pause_seconds(worked, taken))
            while (
                self._refreshed(ledger, owned) == version
                and self._assignment.config is config
                and time.monotonic() - began < _OWN_METRICS_SECONDS
            ):
                await self._clock.sleep(_LOOK_SECONDS)

    async def _pause(self, owned: OwnedWorkspaces, workers: Mapping[str, Workers], until: float) -> None:
        """Wait until then, or until another replica owns what was followed: whoever scrapes should see that soon."""
        while (left := until - time.monotonic()) > 0 and owned.workers is workers:
            await self._clock.sleep(min(left, _LOOK_SECONDS))

    def _moved(self) -> None:
        """Note that the loop does its work: fifty workspaces take longer than one that hangs may be silent."""
        self._alive_at = time.monotonic()

    def _refreshed(self, ledger: Ledger, owned: OwnedWorkspaces) -> int:
        """The version of the ledger, once what other replicas have written is read."""
        owned.refresh(self._moved)
        return ledger.version

    def _build(
        self, ledger: Ledger, states: PageStates, collector: Collector, builder: PageBuilder, config: Config
    ) -> Sequence[Snapshot]:
        """Publish the metrics; returns what they were made of."""
        now_ms = round(self._clock.now() * 1000)
        self._status.beat(now_ms)
        states.share()
        states.gather(config)
        for workspace in config.workspaces:
            # What cannot be released stays at 0; the ledger reports its own trouble.
            with suppress(LedgerError):
                if self.standing is None or self.owns(workspace.name):
                    ledger.workspace(workspace.name).release_holds(ledger.now_ms)
        clocks = {one.name: self.clock_of(one.name) for one in config.workspaces}
        skews_ms = {name: None if clock.is_doubtful else clock.ahead_ms for name, clock in clocks.items()}
        snapshots = []
        for one in collector.snapshots(config, now_ms, skews_ms):
            self._moved()
            snapshots.append(one)
        self._publisher.publish(builder.build(collector.families(snapshots)))
        for one in snapshots:
            self.budgets_used[one.name] = _used(one)
        return snapshots


def _used(snapshot: Snapshot) -> Mapping[str, tuple[Period, float]]:
    """What is known to be used of each budget in its period, by name."""
    accounts = snapshot.accounts
    known = () if accounts is None else accounts.budgets
    return {one.budget.name: (one.period, one.used) for one in known if one.used is not None}
