"""Connections: which connections are worth keeping."""

from typing import Any

from dashboards.board import board
from dashboards.panels import (
    GOOD,
    NOTE,
    PLAIN,
    WARN,
    Column,
    Query,
    about,
    bars,
    curve,
    data_age,
    figure,
    meter,
    table,
    tinted,
)
from dashboards.promql import age, gauge

_INFO = f"topk by (workspace, connection_id) (1, {gauge('hex_connection_info')})"
_PROJECTS = gauge("hex_connection_projects")
_PEAK = gauge("hex_connection_peak_runs")
_LAST = "hex_connection_last_run_timestamp_seconds"
_MONTH = 30 * 86400
_UNREAD = "The token cannot list connections"
_UNKNOWN = "Neither queried tables nor cells can be read"


def _figures() -> list[tuple[int, Any]]:
    unused = f"count({_PROJECTS} == 0) or 0 * sum({_PROJECTS})"
    quiet = f"count({age(_LAST)} > {_MONTH}) or 0 * sum({_PROJECTS})"
    return [
        (
            5,
            figure(
                1,
                "Connections",
                about(
                    "Data connections that the token can see.",
                    normal="one for each warehouse, and one for each purpose with rights of its own.",
                    act="More: see below which have no project.",
                ),
                [Query(f"sum({gauge('hex_connections')})")],
                unit="none",
                empty=_UNREAD,
            ),
        ),
        (
            5,
            figure(
                2,
                "Without a project",
                about(
                    "Connections that no known project queries.",
                    normal="0.",
                    act="Ask its owner, then remove it: an unused password is only a risk.",
                ),
                [Query(unused)],
                unit="none",
                empty=_UNKNOWN,
                steps=((GOOD, None), (WARN, 1)),
            ),
        ),
        (
            5,
            figure(
                3,
                "Quiet for 30 days",
                about(
                    "Connections whose projects have not started a run for 30 days.",
                    normal="0.",
                    act="See the table: archive the projects, then the connection.",
                ),
                [Query(quiet)],
                unit="none",
                empty=_UNKNOWN,
                steps=((GOOD, None), (NOTE, 1)),
            ),
        ),
        (
            5,
            figure(
                4,
                "Most runs at one time",
                about(
                    "The most runs at one time over 7 days on one connection: an upper bound of its load.",
                    normal="below the number of queries that the warehouse takes at once.",
                    act="Above: spread the schedules; **Schedules** shows the hours they share.",
                ),
                [Query(f"max({_PEAK})")],
                unit="none",
                empty=_UNKNOWN,
            ),
        ),
        (4, data_age(5)),
    ]


def _table() -> Any:
    return table(
        6,
        "All connections",
        about(
            "Each connection with the projects that are known to query it, its last run, and its load.",
            normal="projects and a recent run on each line.",
            act="No projects, or no run for months: ask, then remove it.",
        ),
        _INFO,
        [
            Column("Connection", label="name"),
            Column("Type", label="connection_type", width=160),
            Column("Projects", expr=_PROJECTS, width=220, properties=meter()),
            Column(
                "Last run, ago",
                expr=age(_LAST),
                unit="s",
                width=170,
                properties=tinted((PLAIN, None), (NOTE, 7 * 86400), (WARN, _MONTH)),
            ),
            Column("Most runs at one time, 7 days", expr=_PEAK, width=250, properties=meter()),
        ],
        empty=_UNREAD,
        sort_by="Projects",
        hidden=("workspace", "connection_id"),
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
        unit="none",
        empty=_UNREAD,
    )


def _projects_over_time() -> Any:
    named = f"{_PROJECTS} * on (workspace, connection_id) group_left (name) {_INFO}"
    return curve(
        8,
        "Projects by connection over time",
        about(
            "How many projects are known to query each connection.",
            normal="level, or moving from an old connection to a new one.",
            act="A line that reached 0: the connection can go.",
        ),
        [Query(named, "{{name}}")],
        unit="none",
        empty="No data before the first scrape",
        draw="steps",
        calcs=("lastNotNull", "diff"),
    )


BOARD = board(
    "hex-connections",
    "Which connections are worth keeping?",
    [
        (4, _figures()),
        (11, [(24, _table())]),
        (9, [(8, _types()), (16, _projects_over_time())]),
    ],
    time=("now-30d", "now"),
)
