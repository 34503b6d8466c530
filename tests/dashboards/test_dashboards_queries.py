"""Every query parses, asks for what the catalogue has, and joins nothing before it is aggregated."""

import re

import promql_parser
import pytest
from boardbook import panels_of, queries_of

from exporter.metrics.catalogue import METRICS

# What Prometheus itself says of targets and alerts.
PROMETHEUS_OWN = {
    "ALERTS": {"alertname", "alertstate", "severity", "workspace", "budget"},
    "ALERTS_FOR_STATE": {"alertname", "severity", "workspace", "budget"},
    "scrape_duration_seconds": set(),
}
TARGET_LABELS = {"job", "instance"}

# The series of all projects without their own have no info; they match an empty team and owner.
LABELS_THAT_MAY_BE_ABSENT = {"hex_project_week_runs": {"team", "owner"}}

VALUES = {"$__rate_interval": "5m", "$__interval": "5m", "$__range": "7d"}


def parsed(query: str):
    for name, value in VALUES.items():
        query = query.replace(name, value)
    return promql_parser.parse(query)


def nodes(node, above=()):
    """Every node of an expression with those above it."""
    yield node, above
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        inside = getattr(node, name, None)
        if inside is not None and type(inside).__module__.startswith("promql_parser"):
            yield from nodes(inside, (*above, node))
    for inside in getattr(node, "args", None) or ():
        yield from nodes(inside, (*above, node))


def selectors(query: str):
    for node, above in nodes(parsed(query)):
        if isinstance(node, promql_parser.VectorSelector):
            yield node, above


def kind(node) -> str:
    return type(node).__name__


def known(name: str) -> tuple[str, set[str]]:
    """The metric that a series belongs to and the labels that it may have."""
    if name in PROMETHEUS_OWN:
        return name, PROMETHEUS_OWN[name]
    for suffix in ("_bucket", "_sum", "_count"):
        metric = METRICS.get(name.removesuffix(suffix))
        if metric is not None and metric.kind == "histogram" and name.endswith(suffix):
            return metric.name, {*metric.labels, *(["le"] if suffix == "_bucket" else [])}
    return name, set(METRICS[name].labels)


def test_every_query_parses(board):
    for where, query in queries_of(board):
        try:
            parsed(query)
        except ValueError as error:
            pytest.fail(f"{where}: {error}: {query}")


@pytest.mark.slow
def test_every_metric_and_label_is_in_the_catalogue(board):
    for where, query in queries_of(board):
        for selector, _ in selectors(query):
            metric, labels = known(selector.name)
            allowed = labels | LABELS_THAT_MAY_BE_ABSENT.get(metric, set())
            requested = {one.name for one in selector.matchers.matchers}
            assert requested <= allowed, f"{where}: {selector.name}"


def test_every_workspace_metric_is_asked_of_the_chosen_workspace(board):
    if board["uid"] == "hex-overview":
        assert "$workspace" not in "".join(query for _, query in queries_of(board))
        return
    for where, query in queries_of(board):
        for selector, _ in selectors(query):
            if "workspace" in known(selector.name)[1] and "label_values" not in where and where != "variable workspace":
                values = {one.value for one in selector.matchers.matchers if one.name == "workspace"}
                assert values in ({"$workspace"}, {"|$workspace"}), f"{where}: {selector.name}"


def test_labels_of_aggregations_and_joins_exist(board):
    made = {"day"} | TARGET_LABELS
    for where, query in queries_of(board):
        names = {label for selector, _ in selectors(query) for label in known(selector.name)[1]} | made
        for text in re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", query):
            assert {one.strip() for one in text.split(",") if one.strip()} <= names, where


def test_two_exporters_break_nothing(board):
    """Whatever is joined, counted or summed was aggregated first: two exporters, or two jobs, say everything twice."""
    for where, query in queries_of(board):
        if where.startswith("variable"):
            continue
        for selector, above in selectors(query):
            aggregated = False
            for node in reversed(above):
                if kind(node) == "AggregateExpr":
                    assert str(node.op) in {"max", "min", "topk"} or aggregated, (
                        f"{where}: {selector.name} is {node.op}"
                    )
                    aggregated = True
                elif kind(node) == "BinaryExpr" and not aggregated:
                    # What belongs to a target is distinguished by its target, and joined by that.
                    joined = node.prettify()
                    assert "on (job, instance)" in joined or is_scalar(node), (
                        f"{where}: {selector.name} joined: {joined}"
                    )
            assert aggregated, f"{where}: {selector.name}"


def is_scalar(node) -> bool:
    """Whether one side of the operation is a number."""
    return any(kind(side) in {"NumberLiteral", "UnaryExpr"} for side in (node.lhs, node.rhs))


def test_counters_are_asked_for_their_growth_alone(board):
    """target-counter-agg: a counter's value says since when it has been counted, not how much there was."""
    for where, query in queries_of(board):
        for selector, above in selectors(query):
            if selector.name.endswith(("_total", "_bucket", "_sum", "_count")):
                calls = [node.func.name for node in above if kind(node) == "Call"]
                # Or what was there last, less what was there first: whole numbers, also of the interval under way.
                is_difference = "[$__interval] offset -$__interval" in query and " - (" in query
                assert "increase" in calls or (calls[-1] in {"last_over_time", "min_over_time"} and is_difference), (
                    f"{where}: {selector.name}"
                )


def test_gauges_are_not_asked_for_their_growth(board):
    """Weeks start again from 0 and views are Hex's own windows: `increase` reads both as resets."""
    for where, query in queries_of(board):
        for selector, above in selectors(query):
            metric = METRICS.get(known(selector.name)[0])
            if metric is not None and metric.kind == "gauge":
                calls = {node.func.name for node in above if kind(node) == "Call"}
                assert not calls & {"increase", "rate", "irate", "delta", "deriv"}, where


def test_windows_are_the_interval_or_said_in_the_title(board):
    """target-rate-interval: a curve's window follows its step; a fixed one is part of what the panel says it is."""
    said = {"30d": "30 days", "7d": "7 days", "24h": "24 h", "1h": "hour"}
    for panel in panels_of(board):
        for target in panel["targets"]:
            for window in re.findall(r"increase\([^\[]*\[([^\]]+)\]", target["expr"]):
                text = panel["title"] + panel["description"]
                assert window == "$__rate_interval" or said[window] in text, panel["title"]


def test_runs_are_whole_numbers(board):
    """`increase` estimates what lies between scrapes; nothing has run 7.64 times."""
    for panel in panels_of(board):
        defaults = panel["fieldConfig"]["defaults"]
        if defaults["unit"] == "none":
            assert defaults["decimals"] == 0, panel["title"]
