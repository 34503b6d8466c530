"""One project: what does it cost and give."""

from typing import Any

from dashboards.board import Section, board, project_variable
from dashboards.board_header import header
from dashboards.panel_parts import COUNT, USD, Column, Query, about, link
from dashboards.panels import figure, table
from dashboards.project_charts import ONE, charts
from dashboards.promql import WORKSPACE, age, gauge, money, or_none_without, views
from dashboards.savings import KINDS

_COMPLETED = 'status="completed"'


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
        empty="No such project with series of its own",
        sort_by="Owner",
    )


def _figures() -> list[tuple[int, Any]]:
    week, before = gauge("hex_project_week_runs", ONE), gauge("hex_project_previous_week_runs", ONE)
    by_now = gauge("hex_project_previous_week_runs_by_now", ONE)
    costs = {
        (name, kind): money(f"hex_project_cost_{one}_money_usd", kind, ONE)
        for name, one in (("this week", "week"), ("last week", "previous_week"))
        for kind in ("billed", "estimate")
    }
    cents = {"decimals": 3}
    return [
        (
            6,
            figure(
                2,
                "Runs",
                about(
                    "Runs that started in this week, in last week up to the same moment and in all of it.",
                    normal="in step with last week.",
                    act="Far above: see below what started them.",
                ),
                [Query(week, "this week"), Query(by_now, "last week, by now"), Query(before, "last week")],
                unit=COUNT,
                empty="Not known",
                named=True,
                stacked=True,
            ),
        ),
        (
            6,
            figure(
                5,
                "Cost",
                about(
                    "What the runs of this week and the last cost: billed is compute, a lower bound; estimate is "
                    "yours, no one bills it.",
                    normal="in step with last week.",
                    act="Compare it with the views beside it.",
                ),
                [Query(expr, f"{kind}, {name}") for (name, kind), expr in costs.items()],
                unit=USD,
                empty="No price",
                decimals=2,
                named=True,
                stacked=True,
            ),
        ),
        (
            4,
            figure(
                8,
                "Cost of one",
                about(
                    "This week's billed compute, and your estimate, over this week's runs and the app views of 7 days.",
                    normal="cents, and steady.",
                    act="A run that costs more: it is longer, or its compute profile larger. No view: is it needed?",
                ),
                [
                    Query(f"{costs['this week', kind]} / ({amount} > 0)", f"{one}, {kind}", cents)
                    for kind in ("billed", "estimate")
                    for one, amount in (("a run", week), ("a view", views("7d", ONE)))
                ],
                unit=USD,
                empty="Not known",
                decimals=3,
                named=True,
                stacked=True,
            ),
        ),
        (
            4,
            figure(
                10,
                "Views",
                about(
                    "App views in Hex's own window of 7 days, and how long ago the last view was.",
                    normal="more than none, within 7 days.",
                    act="None for weeks, and scheduled: pause the schedule.",
                ),
                [
                    Query(views("7d", ONE), "in 7 days"),
                    Query(age("hex_project_last_viewed_timestamp_seconds", ONE), "last view, ago", {"unit": "s"}),
                ],
                unit=COUNT,
                empty="Hex shows none",
                named=True,
                stacked=True,
            ),
        ),
        (
            4,
            figure(
                12,
                "Last success",
                about(
                    "How long ago the last run that completed started, and the published result was refreshed.",
                    normal="less than the interval of its schedule, and about as often as it is viewed.",
                    act="Longer: the runs fail. Refreshed minutes ago, viewed weeks ago: too often.",
                ),
                [
                    Query(age("hex_project_last_run_timestamp_seconds", ONE, _COMPLETED), "completed"),
                    Query(age("hex_project_results_updated_timestamp_seconds", ONE), "refreshed"),
                ],
                unit="s",
                empty="No run has completed",
                named=True,
                stacked=True,
            ),
        ),
    ]


def _week_of_seven() -> Any:
    return figure(
        14,
        "In 7 days",
        about(
            "Runs that ended, those of them without a result, those of these that a schedule started; times at which "
            "its schedule was due and no run came; and scheduled and refresh runs whose result no one had viewed "
            "before the next one, an estimate.",
            normal="no failure, nothing missed, few unviewed.",
            act="Missed: its schedule has lost its owner or connection. Unviewed: a rarer schedule loses nothing.",
        ),
        [
            Query(gauge("hex_project_ended_runs_7d", ONE), "ended"),
            Query(gauge("hex_project_failed_runs_7d", ONE), "failed"),
            Query(gauge("hex_project_scheduled_failed_runs_7d", ONE), "failed on schedule"),
            Query(gauge("hex_project_missed_schedules_7d", ONE), "missed"),
            Query(gauge("hex_project_unviewed_runs_7d", ONE), "unviewed"),
        ],
        unit=COUNT,
        empty="Not known",
        named=True,
        stacked=True,
    )


