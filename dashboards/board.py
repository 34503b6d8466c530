"""What all boards have in common: variables, links to each other, annotations, and a grid without holes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from dashboards.panel_parts import SOURCE
from dashboards.promql import WORKSPACE, gauge

TAG = "hex-exporter"
NAMES = {
    "hex-overview": "Overview",
    "hex-budget": "Budget",
    "hex-runs": "Runs",
    "hex-cost": "Cost and plan",
    "hex-seats": "Seats",
    "hex-schedules": "Schedules",
    "hex-connections": "Connections",
    "hex-warehouse": "Warehouse",
    "hex-gateway": "Run gateway",
    "hex-savings": "Savings",
    "hex-project": "One project",
    "hex-exporter": "API and exporter",
}
"""The boards by uid, in the order in which they are read."""

_COLUMNS = 24

Row = tuple[int, Sequence[tuple[int, Any]]]
"""Its height, and each panel with its width; the widths make 24."""


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of panels under a title; one that is collapsed asks Prometheus nothing until it is opened."""

    title: str
    rows: Sequence[Row]
    collapsed: bool = False


def board(
    uid: str,
    question: str,
    first: Sequence[Row],
    sections: Sequence[Section] = (),
    *,
    one_workspace: bool = True,
    variables: Sequence[Any] = (),
    time: tuple[str, str] = ("now-7d", "now"),
) -> models.Dashboard:
    """A whole dashboard. Raises ValueError where a row does not fill the width."""
    built = (
        dashboard.Dashboard(f"Hex / {NAMES[uid]}")
        .uid(uid)
        .description(question)
        .tags([TAG])
        .version(1)
        .readonly()
        .timezone("browser")
        .week_start("monday")
        .time(*time)
        .refresh("1m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .timepicker(dashboard.TimePicker().refresh_intervals(["1m", "5m", "15m", "1h"]))
    )
    chosen = (workspace_variable(),) if one_workspace else ()
    for variable in (_source_variable(), *chosen, *variables):
        built.with_variable(variable)
    for annotation in _annotations(one_workspace=one_workspace):
        built.annotation(annotation)
    built.link(_boards())
    top, panels = _placed(uid, first, 0)
    for panel in panels:
        built.with_panel(panel)
    for number, section in enumerate(sections, start=301):
        row = dashboard.Row(section.title).id(number).grid_pos(models.GridPos(h=1, w=_COLUMNS, x=0, y=top))
        below, panels = _placed(uid, section.rows, top + 1)
        if section.collapsed:
            for panel in panels:
                row.with_panel(panel)
            built.with_row(row)
            top += 1
        else:
            built.with_row(row.collapsed(False))
            for panel in panels:
                built.with_panel(panel)
            top = below
    return built.build()


def _placed(uid: str, rows: Sequence[Row], top: int) -> tuple[int, list[Any]]:
    """The panels at their places from `top` on, and where the next row begins."""
    panels = []
    for height, placed in rows:
        left = 0
        for width, panel in placed:
            panels.append(panel.grid_pos(models.GridPos(h=height, w=width, x=left, y=top)))
            left += width
        if left != _COLUMNS:
            raise ValueError(f"{uid}: found a row of width {left} at height {top}, expected {_COLUMNS}")
        top += height
    return top, panels


def workspace_variable() -> Any:
    """One workspace at a time: each has its own week, budgets and bill."""
    return (
        dashboard.QueryVariable("workspace")
        .label("Workspace")
        .datasource(SOURCE)
        .query(_query("label_values(hex_up, workspace)"))
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def label_variable(name: str, label: str, metric: str, *, default: str = "") -> Any:
    """One value of a label that a metric of the workspace has."""
    variable = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(_query(f"label_values({metric}{{{WORKSPACE}}}, {name})"))
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )
    return variable.current(models.VariableOption(text=default, value=default)) if default else variable


def chosen_variable(name: str, label: str) -> Any:
    """Any number of teams or owners; all of them, and the projects that have none, by default."""
    return (
        label_variable(name, label, "hex_project_info")
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all"))
    )


def project_variable() -> Any:
    """One project, chosen by its title, known by its id."""
    info = f"max by (project_id, title) (hex_project_info{{{WORKSPACE}}})"
    return (
        dashboard.QueryVariable("project")
        .label("Project")
        .datasource(SOURCE)
        .query(_query(f"query_result({info})"))
        .regex('/project_id="(?<value>[^"]+)".*title="(?<text>(?:[^"\\\\]|\\\\.)*)"/')
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    )


TEAM_AND_OWNER = ("team", "Team"), ("owner", "Owner")


def _source_variable() -> Any:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _boards() -> Any:
    return (
        dashboard.DashboardLink("Hex boards")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .icon("dashboard")
        .include_vars(True)
        .keep_time(True)
        .tooltip("With the same workspace and time")
    )


def _annotations(*, one_workspace: bool) -> Sequence[Any]:
    """When alerts began, as thin lines: what is drawn from start to end hides the curves below it."""
    chosen = 'workspace=~"|$workspace", ' if one_workspace else ""
    named = "max by (alertname, severity, budget)"

    def began(matcher: str) -> str:
        series = f'{{{chosen}alertname=~"Hex.*", {matcher}}}'
        firing = f'{{{chosen}alertname=~"Hex.*", {matcher}, alertstate="firing"}}'
        return (
            f"{named} (ALERTS_FOR_STATE{series}) * 1000 and on (alertname, severity, budget) {named} (ALERTS{firing})"
        )

    def of(name: str, matcher: str, color: str) -> Any:
        annotation = _annotation(name, began(matcher), color).use_value_for_time(True)
        return annotation.title_format("{{alertname}}").text_format("{{budget}} ({{severity}})").tag_keys("severity")

    critical = of("Critical alerts", 'severity="critical"', "red")
    others = of("Other alerts", 'severity!="critical"', "orange").enable(False)
    if not one_workspace:
        return critical, others
    # The start of the period steps once a week; what changed within an interval is where the line goes.
    start = gauge("hex_budget_period_start_timestamp_seconds", 'unit="runs"')
    resets = _annotation("Week resets", f"max by (workspace) ({start}) * 1000", "blue")
    return critical, others, resets.title_format("The week starts again").use_value_for_time(True)


def _annotation(name: str, expr: str, color: str) -> Any:
    return (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(SOURCE)
        .enable(True)
        .hide(False)
        .icon_color(color)
        .expr(expr)
        .step("60s")
    )


def _query(text: str) -> dict[str, object]:
    return {"qryType": 1 if text.startswith("label_values") else 3, "query": text, "refId": "variable"}
