"""Schedules: which schedules are too often."""

from typing import Any

from dashboards.board import TEAM_AND_OWNER, board, chosen_variable
from dashboards.panels import (
    BAD,
    CALM,
    GOOD,
    NOTE,
    PLAIN,
    PROJECT_ID,
    TO_PROJECT_OF_SERIES,
    WARN,
    Column,
    Query,
    about,
    bars,
    data_age,
    figure,
    meter,
    project_column,
    table,
    tinted,
    week_table,
)
from dashboards.promql import age, chosen, gauge, increase, money, named, projects, views
from dashboards.runs import FAILED

USD = "currencyUSD"
_PLANNED = gauge("hex_project_scheduled_week_runs")
_WEEKLY = views("7d")
_MONTHLY = views("30d")
_UNSEEN = f"({_PLANNED} > 0 and on (workspace, project_id) ({_MONTHLY} == 0))"
_DAY = 86400
SCHEDULED = 'trigger="scheduled"'
ENABLED = 'state="enabled"'


def _by_project(metric: str, *matchers: str) -> str:
    return f"sum by (workspace, project_id) ({increase(metric, *matchers, window='7d')})"


def _figures() -> list[tuple[int, Any]]:
    unseen = f"sum({chosen(_UNSEEN)}) or 0 * sum({chosen(_PLANNED)})"
    return [
        (
            4,
            figure(
                1,
                "Scheduled runs a week",
                about(
                    "What the enabled schedules of the chosen teams and owners start in this week.",
                    normal="well below the week's runs budget, which people's runs use too.",
                    act="Sort the table by runs a view: halve the largest first.",
                ),
                [Query(f"sum({chosen(_PLANNED)})")],
                unit="none",
                empty="No schedule is known",
            ),
        ),
        (
            5,
            figure(
                2,
                "Of these, without views",
                about(
                    "Scheduled runs a week of projects whose app no one has viewed for 30 days.",
                    normal="0, or projects that only write data elsewhere.",
                    act="See `Scheduled and not viewed` below: switch these schedules off, or ask their owners.",
                ),
                [Query(unseen)],
                unit="none",
                empty="No schedule is known",
                steps=((GOOD, None), (WARN, 1)),
            ),
        ),
        (
            4,
            figure(
                3,
                "Unviewed runs, 7 days",
                about(
                    "Scheduled and refresh runs of 7 days whose result no one had viewed before the next run: an "
                    "estimate, since Hex reports only the last view.",
                    normal="less than half of the scheduled runs.",
                    act="Lengthen the schedules: no one has viewed these results.",
                ),
                [Query(f"sum({chosen(_by_project('hex_unviewed_runs_total'))})")],
                unit="none",
                empty="Known after two runs of a project",
            ),
        ),
        (
            4,
            figure(
                4,
                "Failed on schedule, 7 days",
                about(
                    "Scheduled runs of 7 days that ended without a result.",
                    normal="a few.",
                    act="See `Failing schedules` below.",
                ),
                [Query(f"sum({chosen(_by_project('hex_runs_total', SCHEDULED, FAILED))})")],
                unit="none",
                empty="No scheduled run has ended yet",
            ),
        ),
        (
            4,
            figure(
                5,
                "Missed, 7 days",
                about(
                    "Times in 7 days at which a schedule was due and no run came within the allowed delay.",
                    normal="0.",
                    act="Open the project in Hex: a schedule that does not fire has lost its owner or its connection.",
                ),
                [Query(f"sum({chosen(_by_project('hex_missed_schedules_total'))})")],
                unit="none",
                empty="No schedule is known",
                steps=((GOOD, None), (WARN, 1)),
            ),
        ),
        (3, data_age(6)),
    ]


