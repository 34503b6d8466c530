"""What the workspace costs, in dollars: by component, by kind of money, by project, by seat and by plan."""

from collections import Counter
from collections.abc import Iterator

from exporter.insight import COMPONENTS, MICRO, MONEY
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family, Sample
from exporter.view import Accounts, Snapshot, WeekAccount, run_time_by_basis, sessions_of_7d


def cost_families(snapshot: Snapshot) -> Iterator[Family]:
    """The costs that are known; where a price or a part of the week is not known, its series are absent."""
    accounts = snapshot.accounts
    if accounts is None:
        return
    for metric, week in (("week", accounts.week), ("previous_week", accounts.previous_week)):
        samples = [
            ((snapshot.name, component), week.costs[component] / MICRO)
            for component in COMPONENTS
            if component in week.costs
        ]
        yield Family(METRICS[f"hex_cost_{metric}_usd"], samples)
        money = [((snapshot.name, kind), week.money[kind] / MICRO) for kind in MONEY if kind in week.money]
        yield Family(METRICS[f"hex_cost_{metric}_money_usd"], money)
        both, parts = _by_project(snapshot, accounts, week)
        yield Family(METRICS[f"hex_project_cost_{metric}_usd"], both)
        yield Family(METRICS[f"hex_project_cost_{metric}_money_usd"], parts)
    run_ms = run_time_by_basis(accounts.week.profiles)
    if whole := sum(run_ms.values()):
        yield Family(
            METRICS["hex_cost_basis_ratio"], [((snapshot.name, basis), ms / whole) for basis, ms in run_ms.items()]
        )
    if (sessions := sessions_of_7d(snapshot)) is not None:
        yield Family(METRICS["hex_app_sessions_7d_usd"], [((snapshot.name,), sessions.micro_usd / MICRO)])
    yield Family(
        METRICS["hex_seat_month_usd"],
        [((snapshot.name, role), price / MICRO) for role, price in accounts.seat_months.items()],
    )
    yield Family(
        METRICS["hex_plan_month_usd"],
        [((snapshot.name, plan), total / MICRO) for plan, total in accounts.plan_months.items()],
    )


def _by_project(snapshot: Snapshot, accounts: Accounts, week: WeekAccount) -> tuple[list[Sample], list[Sample]]:
    """What the runs of each project cost, and the same by kind of money, with other bills; nothing without prices."""
    other = queries_by_project(snapshot, week)
    others: list[Sample] = [((snapshot.name, one, "other"), micro / MICRO) for one, micro in other.items()]
    if week.totals is None or not accounts.is_run_priced:
        return [], others
    nothing = (0,) * len(accounts.run_money)
    costs = {snapshot.series_of(known.project.project_id): nothing for known in snapshot.awaited}
    for (project_id, _, _), total in week.totals.items():
        series = snapshot.series_of(project_id)
        mine = (total.money(kind) for kind in accounts.run_money)
        costs[series] = tuple(map(int.__add__, costs.get(series, nothing), mine))
    both: list[Sample] = [((snapshot.name, series), sum(parts) / MICRO) for series, parts in costs.items()]
    return both, [
        *(
            ((snapshot.name, series, kind), part / MICRO)
            for series, parts in costs.items()
            for kind, part in zip(accounts.run_money, parts, strict=True)
        ),
        *others,
    ]


def queries_by_project(snapshot: Snapshot, week: WeekAccount) -> Counter[str]:
    """What the queries of each series of projects cost in the warehouses; empty where that is not known."""
    sums = Counter[str]()
    if "warehouse" in week.costs:
        for use, total in week.warehouse.items():
            if use.part == "query":
                sums[snapshot.series_of(use.project_id)] += total.micro_usd
    return sums
