"""Schedules: which schedules are too often."""

from typing import Any

from dashboards.board import TEAM_AND_OWNER, Section, board, chosen_variable
from dashboards.board_header import header
from dashboards.panel_parts import (
    BAD,
    CALM,
    COUNT,
    NOTE,
    PLAIN,
    PROJECT_ID,
    TO_PROJECT_OF_SERIES,
    USD,
    WARN,
    Column,
    Query,
    about,
    meter,
    project_column,
    tinted,
)
from dashboards.panels import bars, figure, table
from dashboards.promql import age, chosen, gauge, money, named, projects, views
from dashboards.week_panels import week_bars

_PLANNED = gauge("hex_project_scheduled_week_runs")
_WEEKLY = views("7d")
_MONTHLY = views("30d")
_UNSEEN = f"({_PLANNED} > 0 and on (workspace, project_id) ({_MONTHLY} == 0))"
_UNVIEWED = gauge("hex_project_unviewed_runs_7d")
_FAILED = gauge("hex_project_scheduled_failed_runs_7d")
_DAY = 86400
ENABLED = 'state="enabled"'


def _figures() -> list[tuple[int, Any]]:
    unseen = f"sum({chosen(_UNSEEN)}) or 0 * sum({chosen(_PLANNED)})"
    missed = f"sum({chosen(gauge('hex_project_missed_schedules_7d'))}) or 0 * sum({gauge('hex_missed_schedules_7d')})"
    unviewed = f"sum({chosen(_UNVIEWED)}) or 0 * sum({gauge('hex_unviewed_runs_7d')})"
    return [
        (
            10,
            figure(
                1,
                "Scheduled runs a week",
                about(
                    "What the enabled schedules of the chosen teams and owners start in this week, and how much of it "
                    "is of projects whose app no one has viewed for 30 days.",
                    normal="well below the week's runs budget, which people's runs use too; none without views.",
                    act="Switch off what is not viewed, below; then halve the largest by runs a view.",
                ),
                [Query(f"sum({chosen(_PLANNED)})", "scheduled"), Query(unseen, "without views")],
                unit=COUNT,
                empty="No schedule",
                named=True,
            ),
        ),
        (
            14,
            figure(
                3,
                "In 7 days",
                about(
                    "Scheduled runs that ended without a result; times at which a schedule was due and no run came; "
                    "and scheduled and refresh runs whose result no one had viewed before the next: an estimate, since "
                    "Hex shows only the last view.",
                    normal="few failed, none missed, less than half unviewed.",
                    act="Missed: open the project in Hex, its schedule has lost its owner or connection. Failed and "
                    "unviewed: see the bars below.",
                ),
                [
                    Query(f"sum({chosen(_FAILED)})", "failed"),
                    Query(missed, "missed"),
                    Query(unviewed, "unviewed"),
                ],
                unit=COUNT,
                empty="Not known",
                named=True,
            ),
        ),
    ]


def _projects() -> Any:
    return table(
        7,
        "Schedules against views",
        about(
            "Every project with an enabled schedule: what it starts in a week, and its views. `Runs a view` is "
            "scheduled runs a week over the views of 7 days; unviewed and failed runs are those of 7 days too.",
            normal="a few runs a view: refreshed about as often as it is read.",
            act="More than ten runs a view: make the schedule rarer. No views at all: switch it off. Click a project.",
        ),
        f"{projects()} and on (workspace, project_id) ({_PLANNED} > 0)",
        [
            project_column(width=150),
            PROJECT_ID,
            Column("Owner", label="owner", width=200),
            Column("Scheduled a week", expr=_PLANNED, width=110, properties=meter()),
            Column("Views, 7 days", expr=_WEEKLY, width=60, properties=tinted((BAD, None), (PLAIN, 1))),
            Column(
                "Runs a view",
                expr=f"{_PLANNED} / ({_WEEKLY} > 0)",
                width=65,
                properties=tinted((PLAIN, None), (NOTE, 5), (WARN, 10), (BAD, 50)) | {"decimals": 1},
            ),
            Column(
                "Viewed, ago",
                expr=age("hex_project_last_viewed_timestamp_seconds"),
                unit="s",
                width=75,
                properties=tinted((PLAIN, None), (NOTE, 7 * _DAY), (WARN, 30 * _DAY)),
            ),
            Column(
                "Result refreshed, ago",
                expr=age("hex_project_results_updated_timestamp_seconds"),
                unit="s",
                width=85,
            ),
            Column("Unviewed runs", expr=_UNVIEWED, width=80),
            Column("Failed", expr=_FAILED, width=65, properties=tinted((PLAIN, None), (NOTE, 3), (BAD, 10))),
            Column("Billed this week", expr=money("hex_project_cost_week_money_usd", "billed"), unit=USD, width=80),
            Column("Own estimate", expr=money("hex_project_cost_week_money_usd", "estimate"), unit=USD, width=80),
        ],
        empty="No project has an enabled schedule",
        sort_by="Scheduled a week",
        needs="title",
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
        unit=COUNT,
        empty="Every scheduled project was viewed within 30 days",
        steps=((WARN, None),),
        links=[TO_PROJECT_OF_SERIES],
    )


def _failing() -> Any:
    failed = f"({_FAILED} > 0)"
    return bars(
        9,
        "Failing schedules, 7 days",
        about(
            "Scheduled runs of 7 days that ended without a result, the fifteen projects with most.",
            normal="short bars.",
            act="As many failures as scheduled runs: it never works. Repair it or switch it off.",
        ),
        [Query(f"sort_desc(topk(15, {named(failed)}))", "{{title}}")],
        unit=COUNT,
        empty="No failing schedule is known",
        steps=((BAD, None),),
        links=[TO_PROJECT_OF_SERIES],
    )


def _cadences() -> Any:
    return bars(
        10,
        "Schedules by cadence, all teams",
        about(
            "Enabled schedules of the workspace by how often they fire.",
            normal="mostly daily and weekly.",
            act="Each hourly schedule is 168 runs a week: is it read hourly?",
        ),
        [Query(f"sort_desc({gauge('hex_schedules', ENABLED)})", "{{cadence}}")],
        unit=COUNT,
        empty="No schedule",
        steps=((CALM, None),),
    )


def _collisions() -> Any:
    return week_bars(
        11,
        "When schedules fire together, all teams",
        about(
            "Runs that the enabled schedules start in this week, by weekday and hour of the configured time zone.",
            normal="spread over the hours before people come in.",
            act="One tall bar: everything starts at once and waits for kernels. Move some by an hour.",
        ),
        "hex_week_hour_scheduled_runs",
        empty="No schedule",
    )


BOARD = board(
    "hex-schedules",
    "Which schedules are too often?",
    [
        header("runs"),
        (4, _figures()),
        (12, [(24, _projects())]),
        (10, [(12, _unseen()), (12, _failing())]),
        (9, [(24, _collisions())]),
    ],
    [Section("By cadence", [(7, [(24, _cadences())])], collapsed=True)],
    variables=[chosen_variable(*one) for one in TEAM_AND_OWNER],
)