def _projects() -> Any:
    return table(
        7,
        "Schedules against views",
        about(
            "Every project with an enabled schedule: what it starts in a week, and its views. `Runs a view` is "
            "scheduled runs a week over the views of 7 days; unviewed runs are those of 7 days too.",
            normal="a few runs a view: refreshed about as often as it is read.",
            act="More than ten runs a view: make the schedule rarer. No views at all: switch it off. Click a project.",
        ),
        f"{projects()} and on (workspace, project_id) ({_PLANNED} > 0)",
        [
            project_column(),
            PROJECT_ID,
            Column("Owner", label="owner", width=225),
            Column("Scheduled a week", expr=_PLANNED, width=170, properties=meter()),
            Column("Views, 7 days", expr=_WEEKLY, width=115, properties=tinted((BAD, None), (PLAIN, 1))),
            Column(
                "Runs a view",
                expr=f"{_PLANNED} / ({_WEEKLY} > 0)",
                width=105,
                properties=tinted((PLAIN, None), (NOTE, 5), (WARN, 10), (BAD, 50)) | {"decimals": 1},
            ),
            Column(
                "Viewed, ago",
                expr=age("hex_project_last_viewed_timestamp_seconds"),
                unit="s",
                width=115,
                properties=tinted((PLAIN, None), (NOTE, 7 * _DAY), (WARN, 30 * _DAY)),
            ),
            Column(
                "Result refreshed, ago",
                expr=age("hex_project_results_updated_timestamp_seconds"),
                unit="s",
                width=160,
            ),
            Column("Unviewed runs", expr=_by_project("hex_unviewed_runs_total"), width=160),
            Column("Billed this week", expr=money("hex_project_cost_week_money_usd", "billed"), unit=USD, width=120),
            Column("Own estimate", expr=money("hex_project_cost_week_money_usd", "estimate"), unit=USD, width=110),
        ],
        empty="No project has an enabled schedule",
        sort_by="Scheduled a week",
        needs="title",
        hidden=("workspace", "project_status", "team", "url", "instance", "job", "__name__"),
    )


def _unseen() -> Any:
    return bars(
        8,
        "Scheduled and not viewed for 30 days",
        about(
            "Scheduled runs a week of the projects whose app no one has viewed for 30 days, the fifteen largest.",
            normal="empty, or projects that only write data elsewhere.",
            act="Ask the owner, then pause the schedule in Hex: it is the quickest saving.",
        ),
        [Query(f"sort_desc(topk(15, {named(_UNSEEN)}))", "{{title}}")],
        unit="none",
        empty="Every scheduled project was viewed within 30 days",
        steps=((WARN, None),),
        links=[TO_PROJECT_OF_SERIES],
    )


def _failing() -> Any:
    failed = f"(round({_by_project('hex_runs_total', SCHEDULED, FAILED)}) > 0)"
    return bars(
        9,
        "Failing schedules, 7 days",
        about(
            "Scheduled runs of 7 days that ended without a result, the fifteen projects with most.",
            normal="short bars.",
            act="As many failures as scheduled runs: it never works. Repair it or switch it off.",
        ),
        [Query(f"sort_desc(topk(15, {named(failed)}))", "{{title}}")],
        unit="none",
        empty="No scheduled run failed in 7 days",
        steps=((BAD, None),),
        links=[TO_PROJECT_OF_SERIES],
    )


def _cadences() -> Any:
    return bars(
        10,
        "Schedules by cadence",
        about(
            "Enabled schedules of the workspace by how often they fire.",
            normal="mostly daily and weekly.",
            act="Each hourly schedule is 168 runs a week: is it read hourly?",
        ),
        [Query(f"sort_desc({gauge('hex_schedules', ENABLED)})", "{{cadence}}")],
        unit="none",
        empty="No schedule is known",
        steps=((CALM, None),),
    )


def _collisions() -> Any:
    return week_table(
        11,
        "When schedules fire together",
        about(
            "Runs that the enabled schedules start in this week, by weekday and hour of the configured time zone.",
            normal="spread over the hours before people come in.",
            act="One dark column: everything starts at once and waits for kernels. Move some by an hour.",
        ),
        "hex_week_hour_scheduled_runs",
        empty="No schedule is known",
        colour="continuous-purples",
    )


BOARD = board(
    "hex-schedules",
    "Which schedules are too often?",
    [
        (4, _figures()),
        (12, [(24, _projects())]),
        (10, [(9, _unseen()), (9, _failing()), (6, _cadences())]),
        (9, [(24, _collisions())]),
    ],
    variables=[chosen_variable(*one) for one in TEAM_AND_OWNER],
)
