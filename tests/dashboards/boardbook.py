"""The dashboards as they are committed, and ways to walk through them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))


def panels_of(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Every panel of a dashboard, those of closed rows included."""
    return [
        panel for one in board["panels"] for panel in ((one.get("panels") or []) if one["type"] == "row" else [one])
    ]


def rows_of(board: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a dashboard."""
    return [one for one in board["panels"] if one["type"] == "row"]


def opened(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows and panels as they stand once every row is open."""
    below, placed = 0, []
    for one in board["panels"]:
        inside = (one.get("panels") or []) if one["type"] == "row" else []
        height = max((panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in inside), default=0)
        for panel in (one, *inside):
            place = panel["gridPos"]
            placed.append({**panel, "gridPos": {**place, "y": place["y"] + below}})
        below += height - one["gridPos"]["y"] - 1 if inside else 0
    return placed


def queries_of(board: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every query of a dashboard, with where it stands."""
    for panel in panels_of(board):
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for annotation in board["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            query = variable["query"]["query"]
            inside = query[query.index("(") + 1 : -1]
            yield f"variable {variable['name']}", inside.rsplit(", ", 1)[0] if "label_values" in query else inside


def read_boards() -> dict[str, dict[str, Any]]:
    """All dashboards by uid."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in FILES}