def _at_the_gateway() -> Any:
    lookups, hits = gauge("hex_project_gateway_lookups_7d", ONE), gauge("hex_project_gateway_hits_7d", ONE)
    return figure(
        15,
        "Gateway and source",
        about(
            "Requests for it at the run gateway in 7 days and those of them that started no run; runs that repeated "
            "unchanged data; and how long ago its source was last seen to change.",
            normal="requests with many hits where its data changes rarely.",
            act="Runs that repeat unchanged data and no requests: send its runs through the gateway.",
        ),
        [
            Query(or_none_without("gateway", lookups), "requests"),
            Query(or_none_without("gateway", f"{hits} or 0 * {lookups}"), "hits"),
            Query(gauge("hex_project_source_unchanged_runs_7d", ONE), "repeated unchanged data"),
            Query(age("hex_source_changed_timestamp_seconds", ONE), "data changed, ago", {"unit": "s"}),
        ],
        unit=COUNT,
        empty="Neither requests nor a source",
        named=True,
        stacked=True,
        links=[link("Which runs were not needed?", "hex-gateway")],
    )


def _schedules() -> Any:
    info = gauge("hex_project_schedule_info", ONE)
    return table(
        20,
        "Schedules",
        about(
            "When its enabled schedules fire, as a cron expression in their own time zone.",
            normal="about as often as its data changes and people view it.",
            act="More often: lengthen the interval in Hex.",
        ),
        info,
        [
            Column("Cadence", label="cadence", width=90),
            Column("When", label="cron"),
            Column("Time zone", label="timezone", width=120),
        ],
        empty="No schedule",
        sort_by="When",
    )


def _connections() -> Any:
    info = f"topk by (workspace, connection_id) (1, {gauge('hex_connection_info')})"
    used = gauge("hex_project_connection_info", ONE)
    return table(
        21,
        "Connections",
        about(
            "The data connections that it is known to query.",
            normal="the ones that you expect.",
            act="An old one: move the project, so that the connection can go.",
        ),
        f"{used} * on (workspace, connection_id) group_left (name, connection_type) {info}",
        [Column("Connection", label="name"), Column("Type", label="connection_type", width=130)],
        empty="None is known",
        sort_by="Connection",
    )


def _findings() -> Any:
    kinds = {kind: {"text": text, "index": index} for index, (kind, text) in enumerate(KINDS.items())}
    subject = 'subject="$project"'
    return table(
        22,
        "What the audit found",
        about(
            "What the last audit found about it, what acting on that would save a month, and what to do.",
            normal="empty.",
            act="Do it, or add it to `ignore` with a reason.",
        ),
        f"topk by (workspace, kind, subject) (1, hex_finding_info{{{WORKSPACE}, {subject}}})",
        [
            Column("What", label="kind", width=160, properties={"mappings": [{"type": "value", "options": kinds}]}),
            Column(
                "Billed, less",
                expr=money("hex_finding_saving_month_money_usd", "billed", subject),
                unit=USD,
                width=80,
            ),
            Column(
                "Estimate, less",
                expr=money("hex_finding_saving_month_money_usd", "estimate", subject),
                unit=USD,
                width=105,
            ),
            Column(
                "What to do",
                label="action",
                properties={"custom.minWidth": 230, "custom.cellOptions": {"type": "auto", "wrapText": True}},
            ),
        ],
        empty="No finding is known",
        sort_by="Estimate, less",
    )


def _boards() -> Any:
    by_trigger, by_end, duration = charts()
    return board(
        "hex-project",
        "What does this project cost and give?",
        [
            header("runs", "prices"),
            (3, [(24, _title())]),
            (6, _figures()),
            (6, [(5, _week_of_seven()), (5, _at_the_gateway()), (14, _findings())]),
            (8, [(24, by_trigger)]),
        ],
        [
            Section("Schedules and connections", [(5, [(14, _schedules()), (10, _connections())])]),
            Section("How its runs end", [(8, [(12, by_end), (12, duration)])], collapsed=True),
        ],
        variables=[project_variable()],
        time=("now-14d", "now"),
    )


BOARD = _boards()
