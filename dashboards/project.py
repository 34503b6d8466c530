"""One project: what does it cost and give."""

from typing import Any

from dashboards.board import board, project_variable
from dashboards.panels import (
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
    table,
)
from dashboards.promql import WORKSPACE, age, gauge, increase, views
from dashboards.runs import STATUSES, TRIGGERS

ONE = 'project_id="$project"'
USD = "currencyUSD"
DAY = 86400
_COMPLETED = 'status="completed"'
_UNREAD = "Not completely read yet"
_UNPRICED = "No run has a price"


def _figure(id: int, title: str, description: str, expr: str, unit: str, empty: str, **more: Any) -> Any:
    is_money = unit == USD
    asked = [Query(expr, "{{money}}" if is_money else "")]
    return figure(id, title, description, asked, unit=unit, empty=empty, named=is_money, **more)


def _title() -> Any:
    return table(
        1,
        "Project",
        about(
            "The project's title, owner, team and address.",
            normal="an owner who still works here, and the right status.",
            act="Click the title to open the project in Hex.",
        ),
        f"topk by (workspace, project_id) (1, hex_project_info{{{WORKSPACE}, {ONE}}})",
        [
            Column(
                "Title (opens Hex)",
                label="title",
                properties={
                    "links": [{"title": "Open in Hex", "url": "${__data.fields.url}", "targetBlank": True}],
                    "custom.minWidth": 200,
                },
            ),
            Column("Owner", label="owner", width=280),
            Column("Team", label="team", width=150),
            Column("Status", label="project_status", width=160),
            Column("url", label="url", properties={"custom.hidden": True}),
        ],
        empty="No such project, or it shares `other`: see limits.projects_with_series",
        sort_by="Owner",
        hidden=("workspace", "project_id", "instance", "job", "__name__", "Value"),
    )


def _costs() -> list[tuple[int, Any]]:
    week, before = gauge("hex_project_week_runs", ONE), gauge("hex_project_previous_week_runs", ONE)
    cost, cost_before = (gauge(f"hex_project_cost_{one}_money_usd", ONE) for one in ("week", "previous_week"))
    by = "/ on (workspace, project_id) group_left ()"
    return [
        (
            3,
            _figure(
                2,
                "Runs this week",
                about(
                    "Runs of the project that started in the current week.",
                    normal="in step with last week.",
                    act="Far above: see below what started them.",
                ),
                week,
                "none",
                _UNREAD,
            ),
        ),
        (
            3,
            _figure(
                3,
                "Runs last week",
                about("Runs of the whole week before.", normal="a usual week.", act="Nothing."),
                before,
                "none",
                _UNREAD,
            ),
        ),
        (
            3,
            _figure(
                4,
                "Scheduled",
                about(
                    "Runs that its enabled schedules start in the current week.",
                    normal="as often as its data changes and people view it.",
                    act="Much more than its views: lengthen the interval.",
                ),
                gauge("hex_project_scheduled_week_runs", ONE),
                "none",
                "No schedule",
            ),
        ),
        (
            3,
            _figure(
                5,
                "Cost this week",
                about(
                    "What this week's runs cost: billed is compute, a lower bound; estimate is yours, no one bills it.",
                    normal="in step with last week.",
                    act="Compare it with the views beside it.",
                ),
                cost,
                USD,
                _UNPRICED,
                decimals=2,
            ),
        ),
        (
            3,
            _figure(
                6,
                "Cost last week",
                about("The same of the whole week before.", normal="a usual week.", act="Nothing."),
                cost_before,
                USD,
                _UNPRICED,
                decimals=2,
            ),
        ),
        (
            3,
            _figure(
                7,
                "Cost of a run",
                about(
                    "This week's cost over this week's runs, billed and by your own estimate.",
                    normal="steady.",
                    act="A rise: longer runs, or a larger compute profile.",
                ),
                f"{cost} {by} ({week} > 0)",
                USD,
                _UNPRICED,
                decimals=3,
            ),
        ),
        (
            3,
            _figure(
                8,
                "Cost of a view",
                about(
                    "This week's cost over the app views of 7 days, billed and by your own estimate.",
                    normal="cents.",
                    act="Empty: no one viewed it in 7 days. Is it needed?",
                ),
                f"{cost} {by} ({views('7d', ONE)} > 0)",
                USD,
                "No views in 7 days",
                decimals=3,
            ),
        ),
        (3, data_age(9)),
    ]


_AGO = ((GOOD, None), (NOTE, 7 * DAY), (WARN, 30 * DAY))


