"""The shared panels: each board picks from these, so that the same thing looks and behaves the same everywhere.

Panels of now (figures, tables, bars) show the state at the end of the chosen time, or at this moment where that
time is relative: the Budget board's week ends in the future, where Prometheus has no data. Curves follow the chosen
time.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import stat as stats
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders import trend as trends
from grafana_foundation_sdk.models import common as commons
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as queries

from dashboards.promql import WORKSPACE, age, gauge, not_on

SOURCE = commons.DataSourceRef(type_val="prometheus", uid="${datasource}")

GOOD, NOTE, WARN, BAD, PLAIN, CALM = "green", "dark-yellow", "orange", "red", "text", "blue"

USD = "currency:financial:$:prefix"
"""Dollars in full, with separators: `currencyUSD` would make $1.11K of $1,107.66."""

COUNT = "locale"
"""Whole numbers with separators."""

FILLED = {GOOD: "#1a7f37", NOTE: "#8a5a00", WARN: "#b34700", BAD: "#c4202b", CALM: "#0b5fc4"}
"""The colours of filled tiles: white on each of them has a contrast of at least 4.5."""

CLEAR = "transparent"
"""A tile that is filled only when something is wrong."""

_ALARMS = (NOTE, WARN, BAD)
"""What a number is coloured for: as a text these colours are hard to read on white, so the tile is filled."""

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_LOWEST = -1e12
"""Where a figure's first colour begins: without data it has none, since nothing good or bad is known then."""

_NOW = "1h"
"""The override that ends a panel's time at this moment; how far back it begins means nothing to an instant query."""

Steps = Sequence[tuple[str, float | None]]


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel. `properties` apply only to its own result: a colour, a unit, a dashed line."""

    expr: str
    legend: str = ""
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: a label that the rows come with, or a query's value (`expr`) by the same key."""

    title: str
    label: str = ""
    expr: str = ""
    unit: str = ""
    width: int = 0
    properties: dict[str, Any] = field(default_factory=dict)


def about(what: str, *, normal: str, act: str) -> str:
    """A panel's description: what it shows, what is normal, what to do when it is not."""
    return f"{what}\n\n**Normal:** {normal}\n\n**What to do:** {act}"


def link(title: str, uid: str, **variables: str) -> dict[str, Any]:
    """A link to another board that keeps data source, workspace and time and sets other variables."""
    kept = {"datasource": "${datasource}", "workspace": "${workspace:percentencode}"} | variables
    query = "&".join(f"var-{name}={value}" for name, value in kept.items())
    return {"title": title, "url": f"/d/{uid}?{query}&${{__url_time_range}}"}


TO_PROJECT_OF_ROW = link("Open this project", "hex-project", project="${__data.fields.project_id:percentencode}")
TO_PROJECT_OF_SERIES = link("Open this project", "hex-project", project="${__field.labels.project_id:percentencode}")


PROJECT_ID = Column("project_id", label="project_id", properties={"custom.hidden": True})
"""The hidden column that a row's link uses."""


def project_column() -> Column:
    """The project's title, which leads to its board."""
    return Column("Project", label="title", properties={"links": [TO_PROJECT_OF_ROW], "custom.minWidth": 170})


def meter(*, high: float | None = None, color: str = CALM) -> dict[str, Any]:
    """Properties of a column whose values are also bars."""
    properties: dict[str, Any] = {
        "custom.cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
        "color": {"mode": "fixed", "fixedColor": color},
        "min": 0,
        "fieldMinMax": True,
    }
    return properties if high is None else properties | {"max": high}


def tinted(*steps: tuple[str, float | None]) -> dict[str, Any]:
    """Properties of a column whose text is coloured by its value."""
    return {
        "custom.cellOptions": {"type": "color-text"},
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]},
    }


def painted(color: str) -> dict[str, Any]:
    """Properties of what has one colour."""
    return {"color": {"mode": "fixed", "fixedColor": color}}


