"""What the workspace costs, in dollars: by component, by project, by seat and by plan."""

from collections.abc import Iterator

from exporter.insight import MICRO
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family, Sample
from exporter.view import COMPONENTS, Accounts, Snapshot, WeekAccount


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
        yield Family(METRICS[f"hex_project_cost_{metric}_usd"], _by_project(snapshot, accounts, week))
    yield Family(
        METRICS["hex_seat_month_usd"],
        [((snapshot.name, role), price / MICRO) for role, price in accounts.seat_months.items()],
    )
    yield Family(
        METRICS["hex_plan_month_usd"],
        [((snapshot.name, plan), total / MICRO) for plan, total in accounts.plan_months.items()],
    )


def _by_project(snapshot: Snapshot, accounts: Accounts, week: WeekAccount) -> list[Sample]:
    """Compute and own estimate of each project; nothing where runs have no price at all."""
    if week.totals is None or not accounts.is_run_priced:
        return []
    costs = {snapshot.series_of(known.project.project_id): 0 for known in snapshot.awaited}
    for (project_id, _, _), total in week.totals.items():
        series = snapshot.series_of(project_id)
        costs[series] = costs.get(series, 0) + total.micro_usd
    return [((snapshot.name, series), cost / MICRO) for series, cost in costs.items()]
