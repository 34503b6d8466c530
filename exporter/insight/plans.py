"""What the workspace would be billed on each plan, and what rules a plan out."""

from collections.abc import Iterable, Mapping

from exporter.config import Plan
from exporter.facts import Seat
from exporter.insight.ai_credits import excess_milli, grants_of
from exporter.insight.calendar_period import Period
from exporter.insight.credit_use import CreditUse
from exporter.insight.seat_costs import roles_of, seats_month
from exporter.insight.tariffs import Tariff


def plan_month(tariff: Tariff, plan: str, seats: Iterable[Seat], use: CreditUse | None, month: Period) -> int | None:
    """A month's seats on a plan and the AI credits of `month` beyond its grants, in micro-dollars.

    None if a price that is needed is not known. Compute is left out: a minute costs the same on every plan that sells
    it. `use` None: threads cannot be read, and seats are all that is compared.
    """
    seats = tuple(seats)
    total = seats_month(tariff, plan, roles_of(seats))
    if total is None or use is None:
        return total
    grants = grants_of(tariff, plan, seats)
    if grants is None:
        # What comes with the plan is not known. That matters only if there is something to pay without it.
        return None if excess_milli(use, {}, month) else total
    return total + (excess_milli(use, grants, month) * tariff.ai_credit_micro_usd + 500) // 1000


def plan_months(tariff: Tariff, seats: Iterable[Seat], use: CreditUse | None, month: Period) -> Mapping[str, int]:
    """The month on each plan that has all the prices it takes, by the plan's name, in micro-dollars."""
    seats = tuple(seats)
    months = {plan: plan_month(tariff, plan, seats, use, month) for plan in tariff.book.plans}
    return {plan: total for plan, total in months.items() if total is not None}


def ruled_out(plan: Plan, published_projects: int) -> tuple[str, ...]:
    """Why the workspace cannot be on the plan, a phrase each; empty if nothing speaks against it."""
    reasons: list[str] = []
    if not plan.has_api:
        reasons.append("it has no API, so nothing here could be measured any more")
    if plan.published_apps is not None and published_projects > plan.published_apps:
        reasons.append(f"it allows {plan.published_apps} published apps and {published_projects} are published")
    return tuple(reasons)
