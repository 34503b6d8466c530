"""Runs: what ran, and was it worth it."""

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
    WARN,
    Column,
    Query,
    about,
    graded,
    meter,
    project_column,
    tinted,
)
from dashboards.panels import bars, curve, figure, table
from dashboards.promql import age, bucket_increase, chosen, gauge, growth, named, projects, views
from dashboards.week_panels import week_curve

FAILED = 'status=~"errored|killed|unable_to_allocate_kernel"'
TRIGGERS = {"scheduled": CALM, "api": "purple", "app_refresh": "green", "unknown": PLAIN}
STATUSES = {"errored": BAD, "killed": WARN, "unable_to_allocate_kernel": NOTE}

DASHED = {"custom.lineStyle": {"fill": "dash", "dash": [4, 4]}}

_WEEK, _BEFORE = gauge("hex_project_week_runs"), gauge("hex_project_previous_week_runs")
_BY_NOW = gauge("hex_project_previous_week_runs_by_now")


def _figures() -> list[tuple[int, Any]]:
    week, then = f"sum({chosen(_WEEK)})", f"sum({chosen(_BY_NOW)})"
    ended, failed = (f"sum({chosen(gauge(f'hex_project_{one}_runs_7d'))})" for one in ("ended", "failed"))
    active = chosen(age("hex_runs_active_oldest_start_timestamp_seconds"))
    return [
        (
            8,
            figure(
                1,
                "Runs this week",
                about(
                    "Runs that started in the current week, of the chosen teams and owners, and by how much that is "
                    "more than last week had at the same moment: exact.",
                    normal="within a tenth of last week.",
                    act="Far more: sort the table below by change.",
                ),
                [
                    Query(week, "this week"),
                    Query(f"{week} / ({then} > 0) - 1", "against last week", {"unit": "percentunit"}),
                ],
                unit=COUNT,
                empty="Not known",
                named=True,
            ),
        ),
        (
            8,
            figure(
                4,
                "Failed, 7 days",
                about(
                    "Runs that started in 7 days and ended without a result: errored, killed, or without a kernel; and "
                    "their part of the runs that ended.",
                    normal="below 5 %.",
                    act="Open the project with the most failures below; pause a schedule that always fails.",
                ),
                [
                    Query(failed, "failed"),
                    Query(f"{failed} / ({ended} > 0)", "of those that ended", {"unit": "percentunit", "decimals": 1}),
                ],
                unit=COUNT,
                empty="Not known",
                named=True,
            ),
        ),
        (
            8,
            figure(
                5,
                "Running now",
                about(
                    "Projects with a run that has not ended, and the age of the oldest of these runs.",
                    normal="minutes.",
                    act="Hours: cancel it in Hex; a run that hangs uses its kernel until it is killed.",
                ),
                [
                    Query(f"count({active}) or 0 * count({projects()})", "projects"),
                    Query(
                        f"max({active})",
                        "oldest run",
                        {"unit": "s"} | graded((PLAIN, None), (NOTE, 3600), (BAD, 4 * 3600)),
                    ),
                ],
                unit=COUNT,
                empty="Not known",
                named=True,
            ),
        ),
    ]


def _by_trigger() -> Any:
    return curve(
        7,
        "Runs by trigger, all teams",
        about(
            "Runs of the workspace that ended in each interval, by what started them. The last bar is still growing.",
            normal="the same shape each day; scheduled runs at their hours.",
            act="API runs that grow come from a program: find it by its project. Scheduled runs: see **Schedules**.",
        ),
        [
            Query(f"sum by (trigger) ({growth('hex_workspace_runs_total')})", "{{trigger}}"),
        ],
        unit=COUNT,
        empty="No run is known that ended in this time",
        draw="bars",
        stacked=True,
        min_step="1h",
        points=60,
        colors=TRIGGERS,
    )


def _by_status() -> Any:
    return curve(
        8,
        "Runs that failed, all teams",
        about(
            "Runs of the workspace that ended in each interval without a result, by how.",
            normal="single ones.",
            act="`errored`: the notebook or its data. `killed`: a time limit or a person. `unable to allocate kernel`: "
            "too much at once; spread the schedules.",
        ),
        [Query(f"sum by (status) ({growth('hex_workspace_runs_total', FAILED)})", "{{status}}")],
        unit=COUNT,
        empty="No failure is known in this time",
        draw="bars",
        stacked=True,
        min_step="1h",
        points=60,
        colors=STATUSES,
    )


