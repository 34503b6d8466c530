"""Seats: who uses what we pay for."""

from typing import Any

from dashboards.board import board
from dashboards.panels import (
    BAD,
    CALM,
    GOOD,
    NOTE,
    PLAIN,
    WARN,
    Column,
    Query,
    about,
    curve,
    data_age,
    figure,
    meter,
    table,
    tinted,
)
from dashboards.promql import age, gauge, increase

USD = "currencyUSD"
_SEATS, _IDLE, _PRICE = gauge("hex_seats"), gauge("hex_seats_inactive"), gauge("hex_seat_month_usd")
_UNPRICED = "No plan is configured: see `prices.plan`"
_UNREAD = "The token cannot list users"


def _figures() -> list[tuple[int, Any]]:
    paid = f"sum({_SEATS} and on (workspace, role) ({_PRICE} > 0))"
    idle = f"(sum({_IDLE} and on (workspace, role) ({_PRICE} > 0)) or 0 * {paid})"
    return [
        (
            4,
            figure(
                1,
                "Seats",
                about(
                    "Users of the workspace, guests and embedded users included.",
                    normal="the people you know.",
                    act="More than that: see who joined, in Hex under Settings, Users.",
                ),
                [Query(f"sum({_SEATS})")],
                unit="none",
                empty=_UNREAD,
            ),
        ),
        (
            4,
            figure(
                2,
                "Paid seats",
                about(
                    "Users in a role that costs money on the configured plan.",
                    normal="at most what the contract says.",
                    act="Compare with the invoice.",
                ),
                [Query(paid)],
                unit="none",
                empty=_UNPRICED,
            ),
        ),
        (
            4,
            figure(
                3,
                "Paid and idle",
                about(
                    "Paid seats of people who have not logged in for `seats.inactive_after`, or never.",
                    normal="0.",
                    act="Give them a free role or remove them, in Hex under Settings, Users.",
                ),
                [Query(idle)],
                unit="none",
                empty=_UNPRICED,
                steps=((GOOD, None), (WARN, 1)),
            ),
        ),
        (
            5,
            figure(
                4,
                "Idle seats cost a month",
                about(
                    "The monthly price of the paid and idle seats.",
                    normal="nothing.",
                    act="This is what removing or downgrading them saves, every month.",
                ),
                [Query(f"sum({_IDLE} * on (workspace, role) {_PRICE})")],
                unit=USD,
                decimals=2,
                empty=_UNPRICED,
                steps=((GOOD, None), (WARN, 0.01)),
            ),
        ),
        (
            4,
            figure(
                5,
                "Last review",
                about(
                    "Time since the last review of the seats: `seats.reviewed_on` in the configuration.",
                    normal="within 90 days.",
                    act="Review the table below, then set `seats.reviewed_on` to today.",
                ),
                [Query(age("hex_seats_reviewed_timestamp_seconds"))],
                unit="s",
                empty="Never: set `seats.reviewed_on`",
                steps=((GOOD, None), (NOTE, 60 * 86400), (WARN, 90 * 86400)),
            ),
        ),
        (3, data_age(6)),
    ]


def _roles() -> Any:
    return table(
        7,
        "By role",
        about(
            "Users by role: how many, how many have not logged in for `seats.inactive_after`, and what that costs.",
            normal="no idle seats in roles that cost money.",
            act="Begin with the largest `Idle, a month`.",
        ),
        _SEATS,
        [
            Column("Role", label="role"),
            Column("Seats", expr=_SEATS, width=170, properties=meter()),
            Column("Idle", expr=_IDLE, width=100, properties=tinted((PLAIN, None), (WARN, 1))),
            Column("Price, a month", expr=_PRICE, unit=USD, width=140),
            Column("All, a month", expr=f"{_SEATS} * {_PRICE}", unit=USD, width=140),
            Column(
                "Idle, a month",
                expr=f"{_IDLE} * {_PRICE}",
                unit=USD,
                width=140,
                properties=tinted((PLAIN, None), (WARN, 0.01), (BAD, 200)),
            ),
        ],
        empty=_UNREAD,
        sort_by="All, a month",
    )


def _trend() -> Any:
    return curve(
        8,
        "Seats over time",
        about(
            "Users by role.",
            normal="level, with a step when someone joins or leaves.",
            act="A rise in a paid role: was it agreed?",
        ),
        [Query(_SEATS, "{{role}}")],
        unit="none",
        empty="No data before the first scrape",
        draw="steps",
        calcs=("lastNotNull", "diff"),
    )


def _idle_trend() -> Any:
    paid = f"sum({_SEATS} and on (workspace, role) ({_PRICE} > 0))"
    idle = f"sum({_IDLE} and on (workspace, role) ({_PRICE} > 0))"
    return curve(
        9,
        "Paid seats, used and idle",
        about(
            "Seats that cost money, split by whether their people logged in within `seats.inactive_after`.",
            normal="no orange.",
            act="An orange band that stays: these seats are paid and not used.",
        ),
        [Query(f"{paid} - {idle}", "used"), Query(idle, "idle")],
        unit="none",
        empty=_UNPRICED,
        draw="steps",
        stacked=True,
        area=True,
        colors={"used": CALM, "idle": WARN},
    )


def _credits() -> Any:
    return curve(
        10,
        "AI credits by source",
        about(
            "Credits by which the visible AI threads grew in each interval, since first contact.",
            normal="office hours.",
            act="A source that grows without end is a program: see the threads of that source in Hex.",
        ),
        [Query(f"sum by (source) ({increase('hex_ai_credits_total')})", "{{source}}")],
        unit="none",
        empty="No credits were used in this time, or the token cannot list threads",
        draw="bars",
        stacked=True,
        min_step="1h",
        points=60,
    )


BOARD = board(
    "hex-seats",
    "Who uses what we pay for?",
    [
        (4, _figures()),
        (11, [(14, _roles()), (10, _idle_trend())]),
        (9, [(12, _trend()), (12, _credits())]),
    ],
    time=("now-30d", "now"),
)
