"""The loop of one workspace: plan, ask, put what came into the ledger, and again; it never ends by itself."""

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace

import httpx
import structlog

from exporter.conditions import Conditions
from exporter.config import Config, Workspace
from exporter.errors import ApiError, LedgerError, RateLimitedError, RefusedError, UnauthorizedError
from exporter.hexapi import ApiRequest, Endpoint, Exchange, HexClient, Pace, Page, TokenSource
from exporter.insight import previous_week_bounds, week_bounds
from exporter.ledger import WorkspaceLedger
from exporter.polling.agreed_clock import DATE_STEP_MS, TOLERATED_MS
from exporter.polling.availability import Availability
from exporter.polling.bad_items import BadItems
from exporter.polling.due_times import HOUR_MS
from exporter.polling.export_files import ExportFiles
from exporter.polling.housekeeping import Housekeeper
from exporter.polling.planner import Idle, PlannedRequest, plan
from exporter.polling.poll_report import PollReport
from exporter.polling.problems import problems_of
from exporter.polling.readers import Readers
from exporter.polling.token_lock import TokenLock
from exporter.polling.unknown_parameters import read_unknown, write_unknown
from exporter.polling.workspace_clock import WorkspaceClock

_log = structlog.get_logger()

_LEDGER_RETRY_SECONDS = 10.0
_IDLE_LONGEST_SECONDS = 60.0
_NOTE_SECONDS = 600.0
_TIME_LOOK_SECONDS = 2.5  # a time is agreed by a few answers over a few seconds
_MOST_STARTED_RUNS = 1000  # a gateway that starts more between two steps has its projects read in their turn

_LEDGER, _LOOP, _TOKEN, _TIME = "ledger", "loop", "token", "time"
_EVENTS = {
    _LEDGER: "The ledger cannot be used",
    _LOOP: "The polling loop stumbled",
    _TOKEN: "Hex does not accept the token",
    _TIME: "Hex's answers are dated as they cannot be",
}
_UNFOLLOWED = frozenset({Endpoint.PROJECTS.value, _LEDGER, _LOOP, _TOKEN})
"""The conditions that keep the whole workspace from being followed."""


