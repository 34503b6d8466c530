"""One workspace's part of the ledger as it is read: from any thread, waiting for no writer."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, overload

from exporter.facts import Connection, Group, Identity, QueriedTable, Run, Seat, Thread
from exporter.insight import SeatHistory, Use
from exporter.ledger.closings import ClosingRepository
from exporter.ledger.codec import storable
from exporter.ledger.findings import FindingRepository
from exporter.ledger.gateway_runs import GatewayRunRepository
from exporter.ledger.held_counters import CounterValue
from exporter.ledger.key_values import KeyValues
from exporter.ledger.listings import CollectorState, Listing, Listings
from exporter.ledger.project_records import KnownProject, Projects
from exporter.ledger.project_versions import ProjectVersions
from exporter.ledger.request_counts import RequestCounts
from exporter.ledger.run_counting import UNVIEWED_RUNS
from exporter.ledger.run_records import Runs
from exporter.ledger.run_sums import RunSummaries
from exporter.ledger.seat_changes import SeatChanges
from exporter.ledger.series_limit import OTHER
from exporter.ledger.source_states import SourceRepository
from exporter.ledger.store import Store
from exporter.ledger.thread_growth import CreditRepository
from exporter.ledger.trigger_states import TriggerRepository
from exporter.ledger.unreadable_runs import UNREADABLE_RUNS, UnreadableRuns, rows_of
from exporter.ledger.warehouse_hours import WarehouseRepository
from exporter.ledger.workspace_counters import WorkspaceCounters

SKEW = "clock_skew"
"""The key under which the machine's clock skew is kept, with the agreed time at which it was noted."""

UNKNOWN_PROJECTS = "unknown_projects"

_NOTED_MS = 3_600_000  # it is noted anew every ten minutes

_FACTS = {"users": Seat, "groups": Group, "connections": Connection, "threads": Thread, "me": Identity}


