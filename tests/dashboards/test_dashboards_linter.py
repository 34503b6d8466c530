"""dashboard-linter's seventeen rules, as docs/index.md of grafana/dashboard-linter words them, over every board.

The linter is a Go program that a Python project cannot install from its own package index, so its rules are restated.
`--strict` fails on whatever is not excluded: so each violation has to be in `dashboards/.lint` with its reason, and
each exclusion has to be needed.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import yaml
from boardbook import FILES, FOLDER, panels_of

EXCLUSIONS = yaml.safe_load((FOLDER / ".lint").read_text(encoding="utf-8"))["exclusions"]

Board = dict[str, Any]

# Of Grafana's list of units those that the boards use; the linter's own list lacks the currencies in full.
LINTERS_UNITS = {"none", "locale", "s", "m", "bytes", "percentunit"}
WINDOWS = {"$__rate_interval": "5m", "$__interval": "5m", "$__range": "7d"}


def variables(board: Board, kind: str = "") -> list[dict[str, Any]]:
    return [one for one in board["templating"]["list"] if not kind or one["type"] == kind]


def targets(board: Board) -> Iterator[tuple[str, str]]:
    """The title of each panel with each of its queries."""
    for panel in panels_of(board):
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def parsed(query: str) -> Any:
    for name, value in WINDOWS.items():
        query = query.replace(name, value)
    return promql_parser.parse(query)


def selectors(node: Any, calls: tuple[str, ...] = ()) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Every selector with the functions around it."""
    if type(node).__name__ == "VectorSelector":
        yield node, calls
    inner = (*calls, node.func.name) if type(node).__name__ == "Call" else calls
    children = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "param", "vector_selector")]
    for child in (*children, *(getattr(node, "args", None) or ())):
        if child is not None and type(child).__module__.startswith("promql_parser"):
            yield from selectors(child, inner)


def template_datasource(board: Board) -> Iterator[str]:
    found = [(one["name"], one["label"]) for one in variables(board, "datasource")]
    if found != [("datasource", "Data source")]:
        yield f"{found}"


def template_target(board: Board, name: str) -> Iterator[str]:
    """A variable for the label of targets: of all of them, chosen from the data source."""
    found = [one for one in variables(board, "query") if one["name"] == name]
    if not any(one.get("multi") and one.get("allValue") == ".+" for one in found):
        yield name


def template_label_promql(board: Board) -> Iterator[str]:
    for one in variables(board, "query"):
        query = one["query"]["query"]
        inside = query[query.index("(") + 1 : -1]
        try:
            parsed(inside.rsplit(", ", 1)[0] if query.startswith("label_values") else inside)
        except ValueError as error:
            yield f"{one['name']}: {error}"


def template_reload(board: Board) -> Iterator[str]:
    yield from (one["name"] for one in variables(board, "query") if one["refresh"] != 2)


def panel_datasource(board: Board) -> Iterator[str]:
    for panel in panels_of(board):
        if panel["datasource"]["uid"] not in {"$datasource", "${datasource}"}:
            yield panel["title"]


def panel_title_description(board: Board) -> Iterator[str]:
    yield from (str(panel["id"]) for panel in panels_of(board) if not (panel["title"] and panel["description"]))


def panel_units(board: Board) -> Iterator[str]:
    for panel in panels_of(board):
        defaults = panel["fieldConfig"]["defaults"]
        if defaults.get("unit") not in LINTERS_UNITS and not defaults.get("mappings"):
            yield f"{panel['title']}: {defaults.get('unit')}"


def panel_no_targets(board: Board) -> Iterator[str]:
    yield from (panel["title"] for panel in panels_of(board) if not panel["targets"])


def target_promql(board: Board) -> Iterator[str]:
    for title, query in targets(board):
        try:
            parsed(query)
        except ValueError as error:
            yield f"{title}: {error}"


def target_loki(board: Board) -> Iterator[str]:
    """Both rules for LogQL: no board asks Loki."""
    for panel in panels_of(board):
        yield from (panel["title"] for one in panel["targets"] if one["datasource"]["type"] == "loki")


def target_rate_interval(board: Board) -> Iterator[str]:
    for title, query in targets(board):
        for window in re.findall(r"\b(?:rate|increase|irate)\([^\[]*\[([^\]]+)\]", query):
            if window != "$__rate_interval":
                yield f"{title}: {window}"


def target_label(board: Board, label: str) -> Iterator[str]:
    for title, query in targets(board):
        for selector, _ in selectors(parsed(query)):
            matchers = {(one.name, str(one.op), one.value) for one in selector.matchers.matchers}
            if (label, "MatchOp.Re", f"${label}") not in matchers:
                yield f"{title}: {selector.name}"


def target_counter(board: Board) -> Iterator[str]:
    for title, query in targets(board):
        for selector, calls in selectors(parsed(query)):
            if selector.name.endswith("_total") and not set(calls) & {"rate", "irate", "increase"}:
                yield f"{title}: {selector.name}"


def uneditable(board: Board) -> Iterator[str]:
    if board["editable"] is not False:
        yield board["uid"]


RULES = {
    "template-datasource-rule": template_datasource,
    "template-job-rule": lambda board: template_target(board, "job"),
    "template-instance-rule": lambda board: template_target(board, "instance"),
    "template-label-promql-rule": template_label_promql,
    "template-on-time-change-reload-rule": template_reload,
    "panel-datasource-rule": panel_datasource,
    "panel-title-description-rule": panel_title_description,
    "panel-units-rule": panel_units,
    "panel-no-targets-rule": panel_no_targets,
    "target-promql-rule": target_promql,
    "target-logql-rule": target_loki,
    "target-logql-auto-rule": target_loki,
    "target-rate-interval-rule": target_rate_interval,
    "target-job-rule": lambda board: target_label(board, "job"),
    "target-instance-rule": lambda board: target_label(board, "instance"),
    "target-counter-agg-rule": target_counter,
    "uneditable-dashboard": uneditable,
}


def test_every_violation_is_excluded(board: Board) -> None:
    found = {name: list(rule(board)) for name, rule in RULES.items() if name not in EXCLUSIONS}

    assert {name: what for name, what in found.items() if what} == {}


def test_every_exclusion_is_a_rule_that_is_violated_and_has_a_reason() -> None:
    boards = [json.loads(file.read_text(encoding="utf-8")) for file in FILES]

    for name, exclusion in EXCLUSIONS.items():
        assert any(next(RULES[name](board), "") for board in boards), f"{name}: nothing violates it, take it out"
        assert len(exclusion["reason"]) > 40


def test_a_planted_violation_is_found(boards: dict[str, Board]) -> None:
    board = json.loads(json.dumps(boards["hex-runs"]))
    board["editable"] = True
    board["templating"]["list"][1]["refresh"] = 1
    panels = panels_of(board)
    panels[0]["description"] = ""
    panels[1]["datasource"]["uid"] = "prometheus"
    panels[2]["targets"][0]["expr"] = "sum(hex_up"
    panels[3]["targets"] = []

    violated = {name for name, rule in RULES.items() if name not in EXCLUSIONS and list(rule(board))}

    assert violated == {
        "uneditable-dashboard",
        "template-on-time-change-reload-rule",
        "panel-title-description-rule",
        "panel-datasource-rule",
        "target-promql-rule",
        "panel-no-targets-rule",
    }
