"""Warehouse: what Hex's queries cost in the warehouses, and how much of it a cache answered."""

from typing import Any

from dashboards.board import Section, board
from dashboards.board_header import header
from dashboards.panel_parts import (
    COUNT,
    NOTE,
    PLAIN,
    PROJECT_ID,
    USD,
    WARN,
    Column,
    Query,
    about,
    meter,
    project_column,
)
from dashboards.panel_parts import tinted as tint
from dashboards.panels import bars, curve, figure, table
from dashboards.promql import WORKSPACE, age, gauge, titled

_PROJECT, _PROJECT_BEFORE = (gauge(f"hex_project_warehouse_{one}_usd") for one in ("week", "previous_week"))
_PARTS = {"query": "blue", "unattributed": "orange", "idle": "purple", "other": "text"}
_HEX = 'part!="other"'
_UNKNOWN = "Not known: the top of the board has the reason"
_TITLES = f"topk by (workspace, project_id) (1, hex_project_info{{{WORKSPACE}}})"


def _sum(name: str, *matchers: str) -> str:
    return f"sum by (workspace) ({gauge(name, *matchers)})"


def _figures() -> list[tuple[int, Any]]:
    parts = ("query", "unattributed", "idle")
    return [
        (
            10,
            figure(
                1,
                "Warehouses for Hex",
                about(
                    "What the warehouses bill for Hex in the current week so far, with the idle time of the hours in "
                    "which they served it; and in the whole week before. It is not part of Hex's bill.",
                    normal="most of what a notebook costs, in step with last week at the same weekday.",
                    act="A rise: see below which project, context and cell it comes from.",
                ),
                [
                    Query(_sum("hex_warehouse_week_usd", _HEX), "this week, so far"),
                    Query(_sum("hex_warehouse_previous_week_usd", _HEX), "last week"),
                ],
                unit=USD,
                empty=_UNKNOWN,
                decimals=2,
                named=True,
            ),
        ),
        (
            14,
            figure(
                2,
                "This week by part",
                about(
                    "`query`: of projects. `unattributed`: sent by Hex, its comment cut off or not readable. `idle`: "
                    "billed while no query ran, where the vendor says it. Queries of other tools are left out.",
                    normal="unattributed near 0; idle below what queries cost.",
                    act="Idle above: a shorter auto-suspend, or schedules closer together.",
                ),
                [Query(_sum("hex_warehouse_week_usd", f'part="{one}"'), one) for one in parts],
                unit=USD,
                empty=_UNKNOWN,
                decimals=2,
                named=True,
            ),
        ),
    ]


def _projects() -> Any:
    return table(
        3,
        "Projects",
        about(
            "What each project's queries cost in the warehouses this week so far, and in the whole week before.",
            normal="the projects that matter most at the top.",
            act="One that costs more than it is worth: fewer runs, a result kept for viewers, or a smaller query.",
        ),
        f"({_PROJECT} or {_PROJECT_BEFORE}) * 0 + on (workspace, project_id) group_left (title) {_TITLES}",
        [
            project_column(),
            Column("This week", expr=_PROJECT, unit=USD, width=170, properties=meter()),
            Column("Last week", expr=_PROJECT_BEFORE, unit=USD, width=110),
            PROJECT_ID,
        ],
        empty=_UNKNOWN,
        sort_by="This week",
    )


def _cells() -> Any:
    cells = gauge("hex_warehouse_cell_week_usd")
    return table(
        4,
        "Costliest cells this week",
        about(
            "The ten cells whose queries cost most this week; **Open** leads to the cell in Hex.",
            normal="cells that read large tables.",
            act="Read fewer columns or days, or keep the result: what one cell costs is mended in one place.",
        ),
        titled(cells),
        [
            project_column(),
            Column(
                "Cell",
                label="url",
                properties={
                    "links": [{"title": "Open this cell in Hex", "url": "${__value.raw}", "targetBlank": True}],
                    "mappings": [
                        {"type": "regex", "options": {"pattern": ".*", "result": {"text": "Open", "index": 0}}}
                    ],
                    "custom.width": 80,
                },
            ),
            Column("This week", expr=cells, unit=USD, width=170, properties=meter()),
            PROJECT_ID,
        ],
        empty=_UNKNOWN,
        sort_by="This week",
    )


def _contexts() -> Any:
    return bars(
        5,
        "By context",
        about(
            "What the queries of this week were sent for, as Hex's comment says: `scheduled_run`, `app_view`, "
            "`logic_view` (a notebook), and others.",
            normal="scheduled runs first.",
            act="Notebooks first: someone works on large tables, or a notebook is left running.",
        ),
        [Query(f"sort_desc({gauge('hex_warehouse_context_week_usd')})", "{{context}}")],
        unit=USD,
        decimals=2,
        empty=_UNKNOWN,
    )


def _connections() -> Any:
    usd = gauge("hex_warehouse_connection_week_usd")
    info = f"topk by (workspace, connection_id) (1, {gauge('hex_connection_info')})"
    named = f"{usd} * on (workspace, connection_id) group_left (name) {info}"
    unknown = f'label_replace({usd} unless on (workspace, connection_id) {info}, "name", "unknown", "", "")'
    return bars(
        6,
        "By connection",
        about(
            "What the queries of this week cost by the Hex connection that they were sent through.",
            normal="the connections of the warehouses that are configured.",
            act="`unknown`: no connection has the name in the comment any more.",
        ),
        [Query(f"sort_desc({named} or {unknown})", "{{name}}")],
        unit=USD,
        decimals=2,
        empty=_UNKNOWN,
    )


