"""What panels are made of: units, colours, queries, columns and links, and how a panel is dressed in them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
)
from grafana_foundation_sdk.models import common as commons
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models

SOURCE = commons.DataSourceRef(type_val="prometheus", uid="${datasource}")

GOOD, NOTE, WARN, BAD, PLAIN, CALM = "green", "dark-yellow", "orange", "red", "text", "blue"

USD = "currency:financial:$:prefix"
"""Dollars in full, with separators: `currencyUSD` would make $1.11K of $1,107.66."""

COUNT = "locale"
"""Whole numbers with separators."""

FILLED = {GOOD: "#1a7f37", NOTE: "#8a5a00", WARN: "#b34700", BAD: "#c4202b", CALM: "#0b5fc4"}
"""The colours of filled tiles: white on each of them has a contrast of at least 4.5."""

TEXT = {GOOD: "#248f47", NOTE: "#9e7400", WARN: "#d65205", BAD: "#e04250", CALM: "#1d7aed"}
"""The colours of texts: as far from white as from the dark theme's grey, with a contrast of at least 4 to both."""

CLEAR = "transparent"
"""A tile that is filled only when something is wrong."""

ALARMS = (NOTE, WARN, BAD)
"""What a number is coloured for: as a text these colours are hard to read on white, so the tile is filled."""

LOWEST = -1e12
"""Where a figure's first colour begins: without data it has none, since nothing good or bad is known then."""

NOW = "1h"
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


def project_column(width: int = 170) -> Column:
    """The project's title, which leads to its board; at least so wide."""
    return Column("Project", label="title", properties={"links": [TO_PROJECT_OF_ROW], "custom.minWidth": width})


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
    shown = [(TEXT.get(color, color), value) for color, value in steps]
    return {
        "custom.cellOptions": {"type": "color-text"},
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in shown]},
    }


def graded(*steps: tuple[str, float | None]) -> dict[str, Any]:
    """Properties of one number among others of a figure: its part of the tile is filled when something is wrong."""
    filled = plain_without_data([(FILLED[color] if color in ALARMS else CLEAR, value) for color, value in steps])
    return {
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in filled]},
    }


def painted(color: str) -> dict[str, Any]:
    """Properties of what has one colour."""
    return {"color": {"mode": "fixed", "fixedColor": color}}


def plain_without_data(steps: Steps) -> Steps:
    """The steps, with no colour where there is no data."""
    return ((steps[0][0] if steps[0][0] == PLAIN else CLEAR, None), (steps[0][0], LOWEST), *steps[1:])


def dress(
    panel: Any,
    id: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    empty: str,
    decimals: int | None,
    steps: Steps,
    now: bool,
    is_table: bool = False,
) -> Any:
    """The panel with what all panels have: title, description, queries, unit, steps, and what it says without data."""
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
        panel.time_from(NOW).hide_time_override(True)
    for position, query in enumerate(queries):
        ref = ref_id(position)
        target = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(SOURCE)
        target = target.instant() if now else target.range()
        if is_table:
            target.format(prometheus_models.PromQueryFormat.TABLE)
        if query.legend:
            target.legend_format(query.legend)
        panel.with_target(target)
        if query.properties:
            panel.override_by_query(ref, properties_of(query.properties))
    return panel


def transform(panel: Any, kind: str, options: dict[str, Any]) -> None:
    """Add a transformation to the panel."""
    panel.with_transformation(models.DataTransformerConfig(id_val=kind, options=options))


def ref_id(position: int) -> str:
    """The letter that Grafana gives the query at that position."""
    return chr(ord("A") + position)


def last_value() -> Any:
    """Reduce each series to its last value."""
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def properties_of(properties: dict[str, Any]) -> list[models.DynamicConfigValue]:
    """The properties of an override, as the panels take them."""
    return [models.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()]


def links_of(links: Sequence[dict[str, Any]]) -> list[Any]:
    """The links of a panel, as the builders take them."""
    return [dashboard.DashboardLink(one["title"]).url(one["url"]) for one in links]


def called(names: dict[str, str]) -> dict[str, Any]:
    """The property `mappings` of a column that shows some values by other names."""
    options = {value: {"text": text, "index": index} for index, (value, text) in enumerate(names.items())}
    return {"mappings": [{"type": "value", "options": options}]}


def judged(texts: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """The properties of a column that shows its values by a text in a colour."""
    options = {
        value: {"text": text, "color": TEXT.get(color, color), "index": index}
        for index, (value, (text, color)) in enumerate(texts.items())
    }
    return {"mappings": [{"type": "value", "options": options}], "custom.cellOptions": {"type": "color-text"}}


def texts_of_values(texts: dict[str, tuple[str, str]]) -> models.ValueMap:
    """A mapping from values to a text and a colour."""
    return models.ValueMap(
        options={
            value: models.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, (text, color)) in enumerate(texts.items())
        }
    )
