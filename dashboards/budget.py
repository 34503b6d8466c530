"""Budget: will this week fit, if not why not, and which project to look at."""

from typing import Any

from dashboards.board import Section, board, label_variable
from dashboards.board_header import header
from dashboards.budget_queries import (
    BY,
    END,
    FORECAST,
    ONE,
    UNIT_NAMES,
    VERDICTS,
    by_unit,
    chosen,
    default,
    graded,
    passed,
    threshold,
    verdict,
)
from dashboards.panel_parts import (
    BAD,
    CALM,
    CLEAR,
    COUNT,
    GOOD,
    NOTE,
    PLAIN,
    PROJECT_ID,
    WARN,
    Column,
    Query,
    about,
    called,
    judged,
    link,
    meter,
    painted,
    project_column,
    tinted,
)
from dashboards.panels import bands, bars, figure, table
from dashboards.promql import gauge
from dashboards.week_panels import by_hour, week_bars

_USED, _LIMIT = gauge("hex_budget_used", ONE), gauge("hex_budget_limit", ONE)


def _line(color: str, *, dashed: bool = False, width: int = 2, fill: int = 0) -> dict[str, Any]:
    line: dict[str, Any] = painted(color) | {"custom.lineWidth": width}
    if dashed:
        line["custom.lineStyle"] = {"fill": "dash", "dash": [8, 6]}
    if fill:
        line["custom.fillOpacity"] = fill
    return line


def _figures() -> list[tuple[int, Any]]:
    fits = figure(
        1,
        "Will this week fit?",
        about(
            "What is used so far, plus what recent weeks added after this moment, against the limit.",
            normal="Fits. Close: the forecast is past the warning threshold. Over: the limit is used up already.",
            act="Look at the table beside the curve: the project with the largest growth is where to begin.",
        ),
        [Query(verdict(ONE))],
        unit=COUNT,
        empty="No such budget",
        mappings=VERDICTS,
        filled=True,
    )
    used = figure(
        2,
        "Used",
        about(
            "Counted by the start of each run since the period began, however the run ended.",
            normal="below the share of the week that has passed, give or take the weekend.",
            act="Compare with last week's curve at the same hour below.",
        ),
        by_unit(_USED),
        unit=COUNT,
        empty="Not known",
    )
    left = figure(
        3,
        "Left",
        about(
            "The limit less what is used. Nothing stops at 0: Hex continues to start and bill runs.",
            normal="above 0 until the reset.",
            act="Below 0: pause the schedules of the first projects in the table, or raise the limit if it is wanted.",
        ),
        [*by_unit(chosen(f"{_LIMIT} - {_USED}")), *by_unit(default(f"{_LIMIT} - {_USED}"), **painted(CLEAR))],
        unit=COUNT,
        empty="Not known",
        steps=((BAD, None), (PLAIN, 0)),
        links=[link("What can be switched off?", "hex-savings")],
    )
    heading = figure(
        4,
        "Heading for",
        about(
            "Expected at the reset: used, plus the median of what up to four earlier periods added after this moment.",
            normal="below the limit, which the curve shows as a red line.",
            act="Above it: there is still time to lengthen a schedule; the table shows which.",
        ),
        by_unit(FORECAST),
        unit=COUNT,
        empty="Not known",
    )
    resets = figure(
        5,
        "Resets in",
        about(
            "Until the budget starts again from 0, at midnight of the configured time zone.",
            normal="at most a week, for a monthly budget at most a month.",
            act="Nothing. With little time left, a nearly used-up budget may not be worth a change.",
        ),
        [Query(f"clamp_min({END} - time(), 0)")],
        unit="s",
        decimals=1,
        empty="No such budget",
    )
    return [(6, fits), (4, used), (4, left), (5, heading), (5, resets)]


