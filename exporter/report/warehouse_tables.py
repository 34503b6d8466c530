"""What Hex's queries cost in each warehouse, as a table of the report."""

from collections.abc import Iterator, Mapping

from exporter.insight import MICRO
from exporter.ledger import WarehouseKey, WarehouseSums
from exporter.report.table_wording import local
from exporter.report.week_tables import Table
from exporter.view import Accounts, Snapshot, WarehouseTotal, WeekAccount

_GIB = 1 << 30


def warehouse_tables(accounts: Accounts) -> Iterator[Table]:
    """The component by warehouse and part: the parts add up to it. Nothing where it is not known."""
    if "warehouse" not in accounts.week.costs:
        return
    now, before = _by_part(accounts.week), _by_part(accounts.previous_week)
    now = {**dict.fromkeys(before, WarehouseTotal()), **now}
    previous = {key: total.micro_usd for key, total in before.items()}
    is_compared = "warehouse" in accounts.previous_week.costs
    rows = [
        (
            *key,
            total.queries,
            total.unpriced,
            total.micro_usd / MICRO,
            previous.get(key, 0) / MICRO if is_compared else None,
        )
        for key, total in sorted(now.items(), key=lambda one: (one[0][0], -one[1].micro_usd, one[0][1]))
    ]
    columns = ("warehouse", "part", "queries", "unpriced_queries", "usd", "previous_usd")
    yield Table("warehouse", columns, tuple(rows))


def _by_part(week: WeekAccount) -> Mapping[tuple[str, str], WarehouseTotal]:
    sums: dict[tuple[str, str], WarehouseTotal] = {}
    for use, total in week.warehouse.items():
        key = (use.warehouse, use.part)
        sums[key] = sums.get(key, WarehouseTotal()).plus(total)
    return sums


def warehouse_remarks(snapshot: Snapshot, accounts: Accounts) -> Iterator[str]:
    """What of the warehouses is not known, and that the parts that are shown are a lower bound."""
    names = [one.name for one in snapshot.config.warehouses_of(snapshot.name)]
    if not names:
        return
    if "warehouse" not in accounts.week.costs:
        reason = "their query logs are not read that far, or no query has a price"
        yield f"what queries cost in {', '.join(names)} is not known: {reason}"
        return
    timezone = snapshot.config.week(snapshot.name).timezone
    stored = snapshot.stored
    states = stored.warehouse_states
    untils = [at for name in names if name in states and (at := states[name].complete_until_ms) is not None]
    if untils and min(untils) < min(snapshot.now_ms, accounts.week.period[1]):
        yield f"queries in the warehouses are known until {local(min(untils), timezone):%Y-%m-%d %H:%M}"
    unpriced = sum(total.unpriced for total in accounts.week.warehouse.values())
    weeks = {stored.week: stored.warehouse_week, stored.previous_week: stored.warehouse_previous_week}
    yield from _repeats(weeks.get(accounts.week.period, {}), names)
    if unpriced:
        yield f"{unpriced:,} queries have no price that is known: what the warehouses cost is a lower bound"


def _repeats(week: Mapping[tuple[str, WarehouseKey], WarehouseSums], names: list[str]) -> Iterator[str]:
    """What Hex's comment costs where a cache needs an equal text."""
    for name in names:
        found = [sums for (warehouse, _), sums in week.items() if warehouse == name and sums.repeated]
        if found:
            queries, gibibytes = sum(one.repeated for one in found), sum(one.repeated_bytes for one in found) / _GIB
            cost = f", {usd / MICRO:,.2f} USD" if (usd := sum(one.repeated_usd_micro for one in found)) else ""
            yield (
                f"{name} billed {queries:,} queries again ({gibibytes:,.1f} GiB{cost}) that differ only in Hex's "
                "comment from one of the day before: at most, since their data may have changed"
            )