def figure(
    id: int,
    title: str,
    description: str,
    asked: Sequence[Query],
    *,
    unit: str,
    empty: str,
    decimals: int | None = 0,
    steps: Steps = ((PLAIN, None),),
    mappings: dict[str, tuple[str, str]] | None = None,
    filled: bool = False,
    named: bool = False,
    stacked: bool = False,
    links: Sequence[dict[str, Any]] = (),
) -> Any:
    """One number, or the few that one question has. `mappings`: value to text and colour; `filled` colours the tile.

    `named` shows beside each number what it is, by its legend; `stacked` has one below the other.
    """
    warns = any(color in _ALARMS for color, _ in steps)
    kept = FILLED if filled else {color: FILLED[color] for color in _ALARMS}
    steps = [(kept.get(color, CLEAR) if warns else PLAIN, value) for color, value in steps]
    if mappings:
        mappings = {value: (text, kept.get(color, CLEAR)) for value, (text, color) in mappings.items()}
    panel = (
        stats.Panel()
        .graph_mode(commons.BigValueGraphMode.NONE)
        .color_mode(commons.BigValueColorMode.BACKGROUND_SOLID if filled or warns else commons.BigValueColorMode.VALUE)
        .justify_mode(commons.BigValueJustifyMode.CENTER)
        .text_mode(commons.BigValueTextMode.VALUE_AND_NAME if named else commons.BigValueTextMode.VALUE)
        .wide_layout(True)
        .reduce_options(_last())
    )
    _dress(
        panel,
        id,
        title,
        description,
        asked,
        unit=unit,
        empty=empty,
        decimals=decimals,
        steps=_plain_without_data(steps),
        now=True,
    )
    if mappings:
        panel.mappings([_value_texts(mappings)])
    if stacked:
        panel.orientation(commons.VizOrientation.HORIZONTAL)
    if links:
        panel.data_links(_links(links))
    return panel


def header(*features: str, needs: bool = True) -> tuple[int, list[tuple[int, Any]]]:
    """The first row of a board: which of the features that it needs are not on, and how old its data is.

    Without `needs` only their states, where more of the board has the rest.
    """
    named = "{{feature}}: {{state}}, needs {{needs}}" if needs else "{{feature}}: {{state}}"
    return 2, [(19, _missing(features, named)), (5, _data_age())]


def everywhere_header(*features: str) -> tuple[int, list[tuple[int, Any]]]:
    """The first row of the board of all workspaces, each of which has its own age."""
    return 2, [(24, _missing(features, "{{workspace}}, {{feature}}: {{state}}", ""))]


def _missing(features: Sequence[str], named: str, where: str = WORKSPACE) -> Any:
    panel = (
        stats.Panel()
        .graph_mode(commons.BigValueGraphMode.NONE)
        .color_mode(commons.BigValueColorMode.VALUE)
        .justify_mode(commons.BigValueJustifyMode.AUTO)
        .text_mode(commons.BigValueTextMode.NAME)
        .text(common.VizTextDisplayOptions().title_size(13).value_size(13))
        .wide_layout(True)
        .reduce_options(_last())
    )
    return _dress(
        panel,
        201,
        "Not on",
        about(
            "What this board needs and does not have, with its state and the key, scope or time that it needs.",
            normal="nothing.",
            act="Set the key, or grant the token the scope: docs/configuration.md has both.",
        ),
        [Query(not_on(features, where), named)],
        unit="none",
        empty="Nothing: all that this board needs is on",
        decimals=0,
        steps=((PLAIN, None),),
        now=True,
    )


def _plain_without_data(steps: Steps) -> Steps:
    return ((steps[0][0] if steps[0][0] == PLAIN else CLEAR, None), (steps[0][0], _LOWEST), *steps[1:])


def bars(
    id: int,
    title: str,
    description: str,
    asked: Sequence[Query],
    *,
    unit: str,
    empty: str,
    decimals: int | None = 0,
    steps: Steps = ((CALM, None),),
    low: float | None = 0,
    high: float | None = None,
    tall: bool = False,
    links: Sequence[dict[str, Any]] = (),
) -> Any:
    """Values of now beside each other, longest bar for the largest."""
    panel = (
        bargauge.Panel()
        .orientation(commons.VizOrientation.HORIZONTAL)
        .display_mode(commons.BarGaugeDisplayMode.BASIC)
        .value_mode(commons.BarGaugeValueMode.TEXT)
        .name_placement(commons.BarGaugeNamePlacement.LEFT)
        .show_unfilled(True)
        .sizing(commons.BarGaugeSizing.MANUAL)
        .reduce_options(_last())
    )
    options: Any = panel._internal.options  # the builder has no method for these two
    if tall:
        panel.text(common.VizTextDisplayOptions().title_size(14).value_size(20))
    options.min_viz_height, options.max_viz_height, options.min_viz_width = 16, 60 if tall else 24, 8
    _dress(panel, id, title, description, asked, unit=unit, empty=empty, decimals=decimals, steps=steps, now=True)
    if len(asked) == 1 and "{{" in asked[0].legend:
        # A bar that is alone has no name unless one is set.
        panel.display_name(re.sub(r"{{(\w+)}}", r"${__field.labels.\1}", asked[0].legend))
    if low is not None:
        panel.min(low)
    if high is not None:
        panel.max(high)
    if links:
        panel.data_links(_links(links))
    return panel


