"""Runs: what ran, and was it worth it."""

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
    curve,
    data_age,
    figure,
    meter,
    project_column,
    table,
    tinted,
)
from dashboards.promql import age, chosen, gauge, increase, named, part_increase, projects, views

FAILED = 'status=~"errored|killed|unable_to_allocate_kernel"'
TRIGGERS = {"scheduled": CALM, "api": "purple", "app_refresh": "green", "unknown": PLAIN}
STATUSES = {"errored": BAD, "killed": WARN, "unable_to_allocate_kernel": NOTE}

DASHED = {"custom.lineStyle": {"fill": "dash", "dash": [4, 4]}}

_WEEK, _BEFORE = gauge("hex_project_week_runs"), gauge("hex_project_previous_week_runs")


def _figures() -> list[tuple[int, Any]]:
    week = f"sum({chosen(_WEEK)})"
    same_hour = f"sum({chosen(gauge('hex_project_week_runs', offset='1w', last='2h'))})"
    ended = f"sum({chosen(increase('hex_runs_total', window='7d'))})"
    failed = f"sum({chosen(increase('hex_runs_total', FAILED, window='7d'))})"
    return [
        (
            4,
            figure(
                1,
                "Runs this week",
                about(
                    "Runs that started in the current week, of the chosen teams and owners: exact.",
                    normal="about as many as at this hour of last week.",
                    act="Far more: sort the table below by change.",
                ),
                [Query(week)],
                unit="none",
                empty="The week is not completely read yet",
            ),
        ),
        (
            4,
            figure(
                2,
                "Against last week",
                about(
                    "This week's runs less those of last week up to the same hour.",
                    normal="within a tenth of last week.",
                    act="Above: see which project has the largest change.",
                ),
                [Query(f"{week} - {same_hour}")],
                unit="none",
                empty="After a week of scraping",
            ),
        ),
        (
            4,
            figure(
                3,
                "Failed, 7 days",
                about(
                    "Runs that ended in 7 days without a result: errored, killed, or without a kernel.",
                    normal="a few in a hundred.",
                    act="Open the project with the most failures below; pause a schedule that always fails.",
                ),
                [Query(failed)],
                unit="none",
                empty="No run has ended yet",
            ),
        ),
        (
            4,
            figure(
                4,
                "Failing",
                about(
                    "The part of the runs of 7 days that failed.",
                    normal="below 5 %.",
                    act="See which projects fail, and whether they fail on schedule.",
                ),
                [Query(f"{failed} / ({ended} > 0)")],
                unit="percentunit",
                decimals=1,
                empty="No run has ended yet",
                steps=((GOOD, None), (NOTE, 0.05), (BAD, 0.15)),
            ),
        ),
        (
            4,
            figure(
                5,
                "Oldest active run",
                about(
                    "The age of the oldest run that has not ended.",
                    normal="minutes. Empty: nothing runs.",
                    act="Hours: cancel it in Hex; a run that hangs uses its kernel until it is killed.",
                ),
                [Query(f"max({chosen(age('hex_runs_active_oldest_start_timestamp_seconds'))})")],
                unit="s",
                empty="Nothing runs",
                steps=((PLAIN, None), (NOTE, 3600), (BAD, 4 * 3600)),
            ),
        ),
        (4, data_age(6)),
    ]


def _by_trigger() -> Any:
    return curve(
        7,
        "Runs by trigger",
        about(
            "Runs that ended in each interval, by what started them.",
            normal="the same shape each day; scheduled runs at their hours.",
            act="API runs that grow come from a program: find it by its project. Scheduled runs: see **Schedules**.",
        ),
        [
            Query(f"sum by (trigger) ({chosen(increase('hex_runs_total'))})", "{{trigger}}"),
        ],
        unit="none",
        empty="No run ended in this time",
        draw="bars",
        stacked=True,
        min_step="1h",
        points=60,
        colors=TRIGGERS,
    )


def _by_status() -> Any:
    return curve(
        8,
        "Runs that failed",
        about(
            "Runs that ended in each interval without a result, by how. Runs that completed are left out.",
            normal="single ones.",
            act="`errored`: the notebook or its data. `killed`: a time limit or a person. `unable to allocate kernel`: "
            "too much at once; spread the schedules.",
        ),
        [Query(f"sum by (status) ({chosen(increase('hex_runs_total', FAILED))})", "{{status}}")],
        unit="none",
        empty="No run failed in this time",
        draw="bars",
        stacked=True,
        min_step="1h",
        points=60,
        colors=STATUSES,
    )