def _curve() -> Any:
    hours = gauge("hex_budget_used_by_hour", ONE)
    each_hour = f"0 * max by ({BY}, hour) ({hours})"

    def across(name: str, expr: str) -> str:
        """A figure of the budget at each hour of its period, as the line of that name."""
        level = f"{each_hour} + on ({BY}) group_left () ({expr})"
        return f'label_replace({level}, "period", "{name}", "", "")'

    levels = (across(name, chosen(f"{_LIMIT} * {threshold(name, ONE)}")) for name in ("warning", "critical"))
    return by_hour(
        7,
        "This week against last week and the limit",
        about(
            "What is used in the course of the week, or of a monthly budget's month, by day. Dashed blue: the "
            "forecast. Thin: the same hours of last week. Orange and red: where warning and critical begin.",
            normal="close to the thin line, and the dashed line ends below the red one.",
            act="A steep piece is a project that runs more than last week: see the table. Steady but too high: "
            "a schedule was added, or the limit is too tight.",
        ),
        " or ".join((hours, *levels, across("default", default(_LIMIT)))),
        "period",
        {
            "this": _line(CALM, width=3, fill=12) | {"displayName": "This week"},
            "expected": _line(CALM, dashed=True) | {"displayName": "Heading for"},
            "previous": _line(PLAIN, width=1) | {"displayName": "Last week"},
            "warning": _line(WARN, dashed=True, width=1) | {"displayName": "Warning"},
            "critical": _line(BAD) | {"displayName": "Critical"},
            "default": _line(PLAIN, dashed=True, width=1) | {"displayName": "Default limit"},
        },
        empty="Not known: the top of the board has the reason",
    )


def _shares() -> Any:
    return bars(
        8,
        "Part of the limit",
        about(
            "The used part of the limit, the forecast at the reset, and the part of the period that has passed. "
            "The colours are the budget's own thresholds.",
            normal="the used bar is no longer than that of the time, and the forecast is green.",
            act="Used longer than the time passed, with an orange forecast: the budget will not last.",
        ),
        [
            Query(f"clamp(({passed()}), 0, 1)", "Time passed", painted(CALM)),
            *graded(f"({_USED} / ({_LIMIT} > 0))", "Used", GOOD, NOTE, WARN, BAD),
            *graded(f"({FORECAST} / ({_LIMIT} > 0))", "Heading for", GOOD, GOOD, NOTE, WARN),
        ],
        unit="percentunit",
        empty="No figures of a budget",
        high=1.5,
        tall=True,
    )


def _as_projects(of_users: str) -> str:
    """Figures by user as if they were by project: AI credits have no project, and the user stands in its column."""
    return f'sum by (workspace, project_id) (label_replace({of_users}, "project_id", "$1", "user", "(.*)"))'


def _figure_of(metric: str) -> str:
    """A figure of which each consumer has one."""
    projects, users = (gauge(f"hex_budget_{kind}_{metric}", ONE) for kind in ("project", "user"))
    return f"sum by (workspace, project_id) ({projects}) or {_as_projects(users)}"


def _used_by(*matchers: str) -> str:
    return f"sum by (workspace, project_id) ({gauge('hex_budget_project_used', ONE, *matchers)})"


def _projects() -> Any:
    names = f"{gauge('hex_budget_project_info')} or on (workspace, project_id) {gauge('hex_project_info')}"
    one = f"topk by (workspace, project_id) (1, {names})"
    rows = f"({_used_by()} > 0) * on (workspace, project_id) group_left (title) {one}"
    users = _as_projects(gauge("hex_budget_user_used", ONE))
    named_users = f'label_replace({users}, "title", "$1", "project_id", "(.*)")'
    since = f"clamp_min(time() - ({_figure_of('since_timestamp_seconds')}), 0)"
    return table(
        9,
        "Who used it",
        about(
            "The largest projects of this budget by what they used of it in its period, in its unit, and the one that "
            "grew most; for AI credits the users. `Growth` is what was used beyond the period before, up to the same "
            "moment; `Growing for` is since when.",
            normal="no project has grown by a twentieth of the limit.",
            act="Begin with the largest `Growth`. By schedule: pause it. By API: stop the caller, or brake it at the "
            "gateway. AI credits: ask the user. `hex-exporter report --explain` says the same as the page.",
        ),
        f"{rows} or {named_users}",
        [
            project_column(width=150),
            PROJECT_ID,
            Column("Used", expr=f"{_used_by()} or {users}", width=55),
            Column("Last period", expr=_figure_of("previous_used"), width=62),
            Column(
                "Growth",
                expr=_figure_of("growth"),
                width=90,
                properties=tinted((PLAIN, None), (WARN, 20), (BAD, 50)),
            ),
            Column("Growing for", expr=since, unit="s", width=72),
            Column("By schedule", expr=_used_by('trigger="scheduled"'), width=82),
            Column("By API", expr=_used_by('trigger="api"'), width=46),
        ],
        empty="Nothing is known to be used of a budget",
        sort_by="Growth",
        needs="title",
    )


