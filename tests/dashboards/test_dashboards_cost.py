"""What each panel costs Prometheus at a thousand projects, over 30 days of scrapes every 30 seconds."""

import math
import re
from functools import cache

import promql_parser
import pytest
from boardbook import panels_of

from exporter.facts import FINDING_KINDS, TERMINAL_STATUSES, TRIGGERS
from exporter.metrics.catalogue import METRICS

MOST_SAMPLES = 20_000_000
"""Of a panel: Prometheus reads as many in about two seconds."""

SCRAPE = 30
RANGE = 30 * 86400
WIDE = 1000
"""The points of a curve that is as wide as a screen; Grafana asks for no more unless a panel says so."""

PROJECTS = 1000
MANY = {
    "workspace": 1,
    "project_id": PROJECTS,
    "trigger": len(TRIGGERS),
    "status": len(TERMINAL_STATUSES) + 2,
    "state": 4,
    "window": 3,
    "endpoint": 16,
    "code": 6,
    "kind": len(FINDING_KINDS),
    "subject": 10,
    "money": 3,
    "budget": 10,
    "severity": 3,
    "weekday": 7,
    "hour": 168,
    "week": 2,
    "connection_id": 50,
    "user": 200,
    "role": 12,
    "source": 10,
    "outcome": 5,
    "reason": 3,
    "collector": 10,
    "component": 4,
    "team": 30,
    "plan": 5,
    "cadence": 5,
    "feature": 10,
    "connection_type": 10,
    "warehouse": 5,
    "part": 4,
    "answer": 3,
    "context": 10,
    "alertname": 30,
    "alertstate": 2,
    "thread_type": 6,
    "model": 6,
    "generation": 3,
    "of": 2,
}
"""How many values a label has at most there. Labels that follow from others have one for each of those."""

FIXED = {
    "ALERTS": 30,
    "ALERTS_FOR_STATE": 30,
    "hex_ai_credits_week": 50,
    "hex_ai_credits_week_by_user": 21,
    "hex_connection_info": 50,
    "hex_seat_info": 200,
    "hex_warehouse_cell_week_usd": 10,
}


def series_of(node: promql_parser.VectorSelector) -> int:
    """How many series a selector has at most: an equality leaves one value of a label, alternatives as many."""
    name = node.name
    if name in FIXED:
        return FIXED[name]
    part = next((end for end in ("_bucket", "_sum", "_count") if name.endswith(end) and name not in METRICS), "")
    metric = METRICS[name.removesuffix(part)] if name != "scrape_duration_seconds" else None
    if metric is None:
        return 1
    chosen = {
        one.name: one.value.count("|") + 1
        for one in node.matchers.matchers
        if str(one.op) == "MatchOp.Equal" or (str(one.op) == "MatchOp.Re" and re.fullmatch(r"[\w|]+", one.value))
    }
    total = len(metric.bounds) + 1 if part == "_bucket" else 1
    for label in metric.labels:
        many = MANY.get(label, 1)
        total *= min(many, chosen.get(label, many))
    return total


@cache
def seconds(text: str) -> int:
    """A duration in seconds."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
    return sum(int(amount) * units[unit] for amount, unit in re.findall(r"(\d+)([smhdw])", text))


def samples_of(node, steps: int = 1) -> int:
    """What evaluating an expression at so many moments reads; with `@` it is evaluated once."""
    kind = type(node).__name__
    if kind == "VectorSelector":
        return series_of(node) * steps
    if kind == "MatrixSelector":
        points = max(1, round(node.range.total_seconds() / SCRAPE))
        return series_of(node.vector_selector) * points * (1 if node.vector_selector.at else steps)
    if kind == "SubqueryExpr":
        step = node.step.total_seconds() if node.step else 60
        inner = math.ceil((RANGE + node.range.total_seconds()) / step)
        kept = round(node.range.total_seconds() / step)
        return samples_of(node.expr, steps=inner) + samples_of(node.expr) * kept * steps
    children = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "param")]
    children += list(getattr(node, "args", None) or ())
    return sum(
        samples_of(child, steps=steps)
        for child in children
        if child is not None and type(child).__module__.startswith("promql_parser")
    )


def cost_of(panel) -> int:
    """The samples that one refresh of the panel reads."""
    total = 0
    for target in panel["targets"]:
        steps, step = 1, SCRAPE
        if not target.get("instant"):
            points = panel.get("maxDataPoints") or WIDE
            step = max(RANGE // points, seconds(panel.get("interval") or "30s"))
            steps = RANGE // step
        query = target["expr"]
        for name, value in {
            "$__rate_interval": f"{step + 4 * SCRAPE}s",
            "$__interval": f"{step}s",
            "$__range": f"{RANGE}s",
        }.items():
            query = query.replace(name, value)
        total += samples_of(promql_parser.parse(query), steps=steps)
    return total


def test_no_panel_reads_more_than_prometheus_reads_in_two_seconds(board):
    costs = {panel["title"]: cost_of(panel) for panel in panels_of(board)}

    assert {title: f"{cost:,}" for title, cost in costs.items() if cost > MOST_SAMPLES} == {}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('sum(increase(hex_runs_total{workspace="$workspace"}[7d]))', PROJECTS * 4 * 7 * 20160),
        ('hex_project_failed_runs_7d{workspace="$workspace"}', PROJECTS),
    ],
)
def test_the_cost_is_that_of_series_and_window(query, expected):
    """Of counters over seven days it was hundreds of millions, every minute."""
    cost = samples_of(promql_parser.parse(query))

    assert expected / 2 <= cost <= expected * 2