def _projects() -> Any:
    ended = f"sum by (workspace, project_id) ({increase('hex_runs_total', window='7d')})"
    failed = f"sum by (workspace, project_id) ({increase('hex_runs_total', FAILED, window='7d')})"
    seconds = f"sum by (workspace, project_id) ({increase('hex_run_seconds_total', window='7d')})"
    active = f"({_WEEK} > 0 or {_BEFORE} > 0)"
    return table(
        9,
        "Projects",
        about(
            "Every project that ran this week or last, of the chosen teams and owners. Failures and run time are those "
            "of 7 days; views are Hex's own of 7 days.",
            normal="projects with many runs have views, and few failures.",
            act="Many runs and no views: switch the schedule off or make it rarer. Click a project for its own board.",
        ),
        f"{projects()} and on (workspace, project_id) {active}",
        [
            project_column(),
            PROJECT_ID,
            Column("Owner", label="owner", width=240),
            Column("Team", label="team", width=105),
            Column("This week", expr=_WEEK, width=150, properties=meter()),
            Column("Last week", expr=_BEFORE, width=95),
            Column(
                "Change",
                expr=f"({_WEEK} - {gauge('hex_project_week_runs', offset='1w', last='2h')})",
                width=90,
                properties=tinted((PLAIN, None), (WARN, 20), (BAD, 50)),
            ),
            Column("Failed", expr=failed, width=80, properties=tinted((PLAIN, None), (NOTE, 3), (BAD, 10))),
            Column("Failing", expr=f"{failed} / ({ended} > 0)", unit="percentunit", width=85),
            Column("Run time", expr=seconds, unit="s", width=100, properties={"decimals": 1}),
            Column("Views", expr=views("7d"), width=80),
        ],
        empty="No project ran this week or last",
        sort_by="This week",
        needs="title",
        hidden=("workspace", "project_status", "url", "instance", "job", "__name__"),
    )


def _durations() -> Any:
    buckets = part_increase("hex_run_duration_seconds", "bucket")
    return curve(
        10,
        "How long runs take",
        about(
            "The median and the 95th percentile of the duration of all runs of the workspace, by trigger.",
            normal="level. Runs on schedule end before the next one is due.",
            act="A rise without more runs: data has grown, or the warehouse is busy. See the longest projects beside.",
        ),
        [
            Query(
                f"histogram_quantile({quantile}, sum by (le, trigger) ({buckets}))",
                f"{name} {{{{trigger}}}}",
                line,
            )
            for quantile, name, line in ((0.5, "half of", DASHED), (0.95, "19 in 20 of", {}))
        ],
        unit="s",
        decimals=None,
        empty="No run ended in this time",
        min_step="6h",
        points=60,
        span_gaps=True,
        marks=True,
        colors={
            f"{name} {trigger}": color for name in ("half of", "19 in 20 of") for trigger, color in TRIGGERS.items()
        },
    )


def _longest() -> Any:
    seconds = f"sum by (workspace, project_id) ({increase('hex_run_seconds_total', window='7d')})"
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
        empty="No run has ended in 7 days",
        links=[TO_PROJECT_OF_SERIES],
    )


def _active() -> Any:
    return curve(
        12,
        "Active runs",
        about(
            "Runs that had not ended when their project was last read, of the whole workspace.",
            normal="pending stays near 0.",
            act="Many pending runs for long: more start at once than kernels are free. Spread the schedules.",
        ),
        [Query(gauge("hex_runs_active"), "{{state}}")],
        unit="none",
        empty="No data before the first scrape",
        draw="steps",
        colors={"running": CALM, "pending": WARN},
    )


def _failing() -> Any:
    failed = f"sum by (workspace, project_id) ({increase('hex_runs_total', FAILED, window='7d')})"
    return bars(
        13,
        "Most failures, 7 days",
        about(
            "The ten projects with the most runs that ended without a result.",
            normal="short bars, other projects each week.",
            act="The same project week by week: repair it or switch its schedule off.",
        ),
        [Query(f"sort_desc(topk(10, {named(f'(round({failed}) > 0)')}))", "{{title}}")],
        unit="none",
        empty="No run failed in 7 days",
        steps=((WARN, None),),
        links=[TO_PROJECT_OF_SERIES],
    )


BOARD = board(
    "hex-runs",
    "What ran, and was it worth it?",
    [
        (4, _figures()),
        (8, [(12, _by_trigger()), (12, _by_status())]),
        (12, [(24, _projects())]),
        (10, [(12, _longest()), (12, _failing())]),
        (8, [(12, _durations()), (12, _active())]),
    ],
    variables=[chosen_variable(*one) for one in TEAM_AND_OWNER],
)
