"""What the Budget board asks: thresholds, verdicts and the budgets that someone chose, in each unit."""

from typing import Any

from dashboards.panel_parts import (
    BAD,
    CALM,
    COUNT,
    GOOD,
    NOTE,
    PLAIN,
    USD,
    WARN,
    Query,
    painted,
)
from dashboards.promql import gauge

ONE = 'budget="$budget"'

UNITS = {
    "runs": COUNT,
    "usd": USD,
    "bill_usd": USD,
    "warehouse_usd": USD,
    "compute_minutes": "m",
    "ai_credits": COUNT,
}

UNIT_NAMES = {
    "usd": "USD",
    "bill_usd": "USD, bill",
    "warehouse_usd": "USD, warehouse",
    "compute_minutes": "minutes",
    "ai_credits": "AI credits",
}

BY = "workspace, budget, unit"

FORECAST = gauge("hex_budget_forecast", ONE)

START = gauge("hex_budget_period_start_timestamp_seconds", ONE)

END = gauge("hex_budget_period_end_timestamp_seconds", ONE)


def threshold(severity: str, *matchers: str) -> str:
    """Where a severity of the budgets begins, as a part of the limit."""
    chosen = f'severity="{severity}"'
    return f"max by ({BY}) ({gauge('hex_budget_threshold_ratio', *matchers, chosen)})"


CHOSEN_NONE = 'feature="budgets"', 'state="not_configured"'


def chosen(expr: str) -> str:
    """What is judged: budgets that someone configured, and not the default limit."""
    return f"({expr}) unless on (workspace) {gauge('hex_feature_state', *CHOSEN_NONE)}"


def default(expr: str) -> str:
    """The same of the default budget, where no budget is configured: it is shown, and judged by no colour."""
    return f"({expr}) and on (workspace) {gauge('hex_feature_state', *CHOSEN_NONE)}"


def verdict(*matchers: str) -> str:
    """0 to 3: fits, close, will not fit, over; 10 more where there is no forecast yet; 100: the default limit.

    200: what is used is not known.
    """
    used, limit = gauge("hex_budget_used", *matchers), gauge("hex_budget_limit", *matchers)
    forecast = gauge("hex_budget_forecast", *matchers)
    warning, critical = threshold("warning", *matchers), threshold("critical", *matchers)
    over = f"({used} >= bool {limit} * {critical})"
    will = f"(({forecast} >= bool {limit} * {critical}) or {over})"
    close = f"(({forecast} >= bool {limit} * {warning}) or ({used} >= bool {limit} * {warning}))"
    unknown = f"(10 * ({used} unless {forecast}) ^ 0 or 0 * {used})"
    # Each includes the one before: what is used up was also heading there.
    judged = f"{close} + {will} + {over} + {unknown}"
    return f"{chosen(judged)} or {default(f'0 * {used} + 100')} or 0 * {limit} + 200"


VERDICTS = {
    "0": ("Fits", GOOD),
    "1": ("Close", NOTE),
    "2": ("Will not fit", WARN),
    "3": ("Over", BAD),
    "10": ("No forecast yet", CALM),
    "11": ("Close", NOTE),
    "13": ("Over", BAD),
    "100": ("Default limit", CALM),
    "200": ("Not known", PLAIN),
}


def by_unit(expr: str, legend: str = "", **properties: Any) -> list[Query]:
    """The same figure once for each unit a budget can have: only one returns data, and so brings its unit."""
    return [
        Query(expr.replace(ONE, f'{ONE}, unit="{unit}"'), legend, {"unit": shown, **properties})
        for unit, shown in UNITS.items()
    ]


def graded(expr: str, legend: str, *colors: str) -> list[Query]:
    """A part of the limit, coloured by the budget's own thresholds: below all, and from each of the three."""
    info, warning, critical = (threshold(one, ONE) for one in ("info", "warning", "critical"))
    judged = f"({chosen(expr)})"
    grades = (
        f"{judged} < {info}",
        f"({judged} >= {info}) < {warning}",
        f"({judged} >= {warning}) < {critical}",
        f"{judged} >= {critical}",
    )
    graded = [Query(one, legend, painted(color)) for one, color in zip(grades, colors, strict=True)]
    return [*graded, Query(default(expr), legend, painted(PLAIN))]


def passed() -> str:
    """The part of the budget's period that has passed, from 0 to 1."""
    return f"(time() - {START}) / ({END} - {START})"