def curve(
    id: int,
    title: str,
    description: str,
    asked: Sequence[Query],
    *,
    unit: str,
    empty: str,
    decimals: int | None = 0,
    draw: str = "line",
    stacked: bool = False,
    area: bool = False,
    legend: bool = True,
    calcs: Sequence[str] = (),
    span_gaps: bool = False,
    marks: bool = False,
    min_step: str = "",
    points: int = 0,
    colors: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    links: Sequence[dict[str, Any]] = (),
) -> Any:
    """Values over the chosen time. `draw` is `line`, `steps` (a value that holds) or `bars` (an amount by interval).

    `colors` and `names` are for series by their legend.
    """
    panel = (
        timeseries.Panel()
        .line_width(2 if draw != "bars" else 0)
        .fill_opacity(85 if draw == "bars" else 25 if area else 0)
        .show_points(commons.VisibilityMode.ALWAYS if marks else commons.VisibilityMode.NEVER)
        .draw_style(commons.GraphDrawStyle.BARS if draw == "bars" else commons.GraphDrawStyle.LINE)
        .line_interpolation(
            commons.LineInterpolation.STEP_AFTER if draw == "steps" else commons.LineInterpolation.LINEAR
        )
        .axis_soft_min(0)
        .axis_border_show(False)
        .bar_width_factor(0.85)
        .bar_alignment(commons.BarAlignment.AFTER if draw == "bars" else commons.BarAlignment.CENTER)
        .legend(
            common.VizLegendOptions()
            .display_mode(commons.LegendDisplayMode.TABLE if calcs else commons.LegendDisplayMode.LIST)
            .placement(commons.LegendPlacement.RIGHT if calcs else commons.LegendPlacement.BOTTOM)
            .show_legend(legend)
            .calcs(list(calcs))
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(commons.TooltipDisplayMode.MULTI)
            .sort(commons.SortOrder.DESCENDING)
            .hide_zeros(draw == "bars")
        )
    )
    for name, color in (colors or {}).items():
        panel.override_by_name(name, _properties(painted(color)))
    for name, shown in (names or {}).items():
        panel.override_by_name(name, _properties({"displayName": shown}))
    if span_gaps:
        panel.span_nulls(True)
    if stacked:
        panel.stacking(common.StackingConfig().mode(commons.StackingMode.NORMAL).group("A"))
    if min_step:
        panel.interval(min_step)
    if points:
        panel.max_data_points(points)
    _dress(panel, id, title, description, asked, unit=unit, empty=empty, decimals=decimals, steps=(), now=False)
    if links:
        panel.data_links(_links(links))
    return panel


