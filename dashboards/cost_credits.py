"""Plans and AI credits, for the board of costs."""

from typing import Any

from dashboards.panel_parts import COUNT, USD, Column, Query, about
from dashboards.panels import bars, curve, table
from dashboards.promql import gauge


def plans() -> Any:
    """What the seats and credits would cost a month on each plan."""
    return bars(
        12,
        "A month on each plan, all teams",
        about(
            "Today's seats, and last month's AI credits beyond theirs, billed on each plan. Compute costs the same.",
            normal="the plan you are on is the cheapest that has the features you need.",
            act="A cheaper plan: compare its features before you change; the prices are in the configuration.",
        ),
        [Query(f"sort_desc({gauge('hex_plan_month_usd')})", "{{plan}}")],
        unit=USD,
        decimals=2,
        empty="Not known: needs a plan and the users",
    )


def credits_by_user() -> Any:
    """The ten people who used most AI credits this week."""
    return bars(
        20,
        "AI credits by user, this week, all teams",
        about(
            "Who used AI credits this week, by when each thread grew: the ten largest. Hex shows no private threads.",
            normal="a few people use most.",
            act="Ask the first; a Task or an Eval that no one reads is ended by its creator. See **Savings**.",
        ),
        [Query(f"sort_desc(topk(10, {gauge('hex_ai_credits_week_by_user')} > 0))", "{{user}}")],
        unit=COUNT,
        decimals=1,
        empty="None is known",
    )


def credits_of_month() -> Any:
    """The month's grants, what is used of them, and what has to be bought."""
    rows = "hex_ai_credits_month_granted"
    return table(
        21,
        "AI credits of this month, all teams",
        about(
            "What comes with the seats this month, what was used, what is left of each user's own grant (at most: "
            "private threads are not shown), and what has to be bought until the month ends at the pace of seven days.",
            normal="no top-ups; the first grant is gone late in the month, or never.",
            act="Top-ups ahead: see who uses most, and the runbook of HexAiGrantGone.",
        ),
        gauge(rows),
        [
            Column("Granted", expr=gauge("hex_ai_credits_month_granted"), width=75, properties={"decimals": 0}),
            Column("Used", expr=gauge("hex_ai_credits_month_used"), width=85, properties={"decimals": 0}),
            Column("Left", expr=gauge("hex_ai_credits_month_left"), width=75, properties={"decimals": 0}),
            Column("Beyond", expr=gauge("hex_ai_credits_month_beyond_grants"), width=80, properties={"decimals": 0}),
            Column("Top-ups ahead", expr=gauge("hex_ai_top_ups_expected"), width=85, properties={"decimals": 0}),
            Column("They cost", expr=gauge("hex_ai_top_ups_expected_usd"), unit=USD, width=95),
        ],
        empty="Not known: needs a plan, the users and their threads",
        sort_by="Used",
    )


def credit_days() -> Any:
    """AI credits of seven days as they move."""
    return curve(
        22,
        "AI credits in seven days, all teams",
        about(
            "The last seven days against what they usually use: the median of the four such spans before.",
            normal="about the usual.",
            act="Twice the usual: something changed. See who, on the left.",
        ),
        [
            Query(gauge("hex_ai_credits_7d", ahead=True), "seven days"),
            Query(gauge("hex_ai_credits_7d_usual", ahead=True), "usual"),
        ],
        unit=COUNT,
        empty="Not known in this time",
    )