class Poller:
    """Follows one workspace: `step` does one request at the most and says how long to wait, `run` does so until ended.

    It begins with what the ledger knows: `load` reads that, else the first step does. Runs in one thread; `report` and
    `pace` may be read, and `expect_run` called, from any.
    """

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        token: TokenSource,
        ledger: WorkspaceLedger,
        *,
        clock: WorkspaceClock,
        rng: random.Random,
        transport: httpx.AsyncBaseTransport | None = None,
        may_send: Callable[[], float] | None = None,
    ) -> None:
        """Neither reads the ledger nor connects to Hex."""
        self.workspace = workspace.name
        self._log = _log.bind(workspace=workspace.name)
        self._ledger = ledger
        self._config = config
        self._week = config.week(workspace.name)
        self._clock = clock
        limit = workspace.rate_limit
        self.pace = Pace(
            per_minute=limit.per_minute,
            per_hour=limit.per_hour,
            share=limit.share,
            clock=clock,
            rng=rng,
            on_cool_down=self._on_cool_down,
            may_send=may_send,
        )
        self._client = HexClient(
            base_url=workspace.base_url,
            token=token,
            pace=self.pace,
            clock=clock,
            observe=self._observe,
            workspace=workspace.name,
            route=workspace,
            transport=transport,
            on_unknown=self._on_unknown,
        )
        self._conditions = Conditions(self._log)
        self._availability = Availability(ledger, self._conditions, rng, config.collect.refused_share)
        self._readers = Readers(ledger, config, self._availability, self.pace.allowed_per_hour)
        self._export_files = ExportFiles(ledger, config.exports.paths, clock)
        self._token_lock = TokenLock(token, rng)
        self._bad_items = BadItems(ledger, self._log)
        self._housekeeper = Housekeeper(ledger, config.storage.keep_runs_seconds, clock, self._conditions)
        self._started_runs: deque[tuple[str, float]] = deque(maxlen=_MOST_STARTED_RUNS)
        self._took_seconds = 0.0
        self._next_look = 0.0
        self._noted: tuple[int, float] | None = None
        self._figures = PollReport()
        self._turn = 0
        self._is_begun = False
        self._is_loaded = False
        ledger.when_lost(self._forget)

    @property
    def report(self) -> PollReport:
        """How the loop is doing, as of its last step."""
        conditions = self._conditions.current
        return replace(
            self._figures,
            clock_skew_seconds=self._clock.skew_seconds,
            is_followed=_UNFOLLOWED.isdisjoint(conditions),
            problems=problems_of(conditions),
        )

    def load(self) -> None:
        """Begin with what the ledger knows. Raises LedgerError; the poller is then as before and may load again."""
        now_ms = self._clock.now_ms()
        since_ms = now_ms - HOUR_MS
        requests = self._ledger.requests_by_minute(since_ms), self._ledger.caller_requests_by_minute(since_ms)
        self._readers.load(now_ms)
        self.pace.restore(self._ledger.cool_down_until_ms or 0, *requests)
        self._client.leave_out(read_unknown(self._ledger, now_ms))
        self._is_begun = self._is_loaded = True

    def _forget(self) -> None:
        """What is remembered follows from a ledger that is lost: begin again with the one in its place."""
        self._is_loaded = False

    async def aclose(self) -> None:
        """Close the connections to Hex."""
        self._export_files.aclose()
        await self._client.aclose()

    def expect_run(self, project_id: str) -> None:
        """A run of this project has been started, by a gateway say: look at it when that should have ended.

        From any thread. It costs one request at the most; what that shows in progress is then followed to its end, as
        any active run is.
        """
        self._started_runs.append((project_id, self._clock.monotonic()))

    async def run(self) -> None:
        """Step until cancelled. A fault of this program is logged and the loop goes on."""
        while True:
            try:
                wait_seconds = await self.step()
            except Exception as error:
                self._report(_LOOP, f"{type(error).__name__}: {error}", exc_info=True)
                wait_seconds = _LEDGER_RETRY_SECONDS
            await self._clock.sleep(wait_seconds)

    async def step(self) -> float:
        """Send at most one request and record its answer; seconds until another step is worth it."""
        try:
            if not self._is_begun:
                self.load()
            elif not self._is_loaded:
                self._readers.load(self._clock.now_ms())
                self._is_loaded = True
            await self._export_files.look()
            if by_ms := self._clock.follow_machine():
                self._begin_again(by_ms)
            return await self._step(self._clock.now_ms())
        except LedgerError as error:
            self._forget()  # what was read moves only when it is written
            self._report(_LEDGER, str(error))
            return _LEDGER_RETRY_SECONDS
        except Exception:
            self._forget()
            raise

    async def _step(self, now_ms: int) -> float:
        wait_seconds = (
            self._token_lock.wait_seconds(now_ms)
            or self.pace.wait_seconds()
            or max(0.0, self._next_look - self._clock.monotonic())
        )
        if wait_seconds > 0:
            return wait_seconds
        self._housekeeper.prune_if_due()
        planned = self._plan(now_ms)
        if isinstance(planned, Idle):
            return min((planned.until_ms - now_ms) / 1000, _IDLE_LONGEST_SECONDS)
        request = planned.request
        self._log.debug(
            "poll_planned",
            endpoint=request.endpoint.value,
            project_id=request.project_id,
            reason=planned.reason.value,
        )
        self._turn += 1
        await self._exchange(request, now_ms)
        self._conditions.clear(_LEDGER)
        self._conditions.clear(_LOOP)
        return 0.0

    def _plan(self, now_ms: int) -> PlannedRequest | Idle:
        while self._started_runs:
            project_id, moment = self._started_runs.popleft()
            self._readers.expect_run(project_id, now_ms - round((self._clock.monotonic() - moment) * 1000))
        if preferred := self._readers.plan_preferred_export(now_ms):
            return preferred
        projects = self._readers.project_outlooks(now_ms)
        self._figures = self._readers.figures(projects, now_ms)
        week, _ = week_bounds(now_ms, self._week.timezone, self._week.starts)
        last_week, _ = previous_week_bounds(now_ms, self._week.timezone, self._week.starts)
        planned = plan(
            self._readers.listing_outlooks(now_ms),
            projects,
            now_ms=now_ms,
            weeks_ms=(week, last_week),
            turn=self._turn,
            runs_paused_until_ms=self._availability.endpoint_until_ms(Endpoint.RUNS, now_ms),
            next_turn_ms=self._readers.next_turn_ms(now_ms),
            next_past_ms=self._readers.next_past_ms(now_ms),
        )
        if isinstance(planned, PlannedRequest):
            return planned
        detail = self._readers.plan_detail(projects, now_ms)
        request = detail or self._readers.plan_export(last_week, now_ms)
        return request or Idle(max(now_ms + 1, min(planned.until_ms, self._readers.export_wake_ms(now_ms))))

    async def _exchange(self, request: ApiRequest, now_ms: int) -> None:
        self._readers.sent(request, now_ms)
        outcome: Page | ApiError
        try:
            outcome = await self._client.fetch(request)
        except ApiError as error:
            outcome = error
        with self._ledger.turn():
            if self._is_loaded:  # else the ledger was lost while the request was under way
                self._settle(request, outcome, now_ms)

    def _settle(self, request: ApiRequest, outcome: Page | ApiError, now_ms: int) -> None:
        match outcome:
            case RateLimitedError():
                wait_seconds = round(self.pace.wait_seconds())
                self._log.info("Hex asks to wait", endpoint=request.endpoint.value, seconds=wait_seconds)
                self._log.debug("The answer was", reason=str(outcome))
            case UnauthorizedError() if request.endpoint is Endpoint.EXPORT and outcome.status is not None:
                # Whether it is the token that is not accepted shows the next request of another kind.
                self._readers.refused(request, outcome, now_ms)
            case UnauthorizedError():
                self._rejected(request, outcome, now_ms)
            case RefusedError():
                self._readers.refused(request, outcome, now_ms)
            case ApiError():
                self._readers.failed(request, outcome, now_ms)
            case Page():
                self._take(outcome)

    def _take(self, page: Page) -> None:
        if not self._is_time_agreed(page):
            return
        now_ms = self._clock.now_ms()
        requested_ms = now_ms - round(self._took_seconds * 1000)
        # What Hex shows may be as old as its clock is uncertain: a run that ended in between belongs to the next read.
        sent_ms = requested_ms - DATE_STEP_MS
        self._ledger.first_contact(requested_ms)
        self._bad_items.take(page, now_ms)
        self._token_lock.accepted()
        self._conditions.clear(_TOKEN)
        self._readers.take(page, sent_ms, now_ms)

    def _is_time_agreed(self, page: Page) -> bool:
        """Whether the page can be placed in time. A page that cannot is requested again and changes nothing."""
        was_agreed = self._clock.is_agreed
        stepped_ms = self._clock.observe(page.server_ms, page.newest_ms, self._took_seconds)
        if not self._clock.is_agreed:
            self._next_look = self._clock.monotonic() + _TIME_LOOK_SECONDS
            return False
        dispute = self._clock.dispute_seconds
        if dispute is None:
            self._conditions.clear(_TIME)
        else:
            self._report(_TIME, f"{dispute:+.0f} seconds from the time that answers before them agreed on")
        is_to_begin_again = stepped_ms != 0
        if stepped_ms or not was_agreed:
            is_to_begin_again |= self._ledger.disbelieve_after(self._clock.now_ms() + TOLERATED_MS)
        if is_to_begin_again:
            self._begin_again(stepped_ms)
        self._note_skew()
        return not is_to_begin_again

    def _begin_again(self, by_ms: int) -> None:
        """The time was set on by so much: pauses last as long as before, and reads under way begin again."""
        if by_ms:
            self._log.info("The time was set", seconds=round(by_ms / 1000))
        self._availability.shift(by_ms)
        self._token_lock.shift(by_ms)
        self._readers.load(self._clock.now_ms())

    def _note_skew(self) -> None:
        """Keep how far the machine's clock is off, for those who read the ledger and for the next start."""
        skew_ms, steady = self._clock.ahead_ms, self._clock.monotonic()
        if (
            self._noted is None
            or abs(skew_ms - self._noted[0]) > TOLERATED_MS
            or steady - self._noted[1] > _NOTE_SECONDS
        ):
            self._ledger.note_skew(skew_ms, self._clock.now_ms())
            self._noted = (skew_ms, steady)

    def _rejected(self, request: ApiRequest, error: UnauthorizedError, now_ms: int) -> None:
        """The token is not accepted: report it once, go slow, and look whether it changes."""
        self._report(_TOKEN, str(error))
        self._token_lock.rejected(now_ms)
        failing = {Endpoint.PROJECTS.value, request.endpoint.value}
        failing |= {Endpoint.RUNS.value} & self._ledger.collectors().keys()  # where they were read, no more are
        for collector in failing:
            self._ledger.record_collector(collector, False, now_ms, error.status)

    def _observe(self, exchange: Exchange) -> None:
        self._took_seconds = exchange.seconds
        try:
            self._ledger.record_exchange(exchange.endpoint, exchange.code, exchange.seconds, exchange.sent_ms)
        except LedgerError as error:
            self._report(_LEDGER, str(error))

    def _on_unknown(self, unknown: Mapping[Endpoint, tuple[str, ...]]) -> None:
        try:
            write_unknown(self._ledger, unknown, self._clock.now_ms())
        except LedgerError as error:
            self._report(_LEDGER, str(error))

    def _on_cool_down(self, until_ms: int) -> None:
        try:
            self._ledger.set_cool_down(until_ms)
        except LedgerError as error:
            self._report(_LEDGER, str(error))

    def _report(self, key: str, reason: str, *, exc_info: bool = False) -> None:
        self._conditions.report(key, _EVENTS[key], what=key, reason=reason, exc_info=exc_info)