def _all_budgets() -> Any:
    used, limit, forecast = (gauge(f"hex_budget_{one}") for one in ("used", "limit", "forecast"))
    percent = meter(high=1.5) | {"decimals": 0}
    return table(
        10,
        "All budgets of this workspace",
        about(
            "Every budget in its own unit, with what is used and the forecast.",
            normal="every state is Fits.",
            act="Click a budget in another state: this board then shows it.",
        ),
        limit,
        [
            Column(
                "Budget",
                label="budget",
                properties={
                    "links": [link("Show this budget", "hex-budget", budget="${__value.text:percentencode}")],
                    "custom.minWidth": 110,
                },
            ),
            Column(
                "State",
                expr=verdict(),
                width=122,
                properties=judged(VERDICTS),
            ),
            Column("Unit", label="unit", width=110, properties=called(UNIT_NAMES)),
            Column("Limit", expr=limit, width=65),
            Column("Used", expr=used, width=70),
            Column("Of the limit", expr=f"{used} / ({limit} > 0)", unit="percentunit", width=95, properties=percent),
            Column("Heading for", expr=f"{forecast} / ({limit} > 0)", unit="percentunit", width=95, properties=percent),
            Column(
                "Resets in",
                expr=f"clamp_min({gauge('hex_budget_period_end_timestamp_seconds')} - time(), 0)",
                unit="s",
                width=70,
            ),
        ],
        empty="No budget is configured",
        sort_by="Heading for",
    )


def _hours() -> Any:
    return week_bars(
        11,
        "When the runs start",
        about(
            "Runs of the last 7 x 24 hours by weekday and hour of the configured time zone.",
            normal="office hours, and a bar or two where schedules fire.",
            act="A tall bar at night: schedules whose results no one reads before morning. See **Schedules**.",
        ),
        "hex_week_hour_runs",
        empty="The last seven days are not known completely",
    )


def _fired() -> Any:
    def levels() -> str:
        each = (f"{_firing(severity)} * {level}" for level, severity in enumerate(("info", "warning", "critical"), 1))
        return " or ".join(f"max by (alertname) ({one})" for one in each)

    most = f"topk(12, max by (alertname) (count_over_time({_firing('.+')}[$__range] @ end())))"
    return bands(
        12,
        "What fired",
        about(
            "The alerts of this exporter's rules, from firing to resolved, in the chosen time: the twelve that fired "
            "longest.",
            normal="empty. A budget that resets ends its alerts.",
            act="Every alert has a runbook: docs/runbooks.md, under the alert's name.",
        ),
        [Query(f"({levels()}) and on (alertname) {most}", "{{alertname}}")],
        empty="Nothing fired in this time",
        mappings={"1": ("Info", CALM), "2": ("Warning", WARN), "3": ("Critical", BAD)},
    )


def _firing(severity: str) -> str:
    return f'ALERTS{{workspace=~"|$workspace", alertname=~"Hex.*", alertstate="firing", severity=~"{severity}"}}'


BOARD = board(
    "hex-budget",
    "Will this week fit, if not why not, and which project to look at?",
    [
        header("runs", "budgets"),
        (4, _figures()),
        (11, [(11, _curve()), (13, _projects())]),
        (8, [(17, _all_budgets()), (7, _shares())]),
    ],
    [
        Section("When", [(9, [(24, _hours())])]),
        Section("Alerts", [(8, [(24, _fired())])], collapsed=True),
    ],
    variables=[label_variable("budget", "Budget", "hex_budget_limit", default="weekly-runs")],
    time=("now/w", "now/w"),
)
