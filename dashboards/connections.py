"""Connections: which connections are worth keeping."""

from typing import Any

from dashboards.board import Section, board
from dashboards.board_header import header
from dashboards.panel_parts import COUNT, NOTE, PLAIN, USD, WARN, Column, Query, about, link, meter, tinted
from dashboards.panels import bars, curve, figure, table
from dashboards.promql import age, gauge, money

_INFO = f"topk by (workspace, connection_id) (1, {gauge('hex_connection_info')})"
_PROJECTS = gauge("hex_connection_projects")
_PEAK = gauge("hex_connection_peak_runs")
_LAST = "hex_connection_last_run_timestamp_seconds"
_MONTH = 30 * 86400
_UNREAD = "No connections"
_COST = "hex_connection_cost_week_money_usd"


def _figures() -> list[tuple[int, Any]]:
    unused = f"count({_PROJECTS} == 0) or 0 * sum({_PROJECTS})"
    quiet = f"count({age(_LAST)} > {_MONTH}) or 0 * sum({_PROJECTS})"
    return [
        (
            12,
            figure(
                1,
                "Connections",
                about(
                    "Data connections that the token can see, those that no known project queries, and those whose "
                    "projects have not started a run for 30 days.",
                    normal="one for each warehouse and purpose, all of them in use.",
                    act="Unused: ask its owner, then remove it; an unused password is only a risk.",
                ),
                [
                    Query(f"sum({gauge('hex_connections')})", "all"),
                    Query(unused, "without a project"),
                    Query(quiet, "quiet for 30 days"),
                ],
                unit=COUNT,
                empty="No connections",
                named=True,
            ),
        ),
        (
            12,
            figure(
                4,
                "Most runs at one time, 7 days",
                about(
                    "The most runs at one time over 7 days on one connection: an upper bound of its load.",
                    normal="below the number of queries that the warehouse takes at once.",
                    act="Above: spread the schedules; **Schedules** shows the hours they share.",
                ),
                [Query(f"max({_PEAK})")],
                unit=COUNT,
                empty="Not known",
                links=[link("When do schedules fire together?", "hex-schedules")],
            ),
        ),
    ]


def _table() -> Any:
    return table(
        6,
        "All connections",
        about(
            "Each connection with the projects that are known to query it, their runs and what these cost this week, "
            "the last run, and the most runs at one time in 7 days. A project that queries two connections is in both.",
            normal="projects and a recent run on each line.",
            act="No projects, or no run for months: ask, then remove it.",
        ),
        _INFO,
        [
            Column("Connection", label="name"),
            Column("Type", label="connection_type", width=110),
            Column("Projects", expr=_PROJECTS, width=130, properties=meter()),
            Column("Runs, 7 days", expr=gauge("hex_connection_runs_7d"), unit=COUNT, width=130, properties=meter()),
            Column("Billed this week", expr=money(_COST, "billed"), unit=USD, width=120),
            Column("Estimate", expr=money(_COST, "estimate"), unit=USD, width=110),
            Column(
                "Last run, ago",
                expr=age(_LAST),
                unit="s",
                width=120,
                properties=tinted((PLAIN, None), (NOTE, 7 * 86400), (WARN, _MONTH)),
            ),
            Column("At one time", expr=_PEAK, width=110, properties=meter()),
        ],
        empty=_UNREAD,
        sort_by="Projects",
    )


def _types() -> Any:
    return bars(
        7,
        "By type",
        about(
            "Connections by what they connect to.",
            normal="the warehouses that you know.",
            act="A type that you do not know: see the table for its name.",
        ),
        [Query(f"sort_desc({gauge('hex_connections')})", "{{connection_type}}")],
        unit=COUNT,
        empty=_UNREAD,
    )


def _projects_over_time() -> Any:
    projects, info = (gauge(one, ahead=True) for one in ("hex_connection_projects", "hex_connection_info"))
    once = f"topk by (workspace, connection_id) (1, {info})"
    named = f"{projects} * on (workspace, connection_id) group_left (name) {once}"
    return curve(
        8,
        "Projects by connection over time",
        about(
            "How many projects are known to query each connection.",
            normal="level, or moving from an old connection to a new one.",
            act="A line that reached 0: the connection can go.",
        ),
        [Query(named, "{{name}}")],
        unit=COUNT,
        empty="Not known in this time",
        draw="steps",
        calcs=("lastNotNull", "diff"),
    )


BOARD = board(
    "hex-connections",
    "Which connections are worth keeping?",
    [
        header("connections", "tables"),
        (4, _figures()),
        (11, [(24, _table())]),
    ],
    [Section("Types, and use over time", [(9, [(8, _types()), (16, _projects_over_time())])], collapsed=True)],
    time=("now-30d", "now"),
)
