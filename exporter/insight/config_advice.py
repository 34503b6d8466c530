"""Sentences on budgets and prices that a person may want to act on."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from exporter.config import DEFAULT_BUDGET, Budget
from exporter.facts import Project
from exporter.insight.compute_profiles import ProjectProfiles
from exporter.insight.seat_costs import unpriced_keys
from exporter.insight.tariffs import Tariff

_HEADROOM = 1.2
"""How far above the fullest of the last weeks a limit is put, so that a usual week raises no alarm."""


def unmatched(budgets: Iterable[Budget], workspace: str, projects: Collection[Project]) -> Iterator[str]:
    """A sentence for each budget that is meant for some projects and matches none of those that are known."""
    for budget in budgets:
        if projects and not any(budget.match.matches(workspace, project) for project in projects):
            yield f"budget {budget.name!r} matches no project"


def unpriced(
    tariff: Tariff, budgets: Iterable[Budget], roles: Mapping[str, int], *, has_paid_compute: bool
) -> Iterator[str]:
    """A sentence for each cost that is not shown because a price is missing, with the key that would give it."""
    plan = tariff.prices.plan
    if plan is None:
        yield "the cost of seats, and of AI credits beyond those of the seats, is not known: set prices.plan"
    else:
        for key in unpriced_keys(tariff, plan, roles):
            yield f"the cost of seats is not known: set {key}"
        if any(count and tariff.credit_grant_milli(plan, role) is None for role, count in roles.items()):
            yield f"the cost of AI credits is not known: {tariff.book.name} does not say how many come with {plan}"
    if not tariff.has_own_estimate:
        turns = "prices.run_usd or prices.warehouse_usd_per_minute turns them into money"
        yield f"projects are ranked by runs and minutes: {turns}"
        if not has_paid_compute:
            for budget in budgets:
                if budget.unit == "usd" and not budget.warehouse:
                    yield f"budget {budget.name!r} counts dollars and no run costs any: set prices.run_usd or compute"


def unpriced_profiles(tariff: Tariff, projects: Iterable[ProjectProfiles]) -> Iterator[str]:
    """The compute profiles of projects that have no price, a sentence each: their run minutes cost nothing here."""
    counts = Counter(name for profiles in projects for name in profiles.names if not tariff.has_compute_price(name))
    for name, count in sorted(counts.items()):
        of = "1 project" if count == 1 else f"{count} projects"
        yield f"no price for profile {name}, of {of}: its run minutes cost 0; compute.profiles can name another"


def fitting(weeks: Sequence[float]) -> str | None:
    """How the default budget compares with the last weeks, the latest first, and a `budgets:` block that would fit.

    None if no week is known.
    """
    if not weeks:
        return None
    limit = DEFAULT_BUDGET.limit
    counts = ", ".join(f"{runs:,.0f}" for runs in weeks)
    text = f"the default budget is {limit:.0f} runs a week, and the last full weeks had {counts}"
    if limit / 4 <= max(weeks) <= limit:
        return f"{text}: it fits"
    fits = _rounded_up(max(weeks) * _HEADROOM)
    return f"{text}; this would fit: budgets: [{{name: {DEFAULT_BUDGET.name}, unit: runs, limit: {fits}}}]"


def fitting_schedules(runs: int) -> str | None:
    """The same where no week is known yet, by what the schedules start in a week; None if the default leaves room."""
    if runs * _HEADROOM <= DEFAULT_BUDGET.limit:
        return None
    fits = _rounded_up(runs * _HEADROOM)
    return (
        f"the default budget is {DEFAULT_BUDGET.limit:.0f} runs a week, and the schedules alone start {runs:,}; "
        f"this would leave room: budgets: [{{name: {DEFAULT_BUDGET.name}, unit: runs, limit: {fits}}}]"
    )


def _rounded_up(number: float) -> int:
    """The next number with two digits before its zeros; 10 at the least."""
    step = 1
    while number / step > 100:
        step *= 10
    return max(10, -int(-number // step) * step)
