"""How the page writes amounts, times and what they mean, in words that people use."""

from datetime import datetime
from zoneinfo import ZoneInfo

from exporter.config import Currency
from exporter.overview.figures import BillFigures, BudgetFigures, FindingFigures, WorkspaceFigures

_UNITS = {
    "runs": "runs",
    "usd": "USD",
    "bill_usd": "USD",
    "warehouse_usd": "USD",
    "compute_minutes": "minutes",
    "ai_credits": "AI credits",
}
_MINUTE_MS = 60_000
_STALE_MINUTES = 90  # a whole round of the projects takes less than an hour in a workspace that can be followed


def amount(value: float, unit: str) -> str:
    """The value with its unit, such as `1,234 runs` or `12.40 USD`."""
    return f"{number(value, unit)} {_UNITS.get(unit, unit)}"


def number(value: float, unit: str) -> str:
    """The value without its unit: money with its cents, everything else whole."""
    return f"{value:,.2f}" if unit.endswith("usd") else f"{value:,.0f}"


def money(micro_usd: int, currency: Currency) -> str:
    """Millionths of a dollar as `1,234.50 EUR`."""
    return currency.text(micro_usd)


def saving(finding: FindingFigures, currency: Currency) -> str:
    """What a finding saves a month: on the bills, else of the owners' estimate, else runs; a dash for nothing."""
    bills = [money(finding.billed_micro, currency)] if finding.billed_micro else []
    bills += [f"{money(finding.other_micro, currency)} of the warehouse's bill"] if finding.other_micro else []
    if bills:
        return " and ".join(bills)
    if finding.estimate_micro:
        return f"{money(finding.estimate_micro, currency)} of your own estimate"
    return f"{finding.runs:,.0f} runs" if finding.runs else "-"


def components(bill: BillFigures, currency: Currency) -> str:
    """What the bill is made of, such as `seats 91.93, compute 9.03 (lower bound)`; and by what compute is priced."""
    share = bill.exact_share
    exact = f"; {share:.0%} of run minutes priced by their own version".replace("%", " %") if share else ""
    said = {"compute": f"compute {{}} (lower bound{exact})", "ai_credits": "AI credits {}"}
    return ", ".join(
        said.get(name, name + " {}").format(f"{currency.amount(micro):,.2f}") for name, micro in bill.components.items()
    )


def moment(at_ms: int, timezone: str) -> str:
    """The instant in the zone's time, such as `Mon 30 Nov 00:00`."""
    return f"{datetime.fromtimestamp(at_ms / 1000, ZoneInfo(timezone)):%a %-d %b %H:%M}"


def verdict(budget: BudgetFigures, timezone: str) -> str:
    """One sentence: whether the budget lasts until its reset."""
    resets = moment(budget.resets_ms, timezone)
    if budget.used is None:
        return "What was used is not known yet: runs since the start of the period are still being read."
    left = budget.limit - budget.used
    if left < 0:
        return f"Over by {amount(-left, budget.unit)}. It starts again {resets}."
    if budget.forecast is None:
        return f"{amount(left, budget.unit)} left until {resets}. Too early for a forecast."
    expected = amount(budget.forecast, budget.unit)
    if budget.is_exceeded_by_forecast:
        return f"Will not last: {expected} expected by {resets}."
    return f"Will last: {expected} expected by {resets}."


def change(now: float, before: float | None) -> str:
    """How the figure compares with an earlier one, such as `+12 %`; a dash where there is none."""
    if before is None:
        return ""
    if not before:
        return "new" if now else "same"
    part = (now - before) / before
    return f"{part:+.0%}".replace("%", " %") if abs(part) < 10 else f"{now / before:,.0f} times"


def data_age(workspace: WorkspaceFigures) -> tuple[str, bool]:
    """How old the oldest part of the data is, and whether that is older than it should be."""
    if workspace.complete_until_ms is None:
        return "The history of runs is still being read", False
    minutes = max(0, workspace.now_ms - workspace.complete_until_ms) // _MINUTE_MS
    if minutes < 1:
        return "Data is less than a minute old", False
    shown = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
    return f"Data is {shown} old", minutes > _STALE_MINUTES
