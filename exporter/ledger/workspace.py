"""One workspace's part of the ledger: what may be written to it; what may be read is `WorkspaceReader`."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager

from exporter.facts import Cell, Connection, Group, Identity, Project, ProjectVersion, QueriedTable, Run, Seat, Thread
from exporter.ledger.codec import storable
from exporter.ledger.first_contact import Border
from exporter.ledger.foreseen_series import endpoint_series
from exporter.ledger.gateway_runs import KEEP_MS
from exporter.ledger.histograms import Amounts, combined
from exporter.ledger.project_records import RunProgress, is_head_known
from exporter.ledger.request_counts import exchange_amounts
from exporter.ledger.run_counting import (
    MISSED_SCHEDULES,
    REFRESHES,
    UNVIEWED_RUNS,
    cleaned,
    run_amounts,
    was_unviewed,
)
from exporter.ledger.thread_growth import ThreadLook
from exporter.ledger.unreadable_runs import UNREADABLE_RUNS, UnreadableRuns, rows_of
from exporter.ledger.workspace_reader import SKEW, UNKNOWN_PROJECTS, WorkspaceReader


class WorkspaceLedger(WorkspaceReader):
    """What is known of one workspace, and what is recorded of it. Made by `Ledger.workspace`.

    Each write is one transaction: it holds whole, memory included, or raises LedgerError and changes nothing. Any
    thread may write, one at a time. The 90 seconds for which a new counter is held at 0 go by this machine's clock.
    """

    def first_contact(self, now_ms: int) -> int:
        """Begin to count, unless that was done before; returns when it was."""
        at_ms = self.first_contact_ms
        if at_ms is None:
            with self._store.transaction(self.name) as transaction:
                at_ms = self._counters.begin(transaction, now_ms)
        return at_ms

    def record_exchange(self, endpoint: str, code: str, seconds: float, sent_ms: int) -> None:
        """One own request to Hex: `code` is the HTTP status, or `timeout` or `error`."""
        with self._store.transaction(self.name) as transaction:
            self._counters.count(transaction, exchange_amounts(endpoint, code, seconds))
            self._requests.record(transaction, (sent_ms,))

    def record_caller_exchanges(self, exchanges: Sequence[tuple[str, str, float, int]]) -> None:
        """Requests that were sent on for callers, each as in `record_exchange`; all in one transaction."""
        with self._store.transaction(self.name) as transaction:
            amounts = combined(exchange_amounts(endpoint, code, seconds) for endpoint, code, seconds, _ in exchanges)
            self._counters.count(transaction, amounts)
            self._requests.record(transaction, [sent_ms for *_, sent_ms in exchanges], for_caller=True)

    def when_lost(self, forget: Callable[[], None]) -> None:
        """Have `forget` called, in the thread that writes, when an empty ledger has taken a damaged one's place."""
        self._store.when_lost(forget)

    def turn(self) -> AbstractContextManager[None]:
        """Keep other threads from writing meanwhile, and the ledger from being replaced by them."""
        return self._store.turn()

    def record_projects(self, projects: Iterable[Project], at_ms: int, unreadable: Collection[str] | None = ()) -> None:
        """A whole listing of projects; what it lacks is gone since then.

        `unreadable` are the ids of items that could not be read, None if any project may be among them: those stay.
        """
        with self._store.transaction(self.name) as transaction:
            self._counters.begin(transaction, at_ms)
            gone = {project_id for project_id, known in self._projects.known.items() if known.gone_since_ms is not None}
            after = self._projects.record_listing(transaction, projects, at_ms, unreadable)
            back = [project_id for project_id in gone if after[project_id].gone_since_ms is None]
            self._runs.record_back(transaction, back)
            self._counters.foresee_projects(transaction, after)

    def record_unknown_projects(self, count: int) -> None:
        """So many items of the listing could not be read, and no project that is known may be meant by them."""
        if count != self.unknown_projects:
            self.set_value(UNKNOWN_PROJECTS, count)

    def record_unreadable_runs(self, project_id: str, rows: Iterable[UnreadableRuns]) -> None:
        """These, and no others, are the runs of the project that cannot be read."""
        with self._store.transaction(self.name) as transaction:
            before = rows_of(self._key_values.within(transaction, UNREADABLE_RUNS))
            forgotten_ms = self._runs.pruned_before_ms(transaction.connection) or 0
            kept = [one for one in before if one.project_id != project_id and one.until_ms >= forgotten_ms]
            self._key_values.write(transaction, UNREADABLE_RUNS, [*kept, *rows])

    def record_seats(self, seats: Iterable[Seat], at_ms: int) -> None:
        """A whole listing of users; what differs from the one before applies from now on."""
        seats = tuple(seats)
        with self._store.transaction(self.name) as transaction:
            looked_ms = self._listings.looked_ms(transaction, "users")
            self._seats.record(transaction, seats, at_ms, looked_ms)
            self._listings.record(transaction, "users", seats, at_ms)

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
        """A whole listing of AI threads, read from `at_ms` on; what their totals have grown by has been used since.

        hex_ai_credits_total grows by it, too.
        """
        threads = tuple(threads)
        with self._store.transaction(self.name) as transaction:
            look = ThreadLook(
                at_ms=at_ms,
                first_contact_ms=self._counters.begin(transaction, at_ms),
                pruned_before_ms=self._runs.pruned_before_ms(transaction.connection),
            )
            self._counters.count(transaction, self.credits.record(transaction, threads, look))
            self._listings.record(transaction, "threads", threads, at_ms)

    def record_tables(self, project_id: str, tables: Iterable[QueriedTable], at_ms: int) -> None:
        """The tables that a published project queries."""
        with self._store.transaction(self.name) as transaction:
            self._listings.record_tables(transaction, project_id, tables, at_ms)

    def record_cells(self, project_id: str, cells: Iterable[Cell], edited_ms: int | None, at_ms: int) -> None:
        """The cells of a project's draft as edited then; they show connections where there are no queried tables."""
        with self._store.transaction(self.name) as transaction:
            self._listings.record_cells(transaction, project_id, cells, edited_ms, at_ms)

    def record_version(self, version: ProjectVersion, published_ms: int | None, at_ms: int) -> None:
        """A version of a project that had been published last then, as Hex exported it."""
        with self._store.transaction(self.name) as transaction:
            self.versions.record(transaction, version, published_ms, at_ms)

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
        with self._store.transaction(self.name) as transaction:
            before = self._projects.known.get(project_id)
            border = Border(
                first_contact_ms=self._counters.begin(transaction, at_ms),
                pruned_before_ms=self._runs.pruned_before_ms(transaction.connection),
                is_head_known=before is not None and is_head_known(before.progress, progress),
            )
            seen = [cleaned(run, project_id) for run in runs]
            counted = self._runs.record(transaction, seen, border, at_ms)
            amounts = [run_amounts(known.run, project_id) for known in counted]
            viewed_ms = None if before is None else before.project.viewed_ms
            unviewed = sum(
                was_unviewed(self._runs.refresh_before(transaction, known), viewed_ms)
                for known in counted
                if known.run.trigger in REFRESHES
            )
            amounts.append({(UNVIEWED_RUNS, (project_id,)): unviewed})
            amounts.append({(MISSED_SCHEDULES, (project_id,)): missed_schedules})
            self._counters.count(transaction, combined(amounts))
            self._projects.record_progress(transaction, project_id, progress, at_ms)

    def record_gone_runs(self, project_id: str, run_ids: Iterable[str]) -> None:
        """Active runs that Hex lists no longer: not active any more, and not counted unless they come back ended."""
        with self._store.transaction(self.name) as transaction:
            self._runs.record_gone(transaction, storable(project_id), [storable(one) for one in run_ids])

    def record_collector(self, collector: str, success: bool, at_ms: int, status: int | None = None) -> None:
        """How a collector's attempt went; `status` is the HTTP status of the answer, None if there was none."""
        with self._store.transaction(self.name) as transaction:
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
        with self._store.transaction(self.name) as transaction:
            self._counters.count(transaction, amounts, now_ms)

    def foresee(self, metric: str, labels: Iterable[tuple[str, ...]], now_ms: int = 0) -> None:
        """Have these series exist, at 0 and held as by `count` if they are new; projects without series are `other`."""
        self._foresee({(metric, one): 0 for one in labels}, now_ms)

    def foresee_gateway(self, now_ms: int = 0) -> None:
        """Have the counters of the gateway exist, those of each project included, now and whenever one is listed."""
        with self._store.transaction(self.name) as transaction:
            self._counters.foresee_gateway(transaction, now_ms)

    def foresee_endpoints(self) -> None:
        """Have the counters of every endpoint of Hex exist, so that a first 429 is seen as one."""
        self._foresee(endpoint_series())

    def release_holds(self, now_ms: int) -> bool:
        """Let the sums be served whose 90 seconds are over, durably; call it before a page is built.

        Returns whether there were any.
        """
        return self._counters.release(now_ms)

    def set_cool_down(self, until_ms: int) -> None:
        """Remember until when Hex wants no request."""
        with self._store.transaction(self.name) as transaction:
            self._requests.set_cool_down(transaction, until_ms)

    def choose_members(self, limit: int, now_ms: int, *, left_out: Collection[str] = ()) -> None:
        """Decide which projects have series of their own; call it after each listing of projects.

        Room is filled at once. Once a day, a project takes the place of a member that is clearly less active.
        Projects that have been gone for 30 days leave, and those whose ids are `left_out` at once.
        """
        with self._store.transaction(self.name) as transaction:
            after = self._projects.choose_members(transaction, limit, now_ms, left_out)
            self._counters.foresee_projects(transaction, after)

    def prune(self, before_ms: int, now_ms: int | None = None) -> int:
        """Forget ended runs from before then, returning how many; every sum stays, and they never count again.

        What AI credits, sources and findings were then goes with them; the gateway's runs go 30 days before `now_ms`,
        by default the present by this machine's clock.
        """
        gateway_ms = (self._store.now_ms() if now_ms is None else now_ms) - KEEP_MS
        with self._store.transaction(self.name) as transaction:
            self.sources.prune(transaction, before_ms)
            self.findings.prune(transaction, before_ms)
            self.credits.prune(transaction, before_ms)
            self.warehouses.prune(transaction, before_ms)
            self.gateway.prune(transaction, max(before_ms, gateway_ms))
            return self._runs.prune(transaction, before_ms)

    def note_skew(self, skew_ms: int, at_ms: int) -> None:
        """Keep how far this machine's clock is ahead of the agreed time, which was `at_ms` then.

        Kept is how far the database's is, which every replica can compare its own with.
        """
        self.set_value(SKEW, (skew_ms - self._store.ahead_ms, at_ms))

    def disbelieve_after(self, at_ms: int) -> bool:
        """Forget when things were read, where that is said to be after this moment: the time was wrong then.

        A project whose runs were read so is read whole again. Returns whether there was anything to forget.
        """
        if not self._listings.is_any_after(at_ms) and not self._projects.known_after(at_ms):
            return False
        with self._store.transaction(self.name) as transaction:
            self._listings.disbelieve_after(transaction, at_ms)
            self._projects.disbelieve_after(transaction, at_ms)
            self.credits.disbelieve_after(transaction, at_ms)
            self._seats.disbelieve_after(transaction, at_ms)
        return True

    def set_value(self, key: str, value: object) -> None:
        """Keep a small JSON value under the key."""
        with self._store.transaction(self.name) as transaction:
            self._key_values.write(transaction, key, value)

    def _foresee(self, amounts: Amounts, now_ms: int = 0) -> None:
        if self._counters.lacks(amounts):
            with self._store.transaction(self.name) as transaction:
                self._counters.count(transaction, amounts, now_ms)

    def _record_listing(self, collector: str, items: Iterable[object], at_ms: int) -> None:
        with self._store.transaction(self.name) as transaction:
            self._listings.record(transaction, collector, items, at_ms)
