"""A week hour by hour: this one and the last as curves, and bars of hours made of weekdays."""

from typing import Any

from grafana_foundation_sdk.builders import barchart, common
from grafana_foundation_sdk.builders import trend as trends
from grafana_foundation_sdk.models import common as commons

from dashboards.panel_parts import CALM, COUNT, PLAIN, Query, dress, painted, properties_of, transform
from dashboards.promql import gauge

_HOUR = "Hour"
_MOST_DAYS = 31
_COLOURS = ("super-light-blue", "light-blue", "blue", "semi-dark-blue", "dark-blue", "purple", "dark-purple")
"""From Monday on; the days at the end of the week differ most."""

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def week_curve(id: int, title: str, description: str, *, empty: str) -> Any:
    """The runs of this week and the last as they add up, by the hour: from one moment's figures, whole on day one."""
    lines = {
        "this": painted(CALM) | {"displayName": "this week", "custom.lineWidth": 3},
        "previous": painted(PLAIN) | {"displayName": "last week"},
    }
    return by_hour(id, title, description, gauge("hex_week_runs_by_hour"), "week", lines, empty=empty)


def by_hour(
    id: int, title: str, description: str, expr: str, line: str, lines: dict[str, dict[str, Any]], *, empty: str
) -> Any:
    """Figures of one moment by the label `hour`, hours since the start of a week or a month, as curves over its days.

    Each value of the label `line` is one; `lines` has their properties, in the order of the legend. Of an answer
    without series the panel would say that it finds no field: so there is one point, whose name is the reason.
    """
    lines |= {"none": painted(PLAIN) | {"displayName": empty}}
    none = f'label_replace(label_replace(vector(0), "hour", "000", "", ""), "{line}", "none", "", "")'
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
    dress(
        panel,
        id,
        title,
        description,
        [Query(f"{expr} or on () {none}")],
        unit=COUNT,
        empty=empty,
        decimals=0,
        steps=(),
        now=True,
        is_table=True,
    )
    transform(panel, "groupingToMatrix", {"columnField": line, "rowField": "hour", "valueField": "Value"})
    hour = f"hour\\{line}"
    transform(
        panel,
        "convertFieldType",
        {"fields": {}, "conversions": [{"targetField": hour, "destinationType": "number"}]},
    )
    # An hour has ended at its label plus one; the first day is 1.
    halves = {"left": hour, "operator": "/", "right": "24"}
    transform(panel, "calculateField", {"mode": "binary", "alias": "Day", "binary": halves})
    transform(panel, "sortBy", {"fields": {}, "sort": [{"field": hour}]})
    order = {name: position for position, name in enumerate(lines)}
    transform(panel, "organize", {"excludeByName": {hour: True}, "indexByName": order, "renameByName": {}})
    panel.override_by_name("Day", properties_of({"unit": "none", "decimals": 0} | _named_days()))
    for name, properties in lines.items():
        panel.override_by_name(name, properties_of(properties))
    return panel


def _named_days() -> dict[str, Any]:
    """Days that begin have their number, from 1 on; the ticks that Grafana sets between them have none."""
    texts = {str(day): {"text": f"day {day + 1}", "index": day} for day in range(_MOST_DAYS)}
    texts["7"]["text"] = " "  # where a week ends; of a month the axis shows each fifth day or so
    between = [
        {
            "type": "range",
            "options": {"from": day + 0.01, "to": day + 0.99, "result": {"text": " ", "index": 100 + day}},
        }
        for day in range(_MOST_DAYS)
    ]
    return {"mappings": [{"type": "value", "options": texts}, *between]}


def week_bars(id: int, title: str, description: str, metric: str, *, empty: str) -> Any:
    """A week at a glance: a bar for each hour, its weekdays upon each other. `metric` has both as labels.

    All hours are in sight at any width; a table of weekdays and hours would need 1,250 pixels.
    """
    days = [
        f'label_replace(sum by (hour) ({gauge(metric, _weekday(day))}), "day", "{number}", "", "")'
        for number, day in enumerate(_WEEKDAYS, start=1)
    ]
    panel = (
        barchart.Panel()
        .x_field(_HOUR)
        .x_tick_label_max_length(2)
        .stacking(commons.StackingMode.NORMAL)
        .group_width(0.9)
        .bar_width(0.97)
        .fill_opacity(85)
        .line_width(0)
        .show_value(commons.VisibilityMode.NEVER)
        .axis_soft_min(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(commons.LegendDisplayMode.LIST)
            .placement(commons.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(commons.TooltipDisplayMode.MULTI).sort(commons.SortOrder.NONE))
    )
    queries = [Query(" or ".join(days))]
    dress(
        panel, id, title, description, queries, unit=COUNT, empty=empty, decimals=0, steps=(), now=True, is_table=True
    )
    # Prometheus answers in any order, and "monday" sorts behind "friday": so days are numbers with names.
    transform(panel, "sortBy", {"fields": {}, "sort": [{"field": "hour"}]})
    transform(panel, "groupingToMatrix", {"columnField": "day", "rowField": "hour", "valueField": "Value"})
    order = {"hour\\day": 0} | {str(number): number for number in range(1, len(_WEEKDAYS) + 1)}
    transform(panel, "organize", {"excludeByName": {}, "indexByName": order, "renameByName": {"hour\\day": _HOUR}})
    for number, (day, colour) in enumerate(zip(_WEEKDAYS, _COLOURS, strict=True), start=1):
        panel.override_by_name(str(number), properties_of(painted(colour) | {"displayName": day[:3].title()}))
    return panel


def _weekday(day: str) -> str:
    return f'weekday="{day}"'