class WorkspaceReader:
    """What is known of one workspace, each answer as of the last committed transaction.

    `sources`, `gateway`, `triggers`, `findings`, `run_sums`, `credits`, `closings`, `versions` and `warehouses` are the
    parts of those who watch sources, answer run requests, run on change, look for savings, follow AI credits, close
    weeks and months, read exports, and read query logs. Times are milliseconds since the epoch; those of facts are
    Hex's.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._store = store
        self._projects = Projects(store, name)
        self._counters = WorkspaceCounters(store, name, self._projects)
        self._runs = Runs(store, name)
        self._listings = Listings(store, name)
        self._seats = SeatChanges(store, name)
        self._requests = RequestCounts(store, name)
        self._key_values = KeyValues(store, name)
        self.sources = SourceRepository(store, name, self._counters.count)
        self.gateway = GatewayRunRepository(store, name, self._key_values)
        self.findings = FindingRepository(store, name, self._counters.count, self._key_values)
        self.run_sums = RunSummaries(store, name)
        self.credits = CreditRepository(store, name)
        self.closings = ClosingRepository(store, name)
        self.versions = ProjectVersions(store, name)
        self.triggers = TriggerRepository(store, name, self._counters.count, self._key_values)
        self.warehouses = WarehouseRepository(store, name, self._counters.count, self._key_values, self._counters.hours)
        store.when_lost(self._reload)

    @property
    def lacks_file(self) -> bool:
        """Whether the ledger is in memory in the place of a file that cannot be written: it ends with the process."""
        return self._store.lacks_file

    @property
    def first_contact_ms(self) -> int | None:
        """When counting began: what ended before is history, and never counted."""
        return self._counters.first_contact.at_ms

    @property
    def cool_down_until_ms(self) -> int | None:
        """Until when Hex wants no request, None if it never said so."""
        return self._requests.cool_down_until_ms

    @property
    def noted_skew(self) -> tuple[int, int] | None:
        """How far this machine's clock was ahead of the agreed time, in milliseconds, and that time; None: unknown."""
        noted = self._key_values.read(SKEW)
        return None if noted is None else (int(noted[0]) + self._store.ahead_ms, int(noted[1]))

    @property
    def unknown_projects(self) -> int:
        """How many items of the last listing of projects can be read no more than what they are about is known."""
        return int(self._key_values.read(UNKNOWN_PROJECTS) or 0)

    @property
    def unreadable_runs(self) -> tuple[UnreadableRuns, ...]:
        """The runs that Hex lists and that cannot be read, as far as they have not been forgotten."""
        return rows_of(self._key_values.read(UNREADABLE_RUNS))

    def agreed_ms(self, wall_ms: int) -> int:
        """The agreed time when this machine's clock shows `wall_ms`, as far as it was noted within the last hour."""
        skew_ms, noted_ms = self.noted_skew or (0, 0)
        is_fresh = abs(wall_ms - skew_ms - noted_ms) <= _NOTED_MS
        return wall_ms - skew_ms if is_fresh else wall_ms

    def oldest_kept_ms(self) -> int | None:
        """Since when ended runs are kept: the oldest of them, or the line before which they were forgotten if later.

        None while there is no ended run.
        """
        return self._runs.oldest_kept_ms()

    @property
    def forgotten_before_ms(self) -> int:
        """The line before which ended runs have been forgotten, 0 if none were."""
        return self._runs.forgotten_before_ms()

    def projects(self, include_gone: bool = False) -> tuple[KnownProject, ...]:
        """The projects of the last listing, and with `include_gone` those of earlier ones."""
        known = self._projects.known.values()
        return tuple(one for one in known if include_gone or one.gone_since_ms is None)

    def project(self, project_id: str) -> KnownProject | None:
        """The project as last listed, None if it is not, or no longer."""
        known = self._projects.known.get(storable(project_id))
        return known if known is not None and known.gone_since_ms is None else None

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

    def seat_history(self) -> SeatHistory | None:
        """Who had which seat when, None before the first listing of users."""
        return self._seats.history()

    def collectors(self) -> Mapping[str, CollectorState]:
        """How each collector that was ever tried fares; never waits."""
        return self._listings.collectors()

    def tables(self) -> dict[str, tuple[QueriedTable, ...]]:
        """What each project queries; where only cells are known, the tables have no name."""
        return self._listings.tables()

    def runs_between(self, start_ms: int, end_ms: int | None, project_id: str | None = None) -> Iterator[Run]:
        """The runs from `start_ms` to before `end_ms` (None: no end), by start, else by first sight, in order."""
        return self._runs.between(start_ms, end_ms, project_id)

    def count_runs_since(self, start_ms: int, project_id: str) -> int:
        """How many runs of the project began at `start_ms` or later, by start, else by first sight."""
        return self._runs.count_since(start_ms, project_id)

    def uses_between(self, start_ms: int, end_ms: int, project_id: str | None = None) -> Iterator[Use]:
        """What each run used that is placed in [start, end) by start, else by first sight, in no order."""
        return self._runs.uses(start_ms, end_ms, project_id)

    def known_run_ids(self, run_ids: Iterable[str]) -> frozenset[str]:
        """Those of the ids whose runs are kept."""
        return self._runs.known_ids([storable(one) for one in run_ids])

    def runs_revision(self, start_ms: int, end_ms: int) -> int:
        """Grows when a run placed in [start, end) is written, so that sums over it need not be made again in between.

        Only what this process writes, or `refresh` has seen, is known of; a reader beside it has to read anew.
        """
        return self._runs.revision(start_ms, end_ms)

    def week_counts(self, start_ms: int, end_ms: int) -> dict[str, int]:
        """How many runs of each project count towards [start, end): all but those that got no kernel."""
        return self._runs.counts(start_ms, end_ms)

    def starts_by_quarter(self, start_ms: int, end_ms: int) -> dict[tuple[str, int], int]:
        """How many runs of each project started in each quarter of an hour since the epoch, of [start, end).

        Those that got no kernel are left out, as in `week_counts`.
        """
        return self._runs.starts_by_quarter(start_ms, end_ms)

    def active_runs(self) -> tuple[Run, ...]:
        """The runs that had not ended when they were seen last."""
        return self._runs.active()

    def last_runs(self) -> dict[tuple[str, str], int]:
        """When the last run of each project in each status started."""
        return self._runs.latest()

    def counters(self) -> list[CounterValue]:
        """Every visible series with the value that may be served: 0 while held, none of projects without series."""
        return self._counters.served()

    def workspace_runs(self) -> list[CounterValue]:
        """The runs of all projects together, by trigger and status, as `counters` serves each project's."""
        return self._counters.workspace_runs()

    def counted_since(self, start_ms: int) -> Mapping[tuple[str, tuple[str, ...]], int]:
        """What some counters of projects grew by since the hour of `start_ms`, by metric and labels.

        Known for eight days; as it was counted, so that nothing is held back.
        """
        return self._counters.hours.since(start_ms)

    def unviewed_runs(self) -> dict[str, int]:
        """How many runs no one viewed before the next came, since first contact, of each project with its own series.

        As `counters` serves it: 0 while the series is held.
        """
        return {
            one.labels[0]: one.value
            for one in self.counters()
            if one.metric == UNVIEWED_RUNS and one.labels[0] != OTHER
        }

    def requests_by_minute(self, since_ms: int) -> list[tuple[int, int]]:
        """The minutes since then in which requests left, and how many."""
        return self._requests.by_minute(since_ms)

    def caller_requests_by_minute(self, since_ms: int) -> list[tuple[int, int]]:
        """The minutes since then in which requests were sent on for callers of the gateway, and how many."""
        return self._requests.of_callers_by_minute(since_ms)

    def value(self, key: str) -> Any:
        """The small JSON value under the key, None if there is none."""
        return self._key_values.read(key)

    def refresh(self, *, only_changes: bool = False) -> None:
        """Read again what is mirrored in memory: another replica has written the workspace. Raises LedgerError.

        With `only_changes` what pages show, and of the large tables only the rows that were written since the last time
        by the same owner.
        """
        self._reload(only_changes=only_changes)
        self._runs.load(only_changes=only_changes)
        self._store.changed_elsewhere()

    def _reload(self, *, only_changes: bool = False) -> None:
        """Read again what is mirrored in memory: others have written, or another file has come."""
        self._projects.load(only_changes=only_changes)
        self._listings.load()
        self._counters.load(only_changes=only_changes)
        self._requests.load()
        self.sources.load()
        self.triggers.load()
        self.credits.load()
        self.versions.load(only_changes=only_changes)
        if not only_changes:
            self.gateway.load()  # who has started what: only the owner's gateway asks