def bands(
    id: int,
    title: str,
    description: str,
    asked: Sequence[Query],
    *,
    empty: str,
    mappings: dict[str, tuple[str, str]],
) -> Any:
    """States over the chosen time, one band each."""
    panel = (
        statetimeline.Panel()
        .show_value(commons.VisibilityMode.NEVER)
        .merge_values(True)
        .disable_pagination()
        .row_height(0.7)
        .fill_opacity(90)
        .line_width(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(commons.LegendDisplayMode.LIST)
            .placement(commons.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(commons.TooltipDisplayMode.SINGLE).sort(commons.SortOrder.NONE))
        .mappings([_value_texts(mappings)])
    )
    _dress(panel, id, title, description, asked, unit="none", empty=empty, decimals=0, steps=(), now=False)
    return panel


def table(
    id: int,
    title: str,
    description: str,
    rows: str,
    columns: Sequence[Column],
    *,
    empty: str,
    sort_by: str,
    descending: bool = True,
    then_by: str = "",
    needs: str = "",
    ranked_by: str = "",
) -> Any:
    """One row for each series of `rows`, with its labels and, by the labels that they share, the columns' values.

    A row without a value in the column `needs` is left out: what a column's query returns beside the rows. With
    `ranked_by`, a column, there is one more, `Rank`, from the largest on.
    """
    valued = [column for column in columns if column.expr]
    asked = [Query(rows), *(Query(column.expr) for column in valued)]
    refs = {column.title: _ref(position) for position, column in enumerate(valued, start=1)}
    names = {f"Value #{ref}": title for title, ref in refs.items()}
    names |= {column.label: column.title for column in columns if column.label}
    order = {next(old for old, new in names.items() if new == column.title): at for at, column in enumerate(columns)}
    panel = tables.Panel().cell_height(commons.TableCellHeight.SM).show_header(True).filterable(False)
    _dress(
        panel,
        id,
        title,
        description,
        asked,
        unit=COUNT,
        empty=empty,
        decimals=0,
        steps=(),
        now=True,
        is_table=True,
    )
    keys = [sort_by, then_by] if then_by else [sort_by]
    panel.sort_by([common.TableSortByFieldState().display_name(one).desc(descending) for one in keys])
    if len(asked) > 1:
        _transform(panel, "merge", {})
    if needs:
        condition = {"fieldName": needs, "config": {"id": "isNotNull", "options": {}}}
        _transform(panel, "filterByValue", {"filters": [condition], "type": "include", "match": "any"})
    # Only what is named: whatever else an answer brings, its first value or a second `Value`, stays out.
    _transform(panel, "filterFieldsByName", {"include": {"names": list(names)}})
    dropped: set[str] = set()
    if ranked_by:
        size = next(old for old, new in names.items() if new == ranked_by)
        _transform(panel, "sortBy", {"fields": {}, "sort": [{"field": size, "desc": True}]})
        _transform(panel, "calculateField", {"mode": "index", "alias": "row"})
        _transform(panel, "calculateField", {"mode": "binary", "alias": "Rank", "binary": _PLUS_ONE})
        order |= {"Rank": -1}
        dropped = {"row"}
        panel.override_by_name("Rank", _properties({"custom.width": 70, "decimals": 0}))
    excluded = dict.fromkeys(sorted(dropped), True)
    _transform(panel, "organize", {"excludeByName": excluded, "indexByName": order, "renameByName": names})
    for column in columns:
        properties: dict[str, Any] = {"unit": column.unit} if column.unit else {}
        if column.unit == USD:
            properties["decimals"] = 2
        properties["noValue"] = "–"  # the panel's own text would be in each empty cell
        if column.width:
            properties["custom.width"] = column.width
        properties |= column.properties
        if properties:
            panel.override_by_name(column.title, _properties(properties))
    return panel


_PLUS_ONE = {"left": "row", "operator": "+", "right": "1"}


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
    _dress(panel, id, title, description, asked, unit=COUNT, empty=empty, decimals=0, steps=(), now=True, is_table=True)
    _transform(panel, "groupingToMatrix", {"columnField": "week", "rowField": "hour", "valueField": "Value"})
    hour = "hour\\week"
    _transform(
        panel,
        "convertFieldType",
        {"fields": {}, "conversions": [{"targetField": hour, "destinationType": "number"}]},
    )
    # An hour has ended at its label plus one; the first day is 1.
    halves = {"left": hour, "operator": "/", "right": "24"}
    _transform(panel, "calculateField", {"mode": "binary", "alias": "Day", "binary": halves})
    _transform(panel, "sortBy", {"fields": {}, "sort": [{"field": hour}]})
    _transform(panel, "organize", {"excludeByName": {hour: True}, "indexByName": {}, "renameByName": {}})
    days = {"unit": "suffix: days", "decimals": 0}
    panel.override_by_name("Day", _properties(days))
    panel.override_by_name("this", _properties(painted(CALM) | {"displayName": "this week", "custom.lineWidth": 3}))
    panel.override_by_name("previous", _properties(painted(PLAIN) | {"displayName": "last week"}))
    return panel


def week_table(id: int, title: str, description: str, metric: str, *, empty: str, colour: str) -> Any:
    """A week at a glance: weekdays down, hours across, the darker the more. `metric` has both as labels."""
    days = [
        f'label_replace(sum by (hour) ({gauge(metric, _weekday(day))}), "day", "{number}", "", "")'
        for number, day in enumerate(_WEEKDAYS, start=1)
    ]
    panel = tables.Panel().cell_height(commons.TableCellHeight.SM).show_header(True).filterable(False)
    asked = [Query(" or ".join(days))]
    _dress(
        panel, id, title, description, asked, unit="none", empty=empty, decimals=0, steps=(), now=True, is_table=True
    )
    panel.min(0).align(commons.FieldTextAlignment.CENTER).min_width(28)
    panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId(colour)))
    panel.cell_options(commons.TableColoredBackgroundCellOptions(mode=commons.TableCellBackgroundDisplayMode.BASIC))
    # Prometheus answers in any order, and "monday" sorts behind "friday": so days are numbers with names.
    _transform(panel, "sortBy", {"fields": {}, "sort": [{"field": "day"}]})
    _transform(panel, "groupingToMatrix", {"columnField": "hour", "rowField": "day", "valueField": "Value"})
    order = {"day\\hour": 0} | {f"{hour:02}": hour + 1 for hour in range(24)}
    renamed = {"day\\hour": "Day"}
    _transform(panel, "organize", {"excludeByName": {}, "indexByName": order, "renameByName": renamed})
    names = {str(number): (day[:3].title(), PLAIN) for number, day in enumerate(_WEEKDAYS, start=1)}
    shown = {"custom.cellOptions": {"type": "auto"}, "custom.width": 55, "mappings": [_value_texts(names)]}
    panel.override_by_name("Day", _properties(shown))
    return panel


