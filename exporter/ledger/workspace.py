"""One workspace's part of the ledger: what may be written to it and asked of it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, overload

from sqlalchemy import select

from exporter.facts import Cell, Connection, Group, Identity, Project, QueriedTable, Run, Seat, Thread
from exporter.hexapi import Endpoint
from exporter.insight import Use
from exporter.ledger.codec import storable
from exporter.ledger.findings import FindingRepository
from exporter.ledger.gateway_runs import KEEP_MS, GatewayRunRepository
from exporter.ledger.held_counters import CounterValue, HeldCounters, combined
from exporter.ledger.histograms import Amounts
from exporter.ledger.key_values import KeyValues
from exporter.ledger.listings import CollectorState, Listing, Listings
from exporter.ledger.project_records import KnownProject, Projects, RunProgress
from exporter.ledger.request_counts import RequestCounts, endpoint_series, exchange_amounts
from exporter.ledger.run_counting import (
    OTHER,
    PROJECT_METRICS,
    REFRESHES,
    Border,
    cache_series,
    cleaned,
    gateway_series,
    project_series,
    run_amounts,
    was_unviewed,
    workspace_series,
)
from exporter.ledger.run_records import Runs
from exporter.ledger.run_sums import RunSummaries
from exporter.ledger.schema import WORKSPACES, upsert
from exporter.ledger.source_states import SourceRepository
from exporter.ledger.store import Store, Transaction
from exporter.ledger.thread_growth import record_growth

_FACTS = {"users": Seat, "groups": Group, "connections": Connection, "threads": Thread, "me": Identity}

_GATEWAY_ENDPOINTS = ("run_project", "cancel_run", "run_status", "project", "runs", "other")


class WorkspaceLedger:
    """What is known of one workspace. Made by `Ledger.workspace`.

    Each write is one transaction: it holds whole, memory included, or raises LedgerError and changes nothing. Any
    thread may write, one at a time; reads wait for nobody. `sources`, `gateway` and `findings` are the parts of those
    who watch sources, answer run requests and look for savings. Times are milliseconds since the epoch; those of facts
    are Hex's, and the 90 seconds for which a new counter is held at 0 go by the clock of this machine.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._store = store
        self._counters = HeldCounters(store, name)
        self._projects = Projects(store, name)
        self._runs = Runs(store, name)
        self._listings = Listings(store, name)
        self._exchanges = RequestCounts(store, name)
        self._notes = KeyValues(store, name)
        self.sources = SourceRepository(store, name, self._count)
        self.gateway = GatewayRunRepository(store, name, self._notes)
        self.findings = FindingRepository(store, name, self._count, self._notes)
        self.run_sums = RunSummaries(store, name)
        self._has_gateway = False
        self._load()
        store.when_lost(self._reload)

    # What is asked of it

    @property
    def first_contact_ms(self) -> int | None:
        """When counting began: what ended before is history, and never counted."""
        return self._first_contact_ms

    @property
    def cool_down_until_ms(self) -> int | None:
        """Until when Hex wants no request, None if it never said so."""
        return self._cool_down_until_ms

    def projects(self, include_gone: bool = False) -> tuple[KnownProject, ...]:
        """The projects of the last listing, and with `include_gone` those of earlier ones."""
        known = self._projects.known.values()
        return tuple(one for one in known if include_gone or one.gone_since_ms is None)

    def project(self, project_id: str) -> KnownProject | None:
        """The project as last listed, None if it is not, or no longer."""
        known = self._projects.known.get(storable(project_id))
        return known if known is not None and known.gone_since_ms is None else None

    @property
    def projects_without_series(self) -> int:
        """How many listed projects share the series of `other`."""
        return sum(1 for known in self.projects() if not known.has_series)

    @overload
    def listing(self, collector: Literal["users"]) -> Listing[Seat] | None: ...
    @overload
    def listing(self, collector: Literal["groups"]) -> Listing[Group] | None: ...
    @overload
    def listing(self, collector: Literal["connections"]) -> Listing[Connection] | None: ...
    @overload
    def listing(self, collector: Literal["threads"]) -> Listing[Thread] | None: ...
    @overload
    def listing(self, collector: Literal["me"]) -> Listing[Identity] | None: ...
    def listing(self, collector: str) -> Listing[Any] | None:
        """The listing that was read whole last, None if none ever was."""
        return self._listings.read(collector, _FACTS[collector])

    def collectors(self) -> dict[str, CollectorState]:
        """How each collector that was ever tried fares."""
        return self._listings.collectors()

    def tables(self) -> dict[str, tuple[QueriedTable, ...]]:
        """What each project queries; by cells alone, the tables have no name."""
        return self._listings.tables()

    def runs_between(self, start_ms: int, end_ms: int | None, project_id: str | None = None) -> Iterator[Run]:
        """The runs from `start_ms` to before `end_ms` (None: no end), by start, else by first sight, in order."""
        return self._runs.between(start_ms, end_ms, project_id)

    def uses_between(self, start_ms: int, end_ms: int) -> Iterator[Use]:
        """What each run used that is placed in [start, end) by start, else by first sight, in no order."""
        return self._runs.uses(start_ms, end_ms)

    def runs_revision(self, start_ms: int, end_ms: int) -> int:
        """Grows when a run placed in [start, end) is written, so that sums over it need not be made again in between.

        Only what this process writes is seen; a reader beside it has to ask anew.
        """
        return self._runs.revision(start_ms, end_ms)

    def week_counts(self, start_ms: int, end_ms: int) -> dict[str, int]:
        """How many runs of each project count towards [start, end): all but those that got no kernel."""
        return self._runs.counts(start_ms, end_ms)

    def active_runs(self) -> tuple[Run, ...]:
        """The runs that had not ended when they were seen last."""
        return self._runs.active()

    def last_runs(self) -> dict[tuple[str, str], int]:
        """When the last run of each project in each status started."""
        return self._runs.latest()

    def counters(self) -> list[CounterValue]:
        """Every visible series with the value that may be served: 0 while held, none of projects without series."""
        members = {project_id for project_id, known in self._projects.known.items() if known.has_series}
        members.add(OTHER)
        return [
            counter
            for counter in self._counters.served()
            if counter.metric not in PROJECT_METRICS or counter.labels[0] in members
        ]

    def requests_by_minute(self, since_ms: int) -> list[tuple[int, int]]:
        """The minutes since then in which requests left, and how many."""
        return self._exchanges.by_minute(since_ms)

    def caller_requests_by_minute(self, since_ms: int) -> list[tuple[int, int]]:
        """The minutes since then in which requests were sent on for callers of the gateway, and how many."""
        return self._exchanges.of_callers_by_minute(since_ms)

    def noted(self, key: str) -> Any:
        """What was noted under the key, None if nothing was."""
        return self._notes.read(key)

    # What is written to it

    def first_contact(self, now_ms: int) -> int:
        """Begin to count, unless that was done before; returns when it was."""
        if self._first_contact_ms is None:
            with self._store.transaction() as transaction:
                self._begin(transaction, now_ms)
        assert self._first_contact_ms is not None
        return self._first_contact_ms

    def record_exchange(
        self, endpoint: str, code: str, seconds: float, sent_ms: int, *, for_caller: bool = False
    ) -> None:
        """One request to Hex: `code` is the HTTP status, or `timeout` or `error`."""
        with self._store.transaction() as transaction:
            self._add(transaction, exchange_amounts(endpoint, code, seconds))
            self._exchanges.record(transaction, sent_ms, for_caller=for_caller)

    def record_projects(self, projects: Iterable[Project], at_ms: int) -> None:
        """A whole listing of projects; what it lacks is gone since then."""
        with self._store.transaction() as transaction:
            self._begin(transaction, at_ms)
            after = self._projects.record_listing(transaction, projects, at_ms)
            self._foresee_members(transaction, after)

    def record_seats(self, seats: Iterable[Seat], at_ms: int) -> None:
        """A whole listing of users."""
        self._record_listing("users", seats, at_ms)

    def record_groups(self, groups: Iterable[Group], at_ms: int) -> None:
        """A whole listing of groups."""
        self._record_listing("groups", groups, at_ms)

    def record_connections(self, connections: Iterable[Connection], at_ms: int) -> None:
        """A whole listing of data connections."""
        self._record_listing("connections", connections, at_ms)

    def record_identity(self, identity: Identity, at_ms: int) -> None:
        """Whom the token belongs to."""
        self._record_listing("me", (identity,), at_ms)

    def record_threads(self, threads: Iterable[Thread], at_ms: int) -> None:
        """A whole listing of AI threads; hex_ai_credits_total grows by what their totals have grown."""
        threads = tuple(threads)
        with self._store.transaction() as transaction:
            contact_ms = self._begin(transaction, at_ms)
            self._listings.record(transaction, "threads", threads, at_ms)
            self._add(transaction, record_growth(transaction, self.name, threads, contact_ms))

    def record_tables(self, project_id: str, tables: Iterable[QueriedTable], at_ms: int) -> None:
        """The tables that a published project queries."""
        with self._store.transaction() as transaction:
            self._listings.record_tables(transaction, project_id, tables, at_ms)

    def record_cells(self, project_id: str, cells: Iterable[Cell], edited_ms: int | None, at_ms: int) -> None:
        """The cells of a project's draft as edited then; they tell connections where there are no queried tables."""
        with self._store.transaction() as transaction:
            self._listings.record_cells(transaction, project_id, cells, edited_ms, at_ms)

    def record_runs(
        self,
        project_id: str,
        runs: Iterable[Run],
        progress: RunProgress,
        at_ms: int,
        *,
        missed_schedules: int = 0,
    ) -> None:
        """Runs of a project as listed, in any order and however often: each counts once, when it is seen ended.

        `progress` says how far the history is known with them. `missed_schedules` are the firings that are known by
        it to have gone unanswered.
        """
        project_id = storable(project_id)
        with self._store.transaction() as transaction:
            before = self._projects.known.get(project_id)
            border = Border(
                first_contact_ms=self._begin(transaction, at_ms),
                pruned_before_ms=self._runs.pruned_before_ms(transaction.connection),
                is_head_known=before is not None and _is_head_known(before.progress, progress),
            )
            seen = [cleaned(run, project_id) for run in runs]
            counted = self._runs.record(transaction, seen, border, at_ms)
            series_id = self._series_id(project_id)
            amounts = [run_amounts(known.run, series_id) for known in counted]
            viewed_ms = None if before is None else before.project.viewed_ms
            unviewed = sum(
                was_unviewed(self._runs.refresh_before(transaction, known), viewed_ms)
                for known in counted
                if known.run.trigger in REFRESHES
            )
            amounts.append({("hex_unviewed_runs_total", (series_id,)): unviewed})
            amounts.append({("hex_missed_schedules_total", (series_id,)): missed_schedules})
            self._add(transaction, combined(amounts))
            self._projects.record_progress(transaction, project_id, progress, at_ms)

    def record_gone_runs(self, project_id: str, run_ids: Iterable[str]) -> None:
        """Active runs that Hex lists no longer: not active any more, and not counted unless they come back ended."""
        with self._store.transaction() as transaction:
            self._runs.record_gone(transaction, storable(project_id), [storable(one) for one in run_ids])

    def record_collector(self, collector: str, success: bool, at_ms: int, status: int | None = None) -> None:
        """How a collector's attempt went; `status` is the HTTP status of the answer, None if there was none."""
        with self._store.transaction() as transaction:
            self._listings.record_collector(transaction, collector, success, at_ms, status)

    def count(self, metric: str, labels: tuple[str, ...], amount: int = 1, now_ms: int = 0) -> None:
        """Add to a counter, labels without the workspace; a project without its own series adds to `other`.

        A new series is held from `now_ms` on, or from now by this machine's clock if that is later.
        """
        self.count_many({(metric, labels): amount}, now_ms)

    def count_many(self, amounts: Amounts, now_ms: int = 0) -> None:
        """Add to several counters at once, each as by `count`; `histograms.observed` makes amounts of an observation.

        Raises ValueError for an amount below 0.
        """
        with self._store.transaction() as transaction:
            self._count(transaction, amounts, now_ms)

    def foresee(self, metric: str, labels: Iterable[tuple[str, ...]], now_ms: int = 0) -> None:
        """Have these series exist, at 0 and held as by `count` if they are new; projects without series are `other`."""
        amounts = self._by_series({(metric, one): 0 for one in labels})
        if not self._counters.has_all(amounts):
            with self._store.transaction() as transaction:
                self._count(transaction, amounts, now_ms)

    def foresee_gateway(self, now_ms: int = 0) -> None:
        """Have the counters of the gateway exist, those of each project included, now and whenever one is listed."""
        with self._store.transaction() as transaction:
            self._has_gateway = True
            self._add_new(transaction, _gateway_series(), now_ms)
            self._foresee_members(transaction, self._projects.known, now_ms)

    def foresee_endpoints(self) -> None:
        """Have the counters of every endpoint of Hex exist, so that a first 429 is seen as one."""
        amounts = _endpoint_series()
        if not self._counters.has_all(amounts):
            with self._store.transaction() as transaction:
                self._add(transaction, amounts)

    def release_holds(self, now_ms: int) -> bool:
        """Let the sums be served whose 90 seconds are over, durably; call it before a page is built.

        Returns whether there were any.
        """
        return self._counters.release(now_ms)

    def set_cool_down(self, until_ms: int) -> None:
        """Remember until when Hex wants no request."""
        with self._store.transaction() as transaction:
            row = {"workspace": self.name, "cool_down_until_ms": until_ms}
            upsert(transaction.connection, WORKSPACES, [row])
            transaction.after_commit(lambda: setattr(self, "_cool_down_until_ms", until_ms))

    def choose_members(self, limit: int, now_ms: int) -> None:
        """Decide which projects have series of their own; call it after each listing of projects.

        Room is filled at once. Once a day, a project takes the place of a member that is clearly less active.
        Projects that have been gone for 30 days leave.
        """
        with self._store.transaction() as transaction:
            after = self._projects.choose_members(transaction, limit, now_ms)
            self._foresee_members(transaction, after)

    def prune(self, before_ms: int) -> int:
        """Forget ended runs from before then, returning how many; every sum stays, and they never count again.

        What sources and findings were then goes with them; the gateway's runs go after 30 days.
        """
        with self._store.transaction() as transaction:
            self.sources.prune(transaction, before_ms)
            self.findings.prune(transaction, before_ms)
            self.gateway.prune(transaction, max(before_ms, self._store.now_ms() - KEEP_MS))
            return self._runs.prune(transaction, before_ms)

    def note(self, key: str, value: object) -> None:
        """Keep a small JSON value under the key."""
        with self._store.transaction() as transaction:
            self._notes.write(transaction, key, value)

    def _record_listing(self, collector: str, items: Iterable[object], at_ms: int) -> None:
        with self._store.transaction() as transaction:
            self._listings.record(transaction, collector, items, at_ms)

    def _add(self, transaction: Transaction, amounts: Amounts, now_ms: int = 0) -> None:
        self._counters.add(transaction, amounts, max(now_ms, self._store.now_ms()))

    def _begin(self, transaction: Transaction, now_ms: int) -> int:
        """When first contact was; it is now if there was none."""
        if self._first_contact_ms is not None:
            return self._first_contact_ms
        row = {"workspace": self.name, "first_contact_ms": now_ms}
        upsert(transaction.connection, WORKSPACES, [row])
        self._add(
            transaction, workspace_series() | _endpoint_series() | (_gateway_series() if self._has_gateway else {})
        )
        transaction.after_commit(lambda: setattr(self, "_first_contact_ms", now_ms))
        return now_ms

    def _add_new(self, transaction: Transaction, series: Amounts, now_ms: int = 0) -> None:
        if not self._counters.has_all(series):
            self._add(transaction, series, now_ms)

    def _count(self, transaction: Transaction, amounts: Amounts, now_ms: int) -> None:
        for (metric, _), amount in amounts.items():
            if amount < 0:
                raise ValueError(f"{metric}: found the amount {amount}, expected none below 0: a counter never falls")
        self._add(transaction, self._by_series(amounts), now_ms)

    def _by_series(self, amounts: Amounts) -> Amounts:
        """The same with each project under the series that it adds to."""
        return combined(
            {(metric, (self._series_id(labels[0]), *labels[1:]) if metric in PROJECT_METRICS else labels): amount}
            for (metric, labels), amount in amounts.items()
        )

    def _foresee_members(self, transaction: Transaction, projects: Mapping[str, KnownProject], now_ms: int = 0) -> None:
        """Have the series exist of every project that has its own and has been published."""
        for project_id, known in projects.items():
            if known.has_series and known.project.published_ms is not None:
                self._add_new(transaction, project_series(project_id), now_ms)
                if self._has_gateway:
                    self._add_new(transaction, cache_series(project_id), now_ms)

    def _series_id(self, project_id: str) -> str:
        known = self._projects.known.get(storable(project_id))
        return project_id if known is not None and known.has_series else OTHER

    def _load(self) -> None:
        columns = WORKSPACES.c
        wanted = select(columns.first_contact_ms, columns.cool_down_until_ms).where(columns.workspace == self.name)
        with self._store.reading() as connection:
            row = connection.execute(wanted).one_or_none()
        self._first_contact_ms: int | None = None if row is None else row.first_contact_ms
        self._cool_down_until_ms: int | None = None if row is None else row.cool_down_until_ms

    def _reload(self) -> None:
        self._counters.load()
        self._projects.load()
        self.sources.load()
        self.gateway.load()
        self._load()


def _endpoint_series() -> Amounts:
    return combined(endpoint_series(endpoint.value) for endpoint in Endpoint)


def _gateway_series() -> Amounts:
    return gateway_series() | combined(endpoint_series(endpoint) for endpoint in _GATEWAY_ENDPOINTS)


def _is_head_known(before: RunProgress, after: RunProgress) -> bool:
    """Whether a project's newest runs were known, and what has been read does not lead further into its past."""
    is_older_page = after.known_until_ms == before.known_until_ms and after.known_from_ms != before.known_from_ms
    return before.known_until_ms is not None and not is_older_page
