"""What Hex's queries cost in the warehouses before first contact, as far back as their logs were read."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.history.time_slots import TimeSlots, integers
from exporter.insight import Period
from exporter.ledger import WarehouseHour, WorkspaceLedger
from exporter.view import PARTS, Snapshot, adds_to_budget, span_of_logs


@dataclass(frozen=True, slots=True)
class HourlyMoney:
    """What hours cost, in order: when each began, and millionths of a dollar."""

    start_ms: "array[int]" = field(default_factory=integers)
    micro_usd: "array[int]" = field(default_factory=integers)

    def add(self, hour: WarehouseHour) -> None:
        """Take up what a later hour, or more of the same, cost."""
        self.start_ms.append(hour.hour_ms)
        self.micro_usd.append(hour.usd_micro)


@dataclass(frozen=True, slots=True)
class QueryMoney:
    """The money of one workspace: of whole hours, each at its beginning, as weeks have it.

    `known` is since and until when all logs are known; `projects` is by a project's id or `other`, `parts` by
    warehouse and part of its bill.
    """

    known: Period
    total: TimeSlots
    projects: Mapping[tuple[str, ...], HourlyMoney]
    parts: Mapping[tuple[str, ...], HourlyMoney]


def read_query_money(
    ledger: WorkspaceLedger,
    snapshot: Snapshot,
    period: Period,
    matched: Sequence[Collection[str]],
    add: Callable[[int, int, int], None],
) -> QueryMoney | None:
    """What was read of the logs in this period; None without warehouses, and while one has not been read.

    `matched` has the ids of the projects that each budget includes. `add` gets, for each budget that an hour adds to,
    its index, the hour and the amount. Raises LedgerError.
    """
    config = snapshot.config
    names = frozenset(one.name for one in config.warehouses_of(snapshot.name))
    known = span_of_logs(names, snapshot.stored.warehouse_states)
    if known is None:
        return None
    budgets = config.budgets_of(snapshot.name)
    known_ids = {one.project.project_id for one in snapshot.stored.projects}
    total = TimeSlots(*period)
    projects: dict[tuple[str, ...], HourlyMoney] = defaultdict(HourlyMoney)
    parts: dict[tuple[str, ...], HourlyMoney] = defaultdict(HourlyMoney)
    for hour in sorted(ledger.warehouses.hours(*period), key=lambda one: one.hour_ms):
        if hour.warehouse not in names or hour.project_id in snapshot.stored.excluded:
            continue
        parts[hour.warehouse, hour.part].add(hour)
        if hour.part not in PARTS:
            continue  # of the bill, but not of Hex
        total.add(hour.hour_ms, hour.usd_micro)
        is_known = hour.part == "query" and hour.project_id in known_ids
        if hour.part == "query":
            projects[(snapshot.series_of(hour.project_id),)].add(hour)
        for index, (budget, ids) in enumerate(zip(budgets, matched, strict=True)):
            is_matched = hour.project_id in ids if is_known else None
            if adds_to_budget(budget, hour.context, is_matched=is_matched):
                add(index, hour.hour_ms, hour.usd_micro)
    total.close()
    return QueryMoney((max(known[0], period[0]), known[1]), total, projects, parts)
