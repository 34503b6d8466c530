"""The rules, their tests and the names in them, read from `alerts/` for the tests of this folder."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ALERTS = ROOT / "alerts"
RULES = sorted((ALERTS / "rules").glob("*.yml"))
TESTS = sorted((ALERTS / "tests").glob("*.yml"))
SUITES = ("bookworm", "trixie", "sid")
"""Debian's suites whose programs the files have to work with."""

_NAME = re.compile(r"(?<![\w:\"])(hex_\w+|[a-z]\w*:\w+:\w+|up)(?![\w:(])(?:\{([^}]*)\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\\?[\"%]")
_GROUPING = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: an alert if `severity` is given, else a recording rule."""

    name: str
    file: str
    expr: str
    wait: str | None = None
    keep: str | None = None
    severity: str | None = None
    annotations: dict[str, str] = field(default_factory=dict)


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of every file, in order."""
    return tuple(
        Rule(
            name=one.get("alert") or one["record"],
            file=path.name,
            expr=one["expr"],
            wait=one.get("for"),
            keep=one.get("keep_firing_for"),
            severity=one.get("labels", {}).get("severity"),
            annotations=one.get("annotations", {}),
        )
        for path in RULES
        for group in _read(path)["groups"]
        for one in group["rules"]
    )


def alerts() -> list[Rule]:
    """Every alert."""
    return [rule for rule in rules() if ":" not in rule.name]


def records() -> list[Rule]:
    """Every recording rule."""
    return [rule for rule in rules() if ":" in rule.name]


@cache
def unit_tests() -> tuple[tuple[str, dict[str, Any]], ...]:
    """Every promtool test with the name of its file."""
    return tuple((path.name, test) for path in TESTS for test in _read(path)["tests"])


def _read(path: Path) -> Any:
    fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # missing where PyYAML was built without libyaml
    return yaml.load(path.read_text(), fast)


def names(text: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric in an expression or template, with the labels that its selector names."""
    for found in _NAME.finditer(text):
        yield found[1], set(_LABEL.findall(found[2] or ""))


def grouped_labels(expr: str) -> set[str]:
    """The labels that an expression aggregates or matches by."""
    return {label.strip() for found in _GROUPING.findall(expr) for label in found.split(",") if label.strip()}


def outside_aggregations(expr: str) -> list[str]:
    """The metrics of the exporter in an expression that no aggregation encloses."""
    bare: list[str] = []
    enclosing: list[bool] = []
    for token in re.finditer(r"\(|\)|(?<![\w:])hex_\w+(?!:)", expr):
        if token[0] == "(":
            before = expr[: token.start()].rstrip()
            enclosing.append(bool(re.search(r"\b(sum|max|min|count|topk)( (by|without) \([^)]*\))?$", before)))
        elif token[0] == ")":
            enclosing.pop()
        elif not any(enclosing):
            bare.append(token[0])
    return bare