def _data_age() -> Any:
    """How old the figures of the board are: the same on every board."""
    return figure(
        202,
        "Data age",
        about(
            "How long ago the exporter last read the whole project listing from Hex.",
            normal="below 15 minutes: the listing is read at least that often. From 30 minutes on HexDataStale fires.",
            act="Open **API and exporter**: it says which collector fails and whether Hex has rate-limited us.",
        ),
        [Query(age("hex_last_successful_poll_timestamp_seconds"))],
        unit="s",
        empty="Hex was never read",
        decimals=0,
        steps=((GOOD, None), (WARN, 900), (BAD, 1800)),
        links=[link("Can these numbers be trusted?", "hex-exporter")],
    )


def _dress(
    panel: Any,
    id: int,
    title: str,
    description: str,
    asked: Sequence[Query],
    *,
    unit: str,
    empty: str,
    decimals: int | None,
    steps: Steps,
    now: bool,
    is_table: bool = False,
) -> Any:
    panel.id(id).title(title).description(description).datasource(SOURCE).unit(unit).no_value(empty)
    if decimals is not None:
        panel.decimals(decimals)
    if steps:
        panel.thresholds(
            dashboard.ThresholdsConfig()
            .mode(models.ThresholdsMode.ABSOLUTE)
            .steps([models.Threshold(color=color, value=value) for color, value in steps])
        )
        panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    if now:
        panel.time_from(_NOW).hide_time_override(True)
    for position, query in enumerate(asked):
        ref = _ref(position)
        target = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(SOURCE)
        target = target.instant() if now else target.range()
        if is_table:
            target.format(queries.PromQueryFormat.TABLE)
        if query.legend:
            target.legend_format(query.legend)
        panel.with_target(target)
        if query.properties:
            panel.override_by_query(ref, _properties(query.properties))
    return panel


def _weekday(day: str) -> str:
    return f'weekday="{day}"'


def _transform(panel: Any, kind: str, options: dict[str, Any]) -> None:
    panel.with_transformation(models.DataTransformerConfig(id_val=kind, options=options))


def _ref(position: int) -> str:
    return chr(ord("A") + position)


def _last() -> Any:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def _properties(properties: dict[str, Any]) -> list[models.DynamicConfigValue]:
    return [models.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()]


def _links(links: Sequence[dict[str, Any]]) -> list[Any]:
    return [dashboard.DashboardLink(one["title"]).url(one["url"]) for one in links]


def _value_texts(texts: dict[str, tuple[str, str]]) -> models.ValueMap:
    return models.ValueMap(
        options={
            value: models.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, (text, color)) in enumerate(texts.items())
        }
    )
