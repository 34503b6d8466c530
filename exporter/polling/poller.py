"""The loop of one workspace: plan, ask, put what came into the ledger, and again; it never ends by itself."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import httpx
import structlog

from exporter.clock import Clock
from exporter.config import Config, Workspace
from exporter.errors import ApiError, ConfigError, LedgerError, RateLimitedError, RefusedError, UnauthorizedError
from exporter.hexapi import ApiRequest, Endpoint, Exchange, HexClient, Pace, Page, Secret, TokenSource
from exporter.insight import previous_week_bounds, week_bounds
from exporter.ledger import WorkspaceLedger
from exporter.polling.back_off import BackOff
from exporter.polling.due_times import HOUR_MS, MINUTE_MS
from exporter.polling.listings import LISTINGS, ListingReader
from exporter.polling.planner import Idle, ProjectOutlook, plan, plan_detail
from exporter.polling.project_details import DetailReader
from exporter.polling.request_estimate import listing_requests_per_hour
from exporter.polling.run_reading import RunReader

_log = structlog.get_logger()

_RETRY_FIRST_MS = 5_000
_RETRY_LONGEST_MS = 5 * MINUTE_MS
_REFUSED_FIRST_MS = HOUR_MS
_REFUSED_LONGEST_MS = 24 * HOUR_MS
_LOCKED_LONGEST_MS = 15 * MINUTE_MS
_TOKEN_LOOK_SECONDS = 5.0
_LEDGER_RETRY_SECONDS = 10.0
_IDLE_LONGEST_SECONDS = 60.0
_HOUSEKEEPING_MS = 10 * MINUTE_MS
_RUNS_REFUSED_ALL = 3
_MOST_LOGGED_ITEMS = 1000
_MOST_NUDGES = 1000

_NO_ANSWER = "Hex does not answer as it should"
_EVENTS = {
    "ledger": "The ledger cannot be written",
    "loop": "The polling loop stumbled",
    "token": "Hex does not accept the token",
}

# A clock that is off by less is the network and the whole seconds of the Date header.
_SKEW_TOLERATED_MS = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """How the loop of one workspace is doing, as of its last step; replaced whole, safe to read from any thread.

    `clock_skew_seconds` is this machine's clock minus Hex's. `problems` has what does not work right now, one sentence
    each; `is_followed` is False while they keep the whole workspace from being followed.
    """

    planned_requests_per_hour: float = 0.0
    allowed_requests_per_hour: int = 0
    overdue_projects: int = 0
    projects_with_older_history: int = 0
    clock_skew_seconds: float = 0.0
    is_followed: bool = True
    problems: tuple[str, ...] = ()


class Poller:
    """Follows one workspace: `step` does one request at the most and says how long to wait, `run` does so for ever.

    Runs in one thread. `report` and `pace` may be read, and `expect_run` called, from any.
    """

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        token: TokenSource,
        ledger: WorkspaceLedger,
        *,
        clock: Clock,
        rng: random.Random,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.workspace = workspace.name
        self.report = PollReport()
        self._log = _log.bind(workspace=workspace.name)
        self._ledger = ledger
        self._config = config
        self._week = config.week(workspace.name)
        self._token = token
        self._clock = clock
        limit = workspace.rate_limit
        self.pace = Pace(
            per_minute=limit.per_minute,
            per_hour=limit.per_hour,
            share=limit.share,
            clock=clock,
            rng=rng,
            on_cool_down=self._on_cool_down,
        )
        now_ms = round(clock.now() * 1000)
        self.pace.restore(
            ledger.cool_down_until_ms or 0,
            ledger.requests_by_minute(now_ms - HOUR_MS),
            ledger.caller_requests_by_minute(now_ms - HOUR_MS),
        )
        self._client = HexClient(
            base_url=workspace.base_url,
            token=token,
            pace=self.pace,
            clock=clock,
            observe=self._observe,
            workspace=workspace.name,
            transport=transport,
        )
        collect = config.collect
        enabled = {
            Endpoint.PROJECTS: collect.projects,
            Endpoint.ME: True,
            Endpoint.USERS: collect.users,
            Endpoint.CONNECTIONS: collect.connections,
            Endpoint.GROUPS: collect.groups,
            Endpoint.THREADS: collect.threads,
        }
        per_hour = self.pace.allowed_per_hour
        self._listings = ListingReader(ledger, [one for one in LISTINGS if enabled[one]], per_hour)
        self._runs = RunReader(ledger, per_hour) if collect.runs else None
        self._details = DetailReader(
            ledger, wants_tables=collect.queried_tables is not False, wants_cells=collect.queried_tables is not False
        )
        self._known = {one.project.project_id: one for one in ledger.projects()}
        self._retries = BackOff(_RETRY_FIRST_MS, _RETRY_LONGEST_MS, rng)
        self._refusals = BackOff(_REFUSED_FIRST_MS, _REFUSED_LONGEST_MS, rng)
        self._locks = BackOff(MINUTE_MS, _LOCKED_LONGEST_MS, rng)
        self._locked_with: Secret | None = None
        self._refused_in_a_row: set[str] = set()
        self._said: dict[str, str] = {}
        self._logged_items: set[tuple[str, str]] = set()
        self._nudged: deque[tuple[str, int]] = deque(maxlen=_MOST_NUDGES)
        self._skew_ms = 0
        self._turn = 0
        self._housekept_ms: int | None = None
        if self._runs is not None and self._known:
            self._runs.refresh(now_ms, self._listings_per_hour())

    async def aclose(self) -> None:
        """Close the connections to Hex."""
        await self._client.aclose()

    def expect_run(self, project_id: str) -> None:
        """Tell that a run of this project has been started, by a gateway say: it is asked when that should have ended.

        From any thread. It costs one request at the most; what that shows in progress is then followed to its end, as
        any active run is.
        """
        self._nudged.append((project_id, round(self._clock.now() * 1000)))

    async def run(self) -> None:
        """Step for ever; ends only by cancellation. A fault of this program is logged and the loop goes on."""
        while True:
            try:
                wait_seconds = await self.step()
            except Exception as error:
                self._say("loop", f"{type(error).__name__}: {error}", exc_info=True)
                wait_seconds = _LEDGER_RETRY_SECONDS
            await self._clock.sleep(wait_seconds)

    async def step(self) -> float:
        """Send at most one request and record what came of it; seconds until another step is worth it."""
        try:
            return await self._step(round(self._clock.now() * 1000) + self._skew_ms)
        except LedgerError as error:
            self._say("ledger", str(error))
            for endpoint in LISTINGS:
                self._listings.give_up(endpoint)
            return _LEDGER_RETRY_SECONDS

    async def _step(self, now_ms: int) -> float:
        wait_seconds = self._locked_seconds(now_ms) or self.pace.wait_seconds()
        if wait_seconds > 0:
            return wait_seconds
        self._housekeep(now_ms)
        ask = self._plan(now_ms)
        if isinstance(ask, Idle):
            return min((ask.until_ms - now_ms) / 1000, _IDLE_LONGEST_SECONDS)
        self._turn += 1
        await self._exchange(ask, now_ms)
        self._unsay("ledger")
        self._unsay("loop")
        return 0.0

    def _plan(self, now_ms: int) -> ApiRequest | Idle:
        listings = self._listings.outlooks(now_ms, lambda endpoint: self._paused_until_ms(endpoint.value, now_ms))
        projects = self._project_outlooks(now_ms)
        self._report(projects, now_ms)
        week, _ = week_bounds(now_ms, self._week.timezone, self._week.starts)
        last_week, _ = previous_week_bounds(now_ms, self._week.timezone, self._week.starts)
        planned = plan(
            listings,
            projects,
            now_ms=now_ms,
            weeks_ms=(week, last_week),
            turn=self._turn,
            runs_paused_until_ms=self._paused_until_ms(Endpoint.RUNS.value, now_ms),
            next_turn_ms=0 if self._runs is None else self._runs.next_turn_ms(now_ms),
        )
        return planned if isinstance(planned, ApiRequest) else self._plan_detail(projects, now_ms) or planned

    def _plan_detail(self, projects: list[ProjectOutlook], now_ms: int) -> ApiRequest | None:
        return plan_detail(projects, self._detail(now_ms), now_ms=now_ms)

    def _detail(self, now_ms: int) -> Callable[[str], ApiRequest | None]:
        """What tells what is to be asked about a project's connections, None if nothing is or it is refused."""
        tables_paused_ms = self._paused_until_ms(Endpoint.QUERIED_TABLES.value, now_ms)
        if tables_paused_ms > now_ms and self._paused_until_ms(Endpoint.CELLS.value, now_ms) > now_ms:
            return lambda _: None
        return lambda project_id: self._details.ask(self._known[project_id], now_ms, tables_paused_ms)

    def _project_outlooks(self, now_ms: int) -> list[ProjectOutlook]:
        if self._runs is None:
            return []
        while self._nudged:
            project_id, at_ms = self._nudged.popleft()
            self._runs.expect_run(project_id, at_ms + self._skew_ms)
        return self._runs.outlooks(now_ms, lambda project_id: self._retries.until_ms(project_id, now_ms))

    def _report(self, projects: list[ProjectOutlook], now_ms: int) -> None:
        runs = self._runs
        listings_per_hour = self._listings_per_hour()
        self.report = replace(
            self.report,
            planned_requests_per_hour=listings_per_hour + (0.0 if runs is None else runs.requests_per_hour()),
            allowed_requests_per_hour=self.pace.allowed_per_hour,
            overdue_projects=0 if runs is None else runs.overdue(projects, now_ms),
            projects_with_older_history=0 if runs is None else runs.behind,
            clock_skew_seconds=-self._skew_ms / 1000,
        )

    def _listings_per_hour(self) -> float:
        return listing_requests_per_hour(self._listings.pages, self.pace.allowed_per_hour)

    async def _exchange(self, ask: ApiRequest, now_ms: int) -> None:
        self._details.sent(ask, now_ms)
        try:
            page = await self._client.fetch(ask)
        except RateLimitedError as error:
            self._log.info("Hex asks to wait", endpoint=ask.endpoint.value, seconds=round(self.pace.wait_seconds()))
            self._log.debug("The answer was", reason=str(error))
        except UnauthorizedError as error:
            self._lock(error, now_ms)
        except RefusedError as error:
            self._refused(ask, error, now_ms)
        except ApiError as error:
            self._failed(ask, error, now_ms)
        else:
            self._take(page)

    def _take(self, page: Page) -> None:
        ask = page.request
        self._measure_skew(page)
        sent_ms = page.sent_ms + self._skew_ms - 1000
        now_ms = round(self._clock.now() * 1000) + self._skew_ms
        self._ledger.first_contact(page.sent_ms + self._skew_ms)
        self._count_bad(page, now_ms)
        project_id = ask.project_id
        if ask.endpoint is Endpoint.RUNS and self._runs is not None:
            self._runs.take(page, sent_ms, now_ms)
            self._refused_in_a_row.clear()
        elif project_id is not None:
            if known := self._known.get(project_id):
                self._details.take(known, page, sent_ms)
        elif problem := self._listings.take(page, sent_ms, now_ms):
            self._retries.failed(ask.endpoint.value, now_ms)
            self._say(ask.endpoint.value, problem)
            return
        elif ask.endpoint is Endpoint.PROJECTS and not self._listings.is_under_way(Endpoint.PROJECTS):
            self._refresh(now_ms)
        self._recovered(ask, now_ms)

    def _refresh(self, now_ms: int) -> None:
        self._ledger.choose_members(self._config.limits.projects_with_series, now_ms)
        self._known = {one.project.project_id: one for one in self._ledger.projects()}
        if self._runs is not None:
            detail = self._detail(now_ms)
            details_left = sum(detail(project_id) is not None for project_id in self._known)
            self._runs.refresh(now_ms, self._listings_per_hour(), details_left=details_left)

    def _recovered(self, ask: ApiRequest, now_ms: int) -> None:
        self._locks.succeeded("token")
        self._locked_with = None
        self._unsay("token")
        for key in filter(None, (ask.endpoint.value, ask.project_id)):
            self._retries.succeeded(key)
            self._refusals.succeeded(key)
        self._unsay(ask.endpoint.value)
        if ask.project_id is None:
            return
        state = self._ledger.collectors().get(ask.endpoint.value)
        if state is None or not state.success or _is_old(state.last_success_ms, now_ms):
            self._ledger.record_collector(ask.endpoint.value, True, now_ms, 200)

    def _failed(self, ask: ApiRequest, error: ApiError, now_ms: int) -> None:
        """Hex is away, slow or lying: leave what failed alone for a while, the rest goes on."""
        self._say(ask.endpoint.value, str(error))
        if ask.project_id is None:
            self._listings.give_up(ask.endpoint)
            self._retries.failed(ask.endpoint.value, now_ms)
            self._ledger.record_collector(ask.endpoint.value, False, now_ms, error.status)
            return
        self._retries.failed(ask.project_id, now_ms)
        if self._runs is not None and ask.endpoint is Endpoint.RUNS:
            self._runs.give_up(ask.project_id)
        if error.status is None or error.status >= 500:
            self._retries.failed(ask.endpoint.value, now_ms)
            self._ledger.record_collector(ask.endpoint.value, False, now_ms, error.status)

    def _refused(self, ask: ApiRequest, error: RefusedError, now_ms: int) -> None:
        """This token, plan or project does not have it: turn that off for a while, the rest goes on."""
        if ask.project_id is None:
            self._say(ask.endpoint.value, str(error))
            self._listings.give_up(ask.endpoint)
            self._refusals.failed(ask.endpoint.value, now_ms)
            self._ledger.record_collector(ask.endpoint.value, False, now_ms, error.status)
            return
        if ask.endpoint is not Endpoint.RUNS:
            if error.status == 403:
                self._say(ask.endpoint.value, str(error))
                self._refusals.failed(ask.endpoint.value, now_ms)
                self._ledger.record_collector(ask.endpoint.value, False, now_ms, error.status)
            else:
                self._details.skip(ask.project_id, now_ms)
            return
        if self._runs is not None:
            self._runs.refused(ask.project_id, now_ms)
        self._refused_in_a_row.add(ask.project_id)
        if error.status == 403 and len(self._refused_in_a_row) >= _RUNS_REFUSED_ALL:
            self._say(ask.endpoint.value, str(error))
            self._refusals.failed(ask.endpoint.value, now_ms)
            self._ledger.record_collector(ask.endpoint.value, False, now_ms, error.status)

    def _lock(self, error: UnauthorizedError, now_ms: int) -> None:
        """The token is not accepted: say so once, go slow, and look whether its file changes."""
        self._say("token", str(error))
        self._locked_with = self._secret()
        self._locks.failed("token", now_ms)
        self._ledger.record_collector(Endpoint.PROJECTS.value, False, now_ms, error.status)

    def _locked_seconds(self, now_ms: int) -> float:
        until_ms = self._locks.until_ms("token", now_ms)
        if until_ms <= now_ms:
            return 0.0
        if self._secret() != self._locked_with:
            self._locks.succeeded("token")
            return 0.0
        return min((until_ms - now_ms) / 1000, _TOKEN_LOOK_SECONDS)

    def _secret(self) -> Secret | None:
        try:
            return self._token.read()
        except ConfigError:
            return None

    def _paused_until_ms(self, key: str, now_ms: int) -> int:
        return max(self._retries.until_ms(key, now_ms), self._refusals.until_ms(key, now_ms))

    def _housekeep(self, now_ms: int) -> None:
        if self._housekept_ms is not None and abs(now_ms - self._housekept_ms) < _HOUSEKEEPING_MS:
            return
        self._housekept_ms = now_ms
        self._ledger.prune(now_ms - round(self._config.storage.keep_runs_seconds * 1000))

    def _measure_skew(self, page: Page) -> None:
        if page.server_ms is None:
            return
        local_ms = round(self._clock.now() * 1000)
        skew_ms = page.server_ms + 500 - (page.sent_ms + local_ms) // 2
        self._skew_ms = skew_ms if abs(skew_ms) > _SKEW_TOLERATED_MS else 0

    def _count_bad(self, page: Page, now_ms: int) -> None:
        if not page.bad:
            return
        endpoint = page.request.endpoint.value
        self._ledger.count("hex_exporter_bad_items_total", (endpoint,), len(page.bad), now_ms)
        for item in page.bad:
            key = (endpoint, item.item_id or item.reason)
            if key not in self._logged_items and len(self._logged_items) < _MOST_LOGGED_ITEMS:
                self._logged_items.add(key)
                self._log.warning("An item cannot be read", endpoint=endpoint, id=item.item_id, reason=item.reason)

    def _observe(self, exchange: Exchange) -> None:
        try:
            self._ledger.record_exchange(exchange.endpoint, exchange.code, exchange.seconds, exchange.sent_ms)
        except LedgerError as error:
            self._say("ledger", str(error))

    def _on_cool_down(self, until_ms: int) -> None:
        try:
            self._ledger.set_cool_down(until_ms)
        except LedgerError as error:
            self._say("ledger", str(error))

    def _say(self, what: str, reason: str, *, exc_info: bool = False) -> None:
        """Log a problem when it is new, not each time that it is met."""
        if self._said.get(what) == reason:
            return
        self._said[what] = reason
        self._log.warning(_EVENTS.get(what, _NO_ANSWER), what=what, reason=reason, exc_info=exc_info)
        self._report_problems()

    def _unsay(self, what: str) -> None:
        if self._said.pop(what, None) is not None:
            self._log.info("That works again", what=what)
            self._report_problems()

    def _report_problems(self) -> None:
        is_followed = self._said.keys().isdisjoint((Endpoint.PROJECTS.value, *_EVENTS))
        self.report = replace(self.report, is_followed=is_followed, problems=tuple(self._said.values()))


def _is_old(at_ms: int | None, now_ms: int) -> bool:
    return at_ms is None or abs(now_ms - at_ms) > MINUTE_MS
