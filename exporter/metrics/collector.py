"""From the ledger to the families of a page: one workspace after the other, then the exporter itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from exporter.config import Config
from exporter.ledger import Ledger
from exporter.metrics.families.ai_credits import credit_families
from exporter.metrics.families.api_requests import api_families
from exporter.metrics.families.budgets import budget_families
from exporter.metrics.families.connections import connection_families
from exporter.metrics.families.contract import contract_families
from exporter.metrics.families.costs import cost_families
from exporter.metrics.families.exporter_metrics import (
    exporter_families,
    lease_families,
    ledger_families,
    progress_families,
)
from exporter.metrics.families.findings import finding_families
from exporter.metrics.families.gateway import gateway_families
from exporter.metrics.families.health import health_families
from exporter.metrics.families.last_seven_days import last_seven_days_families
from exporter.metrics.families.projects import project_families
from exporter.metrics.families.runs import run_families
from exporter.metrics.families.schedules import schedule_families
from exporter.metrics.families.seats import seat_families
from exporter.metrics.families.sources import source_families
from exporter.metrics.families.stored_counters import counter_families
from exporter.metrics.families.triggers import trigger_families
from exporter.metrics.families.warehouse import warehouse_families
from exporter.metrics.families.weeks import week_families
from exporter.metrics.page import Family
from exporter.metrics.process import Process
from exporter.view import Bookkeeper, Reader, Snapshot, Span, Status, WorkspaceStatus, owner_label

Skews = Mapping[str, int | None]
"""By workspace, how far a clock is ahead of the time that its figures go by, in milliseconds; None: in doubt."""

CONCEPTS: tuple[Callable[[Snapshot], Iterable[Family]], ...] = (
    health_families,
    counter_families,
    run_families,
    week_families,
    last_seven_days_families,
    project_families,
    schedule_families,
    seat_families,
    connection_families,
    budget_families,
    cost_families,
    credit_families,
    contract_families,
    source_families,
    trigger_families,
    warehouse_families,
    gateway_families,
    finding_families,
    api_families,
    progress_families,
    lease_families,
)
"""What is said of each workspace, concept by concept."""


class Collector:
    """Turns what is known into families. Keeps what was expensive to read; for one thread at a time."""

    def __init__(self, ledger: Ledger, status: Status) -> None:
        self._ledger = ledger
        self._status = status
        self._process = Process()
        self._readers: dict[str, Reader] = {}
        self._bookkeepers: dict[str, Bookkeeper] = {}
        self._config: Config | None = None

    def collect(self, config: Config, now_ms: int, skews_ms: Skews = MappingProxyType({})) -> list[Family]:
        """Every family as of now, each metric once; `now_ms` and `skews_ms` as for `snapshots`.

        Where the ledger cannot be read, the workspaces' figures are those that were read last.
        """
        return self.families(self.snapshots(config, now_ms, skews_ms))

    def families(self, snapshots: Iterable[Snapshot]) -> list[Family]:
        """Every family of these workspaces and of the exporter itself, each metric once."""
        merged: dict[str, Family] = {}
        for family in self._families(snapshots):
            name = family.metric.name
            known = merged.get(name)
            merged[name] = family if known is None else Family(family.metric, [*known.samples, *family.samples])
        return [family for family in merged.values() if family.samples]

    def snapshots(
        self, config: Config, now_ms: int, skews_ms: Skews = MappingProxyType({}), *, span: Span | None = None
    ) -> Iterator[Snapshot]:
        """Each workspace as of now, those left out that could not be read yet.

        `skews_ms` is by how much `now_ms` is ahead of the time of a workspace, None where that is in doubt: what
        depends on the hour is then unknown. `span`: the period of the accounts in the place of the week, and the one
        that it is compared with.
        """
        if config != self._config:
            self._config, self._owner_label = config, owner_label(config.labels)
            self._bookkeepers = {}
        status = self._status.current
        for workspace in config.workspaces:
            skew_ms = skews_ms.get(workspace.name, 0)
            here_ms = now_ms - (skew_ms or 0)
            reader = self._readers.setdefault(workspace.name, Reader(self._ledger, workspace.name))
            stored = reader.read(config.week(workspace.name), here_ms, config.collect)
            if stored is None:
                continue
            if workspace.name not in self._bookkeepers:
                self._bookkeepers[workspace.name] = Bookkeeper(self._ledger.workspace(workspace.name), config)
            yield Snapshot(
                workspace=workspace,
                config=config,
                now_ms=here_ms,
                is_time_known=skew_ms is not None,
                stored=stored,
                status=status.workspaces.get(workspace.name, WorkspaceStatus()),
                owner_label=self._owner_label,
                accounts=None if skew_ms is None else self._bookkeepers[workspace.name].accounts(stored, here_ms, span),
            )

    def _families(self, snapshots: Iterable[Snapshot]) -> Iterator[Family]:
        for snapshot in snapshots:
            for concept in CONCEPTS:
                yield from concept(snapshot)
        read_ms = self._ledger.look()
        is_durable = self._ledger.is_durable and self._ledger.problem is None
        yield from ledger_families(self._ledger.created_ms, read_ms, is_durable)
        yield from exporter_families(self._status.current)
        yield from self._process.families()


def collect(ledger: Ledger, config: Config, status: Status, now_ms: int) -> list[Family]:
    """Every family as of now, by a collector that remembers nothing: for one page only."""
    return Collector(ledger, status).collect(config, now_ms)