def _uses() -> list[tuple[int, Any]]:
    return [
        (
            4,
            _figure(
                10,
                "Views, 7 days",
                about(
                    "App views in Hex's own window of 7 days.",
                    normal="more than none.",
                    act="None for weeks, and scheduled: pause the schedule.",
                ),
                views("7d", ONE),
                "none",
                "Hex reports no views",
                steps=((WARN, None), (PLAIN, 1)),
            ),
        ),
        (
            4,
            _figure(
                11,
                "Last viewed, ago",
                about(
                    "Time since the last view.",
                    normal="within 7 days.",
                    act="Over a month: ask the owner whether it is needed.",
                ),
                age("hex_project_last_viewed_timestamp_seconds", ONE),
                "s",
                "Never, as far as Hex reports",
                steps=_AGO,
            ),
        ),
        (
            4,
            _figure(
                12,
                "Last success, ago",
                about(
                    "Since the last run that completed started.",
                    normal="less than the interval of its schedule.",
                    act="Longer: the runs fail. See the failures below.",
                ),
                age("hex_project_last_run_timestamp_seconds", ONE, _COMPLETED),
                "s",
                "No run has completed",
                steps=_AGO,
            ),
        ),
        (
            4,
            _figure(
                13,
                "Result refreshed, ago",
                about(
                    "Since the published result was last refreshed.",
                    normal="about as often as it is viewed.",
                    act="Refreshed minutes ago, viewed weeks ago: too often.",
                ),
                age("hex_project_results_updated_timestamp_seconds", ONE),
                "s",
                "Never refreshed",
            ),
        ),
        (
            4,
            _figure(
                14,
                "Unviewed runs, 7 days",
                about(
                    "Scheduled and refresh runs whose result no one had viewed before the next run: an estimate.",
                    normal="few of the scheduled runs.",
                    act="Most of them: a rarer schedule loses nothing.",
                ),
                increase("hex_unviewed_runs_total", ONE, window="7d"),
                "none",
                "Known after two runs",
            ),
        ),
        (
            4,
            _figure(
                15,
                "Missed, 7 days",
                about(
                    "Times at which its schedule was due and no run came.",
                    normal="0.",
                    act="Open it in Hex: the schedule has lost its owner or connection.",
                ),
                increase("hex_missed_schedules_total", ONE, window="7d"),
                "none",
                "No schedule",
                steps=((GOOD, None), (WARN, 1)),
            ),
        ),
    ]


def _amount(id: int, title: str, description: str, expr: str, legend: str, unit: str, **more: Any) -> Any:
    return curve(
        id,
        title,
        description,
        [Query(expr, legend)],
        unit=unit,
        empty="No run ended in this time",
        draw="bars",
        stacked=True,
        min_step="1h",
        points=60,
        **more,
    )


def _charts() -> tuple[Any, Any, Any, Any]:
    runs = increase("hex_runs_total", ONE)
    seconds = increase("hex_run_seconds_total", ONE)
    return (
        _amount(
            16,
            "Runs by trigger",
            about(
                "Runs that ended in each interval, by what started them.",
                normal="even, at the hours of its schedule.",
                act="Many API runs come from a program: find its owner.",
            ),
            f"sum by (trigger) ({runs})",
            "{{trigger}}",
            "none",
            colors=TRIGGERS,
        ),
        _amount(
            17,
            "Runs by end",
            about(
                "Runs that ended in each interval, by how they ended.",
                normal="completed.",
                act="Errored again and again: it costs money without a result until it is repaired.",
            ),
            f"sum by (status) ({runs}) > 0",
            "{{status}}",
            "none",
            colors={"completed": GOOD} | STATUSES,
        ),
        curve(
            18,
            "Time of a run",
            about(
                "Run time over runs, in each interval, by trigger.",
                normal="level.",
                act="Rising: its data grows. Falling to seconds: it may fail early.",
            ),
            [
                Query(
                    f"sum by (trigger) ({seconds}) / (sum by (trigger) ({runs}) > 0)",
                    "{{trigger}}",
                )
            ],
            unit="s",
            decimals=None,
            empty="No run ended in this time",
            min_step="6h",
            points=60,
            span_gaps=True,
            marks=True,
            colors=TRIGGERS,
        ),
        curve(
            19,
            "Runs of the week as they add up",
            about(
                "This week's runs against the same hours of last week.",
                normal="close to the grey line.",
                act="Where the two lines diverge, something changed.",
            ),
            [
                Query(gauge("hex_project_week_runs", ONE, last="2h"), "this week", {"custom.lineWidth": 3}),
                Query(gauge("hex_project_week_runs", ONE, offset="1w", last="2h"), "a week earlier"),
            ],
            unit="none",
            empty=_UNREAD,
            draw="steps",
            colors={"this week": CALM, "a week earlier": PLAIN},
        ),
    )


def _boards() -> Any:
    by_trigger, by_end, duration, week = _charts()
    return board(
        "hex-project",
        "What does this project cost and give?",
        [
            (3, [(24, _title())]),
            (4, _costs()),
            (4, _uses()),
            (8, [(12, week), (12, by_trigger)]),
            (8, [(12, by_end), (12, duration)]),
        ],
        variables=[project_variable()],
        time=("now-14d", "now"),
    )


BOARD = _boards()
