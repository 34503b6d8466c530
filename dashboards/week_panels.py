"""A week hour by hour: this one and the last as curves, and a table of weekdays and hours."""

from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
)
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders import trend as trends
from grafana_foundation_sdk.models import common as commons
from grafana_foundation_sdk.models import dashboard as models

from dashboards.panel_parts import CALM, COUNT, PLAIN, Query, dress, painted, properties_of, texts_of_values, transform
from dashboards.promql import gauge

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def week_curve(id: int, title: str, description: str, *, empty: str) -> Any:
    """The runs of this week and the last as they add up, by the hour: from one moment's figures, whole on day one."""
    panel = (
        trends.Panel()
        .x_field("Day")
        .line_width(2)
        .show_points(commons.VisibilityMode.NEVER)
        .draw_style(commons.GraphDrawStyle.LINE)
        .line_interpolation(commons.LineInterpolation.LINEAR)
        .axis_soft_min(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(commons.LegendDisplayMode.LIST)
            .placement(commons.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(commons.TooltipDisplayMode.MULTI).sort(commons.SortOrder.NONE))
    )
    asked = [Query(gauge("hex_week_runs_by_hour"))]
    dress(panel, id, title, description, asked, unit=COUNT, empty=empty, decimals=0, steps=(), now=True, is_table=True)
    transform(panel, "groupingToMatrix", {"columnField": "week", "rowField": "hour", "valueField": "Value"})
    hour = "hour\\week"
    transform(
        panel,
        "convertFieldType",
        {"fields": {}, "conversions": [{"targetField": hour, "destinationType": "number"}]},
    )
    # An hour has ended at its label plus one; the first day is 1.
    halves = {"left": hour, "operator": "/", "right": "24"}
    transform(panel, "calculateField", {"mode": "binary", "alias": "Day", "binary": halves})
    transform(panel, "sortBy", {"fields": {}, "sort": [{"field": hour}]})
    transform(panel, "organize", {"excludeByName": {hour: True}, "indexByName": {}, "renameByName": {}})
    days = {"unit": "suffix: days", "decimals": 0}
    panel.override_by_name("Day", properties_of(days))
    panel.override_by_name("this", properties_of(painted(CALM) | {"displayName": "this week", "custom.lineWidth": 3}))
    panel.override_by_name("previous", properties_of(painted(PLAIN) | {"displayName": "last week"}))
    return panel


def week_table(id: int, title: str, description: str, metric: str, *, empty: str, colour: str) -> Any:
    """A week at a glance: weekdays down, hours across, the darker the more. `metric` has both as labels."""
    days = [
        f'label_replace(sum by (hour) ({gauge(metric, _weekday(day))}), "day", "{number}", "", "")'
        for number, day in enumerate(_WEEKDAYS, start=1)
    ]
    panel = tables.Panel().cell_height(commons.TableCellHeight.SM).show_header(True).filterable(False)
    asked = [Query(" or ".join(days))]
    dress(panel, id, title, description, asked, unit="none", empty=empty, decimals=0, steps=(), now=True, is_table=True)
    panel.min(0).align(commons.FieldTextAlignment.CENTER).min_width(28)
    panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId(colour)))
    panel.cell_options(commons.TableColoredBackgroundCellOptions(mode=commons.TableCellBackgroundDisplayMode.BASIC))
    # Prometheus answers in any order, and "monday" sorts behind "friday": so days are numbers with names.
    transform(panel, "sortBy", {"fields": {}, "sort": [{"field": "day"}]})
    transform(panel, "groupingToMatrix", {"columnField": "hour", "rowField": "day", "valueField": "Value"})
    order = {"day\\hour": 0} | {f"{hour:02}": hour + 1 for hour in range(24)}
    renamed = {"day\\hour": "Day"}
    transform(panel, "organize", {"excludeByName": {}, "indexByName": order, "renameByName": renamed})
    names = {str(number): (day[:3].title(), PLAIN) for number, day in enumerate(_WEEKDAYS, start=1)}
    shown = {"custom.cellOptions": {"type": "auto"}, "custom.width": 55, "mappings": [texts_of_values(names)]}
    panel.override_by_name("Day", properties_of(shown))
    return panel


def _weekday(day: str) -> str:
    return f'weekday="{day}"'