def _projects() -> Any:
    ended, failed = gauge("hex_project_ended_runs_7d"), gauge("hex_project_failed_runs_7d")
    active = f"({_WEEK} > 0 or {_BEFORE} > 0)"
    return table(
        9,
        "Projects",
        about(
            "Every project that ran this week or last, of the chosen teams and owners. `Change` is against last week "
            "up to the same moment. Failures and run time are those of 7 days; views are Hex's own of 7 days.",
            normal="projects with many runs have views, and few failures.",
            act="Many runs and no views: switch the schedule off or make it rarer. Click a project for its own board.",
        ),
        f"{projects()} and on (workspace, project_id) {active}",
        [
            project_column(),
            PROJECT_ID,
            Column("Owner", label="owner", width=225),
            Column("Team", label="team", width=95),
            Column("This week", expr=_WEEK, width=115, properties=meter()),
            Column("Last week", expr=_BEFORE, width=75),
            Column(
                "Change",
                expr=f"({_WEEK} - {_BY_NOW})",
                width=80,
                properties=tinted((PLAIN, None), (WARN, 20), (BAD, 50)),
            ),
            Column("Failed", expr=failed, width=70, properties=tinted((PLAIN, None), (NOTE, 3), (BAD, 10))),
            Column("Failing", expr=f"{failed} / ({ended} > 0)", unit="percentunit", width=75),
            Column(
                "Run time", expr=gauge("hex_project_run_seconds_7d"), unit="s", width=80, properties={"decimals": 1}
            ),
            # Without a row a column of its own would leave the panel blank.
            Column("Views", expr=f"{views('7d')} and on (workspace, project_id) {_WEEK}", width=65),
        ],
        empty="No project is known to have run",
        sort_by="This week",
        needs="title",
    )


def _durations() -> Any:
    buckets = bucket_increase("hex_run_duration_seconds", 'status="completed"')
    return curve(
        10,
        "How long runs take, all teams",
        about(
            "The median (p50) and the 95th percentile (p95) of the duration of completed runs, by trigger.",
            normal="level. Runs on schedule end before the next one is due.",
            act="A rise without more runs: data has grown, or the warehouse is busy. See the longest projects beside.",
        ),
        [
            Query(
                f"histogram_quantile({quantile}, sum by (le, trigger) ({buckets}))",
                f"{name} {{{{trigger}}}}",
                line,
            )
            for quantile, name, line in ((0.5, "p50", DASHED), (0.95, "p95", {}))
        ],
        unit="s",
        decimals=None,
        empty="No run is known that ended in this time",
        min_step="6h",
        points=60,
        span_gaps=True,
        marks=True,
        colors={f"{name} {trigger}": color for name in ("p50", "p95") for trigger, color in TRIGGERS.items()},
    )


def _longest() -> Any:
    seconds = gauge("hex_project_run_seconds_7d")
    return bars(
        11,
        "Most run time, 7 days",
        about(
            "The ten projects with the longest total run time, as Hex reports it: a lower bound of compute.",
            normal="the projects that matter most.",
            act="Begin with one that matters little: a larger interval, or a faster query.",
        ),
        [Query(f"sort_desc(topk(10, {named(f'({seconds} > 0)')}))", "{{title}}")],
        unit="s",
        decimals=1,
        empty="No run time is known",
        links=[TO_PROJECT_OF_SERIES],
    )


def _active() -> Any:
    return curve(
        12,
        "Active runs, all teams",
        about(
            "Runs that had not ended when their project was last read, of the whole workspace.",
            normal="pending stays near 0.",
            act="Many pending runs for long: more start at once than kernels are free. Spread the schedules.",
        ),
        [Query(gauge("hex_runs_active"), "{{state}}")],
        unit=COUNT,
        empty="No runs were read yet",
        draw="steps",
        colors={"running": CALM, "pending": WARN},
    )


def _failing() -> Any:
    failed = gauge("hex_project_failed_runs_7d")
    return bars(
        13,
        "Most failures, 7 days",
        about(
            "The ten projects with the most runs that ended without a result.",
            normal="short bars, other projects each week.",
            act="The same project week by week: repair it or switch its schedule off.",
        ),
        [Query(f"sort_desc(topk(10, {named(f'({failed} > 0)')}))", "{{title}}")],
        unit=COUNT,
        empty="No failure is known",
        steps=((WARN, None),),
        links=[TO_PROJECT_OF_SERIES],
    )


def _week() -> Any:
    return week_curve(
        14,
        "This week and the last, all teams",
        about(
            "Runs of the workspace as they add up in the week, hour by hour: this week's until now, and all of last "
            "week's. Below are its days.",
            normal="close to last week's line.",
            act="A steep piece: the table below shows which project. Its height at the end is what a week uses.",
        ),
        empty="Not known",
    )


BOARD = board(
    "hex-runs",
    "What ran, and was it worth it?",
    [
        header("runs"),
        (4, _figures()),
        (8, [(12, _week()), (12, _by_trigger())]),
        (12, [(24, _projects())]),
    ],
    [
        Section("Failures and run time", [(8, [(12, _by_status()), (12, _failing())]), (10, [(24, _longest())])]),
        Section("Durations and queue", [(8, [(12, _durations()), (12, _active())])], collapsed=True),
    ],
    variables=[chosen_variable(*one) for one in TEAM_AND_OWNER],
)
