"""Seats: who uses what we pay for."""

from typing import Any

from dashboards.board import Section, board
from dashboards.board_header import header
from dashboards.panel_parts import BAD, CALM, COUNT, NOTE, PLAIN, USD, WARN, Column, Query, about, link, meter, tinted
from dashboards.panels import curve, figure, table
from dashboards.promql import age, gauge, increase, money

_NAMES = ("hex_seats", "hex_seats_inactive", "hex_seat_month_usd")
_SEATS, _IDLE, _PRICE = map(gauge, _NAMES)
_SEATS_THEN, _IDLE_THEN, _PRICE_THEN = (gauge(one, ahead=True) for one in _NAMES)
"""The same for curves: up to now, also on the day when all of the time shown is one interval."""
_UNREAD = "No users"


def _figures() -> list[tuple[int, Any]]:
    paid = f"sum({_SEATS} and on (workspace, role) ({_PRICE} > 0))"
    idle = f"(sum({_IDLE} and on (workspace, role) ({_PRICE} > 0)) or 0 * {paid})"
    unused = 'kind="idle_paid_seat"'
    return [
        (
            6,
            figure(
                1,
                "Seats",
                about(
                    "Users of the workspace, guests and embedded users included, and those in a role that costs money.",
                    normal="the people you know, and at most as many paid seats as the contract says.",
                    act="More than that: see who joined, in Hex under Settings, Users.",
                ),
                [Query(f"sum({_SEATS})", "all"), Query(paid, "paid")],
                unit=COUNT,
                empty="Not known",
                named=True,
            ),
        ),
        (
            8,
            figure(
                3,
                "No login",
                about(
                    "People who have not logged in for `seats.inactive_after`, or never; those of them in a role that "
                    "costs money, and what they cost a month.",
                    normal="no paid seat.",
                    act="See beside it whom the audit would remove, and the table of people.",
                ),
                [
                    Query(f"sum({_IDLE})", "people"),
                    Query(idle, "paid seats"),
                    Query(f"sum({_IDLE} * on (workspace, role) {_PRICE})", "a month", {"unit": USD, "decimals": 2}),
                ],
                unit=COUNT,
                empty=_UNREAD,
                named=True,
            ),
        ),
        (
            6,
            figure(
                4,
                "To give up, by the audit",
                about(
                    "The paid seats that **Savings** lists: it leaves out who edited or started a project by hand "
                    "meanwhile, and the last admin. What giving them up saves a month.",
                    normal="0.",
                    act="Give them a free role or remove them, in Hex under Settings, Users.",
                ),
                [
                    Query(f"sum({gauge('hex_findings', unused)})", "seats"),
                    Query(
                        f"sum({money('hex_findings_saving_month_money_usd', 'billed', unused)})",
                        "a month",
                        {"unit": USD, "decimals": 2},
                    ),
                ],
                unit=COUNT,
                empty="Not judged",
                named=True,
                links=[link("What can be switched off?", "hex-savings")],
            ),
        ),
        (
            4,
            figure(
                5,
                "Last review",
                about(
                    "How long ago the seats were last reviewed: `seats.reviewed_on` in the configuration.",
                    normal="within 90 days.",
                    act="Review the people below, then set `seats.reviewed_on` to today.",
                ),
                [Query(age("hex_seats_reviewed_timestamp_seconds"))],
                unit="s",
                empty="Never",
                steps=((PLAIN, None), (NOTE, 60 * 86400), (WARN, 90 * 86400)),
            ),
        ),
    ]


def _people() -> Any:
    login = gauge("hex_seat_last_login_timestamp_seconds")
    price = f"{gauge('hex_seat_info')} * on (workspace, role) group_left () {_PRICE}"
    return table(
        11,
        "People",
        about(
            "Who has a seat, as `labels.owner` lets people be shown, their role, last login and what the seat costs a "
            "month: up to 200, those first whose seats cost most and who logged in longest ago.",
            normal="a login within `seats.inactive_after` wherever there is a price.",
            act="A price and no login: give them a free role, in Hex under Settings, Users.",
        ),
        gauge("hex_seat_info"),
        [
            Column("Person", label="user", properties={"links": [_TO_HEX], "custom.minWidth": 220}),
            Column("url", label="url", properties={"custom.hidden": True}),
            Column("Role", label="role", width=120),
            Column(
                "Last login, ago",
                expr=f"clamp_min(time() - {login}, 0)",
                unit="s",
                width=150,
                properties=tinted((PLAIN, None), (NOTE, 30 * 86400), (WARN, 90 * 86400)) | {"noValue": "never"},
            ),
            Column("Price, a month", expr=price, unit=USD, width=140),
        ],
        empty="No person is shown",
        sort_by="Price, a month",
        then_by="Last login, ago",
    )


_TO_HEX = {"title": "Open Hex: Settings, Users", "url": "${__data.fields.url}", "targetBlank": True}


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
        [Query(_SEATS_THEN, "{{role}}")],
        unit=COUNT,
        empty="Not known in this time",
        draw="steps",
        calcs=("lastNotNull", "diff"),
    )


def _idle_trend() -> Any:
    others = f"sum({_IDLE_THEN} unless on (workspace, role) ({_PRICE_THEN} > 0))"
    return curve(
        9,
        "Seats, used and idle",
        about(
            "All seats, split by whether their people logged in within `seats.inactive_after`, and the idle ones by "
            "whether their role is known to cost money.",
            normal="no orange.",
            act="An orange band that stays: these seats are paid and not used.",
        ),
        [
            Query(f"sum({_SEATS_THEN}) - sum({_IDLE_THEN})", "used"),
            Query(f"sum({_IDLE_THEN} and on (workspace, role) ({_PRICE_THEN} > 0))", "idle, paid"),
            Query(others, "idle, free or without a price"),
        ],
        unit=COUNT,
        empty="Not known in this time",
        draw="steps",
        stacked=True,
        area=True,
        colors={"used": CALM, "idle, paid": WARN, "idle, free or without a price": PLAIN},
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
        [Query(f"sum by (source) ({increase('hex_ai_credits_total', ahead=True)})", "{{source}}")],
        unit=COUNT,
        empty="No credits are known in this time",
        draw="bars",
        stacked=True,
        min_step="1h",
        points=60,
    )


BOARD = board(
    "hex-seats",
    "Who uses what we pay for?",
    [
        header("users", "prices"),
        (4, _figures()),
        (10, [(24, _people())]),
    ],
    [
        Section("By role", [(9, [(24, _roles())])]),
        Section("Over time", [(8, [(12, _idle_trend()), (12, _trend())])]),
        Section("AI credits", [(8, [(24, _credits())])], collapsed=True),
    ],
    time=("now-30d", "now"),
)
