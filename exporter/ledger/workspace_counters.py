"""The counters of one workspace: when they begin, which of them exist at 0, and which series a project adds to."""

from collections import Counter
from collections.abc import Mapping

from exporter.ledger.codec import storable
from exporter.ledger.counter_hours import CounterHours
from exporter.ledger.first_contact import FirstContact
from exporter.ledger.foreseen_series import (
    cache_series,
    endpoint_series,
    gateway_series,
    project_series,
    workspace_series,
)
from exporter.ledger.held_counters import CounterValue, HeldCounters
from exporter.ledger.histograms import Amounts
from exporter.ledger.project_records import KnownProject, Projects
from exporter.ledger.series_limit import OTHER, PROJECT_METRICS, by_series
from exporter.ledger.store import Store, Transaction


class WorkspaceCounters:
    """What is counted of one workspace, held where it is new. Changes within transactions, is read from any thread."""

    def __init__(self, store: Store, workspace: str, projects: Projects) -> None:
        self._store = store
        self._projects = projects
        self._held = HeldCounters(store, workspace)
        self.hours = CounterHours(store, workspace)
        self._has_gateway = False
        self.first_contact = FirstContact(store, workspace)

    def load(self, *, only_changes: bool = False) -> None:
        """Read every sum, or those that another replica has written since, and first contact, from the tables."""
        self._held.load(only_changes=only_changes)
        self.first_contact.load()

    def served(self) -> list[CounterValue]:
        """Every visible series with the value that may be served: 0 while held, none of projects without series."""
        own = {project_id for project_id, known in self._projects.known.items() if known.has_series}
        own.add(OTHER)
        return [one for one in self._held.served() if one.metric not in PROJECT_METRICS or one.labels[0] in own]

    def workspace_runs(self) -> list[CounterValue]:
        """The runs of all projects together, of those included whose series are no longer visible: so it never falls.

        Summed from what may be served, and so not stored itself.
        """
        runs: Counter[tuple[str, ...]] = Counter()
        for one in self._held.served():
            if one.metric == "hex_runs_total":
                runs[one.labels[1:]] += one.value
        return [CounterValue("hex_workspace_runs_total", labels, value) for labels, value in runs.items()]

    def release(self, now_ms: int) -> bool:
        """Let the sums be served whose hold is over; whether there were any."""
        return self._held.release(now_ms)

    def begin(self, transaction: Transaction, now_ms: int) -> int:
        """When first contact was; it is now if there was none, and the counters begin with it."""
        at_ms = self.first_contact.at_ms
        if at_ms is not None:
            return at_ms
        self.first_contact.make(transaction, now_ms)
        self._add(transaction, workspace_series() | endpoint_series() | (gateway_series() if self._has_gateway else {}))
        return now_ms

    def count(self, transaction: Transaction, amounts: Amounts, now_ms: int = 0) -> None:
        """Add to counters, a project without its own series to `other`; ValueError for an amount below 0.

        A new series is held from `now_ms` on, or from now by this machine's clock if that is later.
        """
        for (metric, _), amount in amounts.items():
            if amount < 0:
                raise ValueError(f"{metric}: the amount {amount} is below 0, and a counter never falls")
        self._add(transaction, by_series(amounts, self._has_series), now_ms)

    def lacks(self, amounts: Amounts) -> bool:
        """Whether the series of one of these amounts does not exist yet."""
        return not self._held.has_all(by_series(amounts, self._has_series))

    def foresee_gateway(self, transaction: Transaction, now_ms: int) -> None:
        """Have the counters of the gateway exist, those of each project included, now and whenever one is listed."""
        self._has_gateway = True
        self._add_new(transaction, gateway_series(), now_ms)
        self.foresee_projects(transaction, self._projects.known, now_ms)

    def foresee_projects(self, transaction: Transaction, projects: Mapping[str, KnownProject], now_ms: int = 0) -> None:
        """Have the series exist of every project that has its own and has been published."""
        series: dict[tuple[str, tuple[str, ...]], int] = {}
        for project_id, known in projects.items():
            if known.has_series and known.project.published_ms is not None:
                series |= project_series(project_id)
                if self._has_gateway:
                    series |= cache_series(project_id)
        self._add_new(transaction, series, now_ms)

    def _add_new(self, transaction: Transaction, amounts: Amounts, now_ms: int) -> None:
        if not self._held.has_all(amounts):
            self._add(transaction, amounts, now_ms)

    def _add(self, transaction: Transaction, amounts: Amounts, now_ms: int = 0) -> None:
        at_ms = max(now_ms, self._store.now_ms())
        self._held.add(transaction, amounts, at_ms)
        self.hours.add(transaction, amounts, at_ms)

    def _has_series(self, project_id: str) -> bool:
        known = self._projects.known.get(storable(project_id))
        return known is not None and known.has_series
