"""The shared panels: each board picks from these, so that the same thing looks and behaves the same everywhere.

Panels of now (figures, tables, bars) show the state at the end of the chosen time, or at this moment where that
time is relative: the Budget board's week ends in the future, where Prometheus has no data. Curves follow the chosen
time.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import stat as stats
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models import common as commons

from dashboards.panel_parts import (
    ALARMS,
    CALM,
    CLEAR,
    COUNT,
    FILLED,
    PLAIN,
    USD,
    Column,
    Query,
    Steps,
    dress,
    last_value,
    links_of,
    painted,
    plain_without_data,
    properties_of,
    ref_id,
    texts_of_values,
    transform,
)


def figure(
    id: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    empty: str,
    decimals: int | None = 0,
    steps: Steps = ((PLAIN, None),),
    mappings: dict[str, tuple[str, str]] | None = None,
    filled: bool = False,
    named: bool = False,
    stacked: bool = False,
    size: int = 0,
    links: Sequence[dict[str, Any]] = (),
) -> Any:
    """One number, or the few that one question has. `mappings`: value to text and colour; `filled` colours the tile.

    `named` shows beside each number what it is, by its legend; `stacked` has one below the other. `size`: of the
    numbers in pixels; else as large as they find room.
    """
    warns = any(color in ALARMS for color, _ in steps) or any("thresholds" in one.properties for one in queries)
    kept = FILLED if filled else {color: FILLED[color] for color in ALARMS}
    steps = [(kept.get(color, CLEAR) if filled or warns else PLAIN, value) for color, value in steps]
    if mappings:
        mappings = {value: (text, kept.get(color, CLEAR)) for value, (text, color) in mappings.items()}
    panel = (
        stats.Panel()
        .graph_mode(commons.BigValueGraphMode.NONE)
        .color_mode(commons.BigValueColorMode.BACKGROUND_SOLID if filled or warns else commons.BigValueColorMode.VALUE)
        .justify_mode(commons.BigValueJustifyMode.CENTER)
        .text_mode(commons.BigValueTextMode.VALUE_AND_NAME if named else commons.BigValueTextMode.VALUE)
        .wide_layout(True)
        .reduce_options(last_value())
    )
    dress(
        panel,
        id,
        title,
        description,
        queries,
        unit=unit,
        empty=empty,
        decimals=decimals,
        steps=plain_without_data(steps),
        now=True,
    )
    if mappings:
        panel.mappings([texts_of_values(mappings)])
    if size:
        panel.text(common.VizTextDisplayOptions().title_size(14).value_size(size))
    if stacked:
        panel.orientation(commons.VizOrientation.HORIZONTAL)
    if links:
        panel.data_links(links_of(links))
    return panel


def bars(
    id: int,
    title: str,
    description: str,
    queries: Sequence[Query],
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
        .reduce_options(last_value())
    )
    options: Any = panel._internal.options  # the builder has no method for these two
    if tall:
        panel.text(common.VizTextDisplayOptions().title_size(14).value_size(20))
    options.min_viz_height, options.max_viz_height, options.min_viz_width = 16, 60 if tall else 24, 8
    queries = [replace(one, properties=_named_by(one.legend) | one.properties) for one in queries]
    dress(panel, id, title, description, queries, unit=unit, empty=empty, decimals=decimals, steps=steps, now=True)
    if low is not None:
        panel.min(low)
    if high is not None:
        panel.max(high)
    if links:
        panel.data_links(links_of(links))
    return panel


def _named_by(legend: str) -> dict[str, Any]:
    """The name of a bar by its query's legend: one that is alone has no name unless one is set."""
    return {"displayName": re.sub(r"{{(\w+)}}", r"${__field.labels.\1}", legend)} if legend else {}


def curve(
    id: int,
    title: str,
    description: str,
    queries: Sequence[Query],
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
        panel.override_by_name(name, properties_of(painted(color)))
    for name, shown in (names or {}).items():
        panel.override_by_name(name, properties_of({"displayName": shown}))
    if span_gaps:
        panel.span_nulls(True)
    if stacked:
        panel.stacking(common.StackingConfig().mode(commons.StackingMode.NORMAL).group("A"))
    if min_step:
        panel.interval(min_step)
    if points:
        panel.max_data_points(points)
    dress(panel, id, title, description, queries, unit=unit, empty=empty, decimals=decimals, steps=(), now=False)
    if links:
        panel.data_links(links_of(links))
    return panel


def bands(
    id: int,
    title: str,
    description: str,
    queries: Sequence[Query],
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
        .mappings([texts_of_values(mappings)])
    )
    dress(panel, id, title, description, queries, unit="none", empty=empty, decimals=0, steps=(), now=False)
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
    queries = [Query(rows), *(Query(column.expr) for column in valued)]
    refs = {column.title: ref_id(position) for position, column in enumerate(valued, start=1)}
    names = {f"Value #{ref}": title for title, ref in refs.items()}
    names |= {column.label: column.title for column in columns if column.label}
    order = {next(old for old, new in names.items() if new == column.title): at for at, column in enumerate(columns)}
    panel = tables.Panel().cell_height(commons.TableCellHeight.SM).show_header(True).filterable(False)
    dress(
        panel,
        id,
        title,
        description,
        queries,
        unit=COUNT,
        empty=empty,
        decimals=0,
        steps=(),
        now=True,
        is_table=True,
    )
    keys = [sort_by, then_by] if then_by else [sort_by]
    panel.sort_by([common.TableSortByFieldState().display_name(one).desc(descending) for one in keys])
    if len(queries) > 1:
        transform(panel, "merge", {})
    if needs:
        condition = {"fieldName": needs, "config": {"id": "isNotNull", "options": {}}}
        transform(panel, "filterByValue", {"filters": [condition], "type": "include", "match": "any"})
    # Only what is named: whatever else an answer brings, its first value or a second `Value`, stays out.
    transform(panel, "filterFieldsByName", {"include": {"names": list(names)}})
    dropped: set[str] = set()
    if ranked_by:
        size = next(old for old, new in names.items() if new == ranked_by)
        transform(panel, "sortBy", {"fields": {}, "sort": [{"field": size, "desc": True}]})
        transform(panel, "calculateField", {"mode": "index", "alias": "row"})
        transform(panel, "calculateField", {"mode": "binary", "alias": "Rank", "binary": _PLUS_ONE})
        order |= {"Rank": -1}
        dropped = {"row"}
        panel.override_by_name("Rank", properties_of({"custom.width": 70, "decimals": 0}))
    excluded = dict.fromkeys(sorted(dropped), True)
    transform(panel, "organize", {"excludeByName": excluded, "indexByName": order, "renameByName": names})
    for column in columns:
        properties: dict[str, Any] = {"unit": column.unit} if column.unit else {}
        if column.unit == USD:
            properties["decimals"] = 2
        properties["noValue"] = "–"  # the panel's own text would be in each empty cell
        properties["custom.wrapHeaderText"] = True
        if column.width:
            properties["custom.width"] = column.width
        properties |= column.properties
        if properties:
            panel.override_by_name(column.title, properties_of(properties))
    return panel


_PLUS_ONE = {"left": "row", "operator": "+", "right": "1"}