def _caches() -> Any:
    def answered(*answer: str) -> str:
        return f"sum by (workspace, warehouse) ({gauge('hex_warehouse_week_queries', *answer)})"

    queries, hits, judged = (answered(*one) for one in ((), ('answer="cache"',), ('answer!="not_judged"',)))
    return table(
        7,
        "The warehouses' own caches, this week",
        about(
            "Queries of Hex this week, those of which the log says whether the warehouse's result cache answered, and "
            "how many of these it did. Snowflake's log has no such flag: none of its queries is judged.",
            normal="hits where the same query comes again before the data changes.",
            act="Few at BigQuery: its cache needs an identical text, and Hex's comment differs each time. "
            "**Billed again** is at most what that costs: texts that were equal but for the comment within a day.",
        ),
        queries,
        [
            Column("Warehouse", label="warehouse"),
            Column("Queries", expr=queries, unit=COUNT, width=88),
            Column("Judged", expr=judged, unit=COUNT, width=72),
            Column("Hits", expr=f"{hits} / ({judged} > 0)", unit="percentunit", width=70),
            Column("Billed again", expr=gauge("hex_warehouse_repeated_week_queries"), unit=COUNT, width=95),
            Column("Bytes", expr=gauge("hex_warehouse_repeated_week_bytes"), unit="bytes", width=80),
            Column("Cost", expr=gauge("hex_warehouse_repeated_week_usd"), unit=USD, width=75),
        ],
        empty=_UNKNOWN,
        sort_by="Queries",
    )


def _hex_cache() -> Any:
    expected, seen = (gauge(f"hex_project_sql_cells_{one}_7d") for one in ("expected", "seen"))
    return table(
        10,
        "Hex's own cache, last 7 days",
        about(
            "SQL cells of judged runs that would have queried a watched warehouse, and how many of them did not: Hex "
            "answered them from its own cache. A run whose cells are not known is not judged.",
            normal="answers where the schedule uses cached results.",
            act="None at a project whose data changes rarely: let its schedule use cached results.",
        ),
        f"{expected} * 0 + on (workspace, project_id) group_left (title) {_TITLES}",
        [
            project_column(),
            Column("Cells", expr=expected, unit=COUNT, width=90),
            Column("Answered by Hex", expr=f"1 - {seen} / ({expected} > 0)", unit="percentunit", width=150),
            PROJECT_ID,
        ],
        empty="No run is judged: that needs the cells of its version (collect.exports) and the warehouse's log",
        sort_by="Cells",
    )


def _logs() -> Any:
    until = age("hex_warehouse_log_complete_until_timestamp_seconds")
    return table(
        8,
        "What is not judged",
        about(
            "How far behind each query log is, whether the last look at it failed, the queries of this week whose "
            "comment cannot be read (they are priced, and given to no project), and those without a known price.",
            normal="behind by the vendor's delay and at most an hour; hardly any query unattributed.",
            act="A look failed: `hex-exporter check` has the reason and the grants to hand to an administrator.",
        ),
        until,
        [
            Column("Warehouse", label="warehouse"),
            Column(
                "Behind",
                expr=until,
                unit="s",
                width=78,
                properties=tint((PLAIN, None), (NOTE, 4 * 3600), (WARN, 24 * 3600)),
            ),
            Column(
                "Look",
                expr=gauge("hex_warehouse_log_success"),
                width=60,
                properties={
                    "mappings": [{"type": "value", "options": {"0": {"text": "failed"}, "1": {"text": "good"}}}]
                },
            ),
            Column(
                "Unattributed",
                expr=gauge("hex_warehouse_unattributed_week_queries"),
                unit=COUNT,
                width=100,
            ),
            Column("Unpriced", expr=gauge("hex_warehouse_unpriced_week_queries"), unit=COUNT, width=72),
        ],
        empty=_UNKNOWN,
        sort_by="Behind",
    )


def _trend() -> Any:
    return curve(
        9,
        "Each whole week, by part",
        about(
            "What the week before had cost in the warehouses at each moment, by part, one upon the other: a step is a "
            "week.",
            normal="steps of the same height.",
            act="A step up: see above which project and context it comes from.",
        ),
        [Query(f"sum by (workspace, part) ({gauge('hex_warehouse_previous_week_usd', _HEX, ahead=True)})", "{{part}}")],
        unit=USD,
        decimals=2,
        empty=_UNKNOWN,
        draw="steps",
        stacked=True,
        area=True,
        colors=_PARTS,
    )


BOARD = board(
    "hex-warehouse",
    "What do Hex's queries cost in the warehouses?",
    [
        header("warehouse", "connections"),
        (4, _figures()),
        (10, [(14, _projects()), (10, _cells())]),
        (6, [(12, _contexts()), (12, _connections())]),
        (6, [(14, _caches()), (10, _hex_cache())]),
    ],
    [Section("Trend, and what is not judged", [(9, [(14, _trend()), (10, _logs())])], collapsed=True)],
    time=("now-30d", "now"),
)
